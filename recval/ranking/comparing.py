"""Any number of systems side by side: paired tests of every pair, ranks, and what could have been found.

What is compared: each user's metric, averaged over a system's seeds. Seeds are not paired and not pooled: seed 0 of
one model has nothing in common with seed 0 of another, and more seeds are not more users. Where systems have
different numbers of seeds, ranks (Wilcoxon, Friedman) are taken of as many of each. How far seeds alone move a
mean is told beside it (`sd`, `higher_seeds`), and is not part of any p-value. How to choose between all pairs and one
baseline: the fewer questions are asked, the weaker are the corrections; name a baseline, and the one metric that
decides, where the question is whether something beats it.

The family of Holm's correction is every row of `tests`: all pairs on all metrics, separately for t and Wilcoxon. Users
for whom a metric is not defined in some system are left out of that metric. References: see `significance` and
`rank_tests`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from recval.errors import ConfigError, unknown
from recval.ranking.alignment import Aligned, align
from recval.ranking.comparison import Comparison
from recval.ranking.metrics import METRICS
from recval.ranking.pair_tests import tests_table
from recval.ranking.predictions import PREDICTION_METRICS
from recval.ranking.rank_tests import Friedman, critical_difference, friedman
from recval.ranking.systems import Source, open_systems
from recval.rng import RandomSource, seed_of


def compare(
    systems: Mapping[str, Source] | Sequence[Source],
    *,
    metrics: Sequence[str] | None = None,
    baseline: str | None = None,
    lower_is_better: Collection[str] = (),
    level: float = 0.05,
    rng: RandomSource = 0,
    resamples: int = 10_000,
) -> Comparison:
    """Compare systems on the same users: paired tests, ranks, and what could have been found.

    Args:
        systems: run folders (`"runs/x"`, or one method of it, `"runs/x:DVR"`), files of metrics per user, or, by name,
            DataFrames (column or index `user`, one column a metric, and `seed` where there are several), results of
            `recval.fit`, or evaluations of one `Evaluator`.
        metrics: what to compare by; by default every metric that all systems have.
        baseline: the name of a system, as in "x:DVR", or its source, with which alone the others are compared.
        lower_is_better: metrics of one's own of which the smaller value gets the better rank; recval's are known.
        level: the level at which a difference counts as found.
        rng: source of the bootstrap's draws.
        resamples: number of bootstrap samples.

    Raises:
        ConfigError: there are fewer than two systems, or a metric, method or baseline is unknown.
        DataError: the systems are not of the same data and split, or have too few users or no metric in common.
        RunError: a run is not finished, or damaged.
    """
    if not 0 < level < 1:
        raise ConfigError(f"the level must be between 0 and 1, got {level:g}")
    if resamples < 1:
        raise ConfigError(f"resamples must be at least 1, got {resamples}")
    opened = open_systems(systems)
    if len(opened) < 2:
        raise ConfigError(f"a comparison needs at least two systems, got {len(opened)}; name another run or method")
    aligned = align(opened, metrics)
    chosen = None if baseline is None else _position(aligned, baseline)
    found = _friedman_tests(aligned, lower_is_better)
    return Comparison(
        systems=_systems_table(aligned),
        means=_means_table(aligned, found),
        tests=tests_table(aligned, chosen, level=level, seed=seed_of(rng), resamples=resamples),
        ranks=_ranks_table(found, level, to_baseline=chosen is not None),
        baseline=None if chosen is None else opened[chosen].name,
        level=level,
        notes=aligned.notes,
    )


def _position(aligned: Aligned, baseline: str) -> int:
    """Return which system is the baseline, given by its name or source."""
    for names in ([system.name for system in aligned.systems], [system.source for system in aligned.systems]):
        if names.count(baseline) == 1:
            return names.index(baseline)
    raise ConfigError(unknown("baseline", baseline, (system.name for system in aligned.systems)))


def _friedman_tests(aligned: Aligned, lower_is_better: Collection[str]) -> dict[str, tuple[Friedman, bool]]:
    """Return for each metric its test, and whether lower is better."""
    found = {}
    fewest = min(len(system.seeds) for system in aligned.systems)
    for name, values, rows in zip(aligned.metrics, aligned.over(fewest), aligned.defined, strict=True):
        lower = name in lower_is_better or _is_lower_better(name)
        found[name] = friedman(values[rows], lower_is_better=lower), lower
    return found


def _is_lower_better(name: str) -> bool:
    """Return whether a metric of recval is better when it is lower; of another metric, higher is."""
    base = re.split(r"[@\[]", name)[0]
    return any(base in known and known[base].lower_is_better for known in (METRICS, PREDICTION_METRICS))


def _ranks_table(found: Mapping[str, tuple[Friedman, bool]], level: float, *, to_baseline: bool) -> pd.DataFrame:
    rows = [
        {
            "metric": name,
            "users": test.n,
            "statistic": test.statistic,
            "p_value": test.p_value,
            "tied": test.tied,
            "all_tied": test.all_tied,
            "critical_difference": critical_difference(
                len(test.average_ranks), test.n, level=level, to_baseline=to_baseline
            ),
            "lower_is_better": lower,
        }
        for name, (test, lower) in found.items()
    ]
    return pd.DataFrame(rows).set_index("metric")


def _systems_table(aligned: Aligned) -> pd.DataFrame:
    users = len(aligned.users)
    rows = [
        {
            "system": system.name,
            "source": system.source,
            "seeds": len(system.seeds),
            "users": users,
            "left_out": len(system.users) - users,
        }
        for system in aligned.systems
    ]
    return pd.DataFrame(rows).set_index("system")


def _means_table(aligned: Aligned, found: Mapping[str, tuple[Friedman, bool]]) -> pd.DataFrame:
    rows = [
        {
            "metric": metric,
            "system": system.name,
            "mean": float(by_seed.mean()),
            "sd": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else np.nan,
            "seeds": len(by_seed),
            "average_rank": float(rank),
        }
        for (metric, (test, _)), means in zip(found.items(), aligned.seed_means, strict=True)
        for system, by_seed, rank in zip(aligned.systems, means, test.average_ranks, strict=True)
    ]
    return pd.DataFrame(rows)
