"""Planted data that the tests share: two groups of users, each with its own items, and interactions that are noise."""

import numpy as np
import pyarrow as pa

from recval.data import Interactions, Split, Vocabulary


def planted(n_users=60, n_items=80, per_user=20, noise=0.0, seed=0):
    """Return a split, and which training interactions are noise.

    Users and items fall into two halves. A user's interactions are with items of the own half; a share `noise` of the
    training interactions is with the other half instead. Validation and test are clean.
    """
    generator = np.random.default_rng(seed)
    parts, noisy = {"train": [], "valid": [], "test": []}, []
    for user in range(n_users):
        own = np.arange(n_items // 2) + (user % 2) * (n_items // 2)
        other = np.arange(n_items // 2) + (1 - user % 2) * (n_items // 2)
        liked = generator.permutation(own)[:per_user]
        wrong = generator.random(per_user - 6) < noise
        chosen = np.where(wrong, generator.permutation(other)[: per_user - 6], liked[6:])
        noisy.append(wrong)
        for part, items in zip(parts, (chosen, liked[:3], liked[3:6]), strict=True):
            parts[part] += [(user, item) for item in items]
    users, items = Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items)))
    tables = [
        Interactions(pa.table({"user": np.array(pairs)[:, 0], "item": np.array(pairs)[:, 1]}), users, items)
        for pairs in parts.values()
    ]
    return Split(*tables), np.concatenate(noisy)
