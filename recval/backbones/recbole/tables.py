"""The tensors inside a RecBole model: its embedding tables, and what it keeps outside of parameters and buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

Side = Literal["user", "item"]

_COUNTERS = ("update", "update_count", "update_count_vae", "Lt_count", "Lt_history")
"""Attributes in which auto-encoders and diffusion models remember how far their training is."""


def keep_counters(model: nn.Module) -> None:
    """Make the counters of a model part of its state, so that a resumed training goes on from them."""
    for name in _COUNTERS:
        if name in vars(model):
            value = torch.as_tensor(model.__dict__.pop(name))
            model.register_buffer(name, value)


def embedding_tables(model: nn.Module, side: Side, n_users: int, n_items: int) -> list[nn.Embedding]:
    """Return the tables with a row for each user, or for each item; by name where the two numbers are equal."""
    rows = {"user": n_users + 1, "item": n_items + 1}[side]
    return [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and module.num_embeddings == rows and (n_users != n_items or side in name)
    ]


def convert_loose_tensors(model: nn.Module, fn: Callable[[Tensor], Tensor]) -> None:
    """Convert or move the graphs and histories that RecBole keeps as plain attributes."""
    device = next(model.parameters()).device
    for module in model.modules():
        attributes = vars(module)
        attributes.update({name: _converted(value, fn) for name, value in attributes.items()})
        if "device" in attributes:
            attributes["device"] = device


def _converted(value: Any, fn: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
        return fn(value)
    if type(value) in (list, tuple):
        return type(value)(_converted(element, fn) for element in value)
    if type(value).__module__ == "recbole.data.interaction":
        return type(value)({name: fn(column) for name, column in value.interaction.items()})
    return value
