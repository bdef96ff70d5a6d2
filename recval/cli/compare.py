"""`recval compare`: any number of systems side by side, user by user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recval.cli.files import check_new, check_table, write_frame
from recval.cli.output import show_json, show_table
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.errors import ConfigError

if TYPE_CHECKING:
    from recval.ranking.comparison import Comparison

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval compare runs/bpr runs/lightgcn",
        "recval compare runs/bpr:DVR runs/bpr:EASE theirs.parquet --metric ndcg@10 --report comparison.html",
        "recval compare runs/bpr runs/lightgcn --baseline bpr:plain --out tests.csv --json",
    )
)
def compare(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="The folders of finished runs; one method or reference as RUN:METHOD; "
            "or .csv, .tsv, .parquet files of another system's metrics per user.",
        ),
    ],
    metric: Annotated[
        list[str] | None, typer.Option(help="What to compare by; may be repeated; by default every shared metric.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="What all others are compared with, as x:DVR; by default all pairs are.")
    ] = None,
    lower_is_better: Annotated[
        list[str] | None, typer.Option("--lower", help="A metric that recval does not know, of which less is better.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file for the table of tests: .csv, .parquet or .json.")] = None,
    report: Annotated[Path | None, typer.Option(help="A file for the report: .html.")] = None,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Compare systems on the same users: paired tests, effect sizes, ranks, and what could have been found.

    The p-values are corrected by Holm's method over all pairs and metrics.
    """
    if out is not None:
        check_table(out, force=force)
    if report is not None:
        _check_page(report, force=force)
    with working("comparing"):
        from recval.ranking.comparing import compare as compare_systems

        found = compare_systems(systems, metrics=metric, baseline=baseline, lower_is_better=lower_is_better or ())
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    _write(found, out, report)
    if json:
        show_json(_as_json(found))
    else:
        _print(found)


def _check_page(path: Path, *, force: bool) -> None:
    if path.suffix != ".html":
        raise ConfigError(f"{path}: the report is a page; name a file that ends in .html")
    check_new(path, force=force)


def _write(found: Comparison, out: Path | None, report: Path | None) -> None:
    if out is not None:
        infinite = [float("inf"), -float("inf")]
        write_frame(out, found.tests.replace(infinite, float("nan")))
    if report is not None:
        from recval.report import write_comparison

        write_comparison(found, report)
    for path in (out, report):
        if path is not None:
            typer.echo(f"wrote {path}", err=True)


def _as_json(found: Comparison) -> dict[str, Any]:
    return {
        "level": found.level,
        "baseline": found.baseline,
        "family": len(found.tests),
        "notes": list(found.notes),
        "systems": found.systems.reset_index().to_dict("records"),
        "means": found.means.to_dict("records"),
        "tests": found.tests.to_dict("records"),
        "ranks": found.ranks.reset_index().to_dict("records"),
        "groups": {
            metric: {by: found.groups(metric, by) for by in ("wilcoxon", "nemenyi")} for metric in found.metrics
        },
    }


def _print(found: Comparison) -> None:
    from recval.report.comparison import friedman_sentence
    from recval.report.ranks import rank_text

    for metric in found.metrics:
        means = found.means[found.means["metric"] == metric]
        columns = ["system", "mean", "sd", "seeds"]
        show_table(
            ("system", metric, "sd", "seeds"),
            means[columns].itertuples(index=False),
            title=f"{metric} over {found.ranks['users'][metric]:,} users",
        )
        _print_tests(found, metric)
        typer.echo(f"{rank_text(found, metric)}\n\n{friedman_sentence(found, metric)}")
        distance = found.ranks["critical_difference"][metric]
        typer.echo(f"Joined by a bar: not told apart by Wilcoxon and Holm. Critical difference: {distance:.3f}.\n")


def _print_tests(found: Comparison, metric: str) -> None:
    rows = [
        (
            test.system,
            test.other,
            f"{test.difference:+.4f}",
            f"{test.ci_low:+.4f} to {test.ci_high:+.4f}",
            test.effect_size,
            test.t_p_value_holm,
            test.wilcoxon_p_value_holm,
            test.detectable,
        )
        for test in found.tests[found.tests["metric"] == metric].itertuples()
    ]
    columns = ("system", "other", "difference", "95 % interval", "effect size", "p (t)", "p (Wilcoxon)", "detectable")
    against = "all pairs" if found.baseline is None else f"against {found.baseline}"
    show_table(columns, rows, title=f"{against}; p by Holm over {len(found.tests)} tests; detectable: with 80 % power")
