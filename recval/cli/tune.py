"""`recval tune`: search for parameters of a model, or continue a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recval.cli.config_files import read_for
from recval.cli.output import show_table
from recval.cli.parameters import Cluster, Overrides, Quiet, Workers, examples, run_folder
from recval.cli.progress import continuable
from recval.cli.run import parse_overrides

if TYPE_CHECKING:
    from recval.recipes.search import Tuned

_SHOWN = 10

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval tune tune-bpr-ml100k",
        "recval tune tune-bpr-ml100k trials=40 space.training.learning_rate.high=0.05",
        "recval tune my-search.yaml --workers 4 --card my-models/BPR.yaml",
    )
)
def tune(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A search's name, or the path of a .yaml file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The search's folder; by default search/NAME.")] = None,
    card: Annotated[Path | None, typer.Option(help="A model card of one's own to write the winner into.")] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
) -> None:
    """Search for what does best on the validation part, or continue: trials that have ended are kept."""
    from recval.declarations import find

    path = find("configs", config)
    changes = parse_overrides(overrides or [])
    out = run_folder(out, Path("search") / path.stem, cluster)
    with continuable(out, quiet=quiet) as stage:
        from recval.backbones.card_file import read_own_card, write_tuned
        from recval.engine import executor_of
        from recval.recipes.search import Search
        from recval.recipes.search import tune as run_search

        search = read_for("tune", config, path, Search, changes)
        if card is not None:
            read_own_card(card, search.model.name)
        tuned = run_search(search, out, executor_of(workers, cluster), stage)
    _print(tuned)
    if card is not None:
        write_tuned(card, search.dataset, tuned.parameters, tuned.training)
    typer.echo(out / "best.json")


def _print(tuned: Tuned) -> None:
    """Print the best trials, what mattered, and what to write into the model's card."""
    from recval.backbones.card_file import as_entry

    keys = list(tuned.search.space.candidates)
    names = [key.partition(".")[2] for key in keys]
    columns = ["trial", tuned.search.training.monitor, "epochs", "seconds", *names]
    rows = [
        [trial.number, trial.value, trial.epochs, trial.seconds, *(trial.chosen[key] for key in keys)]
        for trial in tuned.ranked[:_SHOWN]
    ]
    count = len(tuned.trials)
    show_table(columns, rows, title=f"the best of {count} trials of {tuned.search.model.name}, on validation")
    if tuned.importances:
        show_table(("parameter", "importance"), list(tuned.importances.items()), title="what mattered")
    failed = [trial for trial in tuned.trials if trial.value is None]
    if failed:
        typer.echo(f"{len(failed)} trials failed, the first ({failed[0].number}) because: {failed[0].reason}\n")
    typer.echo("for the model card:\n")
    typer.echo(as_entry(tuned.search.dataset, tuned.parameters, tuned.training))
