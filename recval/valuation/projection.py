"""The first layer of the sample encoder, without building what it looks at.

It is linear, so it can be taken apart by inputs: W [e_u; e_i; c] = W_u e_u + W_i e_i + W_c c. Where a batch is larger
than the table of all users, or of all items, the table is multiplied once, and the samples look up what is left of
their vectors: less work, and less memory by the ratio of the vectors' lengths.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from recval.adapter.observation import Observer
from recval.backbones import Backbone, Batch

Side = tuple[Tensor, Callable[[Tensor], Tensor]]
"""The codes of all users or items, and what gives their vectors."""
EMBEDDED = ("user", "item", "negative")
"""The inputs that are vectors of a user or an item."""


class Projection:
    """Multiplies the observations of samples by a matrix.

    Args:
        observer: observes the samples.
        backbone: whose vectors it observes.
    """

    def __init__(self, observer: Observer, backbone: Backbone) -> None:
        self._widths = observer.widths
        self._others = copy.copy(observer)
        self._others.inputs = tuple(name for name in observer.inputs if name not in EMBEDDED)
        device = next(backbone.parameters()).device
        users, items = (torch.arange(n, device=device) for n in (backbone.n_users, backbone.n_items))
        of_items: Side = (items, backbone.item_embeddings)
        self._sides: dict[str, Side] = {
            "user": (users, backbone.user_embeddings),
            "item": of_items,
            "negative": of_items,
        }

    @torch.no_grad()
    def __call__(self, weight: Tensor, batch: Batch, losses: Tensor) -> Tensor:
        """Return `observer(batch, losses) @ weight.T`, shape [B, out], up to rounding.

        Args:
            weight: shape [out, F].
            batch: the samples.
            losses: the loss of each sample, shape [B].
        """
        parts = dict(zip(self._widths, weight.T.split(list(self._widths.values())), strict=True))
        found = [self._vectors(name, getattr(batch, name), parts[name]) for name in parts if name in self._sides]
        if self._others.inputs:
            others = torch.cat([parts[name] for name in self._others.inputs])
            found.append(self._others(batch, losses) @ others)
        return reduce(Tensor.add_, found)

    def _vectors(self, name: str, codes: Tensor, part: Tensor) -> Tensor:
        """Return the vectors of users or items, multiplied by their part of the matrix, shape [B, out]."""
        everything, vectors = self._sides[name]
        if len(everything) < len(codes):
            return (vectors(everything).float() @ part).index_select(0, codes)
        return vectors(codes).float() @ part
