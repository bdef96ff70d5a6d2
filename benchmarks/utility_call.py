"""How much does an evaluation of a coalition cost beside the utility itself, and how much in pyDVL?

Both estimate the Shapley values of the players of a free utility, v(S) = the sum of the weights of S, by permutations:
the same number of evaluations, with one thread and in turns. What is measured is processor time, the utility included.
pyDVL runs in a Python of its own, so that it decides on no version here: name one that has it (`pip install pyDVL`) in
the environment variable PYDVL_PYTHON. Its utility is a function of the indices, recval's of rows of booleans.

The details tell the same of other numbers of players, and of recval where its game is given one coalition at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
from harness import Comparison, main

from recval.games import FunctionGame, MaxRounds, Permutation, Shapley, estimate

PYDVL = """
import json, sys, time
from importlib.metadata import version
import numpy as np
from pydvl.valuation.dataset import Dataset
from pydvl.valuation.methods.shapley import ShapleyValuation
from pydvl.valuation.samplers import PermutationSampler
from pydvl.valuation.samplers.truncation import NoTruncation
from pydvl.valuation.stopping import MaxUpdates
from pydvl.valuation.utility.base import UtilityBase

class Free(UtilityBase):
    calls = 0

    def __init__(self, weights):
        self.weights = weights

    def __call__(self, sample):
        Free.calls += 1
        return 0.0 if sample is None or not len(sample.subset) else float(self.weights[sample.subset].sum())

print(version("pyDVL"), flush=True)
for line in sys.stdin:
    n, rounds = map(int, line.split())
    x = np.zeros((n, 1))
    data = Dataset(x, x[:, 0])
    sampler = PermutationSampler(NoTruncation(), seed=0)
    utility = Free(np.arange(1.0, n + 1))
    valuation = ShapleyValuation(utility, sampler, MaxUpdates(rounds), progress=False)
    Free.calls = 0
    start = time.process_time()
    valuation.fit(data)
    seconds = time.process_time() - start
    np.testing.assert_allclose(valuation.result.values[np.argsort(valuation.result.indices)], utility.weights)
    print(json.dumps({"seconds": seconds, "calls": Free.calls}), flush=True)
"""
SIZES = (10, 100, 1000)
MAIN = 100


def our_microseconds(n: int, rounds: int, batch_size: int = 2048) -> float:
    """Return what an evaluation takes in recval."""
    weights = np.arange(1.0, n + 1)
    game = FunctionGame(n, lambda coalitions: coalitions @ weights, batch_size)
    start = time.process_time()
    found = estimate(game, Permutation(), Shapley(), MaxRounds(rounds=rounds), seed=0)
    seconds = time.process_time() - start
    np.testing.assert_allclose(found.values.value, weights, rtol=1e-9)
    return seconds / (found.evaluations + 2) * 1e6


def their_microseconds(peer: subprocess.Popen[str], n: int, rounds: int) -> float:
    """Return what an evaluation takes in pyDVL."""
    assert peer.stdin
    assert peer.stdout
    print(n, rounds, file=peer.stdin, flush=True)
    found = json.loads(peer.stdout.readline())
    return found["seconds"] / found["calls"] * 1e6


def measure(quick: bool) -> Comparison:
    """Return the microseconds of both sides."""
    evaluations, repeats = (10_000, 5) if quick else (50_000, 9)
    command = [os.environ["PYDVL_PYTHON"], "-W", "ignore", "-c", PYDVL]
    pairs: dict[int, list[tuple[float, float]]] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdout
        version = peer.stdout.readline().strip()
        for n in SIZES:
            rounds = max(evaluations // n, 1)
            our_microseconds(n, 2), their_microseconds(peer, n, 1)
            pairs[n] = [(our_microseconds(n, rounds), their_microseconds(peer, n, rounds)) for _ in range(repeats)]
    sizes = [
        {
            "players": n,
            "recval": float(np.median([ours for ours, _ in pairs[n]])),
            "recval_one_coalition_a_call": our_microseconds(n, max(evaluations // n, 1), batch_size=1),
            "pydvl": float(np.median([theirs for _, theirs in pairs[n]])),
        }
        for n in SIZES
    ]
    return Comparison(
        question="How much does an evaluation of a coalition cost beside the utility itself?",
        ours=[ours for ours, _ in pairs[MAIN]],
        peer=[theirs for _, theirs in pairs[MAIN]],
        peer_name=f"ShapleyValuation of pyDVL {version} by PermutationSampler, one job",
        goal=6.0,
        unit="µs of processor time an evaluation",
        size=f"{MAIN} players, {evaluations:,} evaluations by permutations, v(S) = the sum of the weights of S",
        details={"sizes": sizes},
    )


if __name__ == "__main__":
    if "PYDVL_PYTHON" not in os.environ:
        print(json.dumps({"skipped": "PYDVL_PYTHON names no Python that has pyDVL"}))
        sys.exit()
    main(measure)
