"""How the losses of matrix factorisation change along a direction of its tables, sample by sample, without a graph.

The loss of a triplet (u, i, j) is l(x) = -log(gamma + sigmoid(x)) of the margin x = p_u (q_i - q_j). Along a direction
(P', Q') of the tables (P, Q) it changes at the rate

    l'(x) (p'_u (q_i - q_j) + p_u (q'_i - q'_j)),    l'(x) = -sigmoid(-x) sigmoid(x) / (gamma + sigmoid(x)).

Only the rows of the batch are needed. On a CPU it is one compiled pass, about a fifteenth of a training step. What it
waits for is memory: training has just had the tables in its hands, but the direction has been out of the caches for a
step. Where it is smaller than what the batch reads of it, reading it once from end to end brings it back in a quarter
of the time that fetching its rows as they come would take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numba import njit
from torch import Tensor

from recval.backbones.base import Batch

_COMPILED_FOR = (torch.float32, torch.float64)

Tables = Sequence[Tensor]
"""A table of users, shape [n_users, d], and one of items, shape [n_items, d]."""


def margin_slopes(
    tables: Tables, direction: Tables, *, gamma: float = 0.0, padding: int = 0
) -> Callable[[Batch], Tensor]:
    """Return what gives the slope of each sample's loss along a direction, shape [B], without a graph.

    It reads the tables as they are when it is called: steps may be taken between two calls, in place.

    Args:
        tables: the vectors of users and of items.
        direction: tables of the same shapes and type.
        gamma: what is added to the sigmoid.
        padding: rows of every table that stand before that of code 0.
    """
    parts = [each.detach()[padding:] for each in (*tables, *(part.contiguous() for part in direction))]
    if parts[0].device.type != "cpu" or parts[0].dtype not in _COMPILED_FOR:
        return partial(_gathered, parts, gamma)
    return partial(_on_cpu, [part.numpy() for part in parts], gamma)


def _on_cpu(arrays: Sequence[np.ndarray], gamma: float, batch: Batch) -> Tensor:
    found = np.empty(len(batch), arrays[0].dtype)
    columns = batch.user.numpy(), batch.item.numpy(), batch.negative.numpy()
    _compiled(*arrays, *columns, found, gamma)  # type: ignore[call-arg]
    return torch.from_numpy(found)


def _gathered(parts: Tables, gamma: float, batch: Batch) -> Tensor:
    users, items, of_users, of_items = parts
    user, item, negative = batch.user, batch.item, batch.negative
    vectors, apart = users[user], items[item] - items[negative]
    margin = (vectors * apart).sum(1)
    slope = (of_users[user] * apart).sum(1) + (vectors * (of_items[item] - of_items[negative])).sum(1)
    chance = margin.sigmoid()
    return -slope * (-margin).sigmoid() * (chance / (gamma + chance) if gamma else 1.0)


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _compiled(users, items, of_users, of_items, user, item, negative, found, gamma):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    one = users.dtype.type(1)
    read = users.dtype.type(0)
    if len(of_users) + len(of_items) < 3 * len(user):
        read = _read_through(of_users) + _read_through(of_items)
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
    return read


@njit(nogil=True, cache=True, fastmath={"reassoc"}, error_model="numpy")
def _read_through(table):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Read a number of each cache line; their sum is of no use, but keeps the reading from being left out."""
    numbers = table.reshape(-1)
    total = table.dtype.type(0)
    for place in range(0, len(numbers), 64 // table.itemsize):
        total += numbers[place]
    return total
