"""What changes with the steps of training: how many of them are done."""

from __future__ import annotations

from typing import Any

from recval.training import Loop
from recval.valuation.weightings.loss_values import LossValued


class PacedLoss(LossValued):
    """Base of callbacks that weigh by losses, and otherwise as training goes on."""

    _done = 0

    def before_fit(self, loop: Loop) -> None:
        """Begin anew."""
        super().before_fit(loop)
        self._done = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps done."""
        return {"done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the number of steps done."""
        self._done = state["done"]
