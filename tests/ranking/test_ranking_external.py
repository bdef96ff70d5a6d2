from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from recval.data import Vocabulary
from recval.errors import DataError
from recval.ranking import Evaluator, ItemSets, UnknownIdsWarning, ranks_from_frame, scores_from_frame, top_k

USERS, ITEMS = Vocabulary(pa.array(["u1", "u2", "u3"])), Vocabulary(pa.array([10, 20, 30, 40]))


def frame_of(w):
    """The finite scores of a world as rows in random order."""
    user, item = np.nonzero(np.isfinite(w.scores))
    rows = pd.DataFrame({"user": user, "item": item, "score": w.scores[user, item]})
    return rows.sample(frac=1, random_state=0)


@pytest.mark.parametrize("budget", [1, 2**28])
def test_external_scores_are_evaluated_as_a_models_own(small_world, budget):
    w = small_world
    evaluate = Evaluator(w.truth, ItemSets.of(w.train), ["ndcg@5", "auc", "gini@5"], budget_bytes=budget)
    expected = evaluate(lambda users: torch.from_numpy(w.scores)[users])
    found = evaluate(scores_from_frame(frame_of(w), w.truth.users, w.truth.items))
    assert found.per_user.equals(expected.per_user)
    assert found.means == pytest.approx(expected.means, nan_ok=True, abs=0)


def test_ranked_lists_are_evaluated_as_the_scores_they_come_from(small_world):
    w = small_world
    seen = ItemSets.of(w.train)
    users = np.arange(len(w.scores))
    lists = top_k(lambda users: torch.from_numpy(w.scores)[users], users, seen, 6)
    row, place = np.nonzero(lists.items >= 0)
    frame = pd.DataFrame({"uid": row, "iid": lists.items[row, place], "rank": place + 1}).sample(frac=1, random_state=1)
    found = top_k(ranks_from_frame(frame, w.truth.users, w.truth.items, user="uid", item="iid"), users, seen, 6)
    np.testing.assert_array_equal(found.items, lists.items)


def test_a_block_is_dense_and_in_the_order_asked():
    frame = pd.DataFrame({"user": ["u3", "u1", "u3"], "item": [20, 40, 10], "score": [1.0, 2.0, 3.0]})
    score = scores_from_frame(frame, USERS, ITEMS)
    none = -np.inf
    expected = [[none, none, none, none], [3, 1, none, none], [none, none, none, 2], [3, 1, none, none]]
    assert score(torch.tensor([1, 2, 0, 2])).tolist() == expected
    assert score(torch.tensor([], dtype=torch.int64)).shape == (0, 4)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("float32", torch.float32), ("float64", torch.float64), ("int8", torch.float64)]
)
def test_scores_keep_their_precision(kind, dtype):
    frame = pd.DataFrame({"user": ["u1"], "item": [10], "score": np.array([3], kind)})
    assert scores_from_frame(frame, USERS, ITEMS)(torch.tensor([0])).dtype == dtype


def test_unknown_ids_are_counted_and_told():
    frame = pd.DataFrame({"user": ["u1", "u9", "u2", "u8"], "item": [10, 10, 99, 99], "score": [1.0, 2.0, 3.0, 4.0]})
    with pytest.warns(UnknownIdsWarning, match="3 of 4 rows are left out"):
        score = scores_from_frame(frame, USERS, ITEMS)
    assert score.n_unknown == 3
    assert torch.isfinite(score(torch.arange(3))).nonzero().tolist() == [[0, 0]]


GOOD = pd.DataFrame({"user": ["u1", "u1"], "item": [10, 20], "score": [1.0, 2.0], "rank": [1, 2]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": [10, 10]}, "a row for user u1, item 10 occurs twice"),
        ({"score": [1.0, np.nan]}, "the column 'score' must hold numbers, and none that is NaN or"),
        ({"score": [1.0, np.inf]}, "none that is NaN or"),
        ({"score": ["high", "low"]}, "the column 'score' must hold numbers"),
        ({"user": ["x", "y"]}, "none of the 2 rows is of a user and an item of the data; are the ids the same"),
        ({"item": ["ten", "twenty"]}, "ids must be of the type int64"),
    ],
)
def test_bad_scores_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        scores_from_frame(GOOD.assign(**change), USERS, ITEMS)


def test_bad_ranks_are_refused():
    with pytest.raises(DataError, match="a row for user u1, rank 1 occurs twice"):
        ranks_from_frame(GOOD.assign(rank=1), USERS, ITEMS)
    with pytest.raises(DataError, match="a row for user u1, item 10 occurs twice"):
        ranks_from_frame(GOOD.assign(item=10), USERS, ITEMS)
    with pytest.raises(DataError, match="unknown column of the frame 'place', did you mean"):
        ranks_from_frame(GOOD.rename(columns={"rank": "plac"}), USERS, ITEMS, rank="place")


def test_a_frame_without_rows_is_refused():
    with pytest.raises(DataError, match="no rows"):
        scores_from_frame(GOOD.iloc[:0], USERS, ITEMS)
