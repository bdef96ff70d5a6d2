"""Callbacks: what may look into training, choose its samples, and change what each one weighs.

A valuator that works inside training is one. Every hook does nothing by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.declarations import Declaration

if TYPE_CHECKING:
    from recval.training.loop import Loop


class Callback:
    """Hooks into the training loop, in the order in which they are called.

    Settings, which are public attributes that are numbers, text, declarations or other callbacks, tell a callback from
    others of its type: a checkpoint is continued with the same settings only.
    """

    def check(self, backbone: Backbone, split: Split) -> None:
        """Called before a recipe is run, to refuse by a `RecvalError` what cannot work; it must be quick.

        Args:
            backbone: the model, built on a few training interactions of the split.
            split: what will be trained and validated on.
        """

    def before_fit(self, loop: Loop) -> None:
        """Called once, with the loop that will train; `loop.backbone`, `loop.split` and `loop.seed` are set."""

    def before_epoch(self, epoch: int) -> None:
        """Called before epoch `epoch` (from 0); randomness of the epoch is to be derived from the seed and it."""

    def resample(self, batch: Batch) -> Batch:
        """Return the samples to train on in place of these; by default the same. Several callbacks follow each other.

        Args:
            batch: the samples that are due, each of another training interaction. What is returned is one at least; a
                sample's `row` is that of its own positive, so that a row may come several times, or not at all.
        """
        return batch

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor | None:
        """Return the weight of each sample, shape [B], without a graph; None for equal weights.

        Args:
            batch: the samples.
            losses: the loss of each sample, shape [B]; attached to the backbone's parameters, unless the backbone takes
                its steps itself (`recval.backbones.SelfTraining`).
        """
        return None

    def after_step(self) -> None:
        """Called after the parameters changed."""

    def after_epoch(self, epoch: int) -> None:
        """Called after the last step of epoch `epoch`."""

    def after_validation(self, epoch: int, metrics: dict[str, float]) -> None:
        """Called with the validation metrics, unrounded."""

    def after_fit(self) -> None:
        """Called once at the end, with the parameters of the best epoch restored."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs: nested dictionaries of tensors, numbers and text."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; called after `before_fit`."""


def described(callback: Callback) -> dict[str, Any]:
    """Return the type and the settings of a callback."""
    found: dict[str, Any] = {"type": type(callback).__name__}
    for name, value in vars(callback).items():
        if name.startswith("_"):
            continue
        if isinstance(value, Declaration):
            found[name] = value.model_dump(mode="json")
        elif isinstance(value, Callback):
            found[name] = described(value)
        elif isinstance(value, str | int | float):
            found[name] = value
    return found
