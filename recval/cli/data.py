"""`recval data`: the data sets that recipes may name, and files of one's own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recval.cli.files import check_table, write_interactions
from recval.cli.output import as_text, show_facts, show_json, show_table
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.errors import ConfigError

if TYPE_CHECKING:
    from recval.data import CustomersCard, DatasetCard, DataSource

app = typer.Typer(no_args_is_help=True, help="The data sets that recipes may name, and files of one's own.")
cache_app = typer.Typer(no_args_is_help=True, help="What was read from text once, kept to be read fast.")
app.add_typer(cache_app, name="cache")

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
Header = Annotated[str | None, typer.Option(help="The columns of a CSV file without a header: user,item,rating.")]
Reader = Annotated[str | None, typer.Option(help="The format, where the ending does not say it: adjacency, csv, …")]


@app.command("list", epilog=examples("recval data list", "recval data list --json"))
def list_datasets(json: AsJson = False) -> None:
    """List the data sets that recval knows."""
    with working("reading the cards"):
        from recval.data import known_cards

        rows = [_summary(card) for card in known_cards().values()]
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
    header: Header = None,
    reader: Reader = None,
    json: AsJson = False,
) -> None:
    """Show how large a data set is, and how its interactions, or its customers' responses, are spread."""
    with working("reading the data"):
        from recval.cli.description import describe as described

        how = {"separator": separator, "header": header, "reader": reader}
        found = described(_find(source, how, user=user, item=item, rating=rating, time=time))
    if json:
        show_json(found)
    else:
        show_facts(_sentences(found), title=source)


@app.command(
    epilog=examples(
        "recval data convert ml-100k --out ml-100k.parquet",
        "recval data convert ratings.csv --user uid --item iid --out ratings.parquet",
        "recval data convert train.txt --reader adjacency --out train.parquet",
    )
)
def convert(
    source: Source,
    out: Annotated[Path, typer.Option(help="The file to write: .csv, .parquet or .json.")],
    user: User = None,
    item: Item = None,
    rating: Rating = None,
    time: Time = None,
    separator: Separator = None,
    header: Header = None,
    reader: Reader = None,
    force: Force = False,
) -> None:
    """Write interactions, those of all parts of a data set, as CSV, Parquet or JSON, with their own ids.

    Columns that play a role are named by it: user, item, rating, time, label.
    What atomic files know of users and items is left behind.
    """
    check_table(out, force=force)
    with working("converting"):
        from recval.data import CustomersCard

        how = {"separator": separator, "header": header, "reader": reader}
        found = _find(source, how, user=user, item=item, rating=rating, time=time)
        if isinstance(found, CustomersCard):
            raise ConfigError(f"{found.name} is a table of customers; only interactions are converted")
        interactions = found.load()
        write_interactions(out, interactions)
    typer.echo(f"{out}: {len(interactions):,} interactions")


@cache_app.command("list", epilog=examples("recval data cache list", "recval data cache list --json"))
def list_cache(json: AsJson = False) -> None:
    """List what is in the cache: the folder that RECVAL_CACHE names, else the user's folder for caches."""
    from recval.data import cache

    rows = [{**asdict(entry), "path": str(entry.path)} for entry in cache.entries()]
    if json:
        show_json(rows)
    else:
        show_table(
            ("source", "interactions", "bytes"), [(row["source"], row["interactions"], row["size"]) for row in rows]
        )


@cache_app.command("clear", epilog=examples("recval data cache clear"))
def clear_cache() -> None:
    """Empty the cache; what is read next is read from its text."""
    from recval.data import cache

    typer.echo(f"entries removed: {cache.clear()}")


def _find(name: str, how: dict[str, str | None], **columns: str | None) -> DatasetCard | CustomersCard | DataSource:
    """Return the card of a data set, or a file as the source of one.

    Raises:
        ConfigError: there is no such data set, or it is said how to read it although its card says so.
    """
    from recval.data import known_card
    from recval.data.sources import ending, source_of
    from recval.declarations import shipped

    path = Path(name)
    settings: dict[str, Any] = {key: value for key, value in how.items() if value is not None}
    is_file = path.exists() or ending(name) is not None or "reader" in settings
    named = {role: column for role, column in columns.items() if column is not None}
    if name in shipped("datasets") or path.suffix in (".yaml", ".yml") or not is_file:
        card = known_card(name)
        if named or settings:
            raise ConfigError(f"the card of {card.name} says how to read it; say so for files only")
        return card
    if "header" in settings:
        settings["header"] = settings["header"].split(",")
    return source_of(name, columns=named, **settings)


def _summary(card: DatasetCard | CustomersCard) -> dict[str, Any]:
    """Return what is known of a data set; what does not exist for its kind is None."""
    sizes = dict.fromkeys(("users", "items", "interactions", "customers", "split"))
    if card.kind == "customers":
        sizes["customers"] = sum(card.arms.values())
    else:
        sizes |= {**card.sizes.model_dump(), "split": card.split is not None}
    return {"name": card.name, "title": card.title, **sizes, "origin": card.origin}


def _sentences(found: dict[str, Any]) -> dict[str, object]:
    if "customers" in found:
        return _customers_sentences(found)
    facts = {name: found[name] for name in ("users", "items", "interactions")}
    facts["density"] = f"{100 * found['density']:.3g} %"
    for role in ("user", "item"):
        facts[f"per {role}"] = ", ".join(f"{name} {as_text(value)}" for name, value in found[f"per_{role}"].items())
    if "time" in found:
        facts["time"] = f"{found['time']['first']} to {found['time']['last']}"
    if "rating" in found:
        facts["rating"] = ", ".join(f"{name}: {as_text(value)}" for name, value in found["rating"].items())
    for name in ("split", "knowledge"):
        if name in found:
            facts[name] = ", ".join(f"{part} {as_text(size)}" for part, size in found[name].items())
    facts["columns"] = ", ".join(found["columns"])
    facts["sha256"] = found["sha256"]
    return facts


def _customers_sentences(found: dict[str, Any]) -> dict[str, object]:
    arms = ", ".join(f"{name} {as_text(size)}" for name, size in found["arms"].items())
    facts = {"customers": found["customers"], "arms": f"{arms} (the first is the control)"}
    for name, response in found["responses"].items():
        means = ", ".join(f"{arm} {as_text(mean)}" for arm, mean in response["mean"].items())
        facts[name] = f"{100 * response['positive']:.3g} % positive; mean: {means}"
    return {**facts, "features": ", ".join(found["features"]), "sha256": found["sha256"]}
