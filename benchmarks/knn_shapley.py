"""How much faster are the Shapley values of 10,000 training points for nearest neighbours than by pyDVL?

Both value the same points of two classes for the same test points, with one thread and in turns. What is measured is
processor time, of the valuation alone. pyDVL runs in a Python of its own, so that it decides on no version here: name
one that has it (`pip install pyDVL`) in the environment variable PYDVL_PYTHON.

The details tell how far the values of both are apart at most, and how the time of recval grows with the points.
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
import numpy.typing as npt
from harness import Comparison, main

from recval.games.knn_shapley import knn_shapley

PYDVL = """
import sys, time
from importlib.metadata import version
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from pydvl.valuation.dataset import Dataset
from pydvl.valuation.methods.knn_shapley import KNNShapleyValuation

given = np.load(sys.argv[1])
train, test = (Dataset(given["x_" + part], given["y_" + part]) for part in ("train", "test"))
print(version("pyDVL"), flush=True)
for _ in sys.stdin:
    valuation = KNNShapleyValuation(KNeighborsClassifier(int(given["k"])), test, progress=False)
    start = time.process_time()
    valuation.fit(train)
    seconds = time.process_time() - start
    np.save(sys.argv[2], valuation.result.values)
    print(seconds, flush=True)
"""
N, FEATURES, K = 10_000, 20, 5
Points = dict[str, npt.NDArray[np.generic]]


def points(n: int, n_test: int) -> Points:
    """Return training and test points of two classes that overlap, as the arguments of `knn_shapley`."""
    rng = np.random.default_rng(0)
    found: Points = {}
    for part, size in (("train", n), ("test", n_test)):
        label = rng.integers(2, size=size)
        found[f"x_{part}"] = rng.standard_normal((size, FEATURES)) + label[:, None] / 2
        found[f"y_{part}"] = label
    return found


def our_seconds(given: Points) -> float:
    """Return how long recval takes."""
    start = time.process_time()
    knn_shapley(**given, k=K)
    return time.process_time() - start


def their_seconds(peer: subprocess.Popen[str]) -> float:
    """Return how long pyDVL takes."""
    assert peer.stdin
    assert peer.stdout
    print(file=peer.stdin, flush=True)
    return float(peer.stdout.readline())


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    n_test, rounds = (50, 5) if quick else (200, 9)
    given = points(N, n_test)
    ours = knn_shapley(**given, k=K).value  # Compiles, too.
    with tempfile.TemporaryDirectory() as folder:
        shared, values = Path(folder) / "points.npz", Path(folder) / "values.npy"
        np.savez(shared, **given, k=K)
        command = [os.environ["PYDVL_PYTHON"], "-W", "ignore", "-c", PYDVL, str(shared), str(values)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
            assert peer.stdout
            version = peer.stdout.readline().strip()
            pairs = [(our_seconds(given), their_seconds(peer)) for _ in range(rounds)]
        apart = float(np.abs(np.load(values) - ours).max())
    sizes = (1_000, 10_000, 100_000) if quick else (1_000, 10_000, 100_000, 1_000_000)
    growth = [{"training_points": n, "seconds_a_test_point": our_seconds(points(n, 10)) / 10} for n in sizes]
    return Comparison(
        question="How much faster is k-NN Shapley than in pyDVL?",
        ours=[seconds for seconds, _ in pairs],
        peer=[seconds for _, seconds in pairs],
        peer_name=f"KNNShapleyValuation of pyDVL {version}, one job",
        goal=50.0,
        unit="s of processor time",
        size=f"{N:,} training and {n_test} test points, {FEATURES} features, two classes, k {K}",
        details={"largest_difference_of_values": apart, "growth": growth},
    )


if __name__ == "__main__":
    if "PYDVL_PYTHON" not in os.environ:
        print(json.dumps({"skipped": "PYDVL_PYTHON names no Python that has pyDVL"}))
        sys.exit()
    main(measure)
