"""Sentences that say in plain words what a run found, whichever way it came out.

A difference counts as found where Holm's adjusted p-value is below 0.05. The test is over users, or over seeds where a
metric has one value for all users; each sentence also says with how many seeds the difference has the same direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from recval.report.formats import interval, number, p_equals, percent, signed

LEVEL = 0.05
PLACEBOS = ("uniform", "shuffled")


def verdicts(summary: Mapping[str, Any], kinds: Mapping[str, str]) -> list[str]:
    """Return one sentence a metric and judged method.

    Judged are the methods of kind `dvr`; where there are none, all but the placebos.

    Args:
        summary: the summary of a run's metrics.
        kinds: the kind of each method.
    """
    others = [method for method in summary["methods"] if method != summary["baseline"]]
    judged = [method for method in others if kinds[method] == "dvr"]
    judged = judged or [method for method in others if kinds[method] not in PLACEBOS]
    if not judged:
        return [f"There is no method to compare with {summary['baseline']}."]
    return [
        _verdict(summary, metric, method)
        for metric, tests in tests_of(summary).items()
        for method in judged
        if method in tests
    ]


def tests_of(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tests of each metric, by method: those over users, then those over seeds."""
    return {**summary["comparisons"], **summary.get("seed_comparisons", {})}


def placebo_verdict(summary: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    """Return the sentence that says whether placebos moved any metric."""
    baseline = summary["baseline"]
    placebos = [name for name in summary["methods"] if name != baseline and kinds[name] in PLACEBOS]
    if not placebos:
        return "The recipe has no placebo, so it is not known what uneven weights alone would do."
    moved = list(_moves(summary, placebos))
    if not moved:
        return f"No placebo ({', '.join(placebos)}) differs significantly from {baseline} in any metric."
    return f"Placebos moved too: {'; '.join(moved)}. What a placebo gains or loses is not owed to the values."


def removal_fact(removal: pd.DataFrame, metric: str) -> str:
    """Return what is left of a metric at the largest share that was dropped."""
    largest = removal["fraction"].max()
    means = removal[removal["fraction"] == largest].groupby("order", sort=False)[metric].mean()
    found = [f"{number(mean)} ({order})" for order, mean in means.items()]
    return f"With {largest:.0%} dropped, {metric} is {', '.join(found)}.".replace("%", " %")


def addition_fact(removal: pd.DataFrame, metric: str) -> str:
    """Return how far the smallest share that was trained on alone gets."""
    smallest = removal["fraction"].max()
    means = removal[removal["fraction"] == smallest].groupby("order", sort=False)[metric].mean()
    left = {"lowest": "highest", "highest": "lowest", "random": "random"}
    found = [f"{number(mean)} ({left[str(order)]})" for order, mean in means.items()]
    return f"With {1 - smallest:.0%} kept alone, {metric} is {', '.join(found)}.".replace("%", " %")


def is_found(test: Mapping[str, Any]) -> bool:
    """Return whether a comparison is significant after Holm's adjustment."""
    return test["t_p_value_holm"] < LEVEL


def sample(test: Mapping[str, Any]) -> str:
    """Return what a test is over, such as `943 users` or `5 seeds`."""
    return f"{test['users']:,} users" if "users" in test else f"{test['seeds']} seeds"


def _moves(summary: Mapping[str, Any], placebos: list[str]) -> Iterator[str]:
    for metric, tests in tests_of(summary).items():
        for placebo in placebos:
            test = tests.get(placebo)
            if test is not None and is_found(test):
                p = p_equals(test["t_p_value_holm"])
                yield f"{placebo} {_verb(test)} {metric} by {number(abs(test['difference']))} ({p})"


def _verdict(summary: Mapping[str, Any], metric: str, method: str) -> str:
    test, baseline = tests_of(summary)[metric][method], summary["baseline"]
    relative = "" if test["relative"] is None else f" ({percent(test['relative'])})"
    if is_found(test):
        side = "over" if test["difference"] > 0 else "below"
        claim = f"{method} {_verb(test)} {metric} {side} {baseline} by {number(abs(test['difference']))}{relative}"
    else:
        claim = (
            f"{method} does not differ significantly from {baseline} in {metric}: "
            f"the difference is {signed(test['difference'])}{relative}"
        )
    return (
        f"{claim}, 95 % interval {interval(test['ci_low'], test['ci_high'])}, "
        f"Holm-adjusted {p_equals(test['t_p_value_holm'])} over {sample(test)}; "
        f"{_over_seeds(summary, metric, method, lower=test['difference'] < 0)}."
    )


def _over_seeds(summary: Mapping[str, Any], metric: str, method: str, *, lower: bool) -> str:
    """Return with how many seeds the method is on the side of the difference."""
    ours, theirs = (summary["methods"][name][metric]["by_seed"] for name in (method, summary["baseline"]))
    if len(ours) == 1:
        return "only one seed was trained, so other seeds may differ"
    same = sum(ours[seed] < theirs[seed] if lower else ours[seed] > theirs[seed] for seed in ours)
    return f"it is {'lower' if lower else 'higher'} with {same} of {len(ours)} seeds"


def _verb(test: Mapping[str, Any]) -> str:
    return "raises" if test["difference"] > 0 else "lowers"
