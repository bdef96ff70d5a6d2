from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from test_plugin_files import PLUGIN

RECIPE = """\
data: {path: RATINGS, columns: {user: uid, item: iid}}
split: {kind: ratio, ratios: [0.6, 0.2, 0.2]}
model: {name: BPR, parameters: {embedding_size: 4}}
training: {epochs: 2, batch_size: 32, monitor: mine-first@3}
metrics: [mine-first@5]
seeds: [0, 1]
methods: {plain: {kind: plain}}
references: [{name: minePopular, parameters: {power: 0.5}}]
"""


def test_a_run_uses_models_and_metrics_of_one_s_own_file_in_every_worker(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN.format(name="mine"))
    ratings = "uid,iid\n" + "".join(f"{user},{item}\n" for user in range(12) for item in range(user % 3, 30, 3))
    (tmp_path / "ratings.csv").write_text(ratings)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("RATINGS", str(tmp_path / "ratings.csv")))
    command = [sys.executable, "-m", "recval", "--plugin", "mine.py", "run", "recipe.yaml", "--workers", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--quiet"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "runs/recipe/environment.json").read_text())
    assert list(found["plugins"]) == ["mine.py"]
    summary = json.loads((tmp_path / "runs/recipe/metrics.json").read_text())
    assert "mine-first@5" in json.dumps(summary)
    assert (tmp_path / "runs/recipe/trials/references/minePopular/metrics.json").exists()


def test_without_its_plugin_the_recipe_names_an_unknown_metric(tmp_path, command):
    recipe = Path(tmp_path / "recipe.yaml")
    recipe.write_text(RECIPE.replace("RATINGS", str(tmp_path / "ratings.csv")).replace("mine-", "absent-"))
    assert "unknown metric 'absent-first'" in command("run", recipe).error


def test_a_plugin_that_is_absent_is_told(command):
    assert "absent.py is not a Python file" in command("--plugin", "absent.py", "doctor").error
