"""What a comparison of systems gave, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from recval.ranking.rank_tests import groups

Bars = Literal["wilcoxon", "nemenyi"]
"""Which test joins the systems of a critical-difference picture that it cannot tell apart."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What comparing systems gave.

    Attributes:
        systems: a row a system, indexed by its name: source, seeds, users (in common with the others), left_out.
        means: a row a metric and system: mean over users and seeds, sd (of the seeds' means, NaN for one seed), seeds,
            average_rank (1 is best).
        tests: a row a metric and pair: metric, system, other, users, difference (system - other), relative (to the
            other's mean), ci_low and ci_high (95 %), effect_size (d_z), t_p_value, t_p_value_holm, wilcoxon_p_value,
            wilcoxon_p_value_holm, detectable (the true difference that would have been found with 80 % power),
            higher_seeds (share of pairs of seeds, one of each, in which the system's mean is the higher one).
        ranks: a row a metric, indexed by it: users, statistic and p_value (Friedman), tied and all_tied (shares of
            users), critical_difference (of average ranks: Nemenyi's, or Dunn's to a baseline), lower_is_better.
        baseline: the system that all others were compared with; None where all pairs were.
        level: the level of the tests.
        notes: what a reader must know: users and metrics that were left out.
    """

    systems: pd.DataFrame
    means: pd.DataFrame
    tests: pd.DataFrame
    ranks: pd.DataFrame
    baseline: str | None
    level: float
    notes: tuple[str, ...]

    @property
    def metrics(self) -> list[str]:
        """The metrics that were compared by."""
        return list(self.ranks.index)

    def by_rank(self, metric: str) -> pd.Series:
        """Return the average ranks under a metric, indexed by system, the best first."""
        rows = self.means[self.means["metric"] == metric]
        return rows.set_index("system")["average_rank"].sort_values(kind="stable")

    def groups(self, metric: str, by: Bars = "wilcoxon") -> list[tuple[str, ...]]:
        """Return the groups of systems, each from the best rank, within which no two were told apart.

        Args:
            metric: the metric.
            by: "wilcoxon", after Holm's correction; or "nemenyi", by the critical difference of the average ranks.
        """
        ranked = self.by_rank(metric)
        tests = self.tests[self.tests["metric"] == metric]
        ours, theirs = (ranked.index.get_indexer(pd.Index(tests[side])) for side in ("system", "other"))
        if by == "wilcoxon":
            same = tests["wilcoxon_p_value_holm"].to_numpy() >= self.level
        else:
            distance = np.abs(ranked.to_numpy()[ours] - ranked.to_numpy()[theirs])
            same = distance < self.ranks["critical_difference"][metric]
        alike = np.zeros((len(ranked), len(ranked)), bool)
        alike[ours, theirs] = alike[theirs, ours] = same
        return [tuple(ranked.index[list(group)]) for group in groups(alike)]
