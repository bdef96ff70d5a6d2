"""Do time and memory grow no faster than the interactions?

Interactions are drawn by power laws of users' activity and items' popularity. At each size a process of its own trains
for an epoch and ranks all items for every user; it prints its peak memory beside the bound that it should keep.
"""

from __future__ import annotations

import multiprocessing
import resource
import time

import numpy as np
import pyarrow as pa
from harness import Comparison, main

from recval.data import Interactions, Split, Vocabulary, split_by_ratio

N_ITEMS = 5_000
PER_USER = 50
DIMENSIONS = 32
BYTES_AT_START = 600 * 2**20
"""What Python, torch and the compiler take before any data is there, with the blocks of the ranking."""
BYTES_PER_INTERACTION = 160
"""Tables, splits, the sets of known items, an epoch's triplets, and the copies made on the way."""
BYTES_PER_USER = 8 * DIMENSIONS * 4 + 400
"""Parameters, what the optimiser keeps of them, the best ones, and the metrics of each user."""


def power_law(n: int, seed: int = 0) -> Split:
    """Return about `n` distinct interactions, a tenth of each user's held out twice."""
    rng = np.random.default_rng(seed)
    n_users = n // PER_USER
    activity = rng.pareto(2.0, n_users) + 0.5
    popularity = np.arange(1, N_ITEMS + 1) ** -0.6
    user = rng.choice(n_users, size=int(1.15 * n), p=activity / activity.sum())
    item = rng.choice(N_ITEMS, size=len(user), p=popularity / popularity.sum())
    pairs = np.unique(user.astype(np.int64) * N_ITEMS + item)
    pairs = np.sort(rng.permutation(pairs)[:n])
    users, items = Vocabulary(pa.array(np.arange(n_users))), Vocabulary(pa.array(np.arange(N_ITEMS)))
    table = pa.table({"user": pairs // N_ITEMS, "item": pairs % N_ITEMS})
    return split_by_ratio(Interactions(table, users, items), rng=seed)


def work(n: int) -> dict[str, float]:
    """Return the seconds of training and of evaluation for `n` interactions, and the peak memory."""
    import torch

    from recval.backbones import build
    from recval.ranking import Evaluator, ItemSets
    from recval.training import Loop, Training

    torch.set_num_threads(1)
    split = power_law(n)
    parameters = {"embedding_size": DIMENSIONS}
    Loop(build("CompiledBPR", power_law(2_000).train, parameters), power_law(2_000), Training(epochs=1)).fit()
    once = Training(epochs=1, batch_size=2048)
    loop = Loop(build("CompiledBPR", split.train, parameters), split.with_validation(), once)
    start = time.perf_counter()
    loop.fit()
    trained = time.perf_counter()
    Evaluator(split.test, ItemSets.of(split.train, split.valid), ["ndcg@10", "recall@10"])(loop.backbone.score)
    ended = time.perf_counter()
    return {
        "train": trained - start,
        "evaluate": ended - trained,
        "interactions": len(split.train) + len(split.valid) + len(split.test),
        "users": len(split.users),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measured(n: int) -> dict[str, float]:
    """Return what `work` finds in a process of its own, and print it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(work, (n,))
    bound = BYTES_AT_START + BYTES_PER_INTERACTION * found["interactions"] + BYTES_PER_USER * found["users"]
    print(
        f"{found['interactions']:>10,.0f} interactions, {found['users']:>7,.0f} users: "
        f"train {found['train']:.2f} s, evaluate {found['evaluate']:.2f} s, "
        f"peak {found['peak'] / 2**20:,.0f} MiB (bound {bound / 2**20:,.0f} MiB)"
    )
    if found["peak"] > bound:
        raise SystemExit("the peak is above the bound")
    return {**found, "bound": bound}


def measure(quick: bool) -> Comparison:
    """Return seconds for a million interactions at the largest size, against those at a tenth of it."""
    sizes = [10**5, 10**6] if quick else [10**5, 10**6, 10**7]
    found = [measured(n) for n in sizes]
    small, large = ((run["train"] + run["evaluate"]) / run["interactions"] * 1e6 for run in found[-2:])
    return Comparison(
        question="Does the time for an interaction stay the same when there are ten times as many?",
        ours=[large],
        peer=[small],
        peer_name="a tenth of the interactions",
        goal=0.8,
        unit="s for a million interactions, trained once and evaluated",
        size=f"CompiledBPR, {DIMENSIONS} dimensions, {sizes[-1]:,} power-law interactions, {N_ITEMS:,} items",
        details={"sizes": found},
    )


if __name__ == "__main__":
    main(measure)
