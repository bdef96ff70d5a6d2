"""The valuators' networks against their own games: brute force over all coalitions, and the Shapley axioms."""

from itertools import combinations
from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import ConfigError
from recval.valuation import Additive, HarsanyiESP, HarsanyiSlots, Valuator
from recval.valuation.networks import build_game

FEATURES = 3
SLOTS = 10
EXACT = {"atol": 1e-8, "rtol": 0}


def randomise(game, seed):
    """Give a network parameters in float64 as training may leave them (a new one values everything at 0)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in game.double().named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if name.startswith("switches"):  # A few children a unit.
                drawn -= {"switches.0": 1.5, "switches.1": 2.0}[name]
            parameter.copy_(drawn)
    return game


def esp(order=2, channels=4, seed=0):
    return randomise(HarsanyiESP(FEATURES, channels, order, scale=0.7), seed)


def slots(seed=0, size=SLOTS, units=80):
    return randomise(HarsanyiSlots(FEATURES, size, units), seed)


def additive(seed=0):
    return randomise(Additive(FEATURES), seed)


GAMES = {
    "esp of order 1": lambda seed: esp(1, seed=seed),
    "esp of order 2": lambda seed: esp(2, seed=seed),
    "esp of order 3": lambda seed: esp(3, seed=seed),
    "esp of order 4": lambda seed: esp(4, seed=seed),
    "slots": slots,
    "additive": additive,
}
every_game = pytest.mark.parametrize("make", GAMES.values(), ids=GAMES)
symmetric_game = pytest.mark.parametrize("make", [esp, additive])


def samples(n, seed=0):
    return torch.randn(n, FEATURES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def coalitions(n):
    return [members for size in range(n + 1) for members in combinations(range(n), size)]


def worths(game, features):
    """The worth of every coalition, by forward evaluations alone."""
    found = {}
    for members in coalitions(len(features)):
        present = torch.zeros(len(features), 1, dtype=torch.float64)
        present[list(members)] = 1
        found[members] = game.worth(features * present).item()
    return found


def shapley(table, n):
    """The definition: each player's marginal contribution, averaged over all 2^(n-1) coalitions of the others."""
    values = []
    for player in range(n):
        others = [other for other in range(n) if other != player]
        total = 0.0
        for size in range(n):
            for members in combinations(others, size):
                joined = tuple(sorted((*members, player)))
                total += (table[joined] - table[members]) / (n * comb(n - 1, size))
        values.append(total)
    return torch.tensor(values, dtype=torch.float64)


def dividends(table):
    """The definition: what a coalition is worth beyond the dividends of its parts."""
    found = {}
    for members, worth in table.items():
        parts = (found[part] for size in range(len(members)) for part in combinations(members, size))
        found[members] = worth - sum(parts)
    return found


@every_game
@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_values_are_the_shapley_values_of_the_game(make, n):
    game, features = make(n), samples(n)
    expected = shapley(worths(game, features), n)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(game.values(features), expected, **EXACT)


@every_game
def test_alone_and_company_are_shares_of_the_dividends(make):
    game, features = make(1), samples(6, seed=2)
    found = dividends(worths(game, features))
    alone = torch.tensor([found[player,] for player in range(6)], dtype=torch.float64)
    torch.testing.assert_close(game.alone(features), alone, **EXACT)
    for player in range(6):
        company = torch.zeros(6, dtype=torch.float64)
        for members, dividend in found.items():
            if player in members and len(members) > 1:
                partners = [member for member in members if member != player]
                company[partners] += dividend / (len(members) * len(partners))
        torch.testing.assert_close(game.company(features, player), company, **EXACT)


def trained_cases(function):
    """Random networks of every sort with random batches."""
    drawn = given(name=st.sampled_from(sorted(GAMES)), n=st.integers(1, SLOTS), seed=st.integers(0, 10_000))
    return settings(deadline=None, derandomize=True, max_examples=60)(drawn(function))


@trained_cases
def test_values_sum_to_the_worth_and_nobody_is_worth_nothing(name, n, seed):
    game, features = GAMES[name](seed), samples(n, seed)
    assert game.worth(torch.zeros_like(features)).item() == 0
    assert game.worth(features[:0]).item() == 0
    assert game.values(features[:0]).shape == (0,)
    torch.testing.assert_close(game.values(features).sum(), game.worth(features), **EXACT)


