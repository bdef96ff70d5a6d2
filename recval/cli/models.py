"""`recval models`: the recommenders that recipes may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from recval.cli.output import as_text, show_facts, show_json, show_table
from recval.cli.parameters import AsJson, examples
from recval.cli.progress import working

if TYPE_CHECKING:
    from recval.backbones.cards import Figures, ModelCard

app = typer.Typer(no_args_is_help=True, help="The recommenders that recipes may name.")


@app.command("list", epilog=examples("recval models list", "recval models list --json"))
def list_models(json: AsJson = False) -> None:
    """List all recommenders: whose they are, of which family, and which have a card."""
    with working("reading the cards"):
        from recval.backbones import MODELS, models, recbole
        from recval.backbones.build import PREFIX
        from recval.backbones.cards import model_cards

        cards = model_cards()
        rows = []
        for name in models():
            card = cards.get(name)
            family = None if name in MODELS else recbole.family_of(name.removeprefix(PREFIX))
            rows.append(
                {
                    "name": name,
                    "source": "recval" if name in MODELS else "RecBole",
                    "family": family or (card.family if card else None),
                    "card": card is not None,
                    "title": card.title if card else None,
                }
            )
    if json:
        show_json(rows)
    else:
        show_table(list(rows[0]), [tuple(row.values()) for row in rows])


@app.command(epilog=examples("recval models table > table.md", "recval models table BPR SASRec"))
def table(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="RecBole's models; all by default.")
    ] = None,
) -> None:
    """Print as Markdown what each of RecBole's models can be used for, found by building it."""
    with working("building each model on a few interactions"):
        from recval.backbones.recbole.survey import markdown, survey

        found = markdown(survey(names or None))
    typer.echo(found, nl=False)


@app.command(epilog=examples("recval models show LightGCN", "recval models show EASE --json"))
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of recval models list.")], json: AsJson = False
) -> None:
    """Show the card of a model, and the parameters that a recipe may set."""
    with working("reading the card"):
        from recval.backbones import default_parameters
        from recval.backbones.cards import model_cards

        defaults = default_parameters(name)
        card = model_cards().get(name)
    if json:
        shown = {"name": name} if card is None else card.model_dump(mode="json")
        show_json({**shown, "defaults": defaults})
        return
    _print_card(name, card)
    _print_parameters("defaults", defaults)
    for dataset, parameters in (card.parameters if card else {}).items():
        _print_parameters(f"tuned on {dataset}", parameters)
    for dataset, settings in (card.training if card else {}).items():
        _print_parameters(f"training tuned on {dataset}", settings)
    if card is not None:
        _print_figures("published figures", [(figures, figures.source) for figures in card.published])
        _print_figures("measured figures", [(figures, figures.command) for figures in card.measured])


def _print_card(name: str, card: ModelCard | None) -> None:
    if card is None:
        typer.echo(f"{name} has no card; RecBole describes it\n")
        return
    facts = {"family": card.family, "paper": card.paper, "description": card.description}
    show_facts({key: value for key, value in facts.items() if value}, title=f"{name}: {card.title}")


def _print_parameters(title: str, parameters: Mapping[str, object]) -> None:
    rows = [(key, str(value)) for key, value in parameters.items()]
    if rows:
        show_table(("parameter", "value"), rows, title=title)


def _print_figures(title: str, found: list[tuple[Figures, str]]) -> None:
    rows = [
        (
            figures.dataset,
            ", ".join(f"{name} {as_text(value)}" for name, value in figures.metrics.items()),
            figures.setting,
            origin,
        )
        for figures, origin in found
    ]
    if rows:
        show_table(("data set", "figures", "setting", "source"), rows, title=title)
