"""What is measured of a model of uplift: the settings of `recval.recipes.uplift.evaluate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recval.declarations import Declaration, checked, distinct
from recval.recipes.splits import Seed
from recval.uplift.effects.propensity import AnyPropensity
from recval.uplift.metrics import check_metric


class Evaluation(Declaration):
    """What is measured, and how exactly.

    Attributes:
        metrics: by name, see `recval.uplift.metrics.measuring`; the first is the one that sentences speak of.
        top: the share of customers whose gain is told.
        propensity: how the chance of each treatment is estimated; None: the known one, else the arms' shares, which is
            right where treatment was given at random.
        resamples: of each bootstrap interval.
        rankings: random ones, for each band.
        seed: the seed of all draws.
    """

    metrics: Annotated[tuple[Annotated[str, checked(check_metric)], ...], Field(min_length=1), checked(distinct)] = (
        "auuc",
        "qini",
        "krcc",
        "lift@30",
        "euce",
    )
    top: float = Field(0.3, gt=0, lt=1)
    propensity: AnyPropensity | None = None
    resamples: int = Field(200, ge=2)
    rankings: int = Field(500, ge=1)
    seed: Seed = 0
