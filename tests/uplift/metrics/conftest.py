"""The real experiment, and the cases of it whose metrics are known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def hillstrom():
    """Return the real experiment of 64,000 customers."""
    if "RECVAL_DATA" not in os.environ:
        pytest.skip("RECVAL_DATA names no folder of data")
    path = Path(os.environ["RECVAL_DATA"]) / "hillstrom" / "hillstrom.csv.gz"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    return pd.read_csv(path)


@pytest.fixture(scope="session")
def golden_case(hillstrom):
    """Return a function from arm, score and target to score, treated and response, both scores without ties."""
    at = np.arange(len(hillstrom))
    scores = {"hash": (at * 7919 % 64007).astype(float), "history": hillstrom["history"].to_numpy() + 1e-7 * at}

    def case(arm, score, target="spend"):
        rows = hillstrom["segment"].isin([f"{arm} E-Mail", "No E-Mail"]).to_numpy()
        treated = hillstrom["segment"].to_numpy() == f"{arm} E-Mail"
        return scores[score][rows], treated[rows], hillstrom[target].to_numpy(float)[rows]

    return case
