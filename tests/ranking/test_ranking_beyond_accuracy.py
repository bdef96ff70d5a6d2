"""Beyond accuracy: against loops over users and items, and RecBole's own classes."""

from __future__ import annotations

from itertools import combinations
from math import log, log2, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import ConfigError
from recval.ranking import METRICS, Context, Evaluator, ItemSets, RankedLists, parse

PER_USER = ["average-popularity", "novelty", "tail-share", "category-coverage[genre]", "intra-list-distance[genre]"]
OVERALL = ["item-coverage", "gini", "entropy"]
K = 5


def evaluated(w, names, **options):
    evaluate = Evaluator(w.truth, ItemSets.of(w.train), names, train=w.train, **options)
    return evaluate(lambda users: torch.from_numpy(w.scores)[users])


def lists_of(w, k):
    """The first k unseen items above -inf of each user with truth, by falling score and then by rising code."""
    users = np.flatnonzero(w.truth_mask.any(axis=1))
    ranked = {
        u: sorted(np.flatnonzero(~w.seen_mask[u] & (w.scores[u] > -np.inf)), key=lambda i: -w.scores[u, i])
        for u in users
    }
    return {u: [int(i) for i in items[:k]] for u, items in ranked.items()}


def popularity(w):
    return w.seen_mask.sum(axis=0)


def cosine(a, b):
    return len(a & b) / sqrt(len(a) * len(b))


def tail_of(counts):
    """The items outside the head, by the definition, one item after the other."""
    held, last = 0, None
    for count in sorted(counts, reverse=True):
        if last is None and 10 * (held + count) >= 8 * sum(counts):
            last = count
        held += count
    return {item for item, count in enumerate(counts) if count < last}


def by_definition(name, w, items):
    """The value of one list."""
    if not items:
        return 0.0 if name.startswith("category") else np.nan
    counts, n_users = popularity(w), np.count_nonzero(w.seen_mask.any(axis=1))
    match name:
        case "average-popularity":
            return np.mean([counts[i] for i in items])
        case "novelty":
            return np.mean([log2(n_users / max(counts[i], 1)) for i in items])
        case "tail-share":
            return np.mean([i in tail_of(counts) for i in items])
        case "category-coverage[genre]":
            return len(set().union(*(w.genres[i] for i in items))) / len(set().union(*w.genres))
        case "intra-list-distance[genre]":
            known = [w.genres[i] for i in items if w.genres[i]]
            distances = [1 - cosine(a, b) for a, b in combinations(known, 2)]
            return np.mean(distances) if distances else np.nan


@pytest.mark.parametrize("name", PER_USER)
def test_equals_the_definition_user_by_user(small_world, name):
    found = evaluated(small_world, [f"{name}@{K}"])
    lists = lists_of(small_world, K)
    assert lists[0] == []
    expected = [by_definition(name, small_world, lists[u]) for u in found.per_user.index]
    np.testing.assert_allclose(found.per_user[f"{name}@{K}"], expected, rtol=0, atol=1e-12)
    assert found.means[f"{name}@{K}"] == pytest.approx(np.nanmean(expected), abs=1e-12)


def test_distance_over_given_vectors(small_world):
    w = small_world
    found = evaluated(w, [f"intra-list-distance[latent]@{K}"], item_vectors={"latent": w.vectors})
    for user, items in lists_of(w, K).items():
        known = [w.vectors[i] / np.linalg.norm(w.vectors[i]) for i in items if w.vectors[i].any()]
        distances = [1 - a @ b for a, b in combinations(known, 2)]
        expected = np.mean(distances) if distances else np.nan
        value = found.per_user.loc[user, f"intra-list-distance[latent]@{K}"]
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_values_of_all_lists(small_world):
    found = evaluated(small_world, [f"{name}@{K}" for name in OVERALL])
    assert found.per_user.shape[1] == 0
    shown = [item for items in lists_of(small_world, K).values() for item in items]
    counts = [shown.count(item) for item in range(small_world.scores.shape[1])]
    assert found.means[f"item-coverage@{K}"] == len(set(shown)) / len(counts)
    gini = sum(abs(a - b) for a in counts for b in counts) / (2 * len(counts) * sum(counts))
    assert found.means[f"gini@{K}"] == pytest.approx(gini, abs=1e-12)
    entropy = -sum(c / len(shown) * log(c / len(shown)) for c in counts if c)
    assert found.means[f"entropy@{K}"] == pytest.approx(entropy, abs=1e-12)