@trained_cases
def test_a_value_is_what_is_earned_alone_and_in_company(name, n, seed):
    game, features = GAMES[name](seed), samples(n, seed)
    values, alone = game.values(features), game.alone(features)
    for player in range(n):
        company = game.company(features, player)
        assert company[player] == 0
        torch.testing.assert_close(alone[player] + company.sum(), values[player], **EXACT)


@trained_cases
def test_absent_samples_are_worth_nothing_and_change_nothing(name, n, seed):
    """The dummy axiom; a batch that does not fill the slots is one whose last samples are absent."""
    game, features = GAMES[name](seed), samples(n, seed)
    padded = torch.cat([features, torch.zeros(SLOTS - n, FEATURES, dtype=torch.float64)])
    values = game.values(padded)
    assert torch.equal(values[n:], torch.zeros(SLOTS - n, dtype=torch.float64))
    torch.testing.assert_close(values[:n], game.values(features), **EXACT)
    absent = n // 2
    features[absent] = 0
    assert game.values(features)[absent] == 0
    assert torch.equal(game.company(features, absent), torch.zeros(n, dtype=torch.float64))


@symmetric_game
@given(n=st.integers(2, 12), seed=st.integers(0, 10_000))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_equal_samples_have_equal_values_and_order_does_not_matter(make, n, seed):
    game, features = make(seed=seed), samples(n, seed)
    features[-1] = features[0]
    values = game.values(features)
    torch.testing.assert_close(values[0], values[-1], **EXACT)
    shuffled = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(game.values(features[shuffled]), values[shuffled], **EXACT)
    torch.testing.assert_close(game.alone(features[shuffled]), game.alone(features)[shuffled], **EXACT)
    company = game.company(features[shuffled], 0)
    torch.testing.assert_close(company, game.company(features, int(shuffled[0]))[shuffled], **EXACT)


@pytest.mark.parametrize("makes", list(combinations(GAMES, 2)), ids=" and ".join)
def test_the_values_of_two_games_add_up_to_those_of_their_sum(makes):
    first, second = (GAMES[name](seed) for seed, name in enumerate(makes))
    features = samples(5)
    one, other = worths(first, features), worths(second, features)
    both = shapley({members: worth + other[members] for members, worth in one.items()}, 5)
    torch.testing.assert_close(first.values(features) + second.values(features), both, **EXACT)


@every_game
def test_a_new_network_values_all_alike_and_learns(make):
    kind = {HarsanyiESP: "harsanyi_esp", HarsanyiSlots: "harsanyi_slots", Additive: "mlp"}[type(make(0))]
    torch.manual_seed(0)
    valuator = Valuator(4, kind=kind, features=FEATURES, slots=20)
    observations = torch.randn(20, 4)
    target = observations[:, 0] - observations[:, 0].mean()
    assert torch.equal(valuator(observations), torch.zeros(20))
    optimiser = torch.optim.Adam(valuator.parameters(), lr=0.02)
    losses = []
    for _ in range(300):
        loss = ((valuator(observations) - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in valuator.parameters())


@pytest.mark.parametrize("kind", ["harsanyi_esp", "harsanyi_slots", "mlp"])
def test_what_is_learnt_is_all_in_the_state(kind):
    torch.manual_seed(0)
    trained, fresh = (Valuator(4, kind=kind, features=FEATURES, slots=8) for _ in range(2))
    for seed, game in enumerate((trained.game, fresh.game)):
        randomise(game, seed).float()
    observations = torch.randn(8, 4)
    assert not torch.equal(fresh(observations), trained(observations))
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(observations), trained(observations))


# The order-independent network.


@pytest.mark.parametrize("order", [1, 2, 3])
def test_worth_is_the_sum_of_the_dividends_of_small_coalitions(order):
    game, features = esp(order), samples(6)
    z = game.project(features) * game.scale
    expected = 0.0
    for size in range(1, order + 1):
        for members in combinations(range(6), size):
            dividend = z[list(members)].prod(dim=0)
            expected += (game.weight[size - 1] / game.scale * dividend).sum().item()
    assert game.worth(features).item() == pytest.approx(expected, abs=1e-10)


def test_channels_are_games_that_add_up():
    whole, features = esp(2, channels=5), samples(6)
    total = torch.zeros(6, dtype=torch.float64)
    for channel in range(5):
        single = esp(2, channels=1)
        with torch.no_grad():
            single.project.weight.copy_(whole.project.weight[channel : channel + 1])
            single.weight.copy_(whole.weight[:, channel : channel + 1])
        total += single.values(features)
    torch.testing.assert_close(whole.values(features), total)


