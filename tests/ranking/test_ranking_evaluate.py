from __future__ import annotations

import numpy as np
import pytest
import torch

from recval.errors import ConfigError, DataError, ModelError
from recval.ranking import Evaluator, ItemSets

N_USERS, N_ITEMS = 40, 25


@pytest.fixture(scope="module")
def scores():
    return torch.from_numpy(np.random.default_rng(3).integers(0, 12, (N_USERS, N_ITEMS)).astype(np.float32))


@pytest.fixture(scope="module")
def parts(interactions):
    """What was seen and what is held out; the two overlap, and some users have nothing held out."""
    rng = np.random.default_rng(4)
    seen = np.argwhere(rng.random((N_USERS, N_ITEMS)) < 0.3)
    held_out = np.argwhere(rng.random((N_USERS, N_ITEMS)) < 0.05)
    return interactions(seen, N_USERS, N_ITEMS), interactions(held_out, N_USERS, N_ITEMS)


def test_equals_a_loop_over_users(scores, parts):
    seen, truth = parts
    evaluation = Evaluator(truth, ItemSets.of(seen), ["recall@5", "mrr@8"])(lambda users: scores[users])
    held_out = {u: set(truth.item[truth.user == u]) for u in sorted(set(truth.user))}
    assert 0 < len(held_out) < N_USERS
    expected = {"recall@5": [], "mrr@8": []}
    for user, items in held_out.items():
        unseen = sorted(set(range(N_ITEMS)) - set(seen.item[seen.user == user]))
        ranked = sorted(unseen, key=lambda item: (-scores[user, item].item(), item))
        expected["recall@5"].append(len(items & set(ranked[:5])) / len(items))
        expected["mrr@8"].append(max((1 / r for r, item in enumerate(ranked[:8], start=1) if item in items), default=0))
    assert evaluation.per_user.index.tolist() == list(held_out)
    assert evaluation.per_user.index.name == "user"
    for name, values in expected.items():
        assert evaluation.per_user[name].dtype == np.float64
        np.testing.assert_allclose(evaluation.per_user[name], values, rtol=0, atol=1e-12)
        assert evaluation.means[name] == pytest.approx(np.mean(values), abs=1e-12)


def test_a_metric_does_not_depend_on_its_company(scores, parts):
    seen, truth = parts
    alone = Evaluator(truth, ItemSets.of(seen), ["ndcg@3"])(lambda users: scores[users])
    together = Evaluator(truth, ItemSets.of(seen), ["map@60", "ndcg@3", "ndcg@3"])(lambda users: scores[users])
    assert list(together.per_user.columns) == ["map@60", "ndcg@3"]
    assert together.per_user["ndcg@3"].equals(alone.per_user["ndcg@3"])


def test_an_evaluator_keeps_nothing_of_an_earlier_scorer(scores, parts):
    seen, truth = parts
    evaluator = Evaluator(truth, ItemSets.of(seen), ["ndcg@10", "recall@10"])
    first = evaluator(lambda users: scores[users])
    evaluator(lambda users: -scores[users])
    assert evaluator(lambda users: scores[users]).per_user.equals(first.per_user)


def test_a_subset_of_users_has_the_values_of_the_whole(scores, parts):
    seen, truth = parts
    whole = Evaluator(truth, ItemSets.of(seen), ["ndcg@10"])(lambda users: scores[users])
    with_truth, without = whole.per_user.index.to_numpy(), np.setdiff1d(np.arange(N_USERS), whole.per_user.index)
    chosen = [with_truth[5], without[0], with_truth[2]]
    evaluator = Evaluator(truth, ItemSets.of(seen), ["ndcg@10"], users=chosen)
    assert evaluator.users.tolist() == [with_truth[2], with_truth[5]]
    subset = evaluator(lambda users: scores[users])
    assert subset.per_user.equals(whole.per_user.loc[evaluator.users])


def test_a_held_out_item_that_was_seen_counts_as_missed(interactions):
    truth, seen = interactions([(0, 0), (0, 1)], 1, 4), ItemSets.of(interactions([(0, 0)], 1, 4))
    evaluation = Evaluator(truth, seen, ["recall@4", "ndcg@1"])(lambda users: torch.tensor([[9.0, 8.0, 7.0, 6.0]]))
    assert evaluation.means == {"recall@4": 0.5, "ndcg@1": 1.0}


def test_truth_ranked_first_is_perfect(parts):
    _, truth = parts
    perfect = torch.zeros(N_USERS, N_ITEMS)
    perfect[truth.user.tolist(), truth.item.tolist()] = 1.0
    nothing_seen = ItemSets.of(truth.take(np.zeros(len(truth), bool)))
    evaluation = Evaluator(truth, nothing_seen, ["ndcg@10", "map@10", "hit@1"])(lambda users: perfect[users])
    assert evaluation.means == {"ndcg@10": 1.0, "map@10": 1.0, "hit@1": 1.0}


def test_nothing_held_out_is_refused(interactions, parts):
    seen, truth = parts
    with pytest.raises(DataError, match=r"none of the users to evaluate has a held-out item \(0 items"):
        Evaluator(interactions([], N_USERS, N_ITEMS), ItemSets.of(seen), ["ndcg@10"])
    with pytest.raises(DataError, match="none of the users to evaluate"):
        Evaluator(truth, ItemSets.of(seen), ["ndcg@10"], users=[])


def test_truth_and_seen_of_different_data_are_refused(interactions, parts):
    with pytest.raises(DataError, match="40 users and 25 items, against 40 and 26"):
        Evaluator(parts[1], ItemSets.of(interactions([], N_USERS, N_ITEMS + 1)), ["ndcg@10"])


def test_metrics_must_be_named_and_known(parts):
    seen, truth = parts
    with pytest.raises(ConfigError, match="no metric is named"):
        Evaluator(truth, ItemSets.of(seen), [])
    with pytest.raises(ConfigError, match="unknown metric"):
        Evaluator(truth, ItemSets.of(seen), ["aucc@10"])


def test_a_diverged_model_is_an_error(parts):
    seen, truth = parts
    evaluator = Evaluator(truth, ItemSets.of(seen), ["ndcg@10"])
    with pytest.raises(ModelError, match=f"user {truth.user.min()} is nan"):
        evaluator(lambda users: torch.full((len(users), N_ITEMS), torch.nan))
