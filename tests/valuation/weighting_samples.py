"""Small data and models to try weightings on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from torch import Tensor
from torch.nn.functional import softplus

from recval.backbones import Batch
from recval.backbones.matrix_factorisation import MatrixFactorisation
from recval.data import Interactions, Split
from recval.testing import planted
from recval.training import Callback, Loop, Training


class Factors(MatrixFactorisation):
    """Matrix factorisation in float64, whose losses depend on the negative or not."""

    def __init__(self, train: Interactions, *, pairwise: bool = True) -> None:
        super().__init__(train, 4, 0.1)
        self.pairwise = pairwise
        self.double()

    def loss_per_sample(self, batch: Batch) -> Tensor:
        user, item = self.user_embedding(batch.user), self.item_embedding(batch.item)
        other = self.item_embedding(batch.negative) if self.pairwise else 0
        return softplus((user * (other - item)).sum(1))


def timed(split: Split) -> Split:
    """The same split with times."""

    def part(interactions: Interactions, seed: int) -> Interactions:
        times = np.random.default_rng(seed).permutation(len(interactions)).astype(float)
        table = interactions.table.append_column("time", pa.array(times))
        return Interactions(table, interactions.users, interactions.items)

    return Split(*(part(each, seed) for seed, each in enumerate((split.train, split.valid, split.test))))


def fitted(callback: Callback, split: Split, backbone=None, *, epochs: int = 20, **training) -> Loop:
    """A loop after training with the callback; the defaults learn the planted data."""
    settings = {"epochs": epochs, "batch_size": 128, "learning_rate": 0.02, "patience": epochs, **training}
    loop = Loop(backbone or Factors(split.train), split, Training(**settings), callbacks=[callback], seed=7)
    loop.fit()
    return loop


def auroc(values, noise) -> float:
    """The probability that a clean interaction is valued above a noisy one."""
    clean, wrong = values.value[~noise][:, None], values.value[noise][None]
    return float(np.mean((clean > wrong) + 0.5 * (clean == wrong)))


def noisy_split():
    return planted(80, 60, 24, noise=0.2)
