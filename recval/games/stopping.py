"""When to stop making rounds: rules, joined by `|` (the first that is met) and `&` (all of them).

    MaxRounds(rounds=5000) | StandardError(tolerance=0.01)

In a recipe, `Stop` says the same: every key is a rule, and the first that is met ends the estimate.

    stop:
      rounds: 5000
      standard_error: 0.01

Which one? `MaxEvaluations` where each takes long, for it is the price; `StandardError` where the values themselves are
wanted, `RankStability` where only their order is. The last two look at the estimates, so they may never be met: join
one that counts by `|`. Stopping when the estimates look good favours, a little, those that look good by chance; a large
`least_rounds` is the remedy.

A rule is asked after every round, in the order of the rounds, and sees nothing but the rounds made so far.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field, model_validator
from scipy.stats import rankdata

from recval.declarations import Declaration
from recval.errors import ConfigError
from recval.games.game import Floats
from recval.games.progress import Progress

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]


class StoppingRule(Declaration, ABC):
    """Base of stopping rules."""

    @abstractmethod
    def completion(self, progress: Progress) -> float:
        """Return how near the rule is to being met, in [0, 1]; it is met at 1."""

    @abstractmethod
    def reason(self, progress: Progress) -> str:
        """Return why to stop, in words, once the rule is met."""

    def remaining(self, progress: Progress) -> float:
        """Return how many rounds more it expects at most, at least 1 until it is met; infinite if nothing tells."""
        return math.inf

    def __or__(self, other: StoppingRule) -> StoppingRule:
        return FirstOf(rules=(self, other))

    def __and__(self, other: StoppingRule) -> StoppingRule:
        return AllOf(rules=(self, other))


class FirstOf(StoppingRule):
    """Met when the first of some rules is.

    Attributes:
        rules: the rules.
    """

    rules: tuple[StoppingRule, ...]

    def completion(self, progress: Progress) -> float:
        """Return the greatest."""
        return max(rule.completion(progress) for rule in self.rules)

    def reason(self, progress: Progress) -> str:
        """Return the reason of the first that is met."""
        return max(self.rules, key=lambda rule: rule.completion(progress)).reason(progress)

    def remaining(self, progress: Progress) -> float:
        """Return the least."""
        return min(rule.remaining(progress) for rule in self.rules)


class AllOf(StoppingRule):
    """Met when all of some rules are.

    Attributes:
        rules: the rules.
    """

    rules: tuple[StoppingRule, ...]

    def completion(self, progress: Progress) -> float:
        """Return the least."""
        return min(rule.completion(progress) for rule in self.rules)

    def reason(self, progress: Progress) -> str:
        """Return all reasons."""
        return ", and ".join(rule.reason(progress) for rule in self.rules)

    def remaining(self, progress: Progress) -> float:
        """Return the greatest."""
        return max(rule.remaining(progress) for rule in self.rules)


class MaxRounds(StoppingRule):
    """So many rounds.

    Attributes:
        rounds: how many.
    """

    rounds: Count

    def completion(self, progress: Progress) -> float:
        """Return the share of the rounds that were made."""
        return _share(progress.rounds, self.rounds)

    def reason(self, progress: Progress) -> str:
        """Return the number of rounds."""
        return f"rounds made: {progress.rounds:,}"

    def remaining(self, progress: Progress) -> float:
        """Return the rounds that are left."""
        return max(self.rounds - progress.rounds, 0)


class MaxEvaluations(StoppingRule):
    """So many evaluations of coalitions at most; the coalitions of nobody and of all are not counted.

    A round that could go over them is not begun. A round counts as one evaluation even where it needs none.

    Attributes:
        evaluations: how many.
    """

    evaluations: Count

    def completion(self, progress: Progress) -> float:
        """Return the share of the evaluations that were made, 1 if the next round does not fit."""
        if progress.evaluations + progress.most_evaluations > self.evaluations:
            return 1.0
        return _share(max(progress.evaluations, progress.rounds), self.evaluations)

    def reason(self, progress: Progress) -> str:
        """Return the number of evaluations."""
        round_takes = f", where a round takes up to {progress.most_evaluations:,}" if progress.most_evaluations else ""
        return f"evaluations made: {progress.evaluations:,} of at most {self.evaluations:,}{round_takes}"

    def remaining(self, progress: Progress) -> float:
        """Return how many rounds fit, if they cost what those so far did."""
        if self.completion(progress) == 1:
            return 0
        cost = progress.evaluations / progress.rounds if progress.rounds else math.inf
        cost = max(min(cost, progress.most_evaluations), 1)
        spent = max(progress.evaluations, progress.rounds)
        return max((self.evaluations - spent) // cost, 1)


class StandardError(StoppingRule):
    """The standard errors are small enough.

    Attributes:
        tolerance: the standard error to reach.
        quantile: the share of the players that must reach it; 1 for all.
        relative: whether the tolerance is a share of the mean absolute value of the players.
        least_rounds: how many rounds to make in any case, for the standard errors of a few rounds tell little.
    """

    tolerance: float = Field(ge=0, allow_inf_nan=False)
    quantile: Share = 1.0
    relative: bool = False
    least_rounds: int = Field(16, ge=2)

    def completion(self, progress: Progress) -> float:
        """Return the share of the rounds that this takes, were the variance known: errors fall by their root."""
        if not progress.n_players:
            return 1.0
        error, tolerance = self._error(progress), self._tolerance(progress)
        reached = 1.0 if error <= tolerance else min((tolerance / error) ** 2, math.nextafter(1, 0))
        return min(reached, _share(progress.rounds, self.least_rounds))

    def reason(self, progress: Progress) -> str:
        """Return the standard error."""
        who = "all values" if self.quantile == 1 else f"{self.quantile:.0%} of the values"
        return f"the standard error of {who} is at most {self._tolerance(progress):.3g}"

    def _error(self, progress: Progress) -> float:
        return float(np.quantile(progress.standard_error, self.quantile, method="inverted_cdf"))

    def _tolerance(self, progress: Progress) -> float:
        size = float(np.abs(progress.all.mean).mean()) if self.relative and progress.n_players else 1.0
        return self.tolerance * size


class RankStability(StoppingRule):
    """The ranks would be much the same in another estimate of the same length.

    The ranks of the mean of the even rounds are compared with those of the odd ones by Spearman's correlation, which
    is then corrected for the double length of the whole (Spearman, Brown, 1910).

    Attributes:
        threshold: the correlation to reach.
        least_rounds: how many rounds to make in any case, for two halves of a few may agree by chance.
    """

    threshold: Share
    least_rounds: int = Field(16, ge=2)

    def completion(self, progress: Progress) -> float:
        """Return the share of the odds, r / (1 - r), that the threshold asks for: they grow as the rounds do."""
        if progress.n_players < 2:
            return 1.0
        found, threshold = self.stability(progress), self.threshold
        reached = 1.0
        if found < threshold:
            reached = min(found * (1 - threshold) / ((1 - found) * threshold), math.nextafter(1, 0))
        return min(reached, _share(progress.rounds, self.least_rounds))

    def reason(self, progress: Progress) -> str:
        """Return the correlation."""
        return f"the stability of the ranks is {self.stability(progress):.3f}, at least {self.threshold:g}"

    @staticmethod
    def stability(progress: Progress) -> float:
        """Return the corrected correlation of the ranks of both halves, in [0, 1]; 1 for fewer than two players."""
        if progress.n_players < 2:
            return 1.0
        alike = max(_correlation(rankdata(progress.even.mean), rankdata(progress.odd.mean)), 0.0)
        return 2 * alike / (1 + alike)


def _rule(name: str) -> BeforeValidator:
    """Return what reads a number as the rule whose first setting it is."""
    return BeforeValidator(lambda found: found if isinstance(found, dict | StoppingRule) else {name: found})


class Stop(StoppingRule):
    """What a recipe says of when to stop: the first of the rules that it names.

    Attributes:
        rounds: as `MaxRounds`.
        evaluations: as `MaxEvaluations`.
        standard_error: as `StandardError`; a number is its tolerance.
        rank_stability: as `RankStability`; a number is its threshold.
    """

    rounds: Count | None = None
    evaluations: Count | None = None
    standard_error: Annotated[StandardError, _rule("tolerance")] | None = None
    rank_stability: Annotated[RankStability, _rule("threshold")] | None = None

    @model_validator(mode="after")
    def _check_bounded(self) -> Stop:
        if self.rounds is None and self.evaluations is None:
            raise ValueError("one of 'rounds' and 'evaluations' must be given, for other rules may never be met")
        return self

    def completion(self, progress: Progress) -> float:
        """Return the greatest."""
        return self._first.completion(progress)

    def reason(self, progress: Progress) -> str:
        """Return the reason of the first that is met."""
        return self._first.reason(progress)

    def remaining(self, progress: Progress) -> float:
        """Return the least."""
        return self._first.remaining(progress)

    @cached_property
    def _first(self) -> FirstOf:
        rounds = None if self.rounds is None else MaxRounds(rounds=self.rounds)
        evaluations = None if self.evaluations is None else MaxEvaluations(evaluations=self.evaluations)
        rules = (rounds, evaluations, self.standard_error, self.rank_stability)
        return FirstOf(rules=tuple(rule for rule in rules if rule is not None))


def check_bounded(stop: StoppingRule, progress: Progress) -> None:
    """Refuse a rule that may never be met.

    Raises:
        ConfigError: it may not.
    """
    if math.isinf(stop.remaining(progress)):
        raise ConfigError(f"the stopping rule {stop!r} may never be met: join MaxRounds or MaxEvaluations to it by |")


def _share(part: int, whole: int) -> float:
    return min(part / whole, 1.0) if whole else 1.0


def _correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's correlation; of constants, 1 if they are the same and 0 if not."""
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread else float(np.array_equal(one, other))
