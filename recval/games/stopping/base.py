"""What stopping rules have in common, and how they are joined."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated

from pydantic import Field

from recval.declarations import Declaration
from recval.errors import ConfigError
from recval.games.progress import Progress

Count = Annotated[int, Field(ge=0)]


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


def check_bounded(stop: StoppingRule, progress: Progress) -> None:
    """Refuse a rule that may never be met.

    Raises:
        ConfigError: it may not.
    """
    if math.isinf(stop.remaining(progress)):
        raise ConfigError(f"the stopping rule {stop!r} may never be met: join MaxRounds or MaxEvaluations to it by |")


def share_of(part: int, whole: int) -> float:
    """Return the share that a part is of the whole, at most 1; 1 of nothing."""
    return min(part / whole, 1.0) if whole else 1.0
