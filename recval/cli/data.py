"""`recval data`: the data sets that recipes may name, and files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recval.cli.files import check_table, write_interactions
from recval.cli.output import as_text, show_facts, show_json, show_table
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.errors import ConfigError

if TYPE_CHECKING:
    from recval.data import DatasetCard, DataSource

app = typer.Typer(no_args_is_help=True, help="The data sets that recipes may name, and files of one's own.")

Source = Annotated[
    str,
    typer.Argument(
        metavar="NAME_OR_FILE",
        help="A name of recval data list; or a .csv, .tsv, .parquet or .inter file, or a folder of atomic files.",
    ),
]
User = Annotated[str | None, typer.Option(help="The column of users, where it is not the usual one.")]
Item = Annotated[str | None, typer.Option(help="The column of items.")]
Rating = Annotated[str | None, typer.Option(help="The column of ratings.")]
Time = Annotated[str | None, typer.Option(help="The column of times.")]
Separator = Annotated[str | None, typer.Option(help="What separates the columns of a CSV file, if no comma.")]


@app.command("list", epilog=examples("recval data list", "recval data list --json"))
def list_datasets(json: AsJson = False) -> None:
    """List the data sets that recval knows."""
    with working("reading the cards"):
        from recval.data import datasets

        rows = [_summary(card) for card in datasets().values()]
    if json:
        show_json(rows)
    else:
        show_table(list(rows[0]), [tuple(row.values()) for row in rows])


@app.command(
    epilog=examples("recval data describe ml-100k", "recval data describe ratings.csv --user uid --item iid --json")
)
def describe(
    source: Source,
    user: User = None,
    item: Item = None,
    rating: Rating = None,
    time: Time = None,
    separator: Separator = None,
    json: AsJson = False,
) -> None:
    """Show how large a data set is, and how its interactions are spread."""
    with working("reading the data"):
        from recval.cli.description import describe as described

        found = described(_find(source, separator, user=user, item=item, rating=rating, time=time))
    if json:
        show_json(found)
    else:
        show_facts(_sentences(found), title=source)


@app.command(
    epilog=examples(
        "recval data convert ml-100k --out ml-100k.parquet",
        "recval data convert ratings.csv --user uid --item iid --out ratings.parquet",
    )
)
def convert(
    source: Source,
    out: Annotated[Path, typer.Option(help="The file to write: .csv or .parquet.")],
    user: User = None,
    item: Item = None,
    rating: Rating = None,
    time: Time = None,
    separator: Separator = None,
    force: Force = False,
) -> None:
    """Write interactions as CSV or Parquet, with their own ids.

    Columns that play a role are named by it: user, item, rating, time, label.
    What atomic files know of users and items is left behind.
    """
    check_table(out, force=force)
    with working("converting"):
        interactions = _find(source, separator, user=user, item=item, rating=rating, time=time).load()
        write_interactions(out, interactions)
    typer.echo(f"{out}: {len(interactions):,} interactions")


def _find(name: str, separator: str | None, **columns: str | None) -> DatasetCard | DataSource:
    """Return the card of a data set, or a file as the source of one.

    Raises:
        ConfigError: there is no such data set, or columns are named although its card names them.
    """
    from recval.data import DataSource, dataset_card
    from recval.declarations import shipped, validate

    path = Path(name)
    is_file = path.exists() or path.suffix in (".csv", ".tsv", ".parquet", ".inter")
    named = {role: column for role, column in columns.items() if column is not None}
    if name in shipped("datasets") or path.suffix in (".yaml", ".yml") or not is_file:
        card = dataset_card(name)
        if named or separator is not None:
            raise ConfigError(f"the card of {card.name} says how to read it; name columns and separator for files only")
        return card
    separator = separator or ("\t" if path.suffix == ".tsv" else ",")
    return validate({"path": name, "columns": named, "separator": separator}, DataSource)


def _summary(card: DatasetCard) -> dict[str, Any]:
    return {"name": card.name, "title": card.title, **card.sizes.model_dump(), "origin": card.origin}


def _sentences(found: dict[str, Any]) -> dict[str, object]:
    facts = {name: found[name] for name in ("users", "items", "interactions")}
    facts["density"] = f"{100 * found['density']:.3g} %"
    for role in ("user", "item"):
        facts[f"per {role}"] = ", ".join(f"{name} {as_text(value)}" for name, value in found[f"per_{role}"].items())
    if "time" in found:
        facts["time"] = f"{found['time']['first']} to {found['time']['last']}"
    if "rating" in found:
        facts["rating"] = ", ".join(f"{name}: {as_text(value)}" for name, value in found["rating"].items())
    facts["columns"] = ", ".join(found["columns"])
    facts["sha256"] = found["sha256"]
    return facts
