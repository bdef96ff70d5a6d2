"""How much faster is an epoch of CompiledBPR than one of Cornac's BPR, which is compiled by Cython?

Both train vectors of 64 numbers on the training interactions of RecBole's own split of ml-100k (seed 2020), with one
thread, some epochs each in turns. recval's epoch holds all that its loop does but validation: order, negatives, batches
and steps. What is measured is CPU time, that of one thread with OMP_NUM_THREADS=1. Cornac runs in a Python of its own,
so that it decides on no version here: name one that has it in the environment variable CORNAC_PYTHON.

The details tell how accurate CompiledBPR is on that split, with settings that were tuned on the validation part of
another one. RecBole's BPR has ndcg@10 .2928 there.
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
from bpr_training import interactions, recbole_data
from harness import Comparison, main

from recval import fit
from recval.backbones import build
from recval.backbones.recbole import repairs
from recval.data import Split
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
SETTINGS = Training(epochs=240, batch_size=4096, learning_rate=0.05, weight_decay=0.016, validate_every=3, patience=20)


def recbole_split() -> Split:
    """Return RecBole's split."""
    with tempfile.TemporaryDirectory() as folder, repairs.quiet():
        _, parts = recbole_data(folder)
    train, valid, test = (interactions(part.dataset) for part in parts)
    return Split(train, valid, test)


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
    unvalidated = SETTINGS.model_copy(update={"epochs": 10**6, "validate_every": 10**6})
    loop = Loop(build("CompiledBPR", split.train), split, unvalidated)
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder) / "pairs.npy"
        np.save(pairs, np.stack([split.train.user, split.train.item], axis=1))
        command = [python, "-c", CORNAC, str(pairs)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cornac:
            return [(our_seconds(loop), their_seconds(cornac)) for _ in range(rounds + 1)][1:]


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    split = recbole_split()
    pairs = paired(split, os.environ["CORNAC_PYTHON"], 8 if quick else 40)
    ours, theirs = np.median(pairs, axis=0)
    seeds = 1 if quick else 5
    accuracy = [fit(split, "CompiledBPR", training=SETTINGS, rng=seed).metrics["ndcg@10"] for seed in range(seeds)]
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
            },
            "ndcg@10_of_each_seed": [round(value, 4) for value in accuracy],
        },
    )


if __name__ == "__main__":
    if "CORNAC_PYTHON" not in os.environ:
        print(json.dumps({"skipped": "CORNAC_PYTHON names no Python that has cornac"}))
        sys.exit()
    main(measure)
