from __future__ import annotations

import subprocess
import sys


def test_pytest_is_imported_by_the_contracts_alone():
    code = (
        "import sys, recval, recval.cli, recval.recipes.search, recval.training, recval.backbones\n"
        "assert 'pytest' not in sys.modules, 'recval imports pytest'\n"
        "import recval.testing\n"
        "assert 'pytest' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
