from __future__ import annotations

import numpy as np
import pytest

from recval.errors import ConfigError
from recval.ranking import ItemSets, RankedLists, Recommendations


@pytest.fixture
def lists(interactions):
    truth = ItemSets.of(interactions([(0, 3), (0, 1), (0, 1), (2, 0), (3, 2)], 5, 4))
    items = np.array([[1, 2, -1], [0, 1, 2], [3, 2, 1], [2, 0, 1]])
    return RankedLists.of(Recommendations(np.array([0, 1, 2, 3]), items, np.zeros(items.shape)), truth)


def test_marks_hits_and_leaves_out_users_without_truth(lists):
    assert lists.users.tolist() == [0, 2, 3]
    assert lists.items.tolist() == [[1, 2, -1], [3, 2, 1], [2, 0, 1]]
    assert lists.hits.tolist() == [[True, False, False], [False, False, False], [True, False, False]]
    assert lists.relevant.tolist() == [2, 1, 1]


def test_first_cuts_the_lists_and_not_what_is_relevant(lists):
    cut = lists.first(1)
    assert cut.k == 1
    assert cut.hits.tolist() == [[True], [False], [True]]
    assert cut.relevant.tolist() == [2, 1, 1]


@pytest.mark.parametrize("k", [0, 4])
def test_first_refuses_a_cut_off_outside_the_lists(lists, k):
    with pytest.raises(ConfigError, match=f"from 1 to 3, the length of the ranked lists, got {k}"):
        lists.first(k)
