"""The page of a comparison, and the sentences that say what it found, whichever way it came out."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

from recval.ranking.comparison import Comparison
from recval.report.formats import number, p_equals, share, signed
from recval.report.page import write_page
from recval.report.ranks import rank_figure

Row = dict[Hashable, Any]
"""A row of a table, by its columns."""


def write_comparison(comparison: Comparison, path: str | Path) -> None:
    """Write the report of a comparison as one HTML file; its size depends on the systems and metrics alone.

    Raises:
        RunError: the file cannot be written.
    """
    systems = list(comparison.systems.index)
    context = {
        "title": "Comparison of " + (", ".join(systems) if len(systems) < 5 else f"{len(systems)} systems"),
        "lead": f"By {', '.join(comparison.metrics)}, user by user.",
        "comparison": comparison,
        "verdicts": list(verdicts(comparison)),
        "means": {name: _rows(comparison, name) for name in systems},
        "metrics": [_section(comparison, metric) for metric in comparison.metrics],
        "tests": len(comparison.tests),
        "systems": comparison.systems.reset_index().to_dict("records"),
    }
    write_page(Path(path), "comparison.html.jinja", context)


def verdicts(comparison: Comparison) -> Iterator[str]:
    """Yield for each metric how the other systems stand to the best one, or to the baseline.

    A difference counts as found where Holm's adjusted p-value of the paired t-test is below the level.
    """
    for metric in comparison.metrics:
        means = comparison.means[comparison.means["metric"] == metric].set_index("system")["mean"]
        best = means.idxmin() if comparison.ranks["lower_is_better"][metric] else means.idxmax()
        against = comparison.baseline or str(best)
        tests = list(_against(comparison, metric, against))
        told = [_told_apart(test) for test in tests if test["t_p_value_holm"] < comparison.level]
        rest = [_not_told_apart(test) for test in tests if test["t_p_value_holm"] >= comparison.level]
        role = "is the baseline" if comparison.baseline else "has the best mean"
        yield (
            f"{metric}: {against} {role}, {number(means[against])}. "
            f"Significantly different from it: {', '.join(told) or 'none'}. Not told apart from it: "
            f"{', '.join(rest) or 'none'}."
        )


def friedman_sentence(comparison: Comparison, metric: str) -> str:
    """Return what Friedman's test says of a metric, and how many ties it had to correct for."""
    test = comparison.ranks.loc[metric].to_dict()
    return (
        f"Friedman’s test of the ranks: χ²({len(comparison.systems) - 1}) = {test['statistic']:.2f}, "
        f"{p_equals(test['p_value'])} over {test['users']:,} users, corrected for ties: for {share(test['tied'])} of "
        f"them some systems are equal, for {share(test['all_tied'])} all are."
    )


def _against(comparison: Comparison, metric: str, against: str) -> Iterator[Row]:
    """Yield the tests of a metric that a system takes part in, each as the difference of the other one from it."""
    for test in comparison.tests[comparison.tests["metric"] == metric].to_dict("records"):
        if test["other"] == against:
            yield test
        elif test["system"] == against:
            yield {**test, "system": test["other"], "other": against, "difference": -test["difference"]}


def _told_apart(test: Row) -> str:
    return f"{test['system']} ({signed(test['difference'])}, {p_equals(test['t_p_value_holm'])})"


def _not_told_apart(test: Row) -> str:
    found = f"{signed(test['difference'])}, {p_equals(test['t_p_value_holm'])}"
    detectable = f"a true difference of {number(test['detectable'])} would have been found with 80 % power"
    return f"{test['system']} ({found}; {detectable})"


def _rows(comparison: Comparison, system: str) -> list[Row]:
    """Return the means of a system, one a metric."""
    return comparison.means[comparison.means["system"] == system].to_dict("records")


def _section(comparison: Comparison, metric: str) -> dict[str, Any]:
    return {
        "name": metric,
        "figure": rank_figure(comparison, metric),
        "fact": friedman_sentence(comparison, metric),
        "tests": comparison.tests[comparison.tests["metric"] == metric].to_dict("records"),
    }
