"""Samplers: which coalitions a round of Monte Carlo evaluates, and the unbiased estimate that follows."""

from typing import Annotated

from pydantic import Field

from recval.games.samplers.antithetic import Antithetic
from recval.games.samplers.leave_one_out import LeaveOneOutSampler
from recval.games.samplers.owen import Owen
from recval.games.samplers.permutation import Permutation
from recval.games.samplers.powerset import Powerset
from recval.games.samplers.reuse import Reuse
from recval.games.samplers.stratified import Stratified

AnySampler = Annotated[
    Permutation | Antithetic | Stratified | Owen | Reuse | Powerset | LeaveOneOutSampler, Field(discriminator="kind")
]
"""A sampler in a recipe."""

__all__ = [
    "Antithetic",
    "AnySampler",
    "LeaveOneOutSampler",
    "Owen",
    "Permutation",
    "Powerset",
    "Reuse",
    "Stratified",
]
