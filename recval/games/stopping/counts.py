"""Rules that count: what an estimate may cost."""

from __future__ import annotations

import math

from recval.games.progress import Progress
from recval.games.stopping.base import Count, StoppingRule, share_of


class MaxRounds(StoppingRule):
    """So many rounds.

    Attributes:
        rounds: how many.
    """

    rounds: Count

    def completion(self, progress: Progress) -> float:
        """Return the share of the rounds that were made."""
        return share_of(progress.rounds, self.rounds)

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
        return share_of(max(progress.evaluations, progress.rounds), self.evaluations)

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
