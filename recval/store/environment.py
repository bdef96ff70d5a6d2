"""The environment of a run: what one must know to repeat it, and what belongs into a bug report."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from recval.plugin_files import loaded_plugins

PACKAGES = (
    "recval",
    "torch",
    "torch-geometric",
    "recbole",
    "numba",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "gymnasium",
    "optuna",
    "pydantic",
    "safetensors",
    "plotly",
)


def environment() -> dict[str, object]:
    """Return the versions of Python and of the packages that results depend on, the plug-in files, the machine."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": {path.name: sha256 for path, sha256 in loaded_plugins().items()},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
