"""The first layer of the sample encoder, without building what it looks at.

It is linear, so it can be taken apart by inputs: W [e_u; c_u; e_i; l] = W_e e_u + W_c c_u + W_f e_i + W_l l. What is
observed of a user, or of an item, is the same in all of their samples. Where a batch is larger than the number of all
users, or of all items, each of them is multiplied once, and the samples look up the products: less work, and less
memory by the ratio of the lengths.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from recval.adapter.observation import Input, Observer
from recval.backbones import Backbone, Batch

Column = Literal["user", "item", "negative"]
"""A column of a batch that holds the codes of users or of items."""


class Projection:
    """Multiplies the observations of samples by a matrix.

    Args:
        observer: observes the samples.
        backbone: whose vectors it observes.
    """

    def __init__(self, observer: Observer, backbone: Backbone) -> None:
        device = next(backbone.parameters()).device
        users, items = (torch.arange(n, device=device) for n in (backbone.n_users, backbone.n_items))
        sides = [
            _Side("user", users, backbone.user_embeddings, observer),
            _Side("item", items, backbone.item_embeddings, observer),
            _Side("negative", items, backbone.item_embeddings, observer),
        ]
        self._sides = [side for side in sides if side.inputs]
        self._others = _part(observer, None)
        inputs = [name for side in self._sides for name in side.inputs] + list(self._others.inputs)
        widths = observer.widths
        places = dict(zip(widths, torch.arange(sum(widths.values())).split(list(widths.values())), strict=True))
        self._order = torch.cat([places[name] for name in inputs]).to(device)
        self._lengths = [sum(len(places[name]) for name in side.inputs) for side in self._sides]

    @torch.no_grad()
    def __call__(self, weight: Tensor, batch: Batch, losses: Tensor) -> Tensor:
        """Return `observer(batch, losses) @ weight.T`, shape [B, out], up to rounding.

        Args:
            weight: shape [out, F].
            batch: the samples.
            losses: the loss of each sample, shape [B].
        """
        rows = weight.T.index_select(0, self._order)
        *parts, rest = rows.split([*self._lengths, len(rows) - sum(self._lengths)])
        found = [side(getattr(batch, side.column), part) for side, part in zip(self._sides, parts, strict=True)]
        if self._others.inputs:
            found.append(self._others(batch, losses) @ rest)
        return reduce(Tensor.add_, found)


class _Side:
    """What is observed of the users, of the items or of the negative items of samples, multiplied.

    Args:
        column: where a batch has their codes.
        codes: those of all users or items.
        vectors: gives their vectors.
        observer: observes the samples.

    Attributes:
        column: the column.
        inputs: what is observed, the vectors first.
    """

    def __init__(self, column: Column, codes: Tensor, vectors: Callable[[Tensor], Tensor], observer: Observer) -> None:
        self.column = column
        self._codes, self._vectors = codes, vectors
        constants = _part(observer, column)
        self._has_vectors = column in constants.inputs
        constants.inputs = tuple(name for name in constants.inputs if name != column)
        self.inputs = (column,) * self._has_vectors + constants.inputs
        self._constants = None
        if constants.inputs:
            self._constants = constants(Batch(codes, codes, codes, codes), codes)

    def __call__(self, codes: Tensor, weight: Tensor) -> Tensor:
        """Return the products of their observations, shape [B, out].

        Args:
            codes: the codes of the samples' users or items, shape [B].
            weight: shape [F, out].
        """
        if len(self._codes) < len(codes):
            return self._products(self._codes, self._constants, weight).index_select(0, codes)
        constants = None if self._constants is None else self._constants.index_select(0, codes)
        return self._products(codes, constants, weight)

    def _products(self, codes: Tensor, constants: Tensor | None, weight: Tensor) -> Tensor:
        if not self._has_vectors:
            assert constants is not None
            return constants @ weight
        vectors = self._vectors(codes).float()
        length = vectors.shape[1]
        found = vectors @ weight[:length]
        return found if constants is None else found.addmm_(constants, weight[length:])


def _part(observer: Observer, column: Column | None) -> Observer:
    """Return an observer of those inputs only that are functions of one column; of the whole sample, without one."""
    found = copy.copy(observer)
    found.inputs = tuple(name for name in observer.inputs if _column(name) == column)
    return found


def _column(name: Input) -> Column | None:
    """Return the column that an input is a function of; None where it takes the whole sample."""
    match name.partition("[")[0]:
        case "user" | "activity" | "held-out":
            return "user"
        case "item" | "popularity":
            return "item"
        case "negative":
            return "negative"
        case _:
            return None
