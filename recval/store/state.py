"""Training state on disk: nested dictionaries and lists of tensors, numbers and text, as one safetensors file.

The tensors become the file's tensors; the rest, with the places of the tensors, becomes JSON in its header.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recval.errors import RunError
from recval.store.files import read_tensors, write_tensors

_TENSOR = "__tensor__"
State = dict[str, Any]


def write_state(path: str | Path, state: State) -> None:
    """Write a state; keys must be text, leaves tensors, numbers, text, booleans or None.

    Raises:
        TypeError: a leaf or key is something else.
    """
    tensors: dict[str, Tensor] = {}
    structure = _without_tensors(state, tensors)
    write_tensors(path, tensors, {"state": json.dumps(structure)})


def read_state(path: str | Path) -> State:
    """Read a state that `write_state` wrote.

    Raises:
        RunError: the file is missing or damaged.
    """
    tensors, header = read_tensors(path)
    try:
        return _with_tensors(json.loads(header["state"]), tensors)
    except (KeyError, ValueError):
        raise RunError(f"{path} holds no training state, or a damaged one") from None


def _without_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {_TENSOR: name}
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"the keys of a state must be text, got {list(value)}")
        if _TENSOR in value:
            raise TypeError(f"the key {_TENSOR} marks the place of a tensor; a state cannot have it")
        return {key: _without_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_tensors(item, tensors) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"a state cannot hold a {type(value).__name__}")


def _with_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if set(value) == {_TENSOR}:
            return tensors[value[_TENSOR]]
        return {key: _with_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_tensors(item, tensors) for item in value]
    return value


def optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Return an optimizer's state with text keys, for `write_state`."""
    state = optimizer.state_dict()
    return {"state": {str(key): dict(value) for key, value in state["state"].items()}, "groups": state["param_groups"]}


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Restore what `optimizer_state` returned."""
    per_parameter = {int(key): value for key, value in state["state"].items()}
    optimizer.load_state_dict({"state": per_parameter, "param_groups": state["groups"]})
