"""Small data for valuators that stand alone, and executors that try their patience."""

import numpy as np
import pyarrow as pa

from recval.data import Interactions, Split, Vocabulary


def split_of(train, valid, shape):
    """Return a split of (user, item) pairs over so many users and items."""
    users = Vocabulary(pa.array([f"u{code}" for code in range(shape[0])]))
    items = Vocabulary(pa.array([f"i{code}" for code in range(shape[1])]))

    def table(pairs):
        pairs = np.array(list(pairs), np.int64).reshape(-1, 2)
        return Interactions(pa.table({"user": pairs[:, 0], "item": pairs[:, 1]}), users, items)

    return Split(table(train), table(valid), table([]))


def random_split(seed, shape, density=0.4, valid=0.25):
    """Return a split of random pairs in random order; some users may lack either part."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(np.argwhere(rng.random(shape) < density))
    held = rng.random(len(pairs)) < valid
    return split_of(pairs[~held], pairs[held], shape)


class Backwards:
    """Runs the last task first."""

    def map(self, function, tasks, shared, on_progress):
        for position in reversed(range(len(tasks))):
            yield position, function(shared, tasks[position], lambda fraction: None)
