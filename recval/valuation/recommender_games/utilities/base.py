"""What every utility has in common: from the rows that are kept to a scorer of users."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from recval.data import Interactions
from recval.declarations import Declaration
from recval.ranking import Scorer
from recval.training import Training

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Problem:
    """What all coalitions of a game have in common.

    Attributes:
        train: the training interactions.
        valid: the validation interactions, which coalitions are judged by.
        model: the name of the backbone, for utilities that train one.
        parameters: parameters that replace the backbone's defaults.
        training: how the backbone is trained.
        seed: all randomness derives from it.
    """

    train: Interactions
    valid: Interactions
    model: str = "BPR"
    parameters: Mapping[str, object] = field(default_factory=dict)
    training: Training = field(default_factory=Training)
    seed: int = 0


class Learner(ABC):
    """A utility that is ready to learn from parts of one problem's training interactions."""

    @abstractmethod
    def learn(self, kept: Mask) -> Scorer:
        """Return the scorer learnt from the rows that are kept, at least one; it follows from these and the seed alone.

        Args:
            kept: which rows are kept, shape [n_rows].
        """

    def learn_each(self, masks: Iterable[Mask]) -> Iterator[Scorer]:
        """Yield the scorer of each mask, in order; one may no longer be used when the next is asked for.

        A learner overrides it that profits from what neighbours have in common.
        """
        return map(self.learn, masks)


class Utility(Declaration, ABC):
    """Base of utilities: settings, and how to get ready for a problem.

    Attributes:
        batch_size: see `Game.batch_size`.
    """

    batch_size: ClassVar[int] = 256

    def check(self, train: Interactions) -> None:
        """Refuse by a `RecvalError` what cannot be learnt from; it must be quick."""

    @abstractmethod
    def prepare(self, problem: Problem) -> Learner:
        """Return what learns from parts of a problem's training interactions."""
