"""What docs/uplift.md shows is run as it stands there, and its tables name all that there is."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from recval.errors import DataError
from recval.uplift import AnyHead, AnyNetwork, ListwiseUplift, load
from recval.uplift.metrics import metric_names

PAGE = (Path(__file__).parent.parent / "docs" / "uplift.md").read_text(encoding="utf8")
MAKES_A_FILE, WALK, NOT_RANDOM, NULL_BAND = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(RECIPE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^recval (.*)$", re.findall(r"```\n(recval .*?)```", PAGE, re.DOTALL)[0], re.MULTILINE)


@pytest.fixture
def hillstrom():
    try:
        load("hillstrom")
    except DataError as error:
        pytest.skip(str(error))


def rows(heading):
    """Return what stands as code in the first column of the tables of a section."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def kinds(union):
    return [get_args(each.model_fields["kind"].annotation)[0] for each in get_args(get_args(union)[0])]


def test_all_networks_and_heads_are_in_the_tables():
    assert sorted(rows("Networks and heads")) == sorted([*kinds(AnyNetwork), *kinds(AnyHead)])


def test_all_bounds_are_in_the_table():
    assert sorted(rows("Losses")) == sorted(get_args(ListwiseUplift.model_fields["bound"].annotation))


def test_all_metrics_are_in_the_table():
    assert sorted(rows("Metrics")) == sorted(metric_names())


@pytest.mark.slow
def test_five_minutes_from_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(MAKES_A_FILE, {})
    Path("my-campaign.yaml").write_text(RECIPE)
    said = [
        subprocess.run([sys.executable, "-m", "recval", *shlex.split(line)], capture_output=True, text=True, check=True)
        for line in COMMANDS
    ]
    assert "the ranking is better than random" in said[1].stdout
    plan = pd.read_csv("plan.csv")
    assert len(plan) == 10_000
    assert 2 * (plan["treat_with"] == "mailed").sum() <= 3000


@pytest.mark.slow
def test_in_python(tmp_path, monkeypatch, hillstrom):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(WALK, names)
    assert Path("model/model.json").is_file()
    assert names["plan"].spent <= 500


@pytest.mark.filterwarnings("ignore:treatment depends", "ignore:.*of the customers have a propensity")
def test_when_treatment_was_not_random():
    names = {}
    exec(NOT_RANDOM, names)
    low, high = names["scores"].average_effects()[0].interval()
    assert low < names["chosen"].truth.mean() < high


def test_the_noise_of_the_published_table(hillstrom):
    names = {}
    exec(NULL_BAND, names)
    null, test = names["null"], names["test"]
    assert (test.response > 0).sum() == 109
    assert f"{null.mean:.3f} ± {null.deviation:.3f} | {null.quantile(0.975):.3f}".replace("0.", ".") in PAGE
