"""The propagated embeddings that RecBole's graph models keep between scorings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Caches:
    """What a model keeps between scorings, and the parameters that it was computed from.

    Args:
        model: a RecBole model that has not scored yet.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        kept = getattr(model, "other_parameter_name", [])
        self._names = [name for name in kept if getattr(model, name) is None]
        self._kept_for: list[Tensor] = []

    def drop(self) -> None:
        """Forget what is kept."""
        for name in self._names:
            setattr(self._model, name, None)
        self._kept_for = []

    def drop_stale(self) -> None:
        """Forget what is kept, unless nothing has changed since.

        The parameters themselves are compared: neither their versions nor their addresses tell of every way of
        writing to them. Dropout makes what was kept while training useless.
        """
        if not self._names:
            return
        now = [parameter.detach() for parameter in self._model.parameters()]
        if self._model.training or not self._kept_for or not all(map(torch.equal, now, self._kept_for)):
            self.drop()
            self._kept_for = [] if self._model.training else [parameter.clone() for parameter in now]
