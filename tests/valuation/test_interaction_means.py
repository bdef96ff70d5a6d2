"""Running means of what is told of interactions, against NumPy; and losses as values."""

import numpy as np
import pytest
import torch
from weighting_samples import Factors, fitted

from recval.backbones import build
from recval.errors import ConfigError, ModelError
from recval.testing import planted
from recval.valuation import LossRanking, ReweightedLoss, SelfPaced, TruncatedLoss
from recval.valuation.weightings.interaction_means import InteractionMeans
from recval.valuation.weightings.told import Told


@pytest.fixture
def told(interactions):
    """Six interactions, the numbers told of them one after the other, and their means; the last is never met."""
    train = interactions([(0, 0), (0, 1), (1, 1), (2, 0), (2, 2), (3, 3)], 4, 4)
    means, numbers = InteractionMeans(train, "cpu"), [[] for _ in range(6)]
    generator = np.random.default_rng(0)
    for _ in range(30):
        rows = generator.permutation(5)[: generator.integers(0, 5)]
        drawn = 1e6 + generator.normal(size=len(rows))
        means.add(torch.from_numpy(rows), torch.from_numpy(drawn))
        for row, number in zip(rows, drawn, strict=True):
            numbers[row].append(number)
    return train, means, numbers


def test_means_and_variances_are_numpys(told):
    train, means, numbers = told
    values = means.values()
    expected = [np.mean(each) for each in numbers[:5]]
    np.testing.assert_allclose(values.value[:5], expected, rtol=1e-13)
    np.testing.assert_allclose(values.variance[:5], [np.var(each, ddof=1) for each in numbers[:5]], rtol=1e-6)
    assert values.count.tolist() == [*(len(each) for each in numbers[:5]), 1]
    assert values.players["user"].to_pylist() == train.users.ids.take(train.table["user"]).to_pylist()
    assert values.players["item"].to_pylist() == train.items.ids.take(train.table["item"]).to_pylist()


def test_what_was_never_met_has_the_mean_of_the_others_and_no_certainty(told):
    values = told[1].values()
    assert values.value[5] == pytest.approx(values.value[:5].mean())
    assert values.standard_error[5] == np.inf


def test_standardised_means_have_mean_0_and_deviation_1_over_what_was_met(told):
    found = told[1].standardised()
    assert found[5] == 0
    assert found[:5].mean().item() == pytest.approx(0, abs=1e-6)
    assert found[:5].std(correction=0).item() == pytest.approx(1)


def test_before_anything_is_told_all_are_0(told):
    means = InteractionMeans(told[0], "cpu")
    assert means.standardised().tolist() == [0] * 6
    assert means.values().value.tolist() == [0] * 6
    means.add(torch.tensor([1, 2]), torch.tensor([3.0, 3.0]))
    assert means.standardised().tolist() == [0] * 6


def test_a_row_may_come_several_times_at_once(told):
    train, _, _ = told
    at_once, one_by_one = InteractionMeans(train, "cpu"), InteractionMeans(train, "cpu")
    rows, numbers = torch.tensor([3, 0, 3, 3, 1, 0]), torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    at_once.add(rows, numbers)
    for row, number in zip(rows.split(1), numbers.split(1), strict=True):
        one_by_one.add(row, number)
    for found, expected in zip(at_once.state_dict().values(), one_by_one.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected)
    at_once.add(rows[:0], numbers[:0])
    assert at_once.values().count.tolist() == [2, 1, 1, 3, 1, 1]


