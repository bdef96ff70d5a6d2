"""Group fairness of lists: against loops, closed forms, and what must not change it."""

from __future__ import annotations

from math import log2, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import ConfigError
from recval.ranking import METRICS, Evaluator, ItemSets, metric, parse

K = 5
NAMES = ["statistical-parity[genre]", "equal-opportunity[genre]", "exposure-parity[genre]"]


def evaluated(w, names, scores=None):
    scores = w.scores if scores is None else scores
    evaluate = Evaluator(w.truth, ItemSets.of(w.train), names, train=w.train)
    return evaluate(lambda users: torch.from_numpy(scores)[users])


def lists_of(w):
    users = np.flatnonzero(w.truth_mask.any(axis=1))
    ranked = {
        u: sorted(np.flatnonzero(~w.seen_mask[u] & (w.scores[u] > -np.inf)), key=lambda i: -w.scores[u, i])
        for u in users
    }
    return {u: [int(i) for i in items[:K]] for u, items in ranked.items()}


@pytest.mark.parametrize("inner", ["ndcg", "recall", "hit"])
def test_groups_of_users(small_world, inner):
    w = small_world
    names = [f"{inner}@{K}", f"worst-group[{inner},gender]@{K}", f"group-gap[{inner},gender]@{K}"]
    found = evaluated(w, names)
    groups = {"F": [], "M": []}
    for user, value in found.per_user[names[0]].items():
        if w.groups[user]:
            groups[w.groups[user]].append(value)
    means = [np.mean(values) for values in groups.values()]
    assert found.means[names[1]] == pytest.approx(min(means), abs=1e-12)
    assert found.means[names[2]] == pytest.approx(abs(means[0] - means[1]), abs=1e-12)
    assert list(found.per_user.columns) == [names[0]]
    assert list(found.means) == names


def test_users_without_a_value_are_in_no_group(small_world):
    """User 0 has seen all and has an empty list."""
    found = evaluated(small_world, [f"novelty@{K}", f"worst-group[novelty,gender]@{K}"])
    values = found.per_user[f"novelty@{K}"]
    assert np.isnan(values.loc[0])
    groups = np.array([str(small_world.groups[u]) for u in values.index])
    means = [np.nanmean(values[groups == name]) for name in ("F", "M")]
    assert found.means[f"worst-group[novelty,gender]@{K}"] == pytest.approx(min(means), abs=1e-12)


def rates(w):
    """How often each genre was shown, found, and exposed, out of how often it could have been."""
    shown, found, exposed = {}, {}, {}
    for genre in sorted(set().union(*w.genres)):
        members = [i for i, names in enumerate(w.genres) if genre in names]
        lists = lists_of(w)
        listed = sum(i in members for items in lists.values() for i in items)
        unseen = sum(not w.seen_mask[u, i] for u in lists for i in members)
        hits = sum(i in members and w.truth_mask[u, i] for u, items in lists.items() for i in items)
        relevant = sum(w.truth_mask[u, i] for u in lists for i in members)
        weight = sum(1 / log2(r + 2) for items in lists.values() for r, i in enumerate(items) if i in members)
        shown[genre], found[genre], exposed[genre] = listed / unseen, hits / relevant, weight / len(members)
    return list(shown.values()), list(found.values()), list(exposed.values())


def test_groups_of_items(small_world):
    found = evaluated(small_world, [f"{name}@{K}" for name in NAMES]).means
    shown, hit, exposed = rates(small_world)
    assert found[f"{NAMES[0]}@{K}"] == pytest.approx(np.std(shown) / np.mean(shown), abs=1e-12)
    assert found[f"{NAMES[1]}@{K}"] == pytest.approx(np.std(hit) / np.mean(hit), abs=1e-12)
    assert found[f"{NAMES[2]}@{K}"] == pytest.approx(min(exposed) / max(exposed), abs=1e-12)


