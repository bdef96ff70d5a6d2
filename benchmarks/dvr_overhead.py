"""How much longer does training take with DVR than without, and does its cost grow no faster than the interactions?

Trains BPR on ml-100k for the same number of epochs, plain and with DVR, in turns, and compares the medians. Then trains
for an epoch on more and more interactions of the same users and items, each size and side in a process of its own, and
adds to the details what DVR takes: seconds for a million interactions, and peak memory.
"""

from __future__ import annotations

import multiprocessing
import resource
import time

import numpy as np
import pyarrow as pa
from harness import Comparison, main

from recval.data import Interactions, Split, Vocabulary, load, split_by_ratio

N_USERS = N_ITEMS = 4_000


def seconds(split: Split, epochs: int, with_dvr: bool) -> float:
    """Return the processor time that it takes to train, values of the interactions included.

    On one thread it is the time that passes, less what other work on the machine makes it wait.
    """
    from recval.backbones import build
    from recval.training import Loop, Training
    from recval.valuation import DVR

    training = Training(epochs=epochs, learning_rate=2e-3, validate_every=3, patience=epochs)
    loop = Loop(build("BPR", split.train), split, training, callbacks=[DVR()] if with_dvr else [])
    start = time.process_time()
    loop.fit()
    return time.process_time() - start


def random_split(n: int) -> Split:
    """Return `n` distinct interactions of the same users and items, popular items more often; a fifth is held out."""
    rng = np.random.default_rng(0)
    popularity = np.arange(1, N_ITEMS + 1) ** -0.4
    item = rng.choice(N_ITEMS, size=2 * n, p=popularity / popularity.sum())
    pairs = np.unique(rng.integers(N_USERS, size=2 * n) * N_ITEMS + item)
    pairs = np.sort(rng.permutation(pairs)[:n])
    users, items = Vocabulary(pa.array(np.arange(N_USERS))), Vocabulary(pa.array(np.arange(N_ITEMS)))
    return split_by_ratio(Interactions(pa.table({"user": pairs // N_ITEMS, "item": pairs % N_ITEMS}), users, items))


def work(n: int, with_dvr: bool) -> tuple[float, int]:
    """Return the seconds of an epoch and the peak memory in bytes."""
    import torch

    torch.set_num_threads(1)
    seconds(random_split(10_000), 1, with_dvr)
    taken = seconds(random_split(n), 1, with_dvr)
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def growth(sizes: list[int]) -> list[dict[str, float]]:
    """Return what DVR takes at each size, beyond plain training."""
    found = []
    for n in sizes:
        sides = []
        for with_dvr in (False, True):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                sides.append(pool.apply(work, (n, with_dvr)))
        (plain, plain_peak), (valued, valued_peak) = sides
        found.append(
            {
                "interactions": n,
                "plain_seconds_a_million": plain / n * 1e6,
                "dvr_adds_seconds_a_million": (valued - plain) / n * 1e6,
                "plain_peak_mib": plain_peak / 2**20,
                "dvr_adds_peak_mib": (valued_peak - plain_peak) / 2**20,
            }
        )
        print(", ".join(f"{name} {value:,.2f}" for name, value in found[-1].items()))
    return found


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    split = split_by_ratio(load("ml-100k"))
    epochs, rounds = (30, 3) if quick else (60, 5)
    seconds(split, 2, True)
    pairs = [(seconds(split, epochs, False), seconds(split, epochs, True)) for _ in range(rounds)]
    return Comparison(
        question="How much longer does training with DVR take than plain training?",
        ours=[with_dvr for _, with_dvr in pairs],
        peer=[plain for plain, _ in pairs],
        peer_name="plain training, same loop",
        goal=1 / 1.5,
        unit="s of processor time",
        size=f"BPR, ml-100k, {len(split.train):,} interactions, {epochs} epochs, batch 2048, default DVR settings",
        details={"growth": growth([100_000, 400_000] if quick else [100_000, 400_000, 1_600_000])},
    )


if __name__ == "__main__":
    main(measure)
