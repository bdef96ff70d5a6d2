from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from recval.data import Interactions, Vocabulary


def _table(pairs, n_users, n_items):
    pairs = np.asarray(list(pairs), np.int64).reshape(-1, 2)
    table = pa.table({"user": pairs[:, 0], "item": pairs[:, 1]})
    return Interactions(table, Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items))))


@pytest.fixture(scope="session")
def interactions():
    """Builds Interactions from (user, item) pairs and the numbers of users and items."""
    return _table