def test_equals_recbole(make_world, monkeypatch):
    theirs = pytest.importorskip("recbole.evaluator.metrics")
    w = make_world(3)
    w.scores = np.where(np.isinf(w.scores), -1.0, w.scores).astype(np.float32)
    users = [u for u, items in lists_of(w, K).items() if len(items) == K]  # RecBole knows no short lists.
    items = np.array([lists_of(w, K)[u] for u in users])
    counts = popularity(w)
    trained = {int(i): int(c) for i, c in enumerate(counts) if c}
    last = max(counts[i] for i in tail_of(counts))
    config = {"topk": [K], "metric_decimal_place": 15, "tail_ratio": int(last)}
    names = ["item-coverage", "gini", "entropy", "average-popularity", "tail-share"]
    found = evaluated(w, [f"{name}@{K}" for name in names], users=users).means
    assert found[f"item-coverage@{K}"] == theirs.ItemCoverage(config).get_coverage(items, len(counts))
    assert found[f"gini@{K}"] == pytest.approx(theirs.GiniIndex(config).get_gini(items, len(counts)), abs=1e-12)
    entropy = theirs.ShannonEntropy(config).get_entropy(items) * len(np.unique(items))
    assert found[f"entropy@{K}"] == pytest.approx(entropy, abs=1e-12)
    mean = theirs.AveragePopularity(config).get_pop(items, trained).mean()
    assert found[f"average-popularity@{K}"] == pytest.approx(mean, abs=1e-12)
    untrained = np.isin(items, np.flatnonzero(counts == 0))  # RecBole's tail has none of these.
    assert last > 1
    tail = theirs.TailPercentage(config).get_tail(items, trained) | untrained
    assert found[f"tail-share@{K}"] == pytest.approx(tail.mean(), abs=1e-12)


@given(seed=st.integers(0, 50), k=st.integers(1, 60))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_ranges(make_world, seed, k):
    w = make_world(seed)
    names = [f"{name}@{k}" for name in PER_USER + OVERALL]
    found = evaluated(w, names)
    n_users, n_items = w.scores.shape
    highest = {"average-popularity": n_users, "novelty": log2(n_users), "entropy": log(n_items)}
    for name in names:
        values = found.per_user[name].dropna() if name in found.per_user else np.array([found.means[name]])
        assert (values >= 0).all()
        assert (values <= highest.get(name.partition("@")[0], 1) + 1e-12).all()


@given(seed=st.integers(0, 50), data=st.data())
@settings(deadline=None, derandomize=True, max_examples=30)
def test_neither_the_order_of_users_nor_of_the_list_counts(make_world, seed, data):
    w = make_world(seed)
    context = Context(w.truth.users, w.truth.items, ItemSets.of(w.truth), ItemSets.of(w.train), w.train)
    users = np.array(list(lists_of(w, K)))
    items = np.array([items + [-1] * (K - len(items)) for items in lists_of(w, K).values()])
    lists = RankedLists(users, items, np.zeros(items.shape, bool), np.ones(len(users), np.int64), context)
    order = np.array(data.draw(st.permutations(range(len(users)))))
    places = np.array(data.draw(st.permutations(range(K))))
    other = RankedLists(users[order], items[order][:, places], lists.hits, lists.relevant, context)
    for name in PER_USER:
        metric, _ = parse(f"{name}@{K}")
        np.testing.assert_allclose(metric.per_user(other, K), metric.per_user(lists, K)[order], atol=1e-12)
    for name in OVERALL:
        assert METRICS[name].of_all(other, K) == pytest.approx(METRICS[name].of_all(lists, K), abs=1e-12)


