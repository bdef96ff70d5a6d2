"""The metric table of a run, as text; the page and the terminal show the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recval.report.formats import MISSING, interval, mean_sd, number, p_value, signed
from recval.report.sentences import is_found, sample, tests_of


@dataclass(frozen=True)
class Score:
    """One metric of one method.

    Attributes:
        mean: the mean over seeds, with the standard deviation where the method was trained.
        difference: the difference from the baseline; empty where there is no comparison.
        interval: its 95 % interval.
        p: its p-value after Holm's adjustment; it says so where the test is over seeds.
        found: whether it is significant.
    """

    mean: str
    difference: str = ""
    interval: str = ""
    p: str = ""
    found: bool = False


@dataclass(frozen=True)
class Row:
    """One method or reference.

    Attributes:
        name: its name.
        scores: one a metric.
        validation: one a validation metric.
    """

    name: str
    scores: tuple[Score, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True)
class MetricTable:
    """The metrics of all methods and references.

    Attributes:
        metrics: the names of the test metrics.
        validation: the names of the validation metrics.
        baseline: what the methods are compared with.
        methods: the rows of the methods, the baseline first.
        references: the rows of the references, which the recipe did not train.
    """

    metrics: tuple[str, ...]
    validation: tuple[str, ...]
    baseline: str
    methods: tuple[Row, ...]
    references: tuple[Row, ...]

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> MetricTable:
        """Return the table of a run's summary."""
        metrics = tuple(summary["methods"][summary["baseline"]])
        validation = tuple(dict.fromkeys(name for found in summary["validation"].values() for name in found))
        methods = tuple(
            Row(
                method,
                tuple(_score(summary, metric, method) for metric in metrics),
                tuple(_mean_sd(summary["validation"][method].get(name)) for name in validation),
            )
            for method in summary["methods"]
        )
        references = tuple(
            Row(name, tuple(Score(number(found[metric])) for metric in metrics), ("",) * len(validation))
            for name, found in summary["references"].items()
        )
        return cls(metrics, validation, summary["baseline"], methods, references)


def _score(summary: Mapping[str, Any], metric: str, method: str) -> Score:
    mean = _mean_sd(summary["methods"][method].get(metric))
    test = tests_of(summary).get(metric, {}).get(method)
    if test is None:
        return Score(mean)
    return Score(
        mean,
        signed(test["difference"]),
        interval(test["ci_low"], test["ci_high"]),
        p_value(test["t_p_value_holm"]) + (f" ({sample(test)})" if "seeds" in test else ""),
        is_found(test),
    )


def _mean_sd(spread: Mapping[str, Any] | None) -> str:
    return MISSING if spread is None else mean_sd(spread["mean"], spread["sd"])
