"""How much faster is a training step of recval's LightGCN than one of RecBole's?

A step is the propagation through all layers, the loss of 2048 triplets, and its gradients; both sides take the same
triplets from the same state, in turns. The graph is Gowalla's (train and valid) where `RECVAL_DATA` names the
folder of data, else a power-law graph of the same size; `--quick` takes a power-law graph a quarter as large.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from harness import Comparison, main

from recval.backbones import Backbone, Batch, recbole
from recval.backbones.light_gcn import LightGCN
from recval.data import Interactions, Vocabulary, load_split

N_USERS, N_ITEMS, N_EDGES = 29_858, 40_981, 810_128
PARAMETERS: dict[str, Any] = {"embedding_size": 64, "n_layers": 3}


def gowalla() -> Interactions:
    """Return Gowalla's published training set, of which the card makes a training and a validation part."""
    split = load_split("gowalla")
    return replace(split.train, table=pa.concat_tables([split.train.table, split.valid.table]))


def power_law(n_users: int, n_items: int, n_edges: int) -> Interactions:
    """Return distinct pairs whose ends are drawn with probabilities that fall with the rank."""
    generator = np.random.default_rng(0)

    def drawn(size: int, exponent: float) -> npt.NDArray[np.int64]:
        weights = np.arange(1, size + 1) ** -exponent
        return generator.permutation(size)[generator.choice(size, 2 * n_edges, p=weights / weights.sum())]

    pairs = np.unique(drawn(n_users, 0.6) * n_items + drawn(n_items, 0.7))
    pairs = generator.permutation(pairs)[:n_edges]
    users, items = Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items)))
    return Interactions(pa.table({"user": pairs // n_items, "item": pairs % n_items}), users, items)


def graph(quick: bool) -> tuple[str, Interactions]:
    """Return the graph to measure on, and its name."""
    if quick:
        return "power law", power_law(N_USERS // 4, N_ITEMS // 4, N_EDGES // 4)
    if "RECVAL_DATA" in os.environ:
        return "Gowalla", gowalla()
    return "power law", power_law(N_USERS, N_ITEMS, N_EDGES)


def batches(train: Interactions, number: int) -> list[Batch]:
    """Return batches of 2048 training interactions, with negatives drawn from all items."""
    generator = torch.Generator().manual_seed(0)
    user, item = torch.from_numpy(train.user.copy()), torch.from_numpy(train.item.copy())
    rows = [torch.randint(len(train), (2048,), generator=generator) for _ in range(number)]
    return [Batch(r, user[r], item[r], torch.randint(len(train.items), (2048,), generator=generator)) for r in rows]


def seconds(model: Backbone, batch: Batch) -> float:
    """Return how long a step takes, without the optimiser's."""
    model.zero_grad(set_to_none=True)
    start = time.perf_counter()
    model.loss_per_sample(batch).mean().backward()
    return time.perf_counter() - start


def measure(quick: bool) -> Comparison:
    """Return the seconds of both sides."""
    name, train = graph(quick)
    ours = LightGCN(train, **PARAMETERS)
    theirs = recbole.build("LightGCN", train, PARAMETERS)
    theirs.model.load_state_dict(ours.recbole_state())
    warm_up, *rest = batches(train, 16)
    seconds(ours, warm_up), seconds(theirs, warm_up)
    pairs = [(seconds(ours, batch), seconds(theirs, batch)) for batch in rest]
    return Comparison(
        question="How much faster is a training step of LightGCN than RecBole's?",
        ours=[one for one, _ in pairs],
        peer=[other for _, other in pairs],
        peer_name="RecBole's LightGCN: loss and backward",
        goal=4.0,
        unit="s",
        size=f"{name}: {len(train.users):,} users, {len(train.items):,} items, {len(train):,} edges; "
        f"vectors of 64, 3 layers, 2048 triplets",
    )


if __name__ == "__main__":
    main(measure)
