"""Explanations of a value: their terms against brute force, and what every explanation must keep."""

from itertools import permutations

import numpy as np
import pytest
import torch

from recval.valuation import Valuator
from recval.valuation.explanation import explain, shapley_values

WIDTHS = {"user": 3, "item": 2, "loss": 1, "activity": 1}
SIZE = 6
KINDS = ["harsanyi_esp", "harsanyi_slots", "mlp"]


def valuator(kind, seed=0):
    """A valuator whose parameters are as training may leave them."""
    torch.manual_seed(seed)
    found = Valuator(sum(WIDTHS.values()), kind=kind, hidden=(5,), features=4, order=3, slots=SIZE + 2)
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            drawn = torch.randn(parameter.shape)
            if "switches" in name:
                drawn -= 1.2
            parameter.copy_(drawn)
    return found


def observations(size=SIZE, seed=0):
    return torch.randn(size, sum(WIDTHS.values()), generator=torch.Generator().manual_seed(seed))


def by_orders(worth):
    """The definition: what a player adds on entering, averaged over all orders in which they can enter."""
    total = dict.fromkeys(WIDTHS, 0.0)
    orders = list(permutations(WIDTHS))
    for order in orders:
        present = set()
        for name in order:
            before = worth(present)
            present = present | {name}
            total[name] += (worth(present) - before) / len(orders)
    return total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", [0, SIZE - 1])
def test_inputs_are_the_shapley_values_over_the_groups_of_what_is_observed(kind, position):
    network, seen = valuator(kind), observations()
    columns = {
        name: slice(end - width, end)
        for (name, width), end in zip(WIDTHS.items(), np.cumsum(list(WIDTHS.values())), strict=True)
    }

    def value_with(names):
        changed = seen.double()
        for name in set(WIDTHS) - names:
            changed[position, columns[name]] = seen.double()[:, columns[name]].mean(dim=0)
        return valuator(kind).double()(changed)[position].item()

    expected = by_orders(value_with)
    assert max(map(abs, expected.values())) > 1e-3
    found = explain(network, seen, position, WIDTHS)
    assert found.inputs == pytest.approx(expected, abs=1e-10)
    assert found.average == pytest.approx(value_with(set()), abs=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_all_terms_sum_to_the_value(kind, seed):
    network, seen = valuator(kind, seed), observations(seed=seed)
    for position in range(SIZE):
        found = explain(network, seen, position, WIDTHS, top=2)
        assert found.value == pytest.approx(network(seen)[position].item(), rel=1e-4, abs=1e-5)
        by_company = found.alone + sum(partner.share for partner in found.partners) + found.others_share
        assert by_company == pytest.approx(found.value, abs=1e-12, rel=1e-12)
        assert found.average + sum(found.inputs.values()) == pytest.approx(found.value, abs=1e-12, rel=1e-12)


@pytest.mark.parametrize("top", [1, 3, SIZE, 100])
def test_the_foremost_partners_are_named_and_the_others_summed(top):
    network, seen = valuator("harsanyi_esp"), observations()
    company = network.double().game.company(network.encode(seen.double()), 2).tolist()
    order = sorted((place for place in range(SIZE) if place != 2), key=lambda place: -abs(company[place]))[:top]
    found = explain(network, seen, 2, WIDTHS, top=top)
    assert [partner.position for partner in found.partners] == order
    assert [partner.share for partner in found.partners] == pytest.approx([company[place] for place in order])
    assert found.others == SIZE - 1 - len(order)
    assert found.others_share == pytest.approx(sum(company) - sum(company[place] for place in order), abs=1e-12)


def test_a_sample_without_company_earns_its_value_alone():
    alone = explain(valuator("mlp"), observations(), 1, WIDTHS)
    assert (alone.partners, alone.others, alone.others_share, alone.alone) == ((), SIZE - 1, 0, alone.value)
    single = explain(valuator("harsanyi_esp"), observations(1), 0, WIDTHS)
    assert (single.partners, single.others, single.others_share) == ((), 0, 0)
    assert single.average == pytest.approx(single.value)  # It is the average sample itself.


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_that_does_not_matter_has_no_share(kind):
    network, seen = valuator(kind), observations()
    with torch.no_grad():
        network.encoder[0].weight[:, 5] = 0  # The column of the loss.
    seen[:, 3:5] = 0.25  # All samples are alike in the item.
    found = explain(network, seen, 0, WIDTHS).inputs
    assert found["loss"] == found["item"] == pytest.approx(0, abs=1e-12)
    assert abs(found["user"]) > 1e-3


def test_explaining_changes_nothing():
    network, seen = valuator("harsanyi_slots"), observations()
    before, values = {name: tensor.clone() for name, tensor in network.state_dict().items()}, network(seen)
    explain(network, seen, 0, WIDTHS)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(network(seen), values)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_airport_game(n):
    """Coalitions pay for the longest runway; Littlechild and Owen's closed form (Management Science 1973)."""
    costs = np.sort(np.random.default_rng(n).uniform(1, 9, n))
    worths = np.array([max((costs[i] for i in range(n) if c >> i & 1), default=0.0) for c in range(2**n)])
    expected = np.cumsum(np.diff(costs, prepend=0) / np.arange(n, 0, -1))
    np.testing.assert_allclose(shapley_values(worths), expected, rtol=1e-12)
