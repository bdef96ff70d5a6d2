"""Writes what was tuned into a model card of one's own, and leaves the rest of the file as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from recval.backbones.cards import ModelCard
from recval.declarations import read
from recval.errors import ConfigError
from recval.store.files import replacing


def read_own_card(path: str | Path, model: str) -> ModelCard:
    """Return the card in a file, after checking that it is one of the model.

    Raises:
        ConfigError: there is no such file, it is malformed, or it is the card of another model.
    """
    if not Path(path).is_file():
        raise ConfigError(f"there is no card {path}; begin with name, family, title and description of {model}")
    card = read(Path(path), ModelCard)
    if card.name != model:
        raise ConfigError(f"{path} is the card of {card.name}, expected that of {model}")
    return card


def as_entry(dataset: str, parameters: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """Return what was tuned on a data set as the YAML that a model card keeps; no training settings, no section."""
    sections = {"parameters": parameters, "training": training}
    return "".join(_section(name, {dataset: values}) for name, values in sections.items() if values)


def write_tuned(path: str | Path, dataset: str, parameters: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    """Write what was tuned on a data set into a card; other data sets, other keys and their comments stay.

    Args:
        path: the card.
        dataset: the data set that it was tuned on.
        parameters: parameters of the model.
        training: settings of its training.

    Raises:
        ConfigError: the file is not a card.
        RunError: the file cannot be written.
    """
    path = Path(path)
    card = read(path, ModelCard)
    text = path.read_bytes().decode("utf8")
    for name, kept, tuned in (("parameters", card.parameters, parameters), ("training", card.training, training)):
        values = {other: settings for other, settings in kept.items() if other != dataset}
        if tuned:
            values[dataset] = dict(tuned)
        if values != kept:
            text = _with_section(path, text, name, values)
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf8"))
        read(temporary, ModelCard)


def _with_section(path: Path, text: str, name: str, values: Mapping[str, Any]) -> str:
    """Return the text of a card with the lines of a top-level key replaced, or added before the figures."""
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    if root.flow_style:
        raise ConfigError(f"{path}: write the card with a key on each line, so that a section can be replaced")
    lines = text.splitlines(keepends=True)
    starts = {key.value: key.start_mark.line for key, _ in root.value}
    following = [line for line in starts.values() if line > starts.get(name, len(lines))]
    if name in starts:
        first, end = starts[name], min(following, default=len(lines))
        while end > first + 1 and (lines[end - 1].isspace() or lines[end - 1].startswith("#")):
            end -= 1
    else:
        first = end = min((starts[key] for key in ("published", "measured") if key in starts), default=len(lines))
    if first and not lines[first - 1].endswith("\n"):
        lines[first - 1] += "\n"
    return "".join([*lines[:first], _section(name, values), *lines[end:]])


def _section(name: str, values: Mapping[str, Any]) -> str:
    return yaml.safe_dump({name: dict(values)}, default_flow_style=None, sort_keys=False, allow_unicode=True, width=110)
