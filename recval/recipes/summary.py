"""The summary of a run: mean and spread over seeds, and paired tests against the baseline.

A metric that each user has a value of is tested over the users, each user's metric being the mean over the seeds. One
that has a single value for all users is tested over the seeds: that asks another question, of fewer numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from recval.ranking import PairedTest, holm, paired_test
from recval.recipes.trials import MethodTrial, ReferenceTrial, RemovalTrial
from recval.store.files import read_json, read_table
from recval.store.run import Run


def per_user_table(run: Run, trials: Iterable[MethodTrial]) -> pd.DataFrame:
    """Return the metrics of each user: columns method, seed, user, and one a metric."""
    frames = []
    for trial in trials:
        frame = read_table(trial.folder(run) / "per_user.parquet").to_pandas()
        frame.insert(0, "seed", trial.seed)
        frame.insert(0, "method", trial.method)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def removal_table(run: Run, trials: Iterable[RemovalTrial]) -> pd.DataFrame:
    """Return the removal curve: columns order, fraction, seed, and one a metric."""
    rows = [
        {"order": trial.order, "fraction": trial.fraction, "seed": trial.seed, **_means(run, trial)} for trial in trials
    ]
    return pd.DataFrame(rows)


def summarise(
    run: Run,
    per_user: pd.DataFrame,
    metrics: Sequence[str],
    trials: Iterable[MethodTrial],
    references: Iterable[ReferenceTrial],
    valuator: str | None,
) -> dict[str, Any]:
    """Return the summary of the methods, the references, and the comparisons with the first method.

    Args:
        run: where the trials are kept.
        per_user: the metrics of each user; see `per_user_table`.
        metrics: the test metrics.
        trials: the trials of the methods.
        references: the trials of the references.
        valuator: the method whose values are the run's, if there is one.
    """
    methods = list(dict.fromkeys(per_user["method"]))
    trials = list(trials)
    validation = _trial_table(run, trials, "validation")
    by_seed = _trial_table(run, trials, "metrics")
    found = {method: spread(by_seed.loc[method]) for method in methods}
    return {
        "baseline": methods[0],
        "valuator": valuator,
        "methods": found,
        "validation": {method: spread(validation.loc[method]) for method in methods},
        "references": {trial.model.name: _means(run, trial) for trial in references},
        "comparisons": {
            metric: comparisons(per_user, methods, metric)
            for metric in metrics
            if metric in per_user and len(_by_method(per_user, metric)) > 1
        },
        "seed_comparisons": {
            metric: tests for metric in metrics if metric not in per_user and (tests := seed_comparisons(found, metric))
        },
    }


def _by_method(per_user: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return each user's mean over seeds, a column a method; users for whom one is not defined are left out."""
    return per_user.groupby(["user", "method"])[metric].mean().unstack("method").dropna()


def _trial_table(run: Run, trials: Iterable[MethodTrial], kind: str) -> pd.DataFrame:
    """Return the test "metrics" of each trial, or the "validation" metric of its best epoch, by method and seed."""
    rows = [
        {"method": trial.method, "seed": trial.seed, **read_json(trial.folder(run) / "metrics.json")[kind]}
        for trial in trials
    ]
    return pd.DataFrame(rows).set_index(["method", "seed"])


def spread(by_seed: pd.DataFrame) -> dict[str, Any]:
    """Return mean, standard deviation over seeds (None for one seed), and the value of each seed."""
    several = len(by_seed) > 1
    return {
        str(metric): {
            "mean": float(values.mean()),
            "sd": float(values.std(ddof=1)) if several else None,
            "by_seed": {str(seed): float(value) for seed, value in values.items()},
        }
        for metric, values in by_seed.dropna(axis=1).items()
    }


def comparisons(per_user: pd.DataFrame, methods: list[str], metric: str) -> dict[str, Any]:
    """Return the paired test of each method against the first, over users, each user's mean over seeds.

    Users for whom the metric is not defined are left out.
    """
    wide = _by_method(per_user, metric)
    baseline = wide[methods[0]].to_numpy()
    tests = {method: paired_test(wide[method].to_numpy(), baseline, rng=0) for method in methods[1:]}
    return _told(tests, "users")


def seed_comparisons(methods: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Return the paired t-test of each method against the first over seeds, for a metric without values of users.

    A seed draws the same initial parameters and negatives for every method, which is what pairs them. The interval is
    Student's. Methods without a value for every seed are left out, and all are where there is one seed.

    Args:
        methods: mean, deviation and the value of each seed, by method and metric.
        metric: the metric.
    """
    by_seed = {
        method: np.array(list(found[metric]["by_seed"].values()))
        for method, found in methods.items()
        if metric in found
    }
    first = next(iter(methods))
    if first not in by_seed or len(by_seed[first]) < 2:
        return {}
    baseline = by_seed.pop(first)
    return _told({method: seed_test(values, baseline) for method, values in by_seed.items()}, "seeds")


def seed_test(a: npt.ArrayLike, b: npt.ArrayLike) -> PairedTest:
    """Return the paired test of two methods over seeds, with Student's interval: too few seeds to draw from.

    Args:
        a: a value for each seed, shape [n], n at least 2.
        b: the other method's values for the same seeds.
    """
    test = paired_test(a, b, rng=0, resamples=1)
    reach = float(stats.t.isf(0.025, test.n - 1)) * test.deviation / test.n**0.5
    return replace(test, ci_low=test.difference - reach, ci_high=test.difference + reach)


def _told(tests: Mapping[str, PairedTest], sample: str) -> dict[str, Any]:
    """Return the tests of several methods with Holm's adjustment, each with the size of its sample."""
    adjusted = holm(np.array([test.t_p_value for test in tests.values()]))
    return {
        method: {
            "difference": test.difference,
            "relative": test.difference / test.mean_b if test.mean_b else None,
            "ci_low": test.ci_low,
            "ci_high": test.ci_high,
            "t_p_value": test.t_p_value,
            "t_p_value_holm": float(corrected),
            "wilcoxon_p_value": test.wilcoxon_p_value,
            "effect_size": test.effect_size if math.isfinite(test.effect_size) else None,
            sample: test.n,
        }
        for (method, test), corrected in zip(tests.items(), adjusted, strict=True)
    }


def _means(run: Run, trial: ReferenceTrial | RemovalTrial) -> dict[str, float]:
    return read_json(trial.folder(run) / "metrics.json")["metrics"]
