"""The order-independent valuator against its own game: brute force over all coalitions, and the Shapley axioms."""

from itertools import combinations
from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.valuation import HarsanyiESP

FEATURES = 3


def game(order, channels=4, seed=0):
    """A valuator in float64 with random weights (a new one values everything at 0)."""
    found = HarsanyiESP(FEATURES, channels, order, scale=0.7).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return found


def samples(n, seed=0):
    return torch.randn(n, FEATURES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def worth_of(valuator, features, members):
    present = torch.zeros(len(features), 1, dtype=torch.float64)
    present[list(members)] = 1
    return valuator.worth(features * present).item()


def brute_force_shapley(worth, n):
    """The definition: each player's marginal contribution, averaged over all 2^(n-1) coalitions of the others."""
    values = []
    for player in range(n):
        others = [other for other in range(n) if other != player]
        total = 0.0
        for size in range(n):
            for coalition in combinations(others, size):
                total += (worth((*coalition, player)) - worth(coalition)) / (n * comb(n - 1, size))
        values.append(total)
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_values_are_the_shapley_values_of_the_game(order, n):
    valuator, features = game(order), samples(n)
    table = {
        members: worth_of(valuator, features, members)
        for size in range(n + 1)
        for members in combinations(range(n), size)
    }
    expected = brute_force_shapley(lambda members: table[tuple(sorted(members))], n)
    torch.testing.assert_close(valuator.values(features), expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_worth_is_the_sum_of_the_dividends_of_small_coalitions(order):
    valuator, features = game(order), samples(6)
    z = valuator.project(features) * valuator.scale
    expected = 0.0
    for size in range(1, order + 1):
        for members in combinations(range(6), size):
            dividend = z[list(members)].prod(dim=0)
            expected += (valuator.weight[size - 1] / valuator.scale * dividend).sum().item()
    assert valuator.worth(features).item() == pytest.approx(expected, abs=1e-10)


cases = given(n=st.integers(2, 12), order=st.integers(1, 3), seed=st.integers(0, 10_000))


@cases
@settings(deadline=None, derandomize=True, max_examples=50)
def test_efficiency(n, order, seed):
    valuator, features = game(order, seed=seed), samples(n, seed)
    nobody = valuator.worth(torch.zeros_like(features)).item()
    assert nobody == 0
    assert valuator.values(features).sum().item() == pytest.approx(valuator.worth(features).item(), abs=1e-9)


@cases
@settings(deadline=None, derandomize=True, max_examples=50)
def test_permuting_the_batch_permutes_the_values(n, order, seed):
    valuator, features = game(order, seed=seed), samples(n, seed)
    shuffled = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(valuator.values(features[shuffled]), valuator.values(features)[shuffled])


@cases
@settings(deadline=None, derandomize=True, max_examples=50)
def test_absent_samples_are_worth_nothing_and_change_nothing(n, order, seed):
    """The dummy axiom; and a larger batch whose further samples are absent has the same values."""
    valuator, features = game(order, seed=seed), samples(n, seed)
    padded = torch.cat([features, torch.zeros(7, FEATURES, dtype=torch.float64)])
    values = valuator.values(padded)
    assert torch.equal(values[n:], torch.zeros(7, dtype=torch.float64))
    torch.testing.assert_close(values[:n], valuator.values(features))


@cases
@settings(deadline=None, derandomize=True, max_examples=50)
def test_equal_samples_have_equal_values(n, order, seed):
    valuator, features = game(order, seed=seed), samples(n, seed)
    features[-1] = features[0]
    values = valuator.values(features)
    assert values[0].item() == pytest.approx(values[-1].item(), abs=1e-12)


def test_additivity_over_channels():
    """The game of all channels is the sum of the games of each, and so are the values."""
    whole, features = game(2, channels=5), samples(6)
    total = torch.zeros(6, dtype=torch.float64)
    for channel in range(5):
        single = game(2, channels=1)
        with torch.no_grad():
            single.project.weight.copy_(whole.project.weight[channel : channel + 1])
            single.weight.copy_(whole.weight[:, channel : channel + 1])
        total += single.values(features)
    torch.testing.assert_close(whole.values(features), total)


def test_shares_by_order_are_what_is_earned_alone_and_in_company():
    valuator, features = game(3), samples(6)
    shares = valuator.values_by_order(features)
    assert shares.shape == (6, 3)
    alone = torch.tensor([worth_of(valuator, features, [player]) for player in range(6)], dtype=torch.float64)
    torch.testing.assert_close(shares[:, 0], alone)
    torch.testing.assert_close(shares.sum(dim=1), valuator.values(features))


def test_float32_keeps_efficiency_at_a_real_batch_size():
    valuator = game(2)
    features = torch.randn(5000, FEATURES, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    exact, single = valuator.values(features), valuator.float().values(features.float())
    assert ((single.double() - exact).abs() / exact.abs().max()).max() < 1e-5


def test_a_new_valuator_values_all_alike():
    assert torch.equal(HarsanyiESP(FEATURES).values(torch.randn(4, FEATURES)), torch.zeros(4))