@given(seed=st.integers(0, 50), k=st.integers(1, 50))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_ranges(make_world, seed, k):
    names = [f"{name}@{k}" for name in [*NAMES, "worst-group[recall,gender]", "group-gap[recall,gender]"]]
    values = evaluated(make_world(seed), [*names, f"recall@{k}"]).means
    assert 0 <= values[names[0]] <= sqrt(3) + 1e-12
    assert np.isnan(values[names[1]]) or 0 <= values[names[1]] <= sqrt(3) + 1e-12
    assert 0 <= values[names[2]] <= 1
    assert 0 <= values[names[3]] <= values[names[3]] + values[names[4]] <= 1


def test_showing_every_unseen_item_is_parity(make_world):
    w = make_world(4)
    found = evaluated(w, ["statistical-parity[genre]@40", "equal-opportunity[genre]@40"], np.ones_like(w.scores))
    assert found.means["statistical-parity[genre]@40"] == pytest.approx(0, abs=1e-12)


def test_one_group_alone_is_the_largest_disparity(make_world):
    """Four groups of items, of which one is shown: the deviation is sqrt(3) means, the exposure ratio 0."""
    w = make_world(4)
    action = np.array(["Action" in names and len(names) == 1 for names in w.genres], np.float32)
    scores = np.where(action, 1.0, -np.inf).astype(np.float32)[None].repeat(len(w.scores), 0)
    found = evaluated(w, ["statistical-parity[genre]@1", "exposure-parity[genre]@1"], scores).means
    assert found["statistical-parity[genre]@1"] == pytest.approx(sqrt(3))
    assert found["exposure-parity[genre]@1"] == 0


def test_nothing_shown_is_neither_fair_nor_unfair(make_world):
    w = make_world(4)
    found = evaluated(w, [f"{name}@3" for name in NAMES], np.full_like(w.scores, -np.inf)).means
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worst-group@5", r"written as 'worst-group\[metric,user field\]@10', got nothing in brackets"),
        ("worst-group[ndcg]@5", r"got \[ndcg\]"),
        ("worst-group[ndcg,]@5", r"got \[ndcg,\]"),
        ("worst-group[ndcg,gender,age]@5", r"got \[ndcg,gender,age\]"),
        ("worst-group[ndgc,gender]@5", "unknown metric 'ndgc', did you mean 'ndcg'"),
        ("worst-group[gini,gender]@5", "must have a value for each user, a cut-off and no brackets.*got 'gini'"),
        ("group-gap[auc,gender]@5", "got 'auc'"),
        ("group-gap[category-coverage,gender]@5", "got 'category-coverage'"),
        ("ndcg[genre]@5", r"written as 'ndcg@10', got \[genre\]"),
        ("category-coverage[genre@5", "cannot read the metric"),
        ("category-coverage[genre]x@5", "cannot read the metric"),
        ("category-coverage[genre]", r"no cut-off; write it as 'category-coverage\[genre\]@10'"),
        ("auc@5", "of the whole ranking and has no cut-off"),
    ],
)
def test_parse_refuses(text, message):
    with pytest.raises(ConfigError, match=message):
        parse(text)


def test_parse_reads_brackets():
    found, k = parse("worst-group[ndcg, gender]@7")
    assert (found.name, found.arguments, k) == ("worst-group", ("ndcg", "gender"), 7)
    assert parse("auc") == (METRICS["auc"], None)
    assert parse("category-coverage[a field @ home]@3")[0].arguments == ("a field @ home",)


def test_the_worst_group_of_what_should_be_low_is_refused(small_world):
    with pytest.raises(ConfigError, match="more is better, such as 'ndcg'; got 'average-popularity'"):
        evaluated(small_world, ["worst-group[average-popularity,gender]@5"])


@pytest.mark.parametrize("name", ["a[b", "a]", "a,b", "a@b"])
def test_names_with_signs_of_the_grammar_cannot_be_registered(name):
    with pytest.raises(ConfigError, match="must not hold"):
        metric(name)


def test_an_overall_metric_must_give_one_number(small_world, monkeypatch):
    monkeypatch.setattr(METRICS, "_plugins", dict(METRICS._plugins))
    metric("listed", overall=True)(lambda lists: lists.lengths)
    with pytest.raises(ConfigError, match="'listed' must give one number for all lists, got shape"):
        evaluated(small_world, ["listed@2"])
