from __future__ import annotations

import re
from math import log2
from pathlib import Path

import numpy as np
import pytest
import ranx
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import ConfigError
from recval.ranking import METRICS, PREDICTION_METRICS, Metric, RankedLists, metric, parse

NAMES = ["hit", "map", "mrr", "ndcg", "precision", "recall"]
CUT_OFFS = [1, 3, 10, 20]
property_test = settings(deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def random_lists():
    """1,000 users with 1 to 40 relevant items of 60, and lists of 20, of which some end earlier."""
    rng = np.random.default_rng(7)
    n_users, n_items, length = 1000, 60, 20
    items = rng.permuted(np.tile(np.arange(n_items), (n_users, 1)), axis=1)[:, :length]
    items[np.arange(length) >= rng.integers(1, 40, (n_users, 1))] = -1
    relevant = rng.integers(1, 41, n_users)
    relevance = rng.permuted(np.arange(n_items) < relevant[:, None], axis=1)
    hits = np.take_along_axis(relevance, items.clip(0), axis=1) & (items >= 0)
    return RankedLists(np.arange(n_users), items, hits, relevant), relevance


@pytest.fixture(scope="module")
def ranx_values(random_lists):
    lists, relevance = random_lists
    ideal = np.argsort(~relevance, axis=1, kind="stable")
    qrels = np.stack([ideal, np.take_along_axis(relevance, ideal, axis=1)], axis=2).astype(float)
    run = np.stack([lists.items, np.broadcast_to(-np.arange(lists.k), lists.items.shape)], axis=2).astype(float)
    wanted = {(name, k): f"{'hit_rate' if name == 'hit' else name}@{k}" for name in NAMES for k in CUT_OFFS}
    values = ranx.evaluate(qrels, run, list(wanted.values()), return_mean=False)
    return {key: values[name] for key, name in wanted.items()}


@pytest.mark.parametrize("k", CUT_OFFS)
@pytest.mark.parametrize("name", NAMES)
def test_equals_ranx(random_lists, ranx_values, name, k):
    lists, _ = random_lists
    expected = ranx_values[name, k]
    if name == "map":  # ranx divides by the number of relevant items instead of min(that number, k).
        expected = expected * lists.relevant / np.minimum(lists.relevant, k)
    np.testing.assert_allclose(METRICS[name].per_user(lists, k), expected, rtol=0, atol=1e-12)


def by_definition(name, hits, relevant):
    """The metric of one list of booleans, written from its formula."""
    k, found = len(hits), [rank for rank, hit in enumerate(hits, start=1) if hit]
    best = range(1, min(relevant, k) + 1)
    return {
        "hit": float(bool(found)),
        "map": sum((n + 1) / rank for n, rank in enumerate(found)) / len(best),
        "mrr": 1 / found[0] if found else 0.0,
        "ndcg": sum(1 / log2(rank + 1) for rank in found) / sum(1 / log2(rank + 1) for rank in best),
        "precision": len(found) / k,
        "recall": len(found) / relevant,
    }[name]


def lists_of(rows, relevant):
    hits = np.asarray(rows, bool).reshape(len(relevant), -1)
    items = np.tile(np.arange(hits.shape[1]), (len(relevant), 1))
    return RankedLists(np.arange(len(relevant)), items, hits, np.asarray(relevant))


@st.composite
def hit_lists(draw):
    length, n_users = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(st.booleans(), min_size=length, max_size=length), min_size=n_users, max_size=n_users))
    return lists_of(rows, [max(1, sum(row)) + draw(st.integers(0, 15)) for row in rows])


@pytest.mark.parametrize("name", NAMES)
@given(lists=hit_lists(), data=st.data())
@property_test
def test_equals_the_formula(name, lists, data):
    k = data.draw(st.integers(1, lists.k))
    expected = [by_definition(name, row[:k], n) for row, n in zip(lists.hits, lists.relevant, strict=True)]
    np.testing.assert_allclose(METRICS[name].per_user(lists, k), expected, rtol=0, atol=1e-12)


@given(k=st.integers(1, 30), relevant=st.integers(1, 60))
@property_test
def test_a_perfect_list_has_the_closed_form(k, relevant):
    lists = lists_of([np.arange(k) < relevant], [relevant])
    values = {name: METRICS[name].per_user(lists, k)[0] for name in NAMES}
    assert values == {
        "hit": 1.0,
        "map": 1.0,
        "mrr": 1.0,
        "ndcg": 1.0,
        "precision": min(relevant, k) / k,
        "recall": min(relevant, k) / relevant,
    }


@pytest.mark.parametrize("name", NAMES)
@given(lists=hit_lists(), data=st.data())
@property_test
def test_permuted_users_permute_the_values(name, lists, data):
    order = np.array(data.draw(st.permutations(range(len(lists.users)))))
    permuted = RankedLists(lists.users[order], lists.items[order], lists.hits[order], lists.relevant[order])
    values = METRICS[name].per_user(lists, lists.k)
    np.testing.assert_array_equal(METRICS[name].per_user(permuted, lists.k), values[order])


