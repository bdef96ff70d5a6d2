"""The valuators' networks: games of the samples of a batch, each with exact Shapley values.

- `HarsanyiESP` ("harsanyi_esp"): coalitions of a few samples, in any order and number; the default.
- `HarsanyiSlots` ("harsanyi_slots"): the paper's, over the positions of a batch.
- `Additive` ("mlp"): each sample for itself.
"""

from __future__ import annotations

from typing import Literal

from recval.errors import ConfigError, unknown
from recval.valuation.networks.additive import Additive
from recval.valuation.networks.base import BatchGame
from recval.valuation.networks.harsanyi_esp import HarsanyiESP
from recval.valuation.networks.harsanyi_slots import HarsanyiSlots

Kind = Literal["harsanyi_esp", "harsanyi_slots", "mlp"]


def build_game(kind: Kind, features: int, *, channels: int = 4, order: int = 2, slots: int | None = None) -> BatchGame:
    """Return a new network.

    Args:
        kind: which one.
        features: length of a sample's feature vector.
        channels: see `HarsanyiESP`; the others have none.
        order: see `HarsanyiESP`; the others have none.
        slots: see `HarsanyiSlots`; the others take batches of any size.

    Raises:
        ConfigError: the kind is unknown, or it needs slots and is not told how many.
    """
    match kind:
        case "harsanyi_esp":
            return HarsanyiESP(features, channels, order)
        case "harsanyi_slots":
            if slots is None:
                raise ConfigError("the valuator 'harsanyi_slots' needs slots: the size of the largest batch")
            return HarsanyiSlots(features, slots)
        case "mlp":
            return Additive(features)
        case _:
            raise ConfigError(unknown("valuator", kind, ["harsanyi_esp", "harsanyi_slots", "mlp"]))


__all__ = ["Additive", "BatchGame", "HarsanyiESP", "HarsanyiSlots", "Kind", "build_game"]
