"""Out-of-bag values equal a plain loop over bags, and continue where they stopped."""

import numpy as np
import pytest
import torch
from valuation.standalone.small import Backwards, random_split, split_of

from recval.backbones import build
from recval.errors import ConfigError, DataError, ModelError, RunError
from recval.training import Training
from recval.valuation.standalone import DataOOB, Valuing, out_of_bag
from recval.valuation.standalone.bag_kernel import percentiles

SPLIT = random_split(0, (12, 9), density=0.5)


def anew(settings, split, seed):
    """Return the percentiles of each bag, NaN for what is in it, shape [bags, n]."""
    n = len(split.train)
    found = np.full((settings.bags, n), np.nan)
    for index in range(settings.bags):
        bag = split.train.take(settings.bag(n, seed, index))
        inside = set(zip(bag.user, bag.item, strict=True))
        scores = build("EASE", bag).score(torch.arange(len(split.users))).numpy()
        for row, (user, item) in enumerate(zip(split.train.user, split.train.item, strict=True)):
            if (user, item) not in inside:
                others = [scores[user, other] for other in range(len(split.items)) if (user, other) not in inside]
                below = sum(other < scores[user, item] for other in others)
                equal = sum(other == scores[user, item] for other in others)
                found[index, row] = (below + equal / 2) / len(others)
    return found


@pytest.mark.parametrize("settings", [DataOOB(bags=7), DataOOB(bags=7, share=0.6, replacement=False)])
def test_values_equal_a_plain_loop(settings):
    found = settings.value(Valuing(SPLIT, seed=5)).values
    each = anew(settings, SPLIT, 5)
    met = (~np.isnan(each)).sum(axis=0)
    assert (met > 1).sum() > 10
    several = met > 1
    np.testing.assert_allclose(found.value[met > 0], np.nanmean(each[:, met > 0], axis=0), atol=1e-9)
    error = np.nanstd(each[:, several], axis=0, ddof=1) / np.sqrt(met[several])
    np.testing.assert_allclose(found.standard_error[several], error, atol=1e-9)
    np.testing.assert_array_equal(found.count[met > 0], met[met > 0])


def test_percentiles_count_ties_half_and_leave_out_what_is_no_candidate():
    scores = np.array([[1.0, np.nan, 1, 3, -np.inf], [7, np.nan, np.nan, np.nan, np.nan]])
    found = percentiles(scores, np.array([0, 0, 0, 0, 1]), np.array([0, 2, 3, 4, 0]))
    np.testing.assert_array_equal(found, [2 / 4, 2 / 4, 3.5 / 4, 0.5 / 4, 0.5])


def test_what_no_bag_leaves_out_has_the_mean_of_the_others():
    split = split_of([(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (1, 2)], [], (2, 4))
    valued = DataOOB(bags=2, share=0.6, replacement=False).value(Valuing(split, seed=0))
    inside = np.stack(
        [np.isin(np.arange(6), DataOOB(bags=2, share=0.6, replacement=False).bag(6, 0, b)) for b in (0, 1)]
    )
    always = inside.all(axis=0)
    assert valued.facts["never left out"] == always.sum() > 0
    np.testing.assert_allclose(valued.values.value[always], valued.values.value[~always].mean())
    assert np.isinf(valued.values.standard_error[always]).all()


def test_a_copy_of_what_is_in_the_bag_is_not_left_out():
    split = split_of([(0, 0)] * 6 + [(0, 1), (1, 1), (1, 2)], [], (2, 4))
    settings = DataOOB(bags=12, share=0.5, replacement=False)
    valued = settings.value(Valuing(split, seed=1)).values
    without = [not (settings.bag(9, 1, index) < 6).any() for index in range(12)]
    np.testing.assert_array_equal(valued.count[:6], max(sum(without), 1))
    assert len(set(valued.value[:6])) == 1


def test_values_are_the_same_in_any_blocks_and_order_of_completion(monkeypatch):
    settings = DataOOB(bags=5)
    expected = settings.value(Valuing(SPLIT, seed=2)).values
    monkeypatch.setattr(out_of_bag, "_USERS_A_BLOCK", 5)
    found = settings.value(Valuing(SPLIT, seed=2, executor=Backwards())).values
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.variance, expected.variance)
    assert (settings.value(Valuing(SPLIT, seed=3)).values.value != expected.value).any()


class Stops:
    """Is stopped after some tasks."""

    def __init__(self, after):
        self.after = after

    def map(self, function, tasks, shared, on_progress):
        for position, task in enumerate(tasks):
            if position == self.after:
                raise KeyboardInterrupt
            yield position, function(shared, task, lambda fraction: None)


def test_what_was_stopped_continues_to_the_same_values(tmp_path):
    settings, path = DataOOB(bags=6), tmp_path / "checkpoint.safetensors"
    expected = settings.value(Valuing(SPLIT, seed=2)).values
    with pytest.raises(KeyboardInterrupt):
        settings.value(Valuing(SPLIT, seed=2, checkpoint=path, executor=Stops(4)))
    ran = []

    class Counts(Backwards):
        def map(self, function, tasks, shared, on_progress):
            ran.extend(tasks)
            return super().map(function, tasks, shared, on_progress)

    found = settings.value(Valuing(SPLIT, seed=2, checkpoint=path, executor=Counts())).values
    assert ran == [4, 5]
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.variance, expected.variance)
    more = DataOOB(bags=8).value(Valuing(SPLIT, seed=2, checkpoint=path)).values
    np.testing.assert_array_equal(more.value, DataOOB(bags=8).value(Valuing(SPLIT, seed=2)).values.value)
    with pytest.raises(RunError, match="holds 8 bags, and 6 are asked for"):
        settings.value(Valuing(SPLIT, seed=2, checkpoint=path))
    for other in (Valuing(SPLIT, seed=3, checkpoint=path), Valuing(random_split(1, (12, 9)), seed=2, checkpoint=path)):
        with pytest.raises(RunError, match="checkpoint of another valuation"):
            DataOOB(bags=9).value(other)


def test_a_model_that_needs_training_is_trained_as_told():
    training = Training(epochs=3, batch_size=16, learning_rate=0.05, monitor="ndcg@3")
    settings = DataOOB(bags=3, learner="BPR", parameters={"embedding_size": 4})
    found, again = (settings.value(Valuing(SPLIT, training=training, seed=1)).values for _ in range(2))
    np.testing.assert_array_equal(found.value, again.value)
    other = training.model_copy(update={"epochs": 1})
    assert (settings.value(Valuing(SPLIT, training=other, seed=1)).values.value != found.value).any()


def test_the_learner_is_one_that_the_catalogue_allows(monkeypatch):
    assert DataOOB()._learner(SPLIT) == "EASE"
    monkeypatch.setattr(out_of_bag, "EASE_ITEMS", 8)
    assert DataOOB()._learner(SPLIT) == "ItemKNN"
    found = DataOOB(bags=4).value(Valuing(SPLIT)).values.value
    assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (DataOOB(replacement=False), DataError, "leaves nothing out; give a smaller share"),
        (DataOOB(learner="EASI"), ModelError, "unknown model 'EASI', did you mean 'EASE'"),
        (DataOOB(parameters={"regweight": 1}), ConfigError, "reg_weight"),
    ],
)
def test_what_cannot_work_is_told_before_the_work(settings, error, message):
    with pytest.raises(error, match=message):
        settings.check(SPLIT)


def test_a_bag_of_the_only_interaction_is_told():
    with pytest.raises(DataError, match="a bag of 1 out of 1 interactions leaves nothing out"):
        DataOOB().check(split_of([(0, 0)], [], (1, 2)))
