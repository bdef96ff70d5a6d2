"""Plug-ins from a person's own Python file: its decorators register what it holds.

A file is executed only because a person named it on the command line or in `RECVAL_PLUGINS`; a recipe cannot name one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from recval.errors import ConfigError, RecvalError

_loaded: dict[Path, str] = {}


def load_plugins(files: Iterable[str | Path]) -> None:
    """Execute Python files that register plug-ins; a file that is loaded already is not executed again.

    Raises:
        ConfigError: there is no such file, it is not Python's, or it fails; the message names the file and the line.
    """
    for file in files:
        path = Path(file).resolve()
        if path not in _loaded:
            _execute(path)
            _loaded[path] = hashlib.sha256(path.read_bytes()).hexdigest()


def loaded_plugins() -> dict[Path, str]:
    """Return the files that this process has loaded, each with its sha256."""
    return dict(_loaded)


def _execute(path: Path) -> None:
    if path.suffix != ".py" or not path.is_file():
        raise ConfigError(f"{path} is not a Python file")
    name = f"recval_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except RecvalError as error:
        raise ConfigError(f"{path}: {error}") from error
    except Exception as error:
        message = " ".join(str(error).split())
        raise ConfigError(f"{path}{_line(error, path)}: {type(error).__name__}: {message}") from error


def _line(error: Exception, path: Path) -> str:
    """Return where in the file an exception came from, as `, line 3`."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines, frame = [], error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path):
            lines.append(frame.tb_lineno)
        frame = frame.tb_next
    return f", line {lines[-1]}" if lines else ""
