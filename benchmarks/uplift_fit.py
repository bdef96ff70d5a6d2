"""How long does it take to fit a TARNet to Hillstrom's 64,000 customers, and how long causalml?

Both learn from the men's e-mail or the women's e-mail against none, with one thread and in turns. What is measured is
processor time of a fit. The peer runs in a Python of its own, so that it decides on no version here: name one that has
it (`pip install causalml[jax] xgboost`) in the environment variable UPLIFT_PEERS_PYTHON; it is causalml's DragonNet, a
network of the same kind but three times as wide, given our epochs and batches; or its X-learner with XGBoost where jax
is missing. Hillstrom's file must be where RECVAL_DATA says. DragonNet takes one treatment only, so each side is fitted
to each e-mail by itself.

The details tell how long one fit to all customers in three arms takes here, which is to be 30 s at most; how long
DragonNet takes by its defaults; and how long the X-learner takes with the propensity given: few trees on few features
are faster than any network. `--quick` takes every eighth customer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from harness import Comparison, main

from recval.errors import DataError
from recval.uplift import Customers, UpliftModel, load

PEER = """
import json, sys, time, warnings
from importlib.metadata import version
import numpy as np, pandas as pd
warnings.simplefilter("ignore")
from causalml.inference.meta import BaseXRegressor
from xgboost import XGBRegressor

def trees(X, arm, y):
    BaseXRegressor(XGBRegressor(n_jobs=1)).fit(X, arm, y, p=np.full(len(y), arm.mean()))

try:
    from causalml.inference.jax import DragonNet
    name = "DragonNet (jax)"
    alike = dict(batch_size=512, adam_epochs=30, epochs=1)
    fit = lambda *given: DragonNet(verbose=False, **alike).fit(*given)
    by_default = lambda *given: DragonNet(verbose=False).fit(*given)
except ImportError:
    name, fit, by_default = "X-learner with XGBoost", trees, trees

def seconds(fit, *given):
    start = time.process_time()
    fit(*given)
    return time.process_time() - start

frame = pd.read_parquet(sys.argv[1])
arm, y = frame.pop("arm").to_numpy(), frame.pop("response").to_numpy(np.float32)
X = pd.get_dummies(frame, dtype=np.float32)
X = ((X - X.mean()) / X.std()).to_numpy(np.float32)
print(f"{name} of causalml {version('causalml')}", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    rows = np.isin(arm, (0, asked["arm"]))
    given = X[rows], (arm[rows] > 0).astype(int), y[rows]
    fits = {"same epochs": fit, "x-learner": trees, "defaults": by_default}
    print(json.dumps([seconds(fits[name], *given) for name in asked["fits"]]), flush=True)
"""
GOAL_SECONDS = 30.0


def our_seconds(customers: Customers) -> float:
    """Return how long recval takes."""
    start = time.process_time()
    UpliftModel().fit_customers(customers)
    return time.process_time() - start


def their_seconds(peer: subprocess.Popen[str], arm: int, *fits: str) -> list[float]:
    """Return how long causalml's fits of an e-mail take."""
    assert peer.stdin
    assert peer.stdout
    print(json.dumps({"arm": arm, "fits": fits}), file=peer.stdin, flush=True)
    return json.loads(peer.stdout.readline())


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    torch.set_num_threads(1)
    customers = load("hillstrom")
    if quick:
        customers = customers.take(np.arange(0, len(customers), 8))
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "customers.parquet"
        known = {"arm": customers.arm, "response": customers.response}
        pd.DataFrame(customers.features).assign(**known).to_parquet(shared)
        command = [os.environ["UPLIFT_PEERS_PYTHON"], "-W", "ignore", "-c", PEER, str(shared)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
            assert peer.stdout
            name = peer.stdout.readline().strip()
            pairs = [
                (our_seconds(customers.against_control(arm)), their_seconds(peer, arm, "same epochs")[0])
                for arm in ((1,) if quick else (1, 2, 1, 2))
            ]
            others = {
                each: their_seconds(peer, 1, each)[0] for each in ("x-learner", *(() if quick else ("defaults",)))
            }
    whole = [our_seconds(customers) for _ in range(1 if quick else 3)]
    return Comparison(
        question="How much faster is an uplift network fitted than in causalml?",
        ours=[ours for ours, _ in pairs],
        peer=[theirs for _, theirs in pairs],
        peer_name=f"{name}, up to 30 epochs, batches of 512",
        goal=1.0,
        unit="s of processor time",
        size=f"{len(customers):,} customers of Hillstrom's experiment, one e-mail against none, spending",
        details={
            "seconds_of_all_customers_in_three_arms": float(np.median(whole)),
            "goal_seconds": GOAL_SECONDS,
            "within_goal_seconds": bool(np.median(whole) <= GOAL_SECONDS),
            "seconds_of_others_in_causalml": others,
        },
    )


if __name__ == "__main__":
    if "UPLIFT_PEERS_PYTHON" not in os.environ:
        print(json.dumps({"skipped": "UPLIFT_PEERS_PYTHON names no Python that has causalml"}))
        sys.exit()
    try:
        load("hillstrom")
    except DataError as error:
        print(json.dumps({"skipped": str(error)}))
        sys.exit()
    main(measure)
