"""Data with a known answer: two groups of users, each with its own items, and interactions that are noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.data import Interactions, Split, Vocabulary

_HELD_OUT = 3


def planted(
    n_users: int = 60, n_items: int = 80, per_user: int = 20, noise: float = 0.0, seed: int = 0
) -> tuple[Split, npt.NDArray[np.bool_]]:
    """Return a split, and which training interactions are noise.

    Users and items fall into two halves. A user's interactions are with items of the own half; a share `noise` of the
    training interactions is with the other half instead. Validation and test are clean.

    Args:
        n_users: number of users; those with an even code are of the first half.
        n_items: number of items; those with a code below n_items / 2 are of the first half.
        per_user: interactions of each user, three of which are validated and three are tested; at most n_items / 2.
        noise: the share of noise, in [0, 1].
        seed: what the data derives from.

    Returns:
        The split, and a mask of the rows of its training part.
    """
    generator = np.random.default_rng(seed)
    n_train = per_user - 2 * _HELD_OUT
    parts: dict[str, list[tuple[int, int]]] = {"train": [], "valid": [], "test": []}
    noisy = []
    for user in range(n_users):
        own = np.arange(n_items // 2) + (user % 2) * (n_items // 2)
        other = np.arange(n_items // 2) + (1 - user % 2) * (n_items // 2)
        liked = generator.permutation(own)[:per_user]
        wrong = generator.random(n_train) < noise
        chosen = np.where(wrong, generator.permutation(other)[:n_train], liked[2 * _HELD_OUT :])
        noisy.append(wrong)
        for part, met in zip(parts, (chosen, *np.split(liked[: 2 * _HELD_OUT], 2)), strict=True):
            parts[part] += [(user, item) for item in met]
    users, items = Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items)))
    train, valid, test = (
        Interactions(pa.table({"user": np.array(pairs)[:, 0], "item": np.array(pairs)[:, 1]}), users, items)
        for pairs in parts.values()
    )
    return Split(train, valid, test), np.concatenate(noisy)
