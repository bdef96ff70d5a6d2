"""How much faster is an epoch of BPR in recval's loop than in RecBole's trainer, and are the loss curves the same?

Both train RecBole's own BPR on the same training interactions of ml-100k, an epoch each in turns, with batches of 2048,
one negative a sample and Adam; validation is left out. Several seeds are trained: order, negatives and initial weights
differ, so the curves agree but for chance, which the details tell in standard errors. What is measured is CPU time,
that of one thread with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from harness import Comparison, main

from recval.backbones import recbole
from recval.backbones.recbole import repairs
from recval.data import Interactions, Split, Vocabulary
from recval.training import Loop, Training

SIZE, BATCH, RATE = 64, 2048, 1e-3

Epoch = Callable[[], float]
"""Trains an epoch and returns its mean loss."""


def recbole_data(folder: str) -> tuple[Any, list[Any]]:
    """Return RecBole's configuration and its loaders of the three parts, made as its own quick start makes them."""
    repairs.apply()
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import init_seed

    chosen = {"checkpoint_dir": folder, "train_batch_size": BATCH, "learning_rate": RATE, "embedding_size": SIZE}
    config = Config(model="BPR", dataset="ml-100k", config_dict=chosen)
    init_seed(config["seed"], config["reproducibility"])
    return config, list(data_preparation(config, create_dataset(config)))


def interactions(data: Any) -> Interactions:
    """Return the interactions of a data set of RecBole's, whose codes begin at 1."""
    users, items = (Vocabulary(pa.array(range(number - 1))) for number in (data.user_num, data.item_num))
    columns = {"user": data.inter_feat[data.uid_field], "item": data.inter_feat[data.iid_field]}
    return Interactions(pa.table({name: codes.numpy() - 1 for name, codes in columns.items()}), users, items)


def our_epochs(train: Interactions, seed: int) -> Epoch:
    """Return recval's side."""
    nothing = train.take(np.arange(1))
    settings = Training(epochs=10**6, batch_size=BATCH, learning_rate=RATE, validate_every=10**6)
    backbone = recbole.build("BPR", train, {"embedding_size": SIZE}, seed=seed)
    loop = Loop(backbone, Split(train, nothing, nothing), settings, seed=seed)

    def epoch() -> float:
        loop._run_epoch(loop.progress.epoch)
        return loop.progress.history[-1]["loss"]

    return epoch


def their_epochs(config: Any, data: Any, seed: int) -> Epoch:
    """Return RecBole's side; it draws from the global generators."""
    from recbole.model.general_recommender import BPR
    from recbole.trainer import Trainer
    from recbole.utils import init_seed

    init_seed(seed, reproducibility=True)
    trainer = Trainer(config, BPR(config, data.dataset))
    return lambda: trainer._train_epoch(data, 0) / len(data)


def timed(epoch: Epoch) -> tuple[float, float]:
    """Return the CPU seconds that an epoch takes, and its loss."""
    start = time.process_time()
    loss = epoch()
    return time.process_time() - start, loss


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    seeds, epochs = (2, 8) if quick else (5, 15)
    with tempfile.TemporaryDirectory() as folder, repairs.quiet():
        config, (data, *_) = recbole_data(folder)
        train = interactions(data.dataset)
        found = np.empty((seeds, epochs, 2, 2))
        for seed in range(seeds):
            sides = our_epochs(train, seed), their_epochs(config, data, seed)
            for epoch in range(epochs):
                found[seed, epoch] = [timed(side) for side in sides]
    seconds, losses = found[..., 0], found[..., 1]
    gap = losses[..., 0].mean(0) - losses[..., 1].mean(0)
    chance = np.sqrt(losses.var(0, ddof=1).sum(1) / seeds)
    return Comparison(
        question="How much faster is an epoch of BPR in recval's loop than in RecBole's trainer?",
        ours=seconds[:, 1:, 0].ravel().tolist(),
        peer=seconds[:, 1:, 1].ravel().tolist(),
        peer_name="RecBole's Trainer, same model",
        goal=5.0,
        unit="s of CPU time an epoch",
        size=f"BPR, d {SIZE}, ml-100k, {len(train):,} interactions, batch {BATCH}",
        details={
            "seeds": seeds,
            "mean_loss_of_each_epoch": {
                name: losses[..., side].mean(0).round(4).tolist() for side, name in enumerate(("recval", "recbole"))
            },
            "gap_in_standard_errors": (gap / chance).round(2).tolist(),
        },
    )


if __name__ == "__main__":
    main(measure)
