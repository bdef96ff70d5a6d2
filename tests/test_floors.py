"""The house stands: a module imports from floors below its own, from its own room, and otherwise only by agreement.

Imports are read from the source, those inside of functions and of `if TYPE_CHECKING` included.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "recval"

FLOORS = (
    ("errors", "rng", "registry", "plugin_files", "yaml_file", "declarations"),
    ("data", "store"),
    ("ranking", "games", "engine"),
    ("backbones", "training"),
    ("valuation", "adapter", "uplift", "privacy", "llm"),
    ("recipes", "report"),
    ("cli", "testing", "__main__"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
AGREED = {
    ("training", "backbones"),
    ("games", "engine"),
    ("valuation", "adapter"),
    ("recipes", "report"),
    ("__main__", "cli"),
}
"""Rooms that may import another one of their floor; on the ground floor, where rooms are files, all may."""

BRIDGE = "recval.backbones.recbole"
MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source, package):
    """Yield the line of each import and the names that it may load, longest first; `package` resolves relative ones."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def violations(source, module, is_package=False):
    """Return what a module imports against the rules, one line each."""
    package = module if is_package else module.rpartition(".")[0]
    found = []
    for line, name in imports(source, package):
        problem = problem_with(module, name)
        if problem:
            found.append(f"{module}, line {line}: imports {name}: {problem}")
    return found


def problem_with(module, name):
    if name.split(".")[0] == "recbole":
        return None if f"{module}.".startswith(f"{BRIDGE}.") else f"only {BRIDGE} imports recbole"
    if name.split(".")[0] != "recval" or module == "recval":
        return None
    if name == "recval" or name.split(".")[1] not in FLOOR:
        return None if name == "recval.__version__" else "only its users import the package as a whole"
    room, other = module.split(".")[1], name.split(".")[1]
    if FLOOR[other] < FLOOR[room] or other == room or (room, other) in AGREED or FLOOR[room] == FLOOR[other] == 0:
        return None
    return f"{other} is on floor {FLOOR[other]}, {room} on floor {FLOOR[room]}"


def test_every_module_has_a_floor():
    rooms = {module_name(path).split(".")[1] for path in MODULES if path != PACKAGE / "__init__.py"}
    assert rooms <= set(FLOOR)
    assert {"data", "store", "ranking", "engine", "backbones", "training"} <= rooms


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_what_lies_below_it(path):
    source = path.read_text(encoding="utf8")
    assert violations(source, module_name(path), path.name == "__init__.py") == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {}
    for path in MODULES:
        module = module_name(path)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        names = {name for _, name in imports(_at_import(path.read_text(encoding="utf8")), package)}
        graph[module] = {_module_of(name) for name in names if name.startswith("recval.")} - {module}
    done = set()
    for module in graph:
        assert _circle(module, graph, done, []) is None


def _at_import(source):
    """Return the source without what runs later than at import, or never: functions and `if TYPE_CHECKING`."""

    class Keep(ast.NodeTransformer):
        def visit_FunctionDef(self, node):
            return ast.Pass()

        def visit_If(self, node):
            return ast.Pass() if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    return ast.unparse(Keep().visit(ast.parse(source)))


def _module_of(name):
    """Return the module that `from module import thing` loads: the thing itself where it is one."""
    file = PACKAGE.parent.joinpath(*name.split("."))
    is_module = file.with_suffix(".py").exists() or (file / "__init__.py").exists()
    return name if is_module else name.rpartition(".")[0]


def _circle(module, graph, done, path):
    if module in path:
        return [*path[path.index(module) :], module]
    if module in done:
        return None
    for other in sorted(graph.get(module, ())):
        if circle := _circle(other, graph, done, [*path, module]):
            return circle
    done.add(module)
    return None


@pytest.mark.parametrize(
    ("module", "source", "problem"),
    [
        ("recval.data.splits", "from recval.ranking import top_k", "ranking is on floor 2, data on floor 1"),
        ("recval.data.splits", "import recval.store.files", "store is on floor 1, data on floor 1"),
        ("recval.store.run", "from recval import data", "data is on floor 1, store on floor 1"),
        ("recval.data.splits", "def f():\n    from recval.cli import main", "cli is on floor 6, data on floor 1"),
        (
            "recval.rng",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from recval.data import Split",
            "data is on floor 1, rng on floor 0",
        ),
        ("recval.data.splits", "from ..engine import Serial", "engine is on floor 2, data on floor 1"),
        ("recval.data.splits", "from .. import engine", "engine is on floor 2, data on floor 1"),
        ("recval.backbones.base", "from recval.training import Loop", "training is on floor 3, backbones on floor 3"),
        ("recval.adapter.rewards", "from recval.valuation import DVR", "valuation is on floor 4, adapter on floor 4"),
        ("recval.report.page", "from recval.recipes import run", "recipes is on floor 5, report on floor 5"),
        ("recval.data.splits", "from recval import DVR", "only its users import the package as a whole"),
        ("recval.cli.run", "import recval", "only its users import the package as a whole"),
        (
            "recval.training.loop",
            "from recbole.trainer import Trainer",
            "only recval.backbones.recbole imports recbole",
        ),
        ("recval.backbones.base", "def f():\n    import recbole", "only recval.backbones.recbole imports recbole"),
        ("recval.backbones.recbolery", "import recbole", "only recval.backbones.recbole imports recbole"),
    ],
)
def test_a_violation_is_seen(module, source, problem):
    (found,) = violations(source, module)
    assert found.startswith(f"{module}, line {len(source.splitlines())}: imports ")
    assert found.endswith(problem)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "recval.data.splits",
            "from recval import rng, __version__\nfrom recval.errors import DataError\nimport numpy",
        ),
        (
            "recval.data.splits",
            "from . import filters\nfrom .interactions import Codes\nfrom ..errors import DataError",
        ),
        ("recval.registry", "from recval.errors import ConfigError"),
        ("recval.training.loop", "from recval.backbones import Batch"),
        ("recval.valuation.dvr", "from recval.adapter.policy import RewardScale"),
        ("recval.recipes.running", "from recval.report import write_report"),
        ("recval.backbones.recbole.build", "import recbole.model\nfrom recval.data import Split"),
        ("recval", "from recval.cli import main"),
    ],
)
def test_what_is_allowed_is_no_violation(module, source):
    assert violations(source, module) == []


def test_importing_recval_loads_no_torch_and_touches_nothing(tmp_path):
    code = (
        "import os, sys, logging, random\n"
        "before = dict(os.environ), random.getstate(), list(logging.getLogger().handlers)\n"
        "import recval\n"
        "assert before == (dict(os.environ), random.getstate(), list(logging.getLogger().handlers))\n"
        "print(recval.__version__, sorted({'torch', 'recbole', 'plotly', 'ray'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split(maxsplit=1)[1] == "[]\n"
    assert list(tmp_path.iterdir()) == []
