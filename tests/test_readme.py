"""What the README shows is run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_the_first_examples():
    names = {}
    exec(EXAMPLES[0], names)
    result = names["result"]
    assert result.metrics["ndcg@10"] > 0.25
    assert len(result.values) == len(result.split.train)
    assert result.recommend(users=[1, 2], k=10)["user"].tolist() == ["1"] * 10 + ["2"] * 10
    exec(EXAMPLES[1], names)
    assert set(names["comparison"].tests["metric"]) == {"ndcg@10", "recall@10"}


def test_the_loop_of_ones_own():
    parameter = torch.nn.Parameter(torch.ones(3))
    features = [torch.rand(8, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(30)]
    names = {
        "recval": __import__("recval"),
        "batches": ((batch, (batch @ parameter) ** 2) for batch in features),
        "optimizer": torch.optim.SGD([parameter], lr=0.01),
        "validation_metric": lambda: -float(parameter.detach().norm()),
    }
    exec(EXAMPLES[2], names)
    assert parameter.detach().norm() < 1.2, "it started at 1.73"
    assert names["weights"].mean().item() == pytest.approx(1, abs=1e-5)


def test_whom_to_treat():
    rng = np.random.default_rng(0)
    columns = {"age": rng.normal(50, 10, 600), "region": rng.choice(["north", "south"], 600), "visits": range(600)}
    past = pd.DataFrame({**columns, "mailed": rng.integers(0, 2, 600), "revenue": 9 * rng.exponential(size=600)})
    names = {"past": past, "customers": past[:200]}
    exec(EXAMPLES[3], names)
    plan = names["plan"]
    assert len(plan.arm) == 200
    assert plan.spent == pytest.approx(0.5 * plan.arm.sum())
    assert plan.interval[0] <= plan.revenue <= plan.interval[1]


@pytest.mark.slow
def test_the_demo_in_small(tmp_path):
    """The shipped recipe, from the command line to the report, with two seeds of three epochs."""
    changes = ["training.epochs=3", "seeds=[0,1]", "removal.fractions=[0.3]"]
    command = [sys.executable, "-m", "recval", "run", "dvr-ml100k", *changes]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in ("plain", "uniform placebo", "shuffled placebo", "R-CE", "DVR", "EASE"))
    assert "Most valuable" in (tmp_path / done.stdout.splitlines()[-1]).read_text()
    top = [sys.executable, "-m", "recval", "values", "top", "runs/dvr-ml100k", "--json"]
    assert '"title"' in subprocess.run(top, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