@pytest.mark.parametrize("capacity", [1, 7, 100])
def test_what_is_told_step_by_step_is_added_in_full(told, capacity):
    """Fewer places than a step has numbers, fewer than all steps have, and enough; one step tells a row twice."""
    direct, means = InteractionMeans(told[0], "cpu"), InteractionMeans(told[0], "cpu")
    kept = Told(means, capacity, torch.zeros(1, dtype=torch.float64))
    steps = [([0, 1, 2], 3.0), ([3, 4], -2.0), ([1, 1, 4], 3.0), ([], 1.0), ([5], 4.0)]
    for number, (rows, divisor) in enumerate(steps):
        numbers = torch.arange(len(rows), dtype=torch.float64) + number
        direct.add(torch.tensor(rows, dtype=torch.int64), numbers / divisor)
        kept.add(torch.tensor(rows, dtype=torch.int64), numbers, divisor)
    kept.flush()
    kept.flush()
    for found, expected in zip(means.state_dict().values(), direct.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected)


def test_telling_all_at_once_in_any_order_is_telling_one_by_one(told):
    train = told[0]
    at_once, one_by_one = InteractionMeans(train, "cpu"), InteractionMeans(train, "cpu")
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(train), generator=generator)
        numbers = torch.randn(len(train), generator=generator)
        at_once.add(rows, numbers)
        for row, number in zip(rows.split(1), numbers.split(1), strict=True):
            one_by_one.add(row, number)
    assert at_once.values().to_table().equals(one_by_one.values().to_table())


def test_a_restored_state_goes_on_alike(told):
    train, means, _ = told
    restored = InteractionMeans(train, "cpu")
    restored.load_state_dict(means.state_dict())
    for each in (means, restored):
        each.add(torch.tensor([0, 4]), torch.tensor([2.0, 5.0]))
    assert restored.values().to_table().equals(means.values().to_table())


def test_the_values_of_a_loss_without_negatives_are_its_negation():
    split = planted(20, 30, 12)[0]
    callback = LossRanking(draws=3)
    loop = fitted(callback, split, Factors(split.train, pairwise=False), epochs=2)
    rows = torch.arange(len(split.train))
    batch = loop.sampler.triplets(rows, torch.Generator().manual_seed(0))
    expected = -loop.backbone.loss_per_sample(batch).detach().numpy()
    np.testing.assert_allclose(callback.values.value, expected, rtol=1e-12)
    assert np.allclose(callback.values.variance, 0)
    assert set(callback.values.count) == {3}


def test_an_interaction_that_is_no_sample_has_the_mean_of_the_others():
    split = planted(20, 30, 12)[0]
    backbone = Factors(split.train)
    backbone.rows = torch.arange(0, len(split.train), 2)
    callback = LossRanking()
    fitted(callback, split, backbone, epochs=1)
    value = callback.values.value
    assert len(np.unique(value[::2])) > 10
    np.testing.assert_allclose(value[1::2], value[::2].mean())


@pytest.mark.parametrize("make", [LossRanking, TruncatedLoss, ReweightedLoss, SelfPaced])
def test_losses_of_a_whole_batch_rank_nothing(make):
    split = planted(20, 30, 12)[0]
    backbone = Factors(split.train)
    backbone.has_sample_losses = False
    with pytest.raises(ModelError, match=r"^\w+ (ranks|weighs) .*loss is one of the whole batch; choose [^\n]*$"):
        fitted(make(), split, backbone, epochs=1)


def test_losses_rank_where_the_model_takes_its_own_steps():
    split = planted(20, 30, 12)[0]
    callback = LossRanking()
    fitted(callback, split, build("CompiledBPR", split.train), epochs=1)
    assert callback.values.value.std() > 0


@pytest.mark.parametrize(
    ("make", "settings", "named"),
    [
        (TruncatedLoss, {"rate": 1.0}, "rate: should be less than 1"),
        (SelfPaced, {"form": "soft"}, r"form: unknown value 'soft' \(allowed: hard, linear\)"),
        (LossRanking, {"draws": 1}, "draws: should be greater than or equal to 2"),
        (ReweightedLoss, {"gamma": 1}, "unknown key 'gamma'"),
    ],
)
def test_settings_are_checked(make, settings, named):
    with pytest.raises(ConfigError, match=named):
        make(**settings)
