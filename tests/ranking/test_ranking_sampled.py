from __future__ import annotations

import numpy as np
import pytest
import torch

from recval.errors import ConfigError
from recval.ranking import Evaluator, ItemSets, SampledMetricsWarning, sampled


def evaluator(w, metrics, **options):
    with pytest.warns(SampledMetricsWarning, match=r"Krichene and Rendle, KDD 2020"):
        return Evaluator(w.truth, ItemSets.of(w.train), metrics, **options)


def scorer(w):
    return lambda users: torch.from_numpy(w.scores)[users]


def ranked(evaluate, w):
    """The items of each user's list, where no score is -inf."""
    scores = evaluate._sampled.of(lambda users: torch.zeros(len(users), w.scores.shape[1]))(
        torch.from_numpy(evaluate.users)
    )
    return {u: set(np.flatnonzero(np.isfinite(row))) for u, row in zip(evaluate.users, scores.numpy(), strict=True)}


def test_the_candidates_are_what_is_held_out_and_as_many_others_as_asked(small_world):
    w = small_world
    evaluate = evaluator(w, ["recall@5"], candidates=6, rng=1)
    for user, items in ranked(evaluate, w).items():
        truth = set(np.flatnonzero(w.truth_mask[user]))
        free = set(np.flatnonzero(~w.truth_mask[user] & ~w.seen_mask[user]))
        assert truth <= items
        assert items - truth <= free
        assert len(items - truth) == min(6, len(free))


def test_each_free_item_is_drawn_equally_often(make_world):
    w = make_world(0)
    user = 1
    free = np.flatnonzero(~w.truth_mask[user] & ~w.seen_mask[user])
    drawn = np.zeros(w.scores.shape[1])
    for seed in range(400):
        items = ranked(evaluator(w, ["recall@5"], users=[user], candidates=5, rng=seed), w)[user]
        drawn[list(items - set(np.flatnonzero(w.truth_mask[user])))] += 1
    assert drawn[free].sum() == drawn.sum() == 400 * 5
    share = 5 / len(free)
    assert (np.abs(drawn[free] / 400 - share) < 4 * np.sqrt(share * (1 - share) / 400)).all()


def test_more_candidates_than_items_give_the_exact_metrics(small_world):
    exact = Evaluator(small_world.truth, ItemSets.of(small_world.train), ["ndcg@5", "mrr@9"])(scorer(small_world))
    among_all = evaluator(small_world, ["ndcg@5", "mrr@9"], candidates=1000)(scorer(small_world))
    assert among_all.per_user.equals(exact.per_user)
    few = evaluator(small_world, ["ndcg@5", "mrr@9"], candidates=2)(scorer(small_world))
    assert (few.per_user >= exact.per_user).all(axis=None)
    assert few.means["ndcg@5"] > exact.means["ndcg@5"]


def test_the_draws_depend_on_the_seed_alone(small_world, monkeypatch):
    found = ranked(evaluator(small_world, ["hit@5"], candidates=4, rng=7), small_world)
    monkeypatch.setattr(sampled, "_DRAWS_AT_ONCE", 100)
    assert ranked(evaluator(small_world, ["hit@5"], candidates=4, rng=7, budget_bytes=1), small_world) == found
    assert ranked(evaluator(small_world, ["hit@5"], candidates=4, rng=8), small_world) != found


@pytest.mark.filterwarnings("error")
def test_ranking_all_items_does_not_warn(small_world):
    Evaluator(small_world.truth, ItemSets.of(small_world.train), ["hit@5"])(scorer(small_world))


def test_what_cannot_be_sampled_is_refused(small_world):
    seen = ItemSets.of(small_world.train)
    for name in ("auc", "item-coverage@5", "gini@5"):
        with pytest.raises(ConfigError, match=f"'{name}' looks at all items, of which a sample says nothing"):
            Evaluator(small_world.truth, seen, ["hit@5", name], candidates=5)
    with pytest.raises(ConfigError, match="candidates must be at least 1, got 0"):
        Evaluator(small_world.truth, seen, ["hit@5"], candidates=0)
