"""Training that stops in the middle, as a kill would stop it."""

from __future__ import annotations

from recval.training import Callback


class Interrupted(Exception):  # noqa: N818
    """Training was stopped on purpose."""


class InterruptedAfter(Callback):
    """Stops training before an epoch.

    Args:
        epochs: how many epochs are completed; None for never.
    """

    def __init__(self, epochs: int | None) -> None:
        self._epochs = epochs

    def before_epoch(self, epoch: int) -> None:
        """Stop.

        Raises:
            Interrupted: it is time.
        """
        if epoch == self._epochs:
            raise Interrupted
