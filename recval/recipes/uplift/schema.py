"""What an uplift recipe may say: customers, split, model, metrics, how they are measured, and whom to treat."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recval.declarations import Declaration, checked, distinct
from recval.recipes.splits import Seed
from recval.recipes.uplift.customers import AnyCustomers
from recval.recipes.uplift.evaluation import Evaluation
from recval.recipes.uplift.splits import CustomerSplit
from recval.uplift.settings import UpliftSettings
from recval.uplift.targeting import Budget

Seeds = Annotated[tuple[Seed, ...], Field(min_length=1), checked(distinct)]


class UpliftRecipe(Declaration):
    """An experiment with customers: whose response a treatment changes, and what it is worth to know that.

    Attributes:
        description: what it asks, for the reader of the report.
        customers: who was treated, and what came of it.
        split: what is held out to test on.
        model: the networks, and how they are trained.
        evaluation: what is measured on the customers held out.
        targeting: costs, budget and margin of the plan whom to treat; None: no plan.
        seeds: the seeds of the model, for each split.
    """

    description: str = ""
    customers: AnyCustomers
    split: CustomerSplit = CustomerSplit()
    model: UpliftSettings = UpliftSettings()
    evaluation: Evaluation = Evaluation()
    targeting: Budget | None = None
    seeds: Seeds = (0,)
