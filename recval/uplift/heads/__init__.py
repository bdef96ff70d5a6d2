"""Heads: what the raw numbers of a network mean, how likely a response is, and what is expected.

| kind | distribution of a response | raw numbers | choose it for |
|---|---|---|---|
| `mse` | the mean alone | 1 | responses of any sign; a baseline |
| `ziln` | zero, or lognormal | 3 | revenue with a heavy tail; the default |
| `hurdle` | zero, or gamma | 3 | revenue with a lighter tail |
| `tweedie` | a Poisson number of gamma purchases | 1 | revenue where rate and size move together |
"""

from typing import Annotated

from pydantic import Field

from recval.uplift.heads.base import Head, Limits
from recval.uplift.heads.hurdle import Hurdle
from recval.uplift.heads.mse import MSE
from recval.uplift.heads.tweedie import Tweedie
from recval.uplift.heads.ziln import ZILN

AnyHead = Annotated[MSE | ZILN | Hurdle | Tweedie, Field(discriminator="kind")]
"""A head in a recipe."""

__all__ = ["MSE", "ZILN", "AnyHead", "Head", "Hurdle", "Limits", "Tweedie"]
