"""`recval uplift target`: whom to treat with a given budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recval.cli.files import check_table
from recval.cli.output import show_facts, show_json
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.cli.uplift_parameters import TABLES, Costs, Limit, Margin, parse_costs

if TYPE_CHECKING:
    from recval.recipes.uplift.targeting import Plan

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval uplift target scored.parquet --cost 0.5 --budget 10000 --margin 0.4 --out plan.csv",
        'recval uplift target scored.csv --cost "Mens E-Mail=0.1" --cost "Womens E-Mail=0.2" --json',
    )
)
def target(
    scored: Annotated[Path, typer.Argument(metavar="SCORED", help="A file that recval uplift score wrote.")],
    cost: Costs = None,
    budget: Limit = None,
    margin: Margin = 1.0,
    out: Annotated[
        Path | None, typer.Option(help="Write the customers here, .csv or .parquet, with the column treat_with.")
    ] = None,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Choose whom to treat, and with what, so that the budget earns most.

    A customer is treated if the profit on what they would spend more exceeds the cost; where the budget does not reach
    for all of them, those come first who return most for their cost. What is promised rests on the predictions, which
    flatter those that they rank highest: the report of the run says what was measured.
    """
    if out is not None:
        check_table(out, force=force, endings=TABLES)
    costs = parse_costs(cost)
    with working("choosing"):
        from recval.declarations import validate
        from recval.recipes.uplift.targeting import plan_file
        from recval.uplift.targeting import Budget

        settings = validate({"cost": costs, "budget": budget, "margin": margin}, Budget)
        plan = plan_file(scored, settings, out)
    _show(plan, budget, out, json=json)


def _show(plan: Plan, budget: float | None, out: Path | None, *, json: bool) -> None:
    found = plan.targeting
    control, *treatments = plan.arms
    treated = {arm: plan.sizes[arm] for arm in treatments}
    if json:
        show_json(
            {
                "customers": len(found.arm),
                "treated": treated,
                "budget": budget,
                "spent": found.spent,
                "revenue": found.revenue,
                "interval": found.interval,
                "profit": found.profit,
                "marginal_return": found.marginal_return,
                "out": None if out is None else str(out),
            }
        )
        return
    ends = found.interval
    low_high = {} if ends is None else {"95 % interval, by the ensemble": f"{ends[0]:+,.2f} to {ends[1]:+,.2f}"}
    facts: dict[str, object] = {
        "customers": len(found.arm),
        **{f"treated with {arm}": number for arm, number in treated.items()},
        control: plan.sizes[control],
        "spent": f"{found.spent:,.2f}" + ("" if budget is None else f" of {budget:,.2f}"),
        "expected revenue": f"{found.revenue:+,.2f}",
        **low_high,
        "expected profit": f"{found.profit:+,.2f}",
        "margin of the next unit of budget": found.marginal_return,
    }
    show_facts(facts)
    if out is not None:
        typer.echo(out)
