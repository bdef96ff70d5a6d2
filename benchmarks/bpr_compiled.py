"""How much faster is an epoch of CompiledBPR than one of Cornac's BPR, which is compiled by Cython?

Both train vectors of 64 numbers on the same training interactions of ml-100k, with one thread, some epochs each in turns.
recval's epoch holds all that its loop does but validation: order, negatives, batches, steps. Cornac runs in a Python of
its own, so that it decides on no version here: name one that has it in the environment variable CORNAC_PYTHON. What is
measured is CPU time, that of one thread with OMP_NUM_THREADS=1.
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
from harness import Comparison, main

from recval.backbones import build
from recval.data import Split, load, split_by_ratio
from recval.training import Loop, Training

CORNAC = """
import sys, time
import numpy as np
from cornac.data import Dataset
from cornac.models import BPR

pairs = np.load(sys.argv[1])
train = Dataset.from_uir([(user, item, 1.0) for user, item in pairs.tolist()])
for line in sys.stdin:
    model = BPR(k=64, max_iter=int(line), learning_rate=0.05, lambda_reg=0.01, num_threads=1, seed=0)
    start = time.process_time()
    model.fit(train)
    print((time.process_time() - start) / int(line), flush=True)
"""
EPOCHS = 20
SETTINGS = Training(epochs=10**6, learning_rate=0.08, weight_decay=0.016, validate_every=10**6)


def our_seconds(loop: Loop) -> float:
    """Return how long one of recval's epochs takes, over some."""
    start = time.process_time()
    for _ in range(EPOCHS):
        loop._run_epoch(loop.progress.epoch)
    return (time.process_time() - start) / EPOCHS


def their_seconds(cornac: subprocess.Popen[str]) -> float:
    """Return how long one of Cornac's epochs takes, over as many."""
    assert cornac.stdin
    assert cornac.stdout
    print(EPOCHS, file=cornac.stdin, flush=True)
    return float(cornac.stdout.readline())


def paired(split: Split, python: str, rounds: int) -> list[tuple[float, float]]:
    """Return the seconds of both sides, in turns; the first round warms both up."""
    loop = Loop(build("CompiledBPR", split.train), split, SETTINGS)
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder) / "pairs.npy"
        np.save(pairs, np.stack([split.train.user, split.train.item], axis=1))
        command = [python, "-c", CORNAC, str(pairs)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cornac:
            return [(our_seconds(loop), their_seconds(cornac)) for _ in range(rounds + 1)][1:]


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    split = split_by_ratio(load("ml-100k"))
    pairs = paired(split, os.environ["CORNAC_PYTHON"], 8 if quick else 40)
    ours, theirs = np.median(pairs, axis=0)
    return Comparison(
        question="How much faster is an epoch of CompiledBPR than one of Cornac's BPR?",
        ours=[seconds for seconds, _ in pairs],
        peer=[seconds for _, seconds in pairs],
        peer_name="Cornac's BPR (Cython), one thread",
        goal=1.0,
        unit="s of CPU time an epoch",
        size=f"d 64, ml-100k, {len(split.train):,} interactions, batch {SETTINGS.batch_size}",
        details={
            "million_triplets_a_second": {
                "recval": round(len(split.train) / ours / 1e6, 2),
                "cornac": round(len(split.train) / theirs / 1e6, 2),
            }
        },
    )


if __name__ == "__main__":
    if "CORNAC_PYTHON" not in os.environ:
        print(json.dumps({"skipped": "CORNAC_PYTHON names no Python that has cornac"}))
        sys.exit()
    main(measure)
