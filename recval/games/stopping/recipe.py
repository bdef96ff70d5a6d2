"""What a recipe says of when to stop."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, model_validator

from recval.games.progress import Progress
from recval.games.stopping.base import Count, FirstOf, StoppingRule
from recval.games.stopping.counts import MaxEvaluations, MaxRounds
from recval.games.stopping.precision import RankStability, StandardError


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