def test_closed_forms(interactions):
    """Four users who are all shown item 0, or each another item."""
    nothing = interactions([], 4, 4)
    truth = interactions([(u, 0) for u in range(4)], 4, 4)
    evaluate = Evaluator(truth, ItemSets.of(nothing), ["item-coverage@1", "gini@1", "entropy@1", "gini@4"], train=truth)
    same = evaluate(lambda users: torch.eye(4)[[0]].repeat(4, 1)).means
    assert (same["item-coverage@1"], same["gini@1"], same["entropy@1"], same["gini@4"]) == (0.25, 0.75, 0.0, 0.0)
    each = evaluate(lambda users: torch.eye(4)).means
    assert (each["item-coverage@1"], each["gini@1"]) == (1.0, 0.0)
    assert each["entropy@1"] == pytest.approx(log(4))


def test_nothing_recommended(interactions):
    full = interactions([(0, 0), (0, 1)], 1, 2)
    names = ["item-coverage@2", "gini@2", "entropy@2", "novelty@2", "ndcg@2"]
    found = Evaluator(full, ItemSets.of(full), names, train=full)(lambda users: torch.zeros(1, 2)).means
    assert found["item-coverage@2"] == found["ndcg@2"] == 0
    assert np.isnan([found["gini@2"], found["entropy@2"], found["novelty@2"]]).all()


def test_the_directions():
    lower = {name for name in METRICS if METRICS[name].lower_is_better}
    assert lower == {"average-popularity", "equal-opportunity", "gini", "group-gap", "statistical-parity"}


@pytest.mark.parametrize("name", ["average-popularity", "novelty", "tail-share"])
def test_popularity_needs_the_training_interactions(small_world, name):
    evaluate = Evaluator(small_world.truth, ItemSets.of(small_world.train), [f"{name}@2"])
    with pytest.raises(ConfigError, match="needs the training interactions.*give them as train="):
        evaluate(lambda users: torch.from_numpy(small_world.scores)[users])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("category-coverage[genra]@5", "unknown item field 'genra', did you mean 'genre'"),
        ("intra-list-distance[laten]@5", "unknown item field 'laten', did you mean 'latent'"),
        ("worst-group[ndcg,sex]@5", r"unknown user field 'sex'.*\(allowed: gender\)"),
        ("category-coverage[latent]@5", r"unknown item field 'latent'.*\(allowed: genre, tags\)"),
        ("intra-list-distance[short]@5", r"'short' must have the shape \(40, d\), a row an item, got \(2, 2\)"),
        ("intra-list-distance[bad]@5", "'bad' must be finite numbers"),
    ],
)
def test_what_is_in_the_brackets_must_exist(small_world, name, message):
    vectors = {"latent": small_world.vectors, "short": np.ones((2, 2)), "bad": np.full((40, 2), np.nan)}
    with pytest.raises(ConfigError, match=message):
        Evaluator(small_world.truth, ItemSets.of(small_world.train), [name], item_vectors=vectors)


def test_a_users_own_metric_may_ask_the_context(small_world, monkeypatch):
    from recval.ranking import metric

    monkeypatch.setattr(METRICS, "_plugins", dict(METRICS._plugins))

    @metric("best-sellers")
    def best_sellers(lists):
        return lists.mean_of(lists.context.popularity == lists.context.popularity.max())

    found = evaluated(small_world, ["best-sellers@3"]).per_user["best-sellers@3"]
    counts = popularity(small_world)
    for user, items in lists_of(small_world, 3).items():
        expected = np.mean([counts[i] == counts.max() for i in items]) if items else np.nan
        assert found.loc[user] == pytest.approx(expected, nan_ok=True)
