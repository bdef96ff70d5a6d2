"""The paired tests of aligned systems, one row a metric and pair; see `recval.ranking.comparing`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.ranking.alignment import Aligned
from recval.ranking.significance import Floats, PairedTest, detectable_difference, holm, paired_tests

Pair = tuple[int, int]
"""The positions of two systems."""


def tests_table(aligned: Aligned, baseline: int | None, *, level: float, seed: int, resamples: int) -> pd.DataFrame:
    """Return the table `Comparison.tests`.

    Args:
        aligned: the systems.
        baseline: the system that all others are compared with; None to compare all pairs.
        level: the level of the tests.
        seed: the seed of the bootstrap.
        resamples: number of bootstrap samples.
    """
    pairs = _pairs(len(aligned.systems), baseline)
    found = _paired_tests(aligned, pairs, seed, resamples)
    rows = [
        _test_row(aligned, metric, pair, found[metric, pair], len(found), level)
        for metric, pair in product(range(len(aligned.metrics)), pairs)
    ]
    tests = pd.DataFrame(rows)
    for name in ("t_p_value", "wilcoxon_p_value"):
        tests.insert(list(tests).index(name) + 1, f"{name}_holm", holm(tests[name]))
    return tests


def _pairs(k: int, baseline: int | None) -> list[Pair]:
    """Return the pairs to test: the later system and the earlier one, or each other system and the baseline."""
    if baseline is None:
        return [(later, earlier) for earlier, later in combinations(range(k), 2)]
    return [(system, baseline) for system in range(k) if system != baseline]


def _test_row(
    aligned: Aligned, metric: int, pair: Pair, test: PairedTest, family: int, level: float
) -> dict[str, object]:
    ours, theirs = (aligned.seed_means[metric][side] for side in pair)
    return {
        "metric": aligned.metrics[metric],
        "system": aligned.systems[pair[0]].name,
        "other": aligned.systems[pair[1]].name,
        "users": test.n,
        "difference": test.difference,
        "relative": test.difference / test.mean_b if test.mean_b else np.nan,
        "ci_low": test.ci_low,
        "ci_high": test.ci_high,
        "effect_size": test.effect_size,
        "t_p_value": test.t_p_value,
        "wilcoxon_p_value": test.wilcoxon_p_value,
        "detectable": float(detectable_difference(test.deviation, test.n, tests=family, level=level)),
        "higher_seeds": float((np.sign(np.subtract.outer(ours, theirs)) + 1).mean() / 2),
    }


def _paired_tests(
    aligned: Aligned, pairs: Sequence[Pair], seed: int, resamples: int
) -> dict[tuple[int, Pair], PairedTest]:
    """Return the test of each metric and pair; metrics that are defined for the same users share the draws."""
    patterns, pattern_of = np.unique(aligned.defined, axis=0, return_inverse=True)
    k = len(aligned.systems)
    found: dict[tuple[int, Pair], PairedTest] = {}
    for pattern, rows in enumerate(patterns):
        metrics = np.flatnonzero(pattern_of == pattern).tolist()
        tested = list(product(metrics, pairs))
        block = aligned.values[metrics][:, rows].transpose(1, 0, 2).reshape(int(rows.sum()), -1)
        columns = [(at * k + ours, at * k + theirs) for at in range(len(metrics)) for ours, theirs in pairs]
        sides = _rank_sides(aligned, tested, rows)
        tests = paired_tests(block, columns, rng=seed, resamples=resamples, rank_sides=sides)
        found |= dict(zip(tested, tests, strict=True))
    return found


def _rank_sides(
    aligned: Aligned, tested: Sequence[tuple[int, Pair]], rows: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return both sides of each test over as many seeds as both systems have, each of the shape [users, tests]."""
    seeds = [len(system.seeds) for system in aligned.systems]
    over = {count: aligned.over(count)[:, rows] for count in set(seeds)}
    ours, theirs = (
        np.column_stack([over[min(seeds[at] for at in pair)][metric, :, pair[side]] for metric, pair in tested])
        for side in (0, 1)
    )
    return ours, theirs
