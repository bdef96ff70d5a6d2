"""YAML files: their values, and the line on which each of them stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from recval.errors import ConfigError

Key = str | int


def parse(path: Path) -> tuple[yaml.Node | None, Any]:
    """Return the tree of a YAML file, which knows its lines, and its values: plain ones only, no Python objects.

    Raises:
        ConfigError: the file cannot be read, or is not YAML, or holds a key twice; the message names the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8 text, found the byte {data[error.start]:#04x}") from None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path}, line {line}: not valid YAML: found the character {chr(error.character)!r}"
        ) from None
    except yaml.MarkedYAMLError as error:
        place = f"{path}, line {error.problem_mark.line + 1}" if error.problem_mark else str(path)
        raise ConfigError(
            f"{place}: not valid YAML: {', '.join(filter(None, (error.context, error.problem)))}"
        ) from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None


def line_of(node: yaml.Node | None, keys: Sequence[Key]) -> int | None:
    """Return the line of the deepest of nested `keys` that stands in the file, None where not even the first does."""
    line = None
    for part in keys:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[-1][0].start_mark.line + 1, found[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


class _Loader(yaml.SafeLoader):
    """Refuses what PyYAML lets pass, or fails on without a line."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a key that occurs twice; PyYAML would silently keep the last."""
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in lines:
                problem = f"the key {key.value!r} stands in line {lines[key.value]} already"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            lines[key.value] = key.start_mark.line + 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Refuse a value that is not of its type, such as the date 2026-13-45, which PyYAML cannot convert."""
        try:
            return super().construct_object(node, deep)
        except (AttributeError, KeyError, ValueError):
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(problem=f"{node.value!r} is no {kind}", problem_mark=node.start_mark) from None
