"""AUC of the whole ranking: against pairs counted one by one, scikit-learn, and RecBole's collector."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics import roc_auc_score

from recval.errors import ConfigError
from recval.ranking import METRICS, Evaluator, ItemSets, RankedLists

LEVELS = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0])


def scorer(matrix):
    return lambda users: torch.from_numpy(matrix).to(users.device)[users]


def by_pairs(scores, seen, truth):
    """The share of ordered pairs of an unseen held-out item and another unseen item, ties one half, or NaN."""
    held_out = [i for i in range(len(scores)) if truth[i] and not seen[i]]
    others = [i for i in range(len(scores)) if not truth[i] and not seen[i]]
    wins = [(scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]) for i in held_out for j in others]
    return np.mean(wins) if wins else np.nan


@st.composite
def cases(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 9)))
    scores = draw(npst.arrays(np.float32, shape, elements=LEVELS))
    seen, truth = draw(npst.arrays(np.bool_, shape)), draw(npst.arrays(np.bool_, shape))
    truth[0, 0] = True
    return scores, seen, truth, draw(st.integers(1, 24 * 9 * 6))


@given(case=cases(), dtype=st.sampled_from([np.float16, np.float32, np.float64]))
@settings(deadline=None, derandomize=True, max_examples=150)
def test_equals_counting_pairs_for_any_budget(interactions, case, dtype):
    scores, seen, truth, budget = case
    held_out, known = (interactions(np.argwhere(mask), *mask.shape) for mask in (truth, seen))
    evaluator = Evaluator(held_out, ItemSets.of(known), ["auc", "gauc", "ndcg@3"], budget_bytes=budget)
    found = evaluator(scorer(scores.astype(dtype)))
    users = found.per_user.index
    expected = np.array([by_pairs(scores[u], seen[u], truth[u]) for u in users])
    np.testing.assert_allclose(found.per_user["auc"], expected, rtol=0, atol=1e-12)
    weights = (truth & ~seen)[users].sum(axis=1)
    defined = np.isfinite(expected)
    gauc = np.average(expected[defined], weights=weights[defined]) if defined.any() else np.nan
    np.testing.assert_allclose(found.means["gauc"], gauc, rtol=0, atol=1e-12)
    assert list(found.per_user.columns) == ["auc", "ndcg@3"]


def test_equals_scikit_learn(small_world):
    w = small_world
    found = Evaluator(w.truth, ItemSets.of(w.train), ["auc"])(scorer(w.scores)).per_user["auc"]
    assert np.isnan(found.loc[0])  # This user has seen everything.
    for user in found.index.drop(0):
        unseen = ~w.seen_mask[user]
        scores = np.where(np.isinf(w.scores[user]), -1e9, w.scores[user])
        labels = w.truth_mask[user][unseen]
        expected = roc_auc_score(labels, scores[unseen]) if 0 < labels.sum() < len(labels) else np.nan
        assert found.loc[user] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_equals_recbole_where_no_score_is_infinite(small_world, monkeypatch):
    collector = pytest.importorskip("recbole.evaluator.collector")
    metrics = pytest.importorskip("recbole.evaluator.metrics")
    monkeypatch.setattr(np, "bool", np.bool_, raising=False)
    w = small_world
    users = np.setdiff1d(np.flatnonzero(w.truth_mask.any(axis=1)), [0])
    seen = w.seen_mask & ~w.truth_mask  # RecBole never masks what is held out.
    finite = np.where(np.isinf(w.scores), -1.0, w.scores)
    padded = np.pad(np.where(seen, -np.inf, finite), ((0, 0), (1, 0)), constant_values=-np.inf)[users]
    config = {"metrics": ["GAUC"], "eval_args": {"mode": "full"}, "topk": [5], "device": "cpu"}
    config["metric_decimal_place"] = 15
    theirs = collector.Collector(config)
    positive_user, positive_item = np.nonzero(w.truth_mask[users])
    theirs.eval_batch_collect(
        torch.from_numpy(padded), None, torch.from_numpy(positive_user), torch.from_numpy(positive_item + 1)
    )
    expected = metrics.GAUC(config).calculate_metric(theirs.get_data_struct())["gauc"]
    rows = np.flatnonzero(seen[w.train.user, w.train.item])
    found = Evaluator(w.truth, ItemSets.of(w.train.take(rows)), ["gauc"], users=users)(scorer(finite))
    assert found.means["gauc"] == pytest.approx(expected, abs=1e-6)  # RecBole adds ranks in single precision.


@given(data=st.data())
@settings(deadline=None, derandomize=True)
def test_order_alone_counts_and_reversed_scores_give_the_complement(make_world, data):
    w = make_world(data.draw(st.integers(0, 20)))
    scores = np.where(np.isinf(w.scores), -1.0, w.scores)
    evaluate = Evaluator(w.truth, ItemSets.of(w.train), ["auc"])
    found = evaluate(scorer(scores)).per_user["auc"]
    np.testing.assert_array_equal(evaluate(scorer(np.exp(scores) - 7)).per_user["auc"], found)
    np.testing.assert_allclose(evaluate(scorer(-scores)).per_user["auc"], 1 - found, atol=1e-12)


def test_a_perfect_ranking_is_1_and_equal_scores_are_one_half(make_world):
    w = make_world(5)
    evaluate = Evaluator(w.truth, ItemSets.of(w.train), ["auc", "gauc"])
    assert evaluate(scorer(w.truth_mask.astype(np.float32))).means == {"auc": 1.0, "gauc": 1.0}
    assert evaluate(scorer(np.zeros_like(w.scores))).means == {"auc": 0.5, "gauc": 0.5}
    assert evaluate(scorer(np.full_like(w.scores, -np.inf))).means == {"auc": 0.5, "gauc": 0.5}


def test_nobody_to_compare_gives_nan(interactions):
    truth, seen = interactions([(0, 0)], 1, 1), ItemSets.of(interactions([], 1, 1))
    found = Evaluator(truth, seen, ["auc", "gauc", "hit@1"])(lambda users: torch.zeros(1, 1))
    assert np.isnan(found.means["auc"])
    assert np.isnan(found.means["gauc"])
    assert found.means["hit@1"] == 1


def test_lists_alone_have_no_auc():
    lists = RankedLists(np.array([0]), np.array([[1]]), np.array([[True]]), np.array([1]))
    with pytest.raises(ConfigError, match="'auc' needs the ranks of held-out items; an Evaluator gives them"):
        METRICS["auc"].per_user(lists)