def test_float32_keeps_efficiency_at_a_real_batch_size():
    game = esp(2)
    features = torch.randn(5000, FEATURES, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    exact, single = game.values(features), game.float().values(features.float())
    assert ((single.double() - exact).abs() / exact.abs().max()).max() < 1e-5


# The network over the slots of a batch.


def in_loops(game, features):
    """The HarsanyiNet as its paper writes it, unit by unit, with receptive fields as sets of samples."""
    z = torch.zeros(game.slots, FEATURES, dtype=torch.float64)
    z[: len(features)] = features
    z, fields = z.flatten().tolist(), [{place // FEATURES} for place in range(game.slots * FEATURES)]
    values = torch.zeros(game.slots, dtype=torch.float64)
    lively = 0
    for layer in range(2):
        outputs, reached = [], []
        for unit in range(game.weight.shape[1]):
            children = (game.switches[layer][unit] > 0).nonzero().flatten().tolist()
            gate = torch.tensor([z[child] for child in children], dtype=torch.float64).abs().mul(1000).tanh().prod()
            total = sum(game.connections[layer][unit, child].item() * z[child] for child in children)
            outputs.append(max(0.0, gate.item() * total))
            field = set().union(*(fields[child] for child in children))
            lively += layer == 1 and outputs[-1] > 0 and field != set.intersection(*(fields[c] for c in children))
            if field:
                share = game.weight[layer, unit].item() * game.scale * outputs[-1] / len(field)
                values[sorted(field)] += share
            reached.append(field)
        z, fields = outputs, reached
    return values, lively


@pytest.mark.parametrize("seed", range(5))
def test_a_unit_that_joins_several_fields_is_shared_by_their_union(seed):
    game, features = slots(seed), samples(SLOTS, seed)
    expected, lively = in_loops(game, features)
    assert lively > 0  # Units of the second layer with children of different fields took part.
    torch.testing.assert_close(game.values(features), expected, **EXACT)


def test_values_are_exact_where_gates_are_half_open():
    game, features = slots(3), samples(7) * 1e-3
    inputs = game._in_slots(features)
    gates = torch.tanh(1000 * inputs[inputs != 0].abs())
    assert ((gates > 0.1) & (gates < 0.9)).sum() > 5
    torch.testing.assert_close(game.values(features), shapley(worths(game, features), 7), atol=1e-12, rtol=0)
    assert game.values(features).abs().max() > 1e-6


def test_a_feature_of_zero_in_a_sample_that_is_present():
    game, features = slots(4), samples(6)
    features[2, 1] = features[4, 0] = 0
    torch.testing.assert_close(game.values(features), shapley(worths(game, features), 6), **EXACT)


def test_switches_learn_straight_through():
    """A switch moves by beta * sigmoid' times what its child would change, here by differences of the mask itself."""
    game, features = slots(5, size=4), samples(4, seed=1)
    game.worth(features).backward()
    switches = game.switches[0]
    slope = 10 * torch.sigmoid(switches) * (1 - torch.sigmoid(switches))
    has_children = (switches > 0).any(dim=1)
    expected = torch.tensor([[_slope(game, features, unit, place) for place in range(12)] for unit in range(80)])
    assert (expected[has_children] != 0).sum() > 200
    torch.testing.assert_close(switches.grad[has_children], (slope * expected)[has_children], atol=1e-5, rtol=1e-5)


def _slope(game, features, unit, place, step=1e-6):
    """How the worth goes with one entry of the mask of the first layer; all gates are open or shut."""
    found = []
    for sign in (-1, 1):
        lower, upper = ((switches > 0).double() for switches in game.switches)
        lower[unit, place] += sign * step
        hidden = torch.relu((lower * game.connections[0]) @ features.flatten())
        is_open = upper @ (hidden == 0).double() == 0
        second = torch.relu((upper * game.connections[1]) @ hidden) * is_open
        found.append(((torch.stack([hidden, second]) * game.weight).sum() * game.scale).item())
    return (found[1] - found[0]) / (2 * step)


def test_a_batch_larger_than_the_slots_is_an_error_of_one_line():
    with pytest.raises(ConfigError, match=r"^a batch of 11 samples does not fit into the 10 slots of .*[^\n]$"):
        slots().values(samples(11))


@pytest.mark.parametrize(
    ("kind", "said"),
    [("harsanyi_slots", "needs slots"), ("harsanyi_espp", "did you mean 'harsanyi_esp'?")],
)
def test_a_network_that_cannot_be_built(kind, said):
    with pytest.raises(ConfigError) as error:
        build_game(kind, FEATURES)
    assert said in str(error.value)
