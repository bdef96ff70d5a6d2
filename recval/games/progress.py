"""How far an estimate has come: the running moments of its rounds, and what they cost.

The rounds are added one by one by Welford's recurrence, those of even and of odd numbers apart: the whole is their
merge, and how well the two halves agree tells how stable the ranks are, without any history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import torch

from recval.games.game import Floats
from recval.games.values import Values
from recval.store.state import State


@dataclass(frozen=True, eq=False)
class Moments:
    """The mean of some estimates of all players, and their squared deviations from it.

    Attributes:
        count: the number of estimates.
        mean: their mean, shape [n]; 0 where there are none.
        squares: the sum of the squared deviations, shape [n].
    """

    count: int
    mean: Floats
    squares: Floats

    @classmethod
    def none(cls, n_players: int) -> Moments:
        """Return the moments of no estimates."""
        return cls(0, np.zeros(n_players), np.zeros(n_players))

    def plus(self, estimate: Floats) -> Moments:
        """Return the moments with one estimate more, shape [n] (Welford, 1962)."""
        count = self.count + 1
        shift = estimate - self.mean
        mean = self.mean + shift / count
        return Moments(count, mean, self.squares + shift * (estimate - mean))

    def merged(self, other: Moments) -> Moments:
        """Return the moments of the estimates of both (Chan, Golub, LeVeque, 1979)."""
        if not (self.count and other.count):
            return self if self.count else other
        count = self.count + other.count
        shift = other.mean - self.mean
        squares = self.squares + other.squares + shift**2 * (self.count * other.count / count)
        return Moments(count, self.mean + shift * (other.count / count), squares)


@dataclass(frozen=True, eq=False)
class Progress:
    """How far an estimate has come.

    Attributes:
        even: the moments of rounds 0, 2, 4 …
        odd: the moments of rounds 1, 3, 5 …
        evaluations: how many coalitions were evaluated, to get ready and in the rounds.
        most_evaluations: how many the next round evaluates at most.
        exact: whether every round gives the exact values, so that one is enough.
        begun: the values of the first coalitions of the next round, where it was begun, shape [0 … most_evaluations].
    """

    even: Moments
    odd: Moments
    evaluations: int = 0
    most_evaluations: int = 0
    exact: bool = False
    begun: Floats = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def none(cls, n_players: int) -> Progress:
        """Return the progress of an estimate that has not begun."""
        return cls(Moments.none(n_players), Moments.none(n_players))

    @property
    def n_players(self) -> int:
        """The number of players."""
        return len(self.even.mean)

    @property
    def rounds(self) -> int:
        """The number of rounds."""
        return self.even.count + self.odd.count

    @cached_property
    def all(self) -> Moments:
        """The moments of all rounds."""
        return self.even.merged(self.odd)

    @cached_property
    def variance(self) -> Floats:
        """The sample variance of the rounds, shape [n]; infinite before the second, and 0 if they are exact."""
        if self.exact and self.rounds:
            return np.zeros(self.n_players)
        return self.all.squares / (self.rounds - 1) if self.rounds > 1 else np.full(self.n_players, np.inf)

    @property
    def standard_error(self) -> Floats:
        """The standard error of the mean of the rounds, shape [n]."""
        return np.sqrt(self.variance / max(self.rounds, 1))

    def plus(self, estimate: Floats, evaluations: int) -> Progress:
        """Return the progress with one round more."""
        evaluations += self.evaluations
        if self.rounds % 2:
            return Progress(self.even, self.odd.plus(estimate), evaluations, self.most_evaluations, self.exact)
        return Progress(self.even.plus(estimate), self.odd, evaluations, self.most_evaluations, self.exact)

    def with_begun(self, begun: Floats) -> Progress:
        """Return the progress where the next round was begun so far."""
        return Progress(self.even, self.odd, self.evaluations, self.most_evaluations, self.exact, begun)

    def values(self, players: pa.Table) -> Values:
        """Return the mean of the rounds as values; NaN before the first."""
        value = self.all.mean if self.rounds else np.full(self.n_players, np.nan)
        return Values(players, value, self.variance, np.full(self.n_players, self.rounds))

    def state(self) -> State:
        """Return what `of_state` needs."""
        kept = {
            name: {"count": each.count, "mean": _tensor(each.mean), "squares": _tensor(each.squares)}
            for name, each in (("even", self.even), ("odd", self.odd))
        }
        return kept | {
            "evaluations": self.evaluations,
            "most_evaluations": self.most_evaluations,
            "exact": self.exact,
            "begun": _tensor(self.begun),
        }

    @classmethod
    def of_state(cls, state: State) -> Progress:
        """Return the progress whose state it is."""
        even, odd = (
            Moments(each["count"], each["mean"].numpy(), each["squares"].numpy())
            for each in (state["even"], state["odd"])
        )
        return cls(even, odd, state["evaluations"], state["most_evaluations"], state["exact"], state["begun"].numpy())


def _tensor(array: Floats) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
