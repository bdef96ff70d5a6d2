"""How much longer does training take with in-run data values, and do they rank as leaving out does?

Trains BPR on ml-100k with first-order in-run values (a look at every second step, a new gradient of the reward every
50 steps) in every second epoch, and compares the processor time of these epochs with that of the plain ones beside
them. The details add other settings and LightGCN, and how well the values of a small problem agree with the truth:
trained again without each interaction.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

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


class EveryOtherEpoch(InRun):
    """Looks in every second epoch, and takes note of the processor time of each epoch, without its validation."""

    def before_epoch(self, epoch: int) -> None:
        """Begin."""
        super().before_epoch(epoch)
        self._looks = epoch % 2 == 1
        self.taken = [*getattr(self, "taken", []), -time.process_time()]

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor | None:
        """Look, or train as ever."""
        return super().weigh(batch, losses) if self._looks else None

    def after_epoch(self, epoch: int) -> None:
        """End."""
        super().after_epoch(epoch)
        self.taken[-1] += time.process_time()


class LeftOut(Callback):
    """Trains as ever, with the same order and negatives, but for one interaction, which weighs nothing."""

    def __init__(self, row: int) -> None:
        self.row = row

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return 0 for the interaction and 1 for all others."""
        return (batch.row != self.row).to(losses)


def epoch_seconds(name: str, split: Split, epochs: int, **settings: Any) -> tuple[list[float], list[float]]:
    """Return the seconds of the epochs with looks, and those of the plain ones just before them."""
    callback = EveryOtherEpoch(**settings)
    training = Training(epochs=epochs, learning_rate=2e-3, validate_every=epochs)
    Loop(build(name, split.train), split, training, callbacks=[callback]).fit()
    return callback.taken[3::2], callback.taken[2::2]


def times_plain(name: str, split: Split, epochs: int, **settings: Any) -> float:
    """Return the time of an epoch with looks over that of a plain one."""
    pairs = zip(*epoch_seconds(name, split, epochs, **settings), strict=True)
    return round(median(ours / plain for ours, plain in pairs), 3)


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
        "in-run, order 1, refresh 1": InRun(interval=1, refresh=1, users=200),
        "in-run, order 1, refresh 10": InRun(interval=1, refresh=10, users=200),
        "in-run, order 1, refresh 50": InRun(interval=1, users=200),
        "in-run, default settings": InRun(users=200),
        "in-run, order 2": InRun(order=2, interval=1, users=200),
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
    ours, plain = epoch_seconds("BPR", split, 60 if quick else 200)
    details: dict[str, object] = {}
    if not quick:
        bpr: dict[str, dict[str, int]] = {"a look every step": {"interval": 1}, "order 2": {"order": 2}}
        gcn: dict[str, dict[str, int]] = {"a look every second step": {}, "a look every fifth step": {"interval": 5}}
        details["times plain training, BPR"] = {arm: times_plain("BPR", split, 60, **of) for arm, of in bpr.items()}
        details["times plain training, LightGCN"] = {
            arm: times_plain("LightGCN", split, 12, **of) for arm, of in gcn.items()
        }
        details["agreement"] = agreement()
    return Comparison(
        question="How much longer does training with first-order in-run values take than plain training?",
        ours=ours,
        peer=plain,
        peer_name="plain epochs of the same training",
        goal=1 / 1.15,
        unit="s of processor time an epoch",
        size=f"BPR, 64 numbers a vector, ml-100k, {len(split.train):,} interactions, batch 2048, default settings",
        details=details,
    )


if __name__ == "__main__":
    main(measure)
