from __future__ import annotations

import subprocess
import sys

import pytest

import recval.uplift


@pytest.mark.parametrize("name", recval.uplift.__all__)
def test_every_name_is_found(name):
    assert getattr(recval.uplift, name) is not None
    assert name in dir(recval.uplift)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match=r"module 'recval\.uplift' has no attribute 'upift'"):
        recval.uplift.upift  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import recval.uplift",
        "from recval.uplift import Customers, SemiSynthetic, Level, doubly_robust, randomness, gainers, target",
        "from recval.uplift.metrics import auuc, bootstrap, measure",
    ],
)
def test_what_needs_no_torch_loads_none(statement):
    code = f"{statement}\nimport sys\nprint(sorted({{'torch', 'sklearn', 'scipy.stats'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_functions_are_not_hidden_by_modules_of_their_name():
    from recval.uplift import doubly_robust, gainers, randomness

    assert all(callable(found) for found in (doubly_robust, gainers, randomness))
