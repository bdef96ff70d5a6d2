"""How much longer does training take with in-run data values, and do they rank as leaving out does?

Trains BPR on ml-100k, plain and with first-order in-run values (a look at every step, a new gradient of the reward
every 50 steps), in turns, and compares the processor time of epochs, validation aside. The details add other settings
and LightGCN, and how well the values of a small problem agree with the truth: trained again without each interaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from harness import Comparison, main
from scipy.stats import spearmanr
from torch import Tensor

from recval.adapter.rewards import differentiable_reward
from recval.backbones import Batch, build
from recval.data import Split, load, split_by_ratio
from recval.rng import torch_generator
from recval.testing import planted
from recval.training import Callback, Loop, Training
from recval.valuation import Influence, InRun, LossRanking

Make = Callable[[], Callback]


class EpochTimes(Callback):
    """Takes note of the processor time of each epoch, without its validation."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def before_epoch(self, epoch: int) -> None:
        """Begin."""
        self._start = time.process_time()

    def after_epoch(self, epoch: int) -> None:
        """End."""
        self.taken.append(time.process_time() - self._start)


class LeftOut(Callback):
    """Trains as ever, with the same order and negatives, but for one interaction, which weighs nothing."""

    def __init__(self, row: int) -> None:
        self.row = row

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return 0 for the interaction and 1 for all others."""
        return (batch.row != self.row).to(losses)


def epoch_seconds(name: str, split: Split, make: Make, epochs: int) -> float:
    """Return the median seconds of an epoch after the first one."""
    times = EpochTimes()
    training = Training(epochs=epochs, learning_rate=2e-3, validate_every=epochs)
    Loop(build(name, split.train), split, training, callbacks=[make(), times]).fit()
    return median(times.taken[1:])


def epochs_in_turns(name: str, split: Split, arms: dict[str, Make], epochs: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of an epoch of every arm in every round."""
    for make in arms.values():
        epoch_seconds(name, split, make, 2)
    found: dict[str, list[float]] = {arm: [] for arm in arms}
    for _ in range(rounds):
        for arm, make in arms.items():
            found[arm].append(epoch_seconds(name, split, make, epochs))
    return found


def ratios(found: dict[str, list[float]]) -> dict[str, float]:
    """Return the times of every arm over those of plain training."""
    pairs = {arm: zip(taken, found["plain"], strict=True) for arm, taken in found.items() if arm != "plain"}
    return {arm: round(median(ours / plain for ours, plain in each), 3) for arm, each in pairs.items()}


def agreement(epochs: int = 40) -> dict[str, object]:
    """Return Spearman's correlation of values with what the reward loses without each interaction."""
    split, noise = planted(24, 30, 12, noise=0.2)
    reward = differentiable_reward("bpr", split, users=2000)
    training = Training(epochs=epochs, batch_size=32, learning_rate=0.01, validate_every=epochs)

    def trained(callback: Callback) -> float:
        backbone = build("BPR", split.train, {"embedding_size": 8}, seed=1)
        Loop(backbone, split, training, callbacks=[callback], seed=1).fit()
        with torch.no_grad():
            return float(reward(backbone, torch_generator(1, "truth")))

    whole = trained(Callback())
    truth = [whole - trained(LeftOut(row)) for row in range(len(split.train))]
    methods: dict[str, Callback] = {
        "in-run, order 1, refresh 1": InRun(refresh=1, users=200),
        "in-run, order 1, refresh 10": InRun(refresh=10, users=200),
        "in-run, order 1, refresh 50": InRun(users=200),
        "in-run, order 2": InRun(order=2, users=200),
        "influence, items": Influence(damping=0.01, users=2000),
        "influence, all": Influence(parameters="all", damping=0.03, users=2000),
        "minus the loss": LossRanking(),
    }
    found = {}
    for name, callback in methods.items():
        trained(callback)
        found[name] = round(float(spearmanr(callback.values.value, truth).statistic), 3)  # type: ignore[attr-defined]
    size = f"{len(split.train)} interactions, {int(np.sum(noise))} of them noise, {epochs} epochs of BPR"
    return {"problem": size, "spearman with leaving out and training again": found}


def measure(quick: bool) -> Comparison:
    """Return the seconds of an epoch of both sides."""
    split = split_by_ratio(load("ml-100k"))
    rounds, epochs = (5, 5) if quick else (9, 6)
    arms: dict[str, Make] = {"plain": Callback, "in-run": InRun, "a look every second step": lambda: InRun(interval=2)}
    if not quick:
        arms["order 2"] = lambda: InRun(order=2)
    found = epochs_in_turns("BPR", split, arms, epochs, rounds)
    details: dict[str, object] = {"times plain training, BPR": ratios(found)}
    if not quick:
        few = {"plain": Callback, "in-run": InRun, "a look every fifth step": lambda: InRun(interval=5)}
        details["times plain training, LightGCN"] = ratios(epochs_in_turns("LightGCN", split, few, 4, 3))
        details["agreement"] = agreement()
    return Comparison(
        question="How much longer does training with first-order in-run values take than plain training?",
        ours=found["in-run"],
        peer=found["plain"],
        peer_name="plain training, same loop",
        goal=1 / 1.15,
        unit="s of processor time an epoch",
        size=f"BPR, 64 numbers a vector, ml-100k, {len(split.train):,} interactions, batch 2048, default settings",
        details=details,
    )


if __name__ == "__main__":
    main(measure)
