"""DVRL: data valuation by reinforcement learning, as a preset of DVR.

A network gives each sample a probability to be selected, one sample at a time; a selection is paid by how the measured
validation metric changes, and the network follows the policy gradient of that.

Source: Yoon, Arik and Pfister, "Data Valuation using Reinforcement Learning", ICML 2020 (arXiv 1909.11671), algorithm
1: selection, REINFORCE, and a moving average of earlier rewards as the baseline. Different from the authors' code: the
reward is the change over one step of the model, not the level that a model reaches that is trained on the selections;
the loss of a sample takes the place of the difference of its label from the prediction of a model trained on validation
data; probabilities are centred in the batch; no exploration threshold beyond the clipping of probabilities.

DVR adds to it: the values are those of a game of the batch, its worth is fitted to the reward, several selections of a
batch are compared with each other, and a reward with a gradient is not measured but differentiated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from recval.declarations import validate
from recval.rng import RandomSource
from recval.valuation.dvr import DVR
from recval.valuation.dvr_settings import DVRSettings

PRESET = {
    "reward": "ndcg@10",
    "inputs": ("user", "item", "loss"),
    "valuator": "mlp",
    "action": "selection",
    "rollouts": 1,
    "fit": 0.0,
    "hidden": (64,),
}
"""What DVRL sets otherwise than DVR."""


class DVRLSettings(DVRSettings):
    """The settings of DVRL: those of DVR, with the defaults of `PRESET`."""

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        return {**PRESET, **values} if isinstance(values, Mapping) else values


def dvrl(*, rng: RandomSource = 0, **settings: Any) -> DVR:
    """Return DVRL, a callback.

    Args:
        rng: all randomness derives from it; in recval's loop, from the loop's seed instead.
        **settings: see `DVRLSettings`.

    Raises:
        ConfigError: a setting is unknown or out of its range.
    """
    return DVR(rng=rng, **validate(settings, DVRLSettings).model_dump())
