"""`recval values`: what the training interactions of a run are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from recval.cli.files import check_table, write_interactions
from recval.cli.output import as_text, show_facts, show_json, show_table
from recval.cli.parameters import AsJson, Force, RunFolder, examples
from recval.cli.progress import working
from recval.errors import ConfigError

Method = Annotated[str | None, typer.Option(help="Whose values; by default the valuator of the recipe.")]

app = typer.Typer(no_args_is_help=True, help="What the training interactions of a run are worth.")


@app.command(epilog=examples("recval values top runs/dvr-ml100k", "recval values top runs/dvr-ml100k -n 50 --lowest"))
def top(
    run: RunFolder,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many to show.")] = 10,
    lowest: Annotated[bool, typer.Option("--lowest", help="Show the least valuable ones.")] = False,
    players: Annotated[
        bool, typer.Option("--players", help="Show users, items or groups instead, where these were valued.")
    ] = False,
    method: Method = None,
    json: AsJson = False,
) -> None:
    """Show the most, or least, valuable training interactions."""
    with working("reading the values"):
        from recval.cli.valued_run import ValuedRun

        valued = ValuedRun.open(run, method)
        rows = valued.top_players(count, lowest=lowest) if players else valued.top(count, lowest=lowest)
    if json:
        show_json(rows)
    else:
        show_values(rows)


@app.command(
    epilog=examples(
        "recval values drop runs/dvr-ml100k --fraction 0.1 --out cleaned.csv",
        "recval values drop runs/dvr-ml100k --fraction 0.05 --order highest --out without-best.parquet --force",
    )
)
def drop(
    run: RunFolder,
    fraction: Annotated[float, typer.Option(help="The share to drop, between 0 and 1.")],
    out: Annotated[Path, typer.Option(help="The file to write: .csv, .parquet or .json.")],
    order: Annotated[Literal["lowest", "highest"], typer.Option(help="What to drop first.")] = "lowest",
    method: Method = None,
    force: Force = False,
) -> None:
    """Write the training interactions without the least, or most, valuable ones."""
    if not 0 < fraction < 1:
        raise ConfigError(f"--fraction must be between 0 and 1, got {fraction:g}")
    check_table(out, force=force)
    with working("reading the data"):
        from recval.cli.valued_run import ValuedRun

        valued = ValuedRun.open(run, method)
        kept = valued.without(fraction, lowest=order == "lowest")
        write_interactions(out, kept)
    dropped = len(valued.values) - len(kept)
    typer.echo(f"{out}: {len(kept):,} training interactions, without the {dropped:,} of the {order} value")


@app.command(
    epilog=examples(
        "recval values explain runs/dvr-ml100k --user 196 --item 242",
        "recval values explain runs/dvr-ml100k --user 196 --item 242 --seed 3 --top 20 --json",
    )
)
def explain(
    run: RunFolder,
    user: Annotated[str, typer.Option(help="The user's id.")],
    item: Annotated[str, typer.Option(help="The item's id.")],
    method: Method = None,
    seed: Annotated[int | None, typer.Option(help="The training to look into; by default the first.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the other interactions to name.")] = 5,
    json: AsJson = False,
) -> None:
    """Show what is known of the value of one training interaction, and what made it."""
    with working("reading the run"):
        from recval.cli.valued_run import ValuedRun

        found = ValuedRun.open(run, method).explain(user, item, seed, top)
    if json:
        show_json(found)
        return
    show_facts(_sentences(found), title=f"user {found['user']}, item {found['item']}")
    if found["explanation"] is None:
        show_facts({"not explained": found["problem"]})
    else:
        _show_explanation(found["explanation"])


def show_values(rows: list[dict[str, Any]], title: str | None = None) -> None:
    """Print valued interactions, or other players."""
    show_table(list(rows[0]), [tuple(_shown(row).values()) for row in rows], title)


def _show_explanation(found: dict[str, Any]) -> None:
    batch = found["others"] + len(found["partners"]) + 1
    typer.echo(f"\nWhat made its value in one batch of {batch:,} interactions, with seed {found['seed']}:")
    company = [
        ("on its own", found["alone"]),
        *((f"with {_named(partner)}", partner["share"]) for partner in found["partners"]),
        (f"with {found['others']:,} others", found["others_share"]),
        ("value", found["value"]),
    ]
    show_table(("by company", "share"), company)
    inputs = [("an average sample", found["average"]), *found["inputs"].items(), ("value", found["value"])]
    show_table(("by what was observed", "share"), inputs)


def _named(partner: dict[str, Any]) -> str:
    title = f" ({partner['title']})" if partner["title"] else ""
    return f"user {partner['user']}, item {partner['item']}{title}"


_NUMBERS = ("rank", "value", "standard_error", "interactions")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its ids as text: numbers of people and things bear no separators."""
    return {name: cell if cell is None or name in _NUMBERS else str(cell) for name, cell in row.items()}


def _sentences(found: dict[str, Any]) -> dict[str, object]:
    facts: dict[str, object] = {
        "title": found["title"],
        "value": f"{as_text(found['value'])} (standard error {as_text(found['standard_error'])})",
        "rank": (
            f"{found['rank']:,} of {found['interactions']:,}; "
            f"worth more than {found['percentile']:.1f} % of the training interactions"
        ),
        "alone": found["alone"],
        "through company": found["company"],
        "user": f"{found['user_interactions']:,} training interactions, mean value {as_text(found['user_mean_value'])}",
        "item": f"{found['item_interactions']:,} training interactions, mean value {as_text(found['item_mean_value'])}",
        "by seed": ", ".join(f"{seed}: {as_text(value)}" for seed, value in found["by_seed"].items()),
        "player": _player(found["player"]) if "player" in found else None,
        **{f"seed {seed}": _facts(told) for seed, told in found.get("facts", {}).items()},
    }
    return {name: value for name, value in facts.items() if value is not None}


def _player(player: dict[str, Any]) -> str:
    """Return what a player is worth, and that its interactions share that."""
    told = ("value", "standard_error", "rank", "players", "interactions")
    identity = ", ".join(f"{name} {value}" for name, value in player.items() if name not in told)
    return (
        f"{identity}, worth {as_text(player['value'])} (standard error {as_text(player['standard_error'])}), "
        f"{player['rank']:,} of {player['players']:,}; its {player['interactions']:,} interactions share that equally"
    )


def _facts(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {as_text(value)}" for name, value in facts.items())