@pytest.mark.parametrize("name", NAMES)
@given(lists=hit_lists(), more=st.integers(1, 5))
@property_test
def test_what_comes_after_the_cut_off_changes_nothing(name, lists, more):
    longer = lists_of(np.pad(lists.hits, ((0, 0), (0, more)), constant_values=True), lists.relevant)
    found = METRICS[name].per_user(longer, lists.k)
    np.testing.assert_array_equal(found, METRICS[name].per_user(lists, lists.k))


@pytest.mark.parametrize("name", ["hit", "mrr", "recall"])
@given(lists=hit_lists(), more=st.integers(1, 5))
@property_test
def test_a_longer_list_without_further_hits_changes_nothing(name, lists, more):
    longer = lists_of(np.pad(lists.hits, ((0, 0), (0, more))), lists.relevant)
    np.testing.assert_array_equal(METRICS[name].per_user(longer, longer.k), METRICS[name].per_user(lists, lists.k))


@pytest.mark.parametrize("name", NAMES)
@given(lists=hit_lists())
@property_test
def test_values_are_from_0_to_1_and_0_without_a_hit(name, lists):
    values = METRICS[name].per_user(lists, lists.k)
    assert values.dtype == np.float64
    assert ((values >= 0) & (values <= 1)).all()
    np.testing.assert_array_equal(values == 0, ~lists.hits.any(axis=1))


@pytest.mark.parametrize("name", NAMES)
def test_no_users_give_no_values(name):
    lists = RankedLists(
        np.zeros(0, np.int64), np.zeros((0, 3), np.int64), np.zeros((0, 3), bool), np.zeros(0, np.int64)
    )
    assert METRICS[name].per_user(lists, 2).shape == (0,)


def test_the_metrics_are_registered_under_their_names():
    assert [name for name in METRICS if name in NAMES] == NAMES
    assert all(METRICS[name].name == name and not METRICS[name].lower_is_better for name in NAMES)


def test_a_function_becomes_a_metric():
    @metric("miss-of-the-first", lower_is_better=True)
    def miss(lists):
        return ~lists.hits[:, 0]

    assert isinstance(miss, Metric)
    assert miss.lower_is_better
    assert parse("miss-of-the-first@2") == (miss, 2)
    np.testing.assert_array_equal(miss.per_user(lists_of([[True, False], [False, True]], [1, 1]), 2), [0.0, 1.0])


def test_a_metric_must_give_one_value_a_user():
    mean = Metric("mean-hits", lambda lists: lists.hits.mean())
    with pytest.raises(ConfigError, match=r"'mean-hits' must give one value a user, shape \(2,\), got \(\)"):
        mean.per_user(lists_of([[True], [False]], [1, 1]), 1)


def test_a_name_with_a_cut_off_cannot_be_registered():
    with pytest.raises(ConfigError, match="must not hold '@'"):
        metric("first@1")


@pytest.mark.parametrize(("text", "name", "k"), [("ndcg@10", "ndcg", 10), ("hit@1", "hit", 1), ("map@250", "map", 250)])
def test_parse(text, name, k):
    assert parse(text) == (METRICS[name], k)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ndgc@10", "unknown metric 'ndgc', did you mean 'ndcg'"),
        ("@10", "unknown metric ''"),
        ("", "unknown metric ''"),
        ("ndcg", "'ndcg' has no cut-off; write it as 'ndcg@10'"),
        ("ndcg@", "whole number of at least 1, got ''"),
        ("ndcg@0", "whole number of at least 1, got '0' in 'ndcg@0'"),
        ("ndcg@-5", "whole number of at least 1, got '-5'"),
        ("ndcg@x", "whole number of at least 1, got 'x'"),
        ("ndcg@1.5", "whole number of at least 1, got '1.5'"),
        ("ndcg@ 5", "whole number of at least 1, got ' 5'"),
        ("ndcg@1_0", "whole number of at least 1, got '1_0'"),
        ("ndcg@²", "whole number of at least 1, got '²'"),
        ("ndcg@10@5", "whole number of at least 1, got '10@5'"),
    ],
)
def test_parse_refuses(text, message):
    with pytest.raises(ConfigError, match=message):
        parse(text)


@pytest.mark.parametrize("registry", [METRICS, PREDICTION_METRICS], ids=["lists", "predictions"])
def test_every_metric_is_in_the_table_with_its_direction(registry):
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    section = page.partition("## Of predicted values")[0 if registry is METRICS else 2]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")]
    found = {row[0].strip("`"): (row[3], row[4]) for row in rows}
    shown = {re.split(r"[\[@]", name)[0]: columns for name, columns in found.items()}
    built_in = {name: registry[name] for name in registry if _home(registry[name]).startswith("recval.")}
    assert shown == {
        name: ("↓" if metric.lower_is_better else "↑", "overall" if metric.overall else "per user")
        for name, metric in built_in.items()
    }


def _home(metric):
    return metric.function.__module__
