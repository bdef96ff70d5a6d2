"""What a reward looks at: validation users, a backbone in evaluation mode, a split without its test part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch

from recval.backbones import Backbone
from recval.data import Split
from recval.data.interactions import Codes
from recval.errors import DataError
from recval.ranking import ItemSets
from recval.rng import numpy_generator


def check_validation(split: Split) -> None:
    """Check that there is validation data.

    Raises:
        DataError: nobody has a validation item.
    """
    if len(split.valid) == 0:
        raise DataError("a reward is measured on validation interactions, and there are none; split some off")


class ValidationUsers:
    """The users that have validation items, and samples of them.

    Args:
        split: whose validation part.
        number: users a sample; all, where there are fewer.

    Raises:
        DataError: nobody has a validation item.
    """

    def __init__(self, split: Split, number: int) -> None:
        check_validation(split)
        self.all = ItemSets.of(split.valid).nonempty()
        self.number = min(number, len(self.all))

    def fixed(self, seed: int) -> Codes:
        """Return the sample of a seed, shape [number]."""
        return numpy_generator(seed, "reward users").permutation(self.all)[: self.number]

    def fresh(self, generator: torch.Generator) -> Codes:
        """Return a sample drawn with a generator, shape [number]."""
        return self.all[torch.randperm(len(self.all), generator=generator)[: self.number].numpy()]


@contextmanager
def evaluating(backbone: Backbone) -> Iterator[Backbone]:
    """Put a backbone into evaluation mode inside the block, and back into its mode after it."""
    training = backbone.training
    backbone.eval()
    try:
        yield backbone
    finally:
        backbone.train(training)


def without_test(split: Split) -> Split:
    """Return the split with an empty test part, for functions that must not look at it."""
    return replace(split, test=split.test.take(np.arange(0)))
