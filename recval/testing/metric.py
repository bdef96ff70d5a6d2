"""What recval relies on in a metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import torch

from recval.data import Interactions, Vocabulary
from recval.ranking import ItemSets, RankedLists, parse, top_k
from recval.ranking.context import Context
from recval.ranking.metrics import METRICS, Metric
from recval.ranking.ranks import RankCounter

_USERS, _ITEMS, _LONGEST = 30, 24, 40
_GENRES = ("war", "love", "war love", "noir")

Scores = npt.NDArray[np.float64]


class MetricContract:
    """Tests that a metric must pass, on full lists, on lists cut short by what was seen, and on empty ones.

    The users have the field `group`, the items the fields `genre` and `vector`, for metrics that take one in brackets.

    Attributes:
        name: the metric's name without a cut-off, such as "ndcg" or "category-coverage[genre]".
        low: the least value that it can have.
        high: the greatest.
        rewards_hits: whether no list can be better than one that begins with all held-out items; False for a metric of
            something else than accuracy, such as novelty.
        k: a cut-off below the length of the lists.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    rewards_hits: bool = True
    k: int = 5

    def test_a_name_with_a_cut_off_names_it(self) -> None:
        metric, k = parse(self.name if self.metric.whole_ranking else f"{self.name}@7")
        assert metric == self.metric
        assert k == (None if metric.whole_ranking else 7)

    def test_values_are_one_a_user_or_one_for_all(self) -> None:
        lists = _lists()
        values = self._values(lists)
        assert values.shape == (() if self.metric.overall else lists.users.shape)
        assert not np.isnan(values).all(), "it is defined for nobody"

    def test_values_are_within_bounds(self) -> None:
        for lists in (_lists(), _lists(_perfect()), _lists(-_perfect()), _lists().first(1)):
            values = self._values(lists)
            found = values[~np.isnan(values)]
            assert (found >= self.low).all(), f"{found.min()} is below {self.low}"
            assert (found <= self.high).all(), f"{found.max()} is above {self.high}"

    def test_the_order_of_users_does_not_matter(self) -> None:
        lists = _lists()
        order = np.random.default_rng(3).permutation(len(lists.users))
        values, expected = self._values(_rows(lists, order)), self._values(lists)
        np.testing.assert_allclose(values, expected if self.metric.overall else expected[order], rtol=1e-12)

    def test_the_value_of_a_user_does_not_depend_on_the_others(self) -> None:
        if self.metric.overall:
            pytest.skip("the metric is one of all lists")
        lists = _lists()
        for rows in (np.array([4]), np.arange(0, len(lists.users), 3)):
            np.testing.assert_allclose(self._values(_rows(lists, rows)), self._values(lists)[rows], rtol=1e-12)

    def test_no_list_is_better_than_a_perfect_one(self) -> None:
        if not self.rewards_hits:
            pytest.skip("the metric is not one of accuracy")
        sign = -1.0 if self.metric.lower_is_better else 1.0
        best, worst = sign * self._values(_lists(_perfect())), sign * self._values(_lists(-_perfect()))
        for seed in range(5):
            found = sign * self._values(_lists(_random(seed)))
            assert not (found > best + 1e-12).any(), "a random list is better than the held-out items"
            assert not (found < worst - 1e-12).any(), "a random list is worse than one without a hit"
        assert np.nanmean(best) > np.nanmean(worst), "it does not tell hits from misses, or its direction is turned"

    def test_only_items_up_to_the_cut_off_count(self) -> None:
        if self.metric.whole_ranking:
            pytest.skip("the metric is one of the whole ranking")
        lists = _lists()
        expected = self._values(lists)
        longer = replace(lists, items=lists.items.copy(), hits=lists.hits.copy())
        longer.items[:, self.k :] = longer.items[:, self.k :][:, ::-1]
        longer.hits[:, self.k :] = ~longer.hits[:, self.k :]
        np.testing.assert_array_equal(self._values(longer), expected)
        np.testing.assert_array_equal(self._values(lists.first(self.k)), expected)

    def test_lists_that_end_early_or_are_empty_have_a_value_or_none(self) -> None:
        """Where a list has ended its items are -1: neither hits nor items of the catalogue."""
        lists = _lists()
        assert (lists.items[:, -1] == -1).all()
        empty = replace(lists, items=np.full_like(lists.items, -1), hits=np.zeros_like(lists.hits))
        for ended in (lists, empty):
            values = self._values(ended, None if self.metric.whole_ranking else ended.k)
            assert not np.isinf(values).any()
            found = values[~np.isnan(values)]
            assert ((found >= self.low) & (found <= self.high)).all()

    def test_one_user_is_enough(self) -> None:
        values = self._values(_rows(_lists(), np.array([0])))
        assert values.shape == (() if self.metric.overall else (1,))

    def test_lists_are_left_as_they_are(self) -> None:
        lists = _lists()
        before = lists.items.copy(), lists.hits.copy(), lists.relevant.copy()
        first, second = self._values(lists), self._values(lists)
        np.testing.assert_array_equal(first, second)
        for array, kept in zip((lists.items, lists.hits, lists.relevant), before, strict=True):
            np.testing.assert_array_equal(array, kept)

    @property
    def metric(self) -> Metric:
        """The metric."""
        whole_ranking = METRICS[self.name.partition("[")[0]].whole_ranking
        return parse(self.name if whole_ranking else f"{self.name}@{self.k}")[0]

    def _values(self, lists: RankedLists, k: int | None = None) -> Scores:
        metric = self.metric
        k = None if metric.whole_ranking else min(k or self.k, lists.k)
        return np.asarray(metric.of_all(lists, k)) if metric.overall else metric.per_user(lists, k)


