"""How much faster are AUUC and Qini of a million customers than in causalml?

Both measure the same score, arms and revenues, with one thread and in turns. What is measured is processor time of
both areas; causalml is given its DataFrame ready-made. causalml runs in a Python of its own, so that it decides on no
version here: name one that has it (`pip install causalml`) in the environment variable CAUSALML_PYTHON.

The details tell how far the values of both are apart at most, and what 1,000 resamples and 1,000 random rankings of
20,000 customers cost here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, main

from recval.uplift.metrics import auuc_null_test, bootstrap, null_band, rank_metrics

CAUSALML = """
import json, sys, time
from importlib.metadata import version
import numpy as np, pandas as pd
from causalml.metrics import auuc_score, qini_score

given = np.load(sys.argv[1])
frame = pd.DataFrame({"y": given["response"], "w": given["treated"].astype(int), "score": given["score"]})
print(version("causalml"), flush=True)
for _ in sys.stdin:
    start = time.process_time()
    values = [float(area(frame)["score"]) for area in (auuc_score, qini_score)]
    print(json.dumps([time.process_time() - start, *values]), flush=True)
"""
GOAL_SECONDS = 0.3
Experiment = dict[str, Any]


def experiment(n: int) -> Experiment:
    """Return customers of whom one in ten buys, as the arguments of the metrics."""
    rng = np.random.default_rng(0)
    score, treated = rng.random(n), rng.random(n) < 0.5
    buys = rng.random(n) < 0.08 + 0.04 * treated * score
    return {"score": score, "treated": treated, "response": np.where(buys, rng.lognormal(3, 1, n), 0.0)}


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def their_areas(peer: subprocess.Popen[str]) -> list[float]:
    """Return how long causalml takes, and its two areas."""
    assert peer.stdin
    assert peer.stdout
    print(file=peer.stdin, flush=True)
    return json.loads(peer.stdout.readline())


def resampling() -> dict[str, float]:
    """Return the seconds of 1,000 resamples and random rankings of 20,000 customers."""
    given = experiment(20_000)
    arms = {name: given[name] for name in ("treated", "response")}
    return {
        "bootstrap": seconds(lambda: bootstrap(**given)),
        "null_test": seconds(lambda: auuc_null_test(**given)),
        "null_band": seconds(lambda: null_band(**arms)),
    }


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    rounds = 5 if quick else 15
    given = experiment(1_000_000)
    names = ("auuc", "qini")
    ours = rank_metrics(names, **given)
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "experiment.npz"
        np.savez(shared, **given)
        command = [os.environ["CAUSALML_PYTHON"], "-W", "ignore", "-c", CAUSALML, str(shared)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
            assert peer.stdout
            version = peer.stdout.readline().strip()
            pairs = [(seconds(lambda: rank_metrics(names, **given)), their_areas(peer)) for _ in range(rounds)]
    largest = max(abs(ours[name] - pairs[0][1][at + 1]) for at, name in enumerate(names))
    own = [took for took, _ in pairs]
    return Comparison(
        question="How much faster are AUUC and Qini than in causalml?",
        ours=own,
        peer=[theirs[0] for _, theirs in pairs],
        peer_name=f"auuc_score and qini_score of causalml {version}",
        goal=3.0,
        unit="s of processor time",
        size="1,000,000 customers, two arms, continuous responses, one score without ties",
        details={
            "largest_difference_of_values": largest,
            "goal_seconds": GOAL_SECONDS,
            "within_goal_seconds": bool(np.median(own) <= GOAL_SECONDS),
            "seconds_of_1000_draws_of_20000_customers": resampling(),
        },
    )


if __name__ == "__main__":
    if "CAUSALML_PYTHON" not in os.environ:
        print(json.dumps({"skipped": "CAUSALML_PYTHON names no Python that has causalml"}))
        sys.exit()
    main(measure)
