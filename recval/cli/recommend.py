"""`recval recommend`: the best items for users, by a model that a run trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recval.cli.files import check_table, write_frame
from recval.cli.output import show_table
from recval.cli.parameters import Force, RunFolder, examples
from recval.cli.progress import working

if TYPE_CHECKING:
    import pandas as pd

    from recval.recipes.trained import TrainedModel

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval recommend runs/dvr-ml100k --user 196 --user 186",
        "recval recommend runs/dvr-ml100k --method DVR --seed 3 -k 20 --out recommendations.parquet",
        "recval recommend runs/dvr-ml100k --method EASE --histories new-users.csv --out recommendations.csv",
    )
)
def recommend(
    run: RunFolder,
    users: Annotated[list[str] | None, typer.Option("--user", help="A user's id; by default all.")] = None,
    count: Annotated[int, typer.Option("--count", "-k", min=1, help="Items a user.")] = 10,
    method: Annotated[str | None, typer.Option(help="A method or reference of the run; by default the first.")] = None,
    seed: Annotated[int | None, typer.Option(help="The seed it was trained with; by default the first.")] = None,
    histories: Annotated[
        Path | None, typer.Option(help="Interactions of new users (.csv, .parquet) with the columns user and item.")
    ] = None,
    include_seen: Annotated[bool, typer.Option("--include-seen", help="Recommend known items, too.")] = False,
    out: Annotated[Path | None, typer.Option(help="The file to write: .csv, .parquet or .json.")] = None,
    force: Force = False,
) -> None:
    """Recommend items to users of the data, or to new ones by what they did."""
    if out is not None:
        check_table(out, force=force)
    with working("reading the model"):
        from recval.recipes.trained import TrainedModel

        model = TrainedModel.open(run, method, seed)
        found = _recommended(model, users, histories, count, exclude_seen=not include_seen)
    if out is None:
        show_table(list(found.columns), [tuple(row) for row in found.astype({"user": str, "item": str}).to_numpy()])
    else:
        write_frame(out, found)
        typer.echo(f"{out}: {len(found):,} recommendations for {found['user'].nunique():,} users")


def _recommended(
    model: TrainedModel, users: list[str] | None, histories: Path | None, count: int, *, exclude_seen: bool
) -> pd.DataFrame:
    from recval.data import load
    from recval.errors import ConfigError
    from recval.recipes.recommending import recommend as recommend_known
    from recval.recipes.recommending import recommend_to_new

    if histories is None:
        return recommend_known(model.backbone, model.split, users, count, exclude_seen=exclude_seen)
    if users is not None:
        raise ConfigError("--user names users of the run's data, --histories brings users of its own; give one of them")
    return recommend_to_new(model.backbone, model.split, load(histories), count, exclude_seen=exclude_seen)
