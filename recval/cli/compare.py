"""`recval compare`: the methods of several runs side by side, user by user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recval.cli.output import show_json, show_table
from recval.cli.parameters import AsJson, examples
from recval.cli.progress import working
from recval.errors import DataError, unknown

if TYPE_CHECKING:
    import pandas as pd

    from recval.store.run import Run

app = typer.Typer()

_KEYS = {"method", "seed", "user"}


@app.command(
    epilog=examples(
        "recval compare runs/bpr runs/lightgcn",
        "recval compare runs/bpr runs/lightgcn --metric recall@10 --json",
    )
)
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="The folders of finished runs.")],
    metric: Annotated[
        str | None, typer.Option(help="What to compare by; by default the first metric that all runs have.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Compare the methods of several runs, on the users that all runs have.

    Each method is tested against the first method of the first run, over users.
    The p-values are those of paired t-tests, corrected by Holm's method.
    """
    with working("comparing"):
        from recval.store.run import Run

        opened = _labelled([Run.open(run) for run in runs])
        found = _compared(opened, metric)
    if not _same_protocol(opened.values()):
        typer.echo("note: the runs differ in data or split; a user may have been tested on other items", err=True)
    if json:
        show_json(found)
    else:
        _print(found)


def _labelled(runs: Sequence[Run]) -> dict[str, Run]:
    """Return the runs by the names of their folders; a name that occurs again is numbered."""
    labels: dict[str, Run] = {}
    for run in runs:
        name = label = run.path.resolve().name
        number = 1
        while label in labels:
            number += 1
            label = f"{name}#{number}"
        labels[label] = run
    return labels


def _same_protocol(runs: Iterable[Run]) -> bool:
    from recval.declarations import read
    from recval.recipes import Recipe

    first, *others = [read(run.recipe_path, Recipe) for run in runs]
    return all((other.data, other.split) == (first.data, first.split) for other in others)


def _compared(runs: Mapping[str, Run], wanted: str | None) -> dict[str, Any]:
    """Return means and comparisons by method, labelled RUN:METHOD.

    Raises:
        DataError: the runs have no metric, or fewer than two users, in common.
    """
    import pandas as pd

    from recval.recipes.summary import comparisons

    tables = {label: run.per_user() for label, run in runs.items()}
    metric = _metric_in_common(tables, wanted)
    users = _users_in_common(tables)
    labelled = [
        table.loc[table["user"].isin(users)].assign(method=f"{label}:" + table["method"])
        for label, table in tables.items()
    ]
    per_user = pd.concat(labelled, ignore_index=True)
    methods = list(dict.fromkeys(per_user["method"]))
    by_seed = per_user.groupby(["method", "seed"])[metric].mean()
    return {
        "metric": metric,
        "users": len(users),
        "baseline": methods[0],
        "methods": {
            method: {
                "mean": float(by_seed[method].mean()),
                "sd": float(by_seed[method].std()),
                "seeds": len(by_seed[method]),
            }
            for method in methods
        },
        "comparisons": comparisons(per_user, methods, metric),
    }


def _metric_in_common(tables: Mapping[str, pd.DataFrame], wanted: str | None) -> str:
    metrics = {label: [str(name) for name in table.columns if name not in _KEYS] for label, table in tables.items()}
    if wanted is not None:
        for label, names in metrics.items():
            if wanted not in names:
                raise DataError(f"the run {label}: {unknown('metric', wanted, names)}")
        return wanted
    first, *_ = metrics.values()
    common = [name for name in first if all(name in names for names in metrics.values())]
    if not common:
        listed = "; ".join(f"{label} has {', '.join(names)}" for label, names in metrics.items())
        raise DataError(f"the runs have no metric in common: {listed}")
    return common[0]


def _users_in_common(tables: Mapping[str, pd.DataFrame]) -> set[object]:
    users: set[object] = set.intersection(*(set(table["user"]) for table in tables.values()))
    if len(users) < 2:
        count = "one user" if users else "no user"
        raise DataError(f"the runs {', '.join(tables)} have {count} in common; a paired test needs at least two")
    return users


def _print(found: Mapping[str, Any]) -> None:
    rows = []
    for method, summary in found["methods"].items():
        test = found["comparisons"].get(method)
        tested = (
            (None,) * 4
            if test is None
            else (
                test["difference"],
                f"{test['ci_low']:+.4f} to {test['ci_high']:+.4f}",
                test["t_p_value_holm"],
                test["effect_size"],
            )
        )
        rows.append((method, summary["mean"], summary["sd"], summary["seeds"], *tested))
    show_table(
        ("method", found["metric"], "sd", "seeds", "difference", "95 % interval", "p (Holm)", "effect size"),
        rows,
        title=f"{found['users']:,} users in common; differences to {found['baseline']}",
    )
