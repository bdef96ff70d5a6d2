"""What does one look at a reward cost, in training steps?

Takes steps of LightGCN on ml-100k and looks at rewards on 128 validation users, gradient included, in turns. The
details hold the same for BPR, whose step is far shorter, and other rewards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from harness import Comparison, main

from recval.adapter.rewards import differentiable_reward, measured_reward
from recval.backbones import Backbone, build
from recval.data import Split, load, split_by_ratio
from recval.rng import torch_generator
from recval.training import TripletSampler

USERS = 128
SOFT = ["soft-ndcg@10", "soft-gini@20", "soft-intra-list-distance[class]@20", "soft-group-gap[recall,gender]@20"]
MEASURED = {"ndcg@10": 1.0, "gini@20": 0.5, "intra-list-distance[class]@20": 0.5}


def looks(backbone: Backbone, split: Split) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name: a training step, and a look at each reward."""
    optimizer = torch.optim.Adam(backbone.parameters(), lr=2e-3)
    batch = next(iter(TripletSampler(split.train).epoch(2048, torch_generator(0, "batch"))))
    parameters, generator = list(backbone.parameters()), torch_generator(0, "looks")

    def step() -> None:
        optimizer.zero_grad()
        backbone.loss_per_sample(batch).mean().backward()
        optimizer.step()

    def differentiable(name: str) -> Callable[[], object]:
        reward = differentiable_reward(name, split, users=USERS)
        return lambda: torch.autograd.grad(reward(backbone, generator), parameters, allow_unused=True)

    measured = measured_reward(MEASURED, split, users=USERS, seed=0)
    found: dict[str, Callable[[], object]] = {name: differentiable(name) for name in [*SOFT, "bpr", "lambda-ndcg@10"]}
    return {"step": step, **found, "three metrics, measured": lambda: measured(backbone)}


def milliseconds(timed: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return how long each takes, in turns."""
    for call in timed.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, call in timed.items():
            start = time.perf_counter()
            call()
            found[name].append(1e3 * (time.perf_counter() - start))
    return found


def measure(quick: bool) -> Comparison:
    """Return the milliseconds of a look and of a step, and those of the others as details."""
    split = split_by_ratio(load("ml-100k"))
    rounds = 20 if quick else 60
    found = {name: milliseconds(looks(build(name, split.train), split), rounds) for name in ("LightGCN", "BPR")}
    return Comparison(
        question="How much longer than a training step does a look at soft-ndcg@10 take?",
        ours=found["LightGCN"]["soft-ndcg@10"],
        peer=found["LightGCN"]["step"],
        peer_name="a training step of LightGCN",
        goal=1 / 2,
        unit="ms",
        size=f"ml-100k, {len(split.train):,} interactions, batch 2048, looks at {USERS} users, with gradients",
        details={
            model: {name: round(median(values), 2) for name, values in times.items()} for model, times in found.items()
        },
    )


if __name__ == "__main__":
    main(measure)
