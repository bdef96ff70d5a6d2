"""Sentences that say in plain words what a run found, whichever way it came out.

A difference counts as found where Holm's adjusted p-value is below 0.05. The test is over users, or over seeds where a
metric has one value for all users; a sentence on one method also says with how many seeds the difference has that sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from recval.errors import ConfigError
from recval.ranking import parse
from recval.report.curves import REMOVAL
from recval.report.formats import interval, number, p_equals, percent, signed
from recval.report.meanings import aims_of

LEVEL = 0.05
PLACEBOS = ("uniform", "shuffled")
Methods = Mapping[str, Mapping[str, Any]]
"""The methods by name, as a recipe has them: kind, reward, model, …"""


def verdicts(summary: Mapping[str, Any], methods: Methods) -> list[str]:
    """Return the sentences that judge all methods but the placebos, one metric after the other.

    A method with a significant difference has a sentence of its own; the others of a metric share one.

    Args:
        summary: the summary of a run's metrics.
        methods: the methods as the recipe has them.
    """
    baseline, found = summary["baseline"], summary["methods"]
    judged = [name for name in found if name != baseline and methods[name]["kind"] not in PLACEBOS]
    if not judged:
        return [f"There is no method to compare with {baseline}."]
    same = [name for name in judged if found[name] == found[baseline]]
    verb = "has" if len(same) == 1 else "have"
    sentences = [f"{listed(same)} {verb} exactly the metrics of {baseline}, with every seed."] if same else []
    for metric, tests in tests_of(summary).items():
        tested = [name for name in judged if name in tests and name not in same]
        sentences += [_verdict(summary, metric, name, methods) for name in tested if is_found(tests[name])]
        sentences += _not_found(summary, metric, [name for name in tested if not is_found(tests[name])], methods)
    return sentences


def tests_of(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tests of each metric, by method: those over users, then those over seeds."""
    return {**summary["comparisons"], **summary.get("seed_comparisons", {})}


def placebo_verdict(summary: Mapping[str, Any], methods: Methods) -> str:
    """Return the sentence that says whether placebos moved any metric."""
    baseline = summary["baseline"]
    placebos = [name for name in summary["methods"] if name != baseline and methods[name]["kind"] in PLACEBOS]
    if not placebos:
        return "The recipe has no placebo, so it is not known what uneven weights alone would do."
    moved = list(_moves(summary, placebos))
    if not moved:
        return f"No placebo ({', '.join(placebos)}) differs significantly from {baseline} in any metric."
    return f"Placebos moved too: {'; '.join(moved)}. What a placebo gains or loses is not owed to the values."


def curve_fact(points: pd.DataFrame, metric: str, curve: str) -> str:
    """Return what a metric is at the end of a curve, where least was trained on.

    Args:
        points: columns order, share, seed and the metric; see `recval.report.curves.curve_points`.
        metric: the metric's name.
        curve: the curve.
    """
    share, verb = points["share"].min(), "kept alone"
    if curve == REMOVAL:
        share, verb = points["share"].max(), "dropped"
    means = points[points["share"] == share].groupby("order", sort=False)[metric].mean()
    found = [f"{number(mean)} ({order})" for order, mean in means.items()]
    return f"With {share:.0%} {verb}, {metric} is {', '.join(found)}.".replace("%", " %")


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: `A, B and C`."""
    return " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])


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


def _verdict(summary: Mapping[str, Any], metric: str, method: str, methods: Methods) -> str:
    """Return what one method does to a metric."""
    test, baseline = tests_of(summary)[metric][method], summary["baseline"]
    what, relative = _described(metric, method, methods), _relative(test)
    if is_found(test):
        side = "over" if test["difference"] > 0 else "below"
        claim = f"{method} {_verb(test)} {what} {side} {baseline} by {number(abs(test['difference']))}{relative}"
    else:
        claim = (
            f"{method} does not differ significantly from {baseline} in {what}: "
            f"the difference is {signed(test['difference'])}{relative}"
        )
    return (
        f"{claim}, 95 % interval {interval(test['ci_low'], test['ci_high'])}, "
        f"Holm-adjusted {p_equals(test['t_p_value_holm'])} over {sample(test)}; "
        f"{_over_seeds(summary, metric, method, lower=test['difference'] < 0)}."
    )


def _not_found(summary: Mapping[str, Any], metric: str, names: Sequence[str], methods: Methods) -> list[str]:
    """Return at most one sentence on the methods without a significant difference in a metric."""
    if len(names) < 2:
        return [_verdict(summary, metric, name, methods) for name in names]
    tests = tests_of(summary)[metric]
    differences = [
        f"{name}{_notes(_aims(metric, name, methods))} {signed(tests[name]['difference'])}{_relative(tests[name])}"
        for name in names
    ]
    return [
        f"{listed(names)} do not differ significantly from {summary['baseline']} in "
        f"{metric}{_notes(_direction(metric))}: {'; '.join(differences)}."
    ]


def _described(metric: str, method: str, methods: Methods) -> str:
    """Return a metric with what a reader must know of it: whether the method aims at it, and whether less is better."""
    return f"{metric}{_notes([*_aims(metric, method, methods), *_direction(metric)])}"


def _aims(metric: str, method: str, methods: Methods) -> list[str]:
    said = methods[method]
    return ["its target"] if said.get("weigh", True) and metric in aims_of(said.get("reward")) else []


def _direction(metric: str) -> list[str]:
    try:
        return ["less is better"] if parse(metric)[0].lower_is_better else []
    except ConfigError:  # a metric of somebody's own, whose plug-in is not there when the report is written anew
        return []


def _notes(notes: Sequence[str]) -> str:
    return f" ({', '.join(notes)})" if notes else ""


def _relative(test: Mapping[str, Any]) -> str:
    return "" if test["relative"] is None else f" ({percent(test['relative'])})"


def _over_seeds(summary: Mapping[str, Any], metric: str, method: str, *, lower: bool) -> str:
    """Return with how many seeds the method is on the side of the difference."""
    ours, theirs = (summary["methods"][name][metric]["by_seed"] for name in (method, summary["baseline"]))
    if len(ours) == 1:
        return "only one seed was trained, so other seeds may differ"
    same = sum(ours[seed] < theirs[seed] if lower else ours[seed] > theirs[seed] for seed in ours)
    return f"it is {'lower' if lower else 'higher'} with {same} of {len(ours)} seeds"


def _verb(test: Mapping[str, Any]) -> str:
    return "raises" if test["difference"] > 0 else "lowers"
