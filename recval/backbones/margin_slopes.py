"""How the losses of matrix factorisation change along a direction of its tables, sample by sample, without a graph.

The loss of a triplet (u, i, j) is l(x) = -log(gamma + sigmoid(x)) of the margin x = p_u (q_i - q_j). Along a direction
(P', Q') of the tables (P, Q) it changes at the rate

    l'(x) (p'_u (q_i - q_j) + p_u (q'_i - q'_j)),    l'(x) = -sigmoid(-x) sigmoid(x) / (gamma + sigmoid(x)).

Only the rows of the batch are read. On a CPU it is one compiled pass, about a twentieth of a training step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numba import njit
from torch import Tensor

from recval.backbones.base import Batch

_COMPILED_FOR = (torch.float32, torch.float64)

Tables = Sequence[Tensor]
"""A table of users, shape [n_users, d], and one of items, shape [n_items, d]."""


def margin_slopes(tables: Tables, direction: Tables, batch: Batch, *, gamma: float = 0.0, padding: int = 0) -> Tensor:
    """Return the slope of each sample's loss along a direction, shape [B], without a graph.

    Args:
        tables: the vectors of users and of items.
        direction: tables of the same shapes and type.
        batch: the samples.
        gamma: what is added to the sigmoid.
        padding: rows of every table that stand before that of code 0.
    """
    users = tables[0]
    columns = batch.user, batch.item, batch.negative
    if users.device.type != "cpu" or users.dtype not in _COMPILED_FOR:
        return _gathered([each.detach()[padding:] for each in (*tables, *direction)], columns, gamma)
    found = torch.empty(len(batch), dtype=users.dtype)
    arrays = [each.detach().numpy()[padding:] for each in (*tables, *direction)]
    arrays += [column.numpy() for column in columns]
    _compiled(*arrays, found.numpy(), gamma)  # type: ignore[call-arg]
    return found


def _gathered(tables: Tables, columns: Sequence[Tensor], gamma: float) -> Tensor:
    users, items, of_users, of_items = tables
    user, item, negative = columns
    vectors, apart = users[user], items[item] - items[negative]
    margin = (vectors * apart).sum(1)
    slope = (of_users[user] * apart).sum(1) + (vectors * (of_items[item] - of_items[negative])).sum(1)
    chance = margin.sigmoid()
    return -slope * (-margin).sigmoid() * (chance / (gamma + chance) if gamma else 1.0)


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _compiled(users, items, of_users, of_items, user, item, negative, found, gamma):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    one = users.dtype.type(1)
    for m in range(len(user)):
        u, i, j = user[m], item[m], negative[m]
        if min(u, i, j) < 0 or u >= len(users) or max(i, j) >= len(items):
            raise IndexError("a sample's user or item is not one that the model was built for")
        margin = slope = users.dtype.type(0)
        for k in range(users.shape[1]):
            apart = items[i, k] - items[j, k]
            margin += users[u, k] * apart
            slope += of_users[u, k] * apart + users[u, k] * (of_items[i, k] - of_items[j, k])
        small = np.exp(-abs(margin))
        chance = (one if margin > 0 else small) / (one + small)
        other = (small if margin > 0 else one) / (one + small)
        found[m] = -slope * other * (chance / (gamma + chance) if gamma > 0 else one)