def _random(seed: int = 0) -> Scores:
    return np.random.default_rng(seed).random((_USERS, _ITEMS))


def _truth() -> ItemSets:
    """Return one to six held-out items of each user, and what makes them so: more than a short list can hold."""
    rows, items = np.nonzero(_random(11).argsort(axis=1).argsort(axis=1) < 1 + np.arange(_USERS)[:, None] % 6)
    return ItemSets.of(_interactions(rows, items))


def _train() -> Interactions:
    """Return what was seen: nothing of user 0, all but what is held out of user 1, popular items of the others."""
    seen = _random(12) < np.linspace(0.7, 0.05, _ITEMS)
    seen[0], seen[1] = False, True
    seen[_perfect() > 1] = False
    return _interactions(*np.nonzero(seen))


def _perfect() -> Scores:
    """Return scores that rank what is held out first, and the rest at random."""
    scores = _random(13)
    scores[_truth().cells(np.arange(_USERS))] += 1
    return scores


def _interactions(users: npt.NDArray[Any], items: npt.NDArray[Any]) -> Interactions:
    rng = np.random.default_rng(14)
    fields = pa.table(
        {
            "genre": [_GENRES[place] for place in rng.integers(0, len(_GENRES), _ITEMS)],
            "vector": rng.normal(size=(_ITEMS, 3)).tolist(),
        }
    )
    groups = pa.table({"group": ["a" if user % 3 else "b" for user in range(_USERS)]})
    table = pa.table({"user": users.astype(np.int64), "item": items.astype(np.int64)})
    return Interactions(table, Vocabulary(pa.array(range(_USERS)), groups), Vocabulary(pa.array(range(_ITEMS)), fields))


def _lists(scores: Scores | None = None) -> RankedLists:
    """Return the lists of all users, longer than the catalogue, as an `Evaluator` makes them."""
    train, truth = _train(), _truth()
    seen, users = ItemSets.of(train), np.arange(_USERS)
    table = torch.from_numpy(_random() if scores is None else scores)
    counter = RankCounter(users, seen, truth)
    found = top_k(lambda codes: table[codes], users, seen, _LONGEST, visit=counter.visit)
    context = Context(train.users, train.items, truth, seen, train)
    return replace(RankedLists.of(found, truth, context), ranks=counter.ranks())


def _rows(lists: RankedLists, rows: npt.NDArray[np.int64]) -> RankedLists:
    ranks = lists.ranks
    assert ranks is not None
    return replace(
        lists,
        users=lists.users[rows],
        items=lists.items[rows],
        hits=lists.hits[rows],
        relevant=lists.relevant[rows],
        ranks=replace(
            ranks, rank_sum=ranks.rank_sum[rows], relevant=ranks.relevant[rows], candidates=ranks.candidates[rows]
        ),
    )
