from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from recval.data import Interactions, Vocabulary


def _table(pairs, n_users, n_items):
    pairs = np.asarray(list(pairs), np.int64).reshape(-1, 2)
    table = pa.table({"user": pairs[:, 0], "item": pairs[:, 1]})
    return Interactions(table, Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items))))


@pytest.fixture(scope="session", autouse=True)
def _cache_of_one_s_own(tmp_path_factory):
    """Keep the tests, and the processes that they start, out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def interactions():
    """Builds Interactions from (user, item) pairs and the numbers of users and items."""
    return _table
