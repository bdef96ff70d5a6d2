"""RecBole's training as callbacks see it: samples with the rows of their interactions, by recval's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import torch
from recbole.data.interaction import Interaction
from torch import Tensor

from recval import rng
from recval.backbones.base import Batch
from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.data import Interactions, Split, Vocabulary

_ROW = "recval_row"


@dataclass
class TrainingView:
    """What a callback may look at in RecBole's training, by the names that recval's own loop has for it.

    Attributes:
        backbone: the model.
        split: the training and validation interactions; the test part is empty.
        seed: the seed of RecBole's configuration.
        settings: `device` and `batch_size`.
        sampler: the training samples.
        optimizer: RecBole's optimiser.
    """

    backbone: RecBoleBackbone
    split: Split
    seed: int
    settings: SimpleNamespace
    sampler: Samples
    optimizer: torch.optim.Optimizer


class Samples:
    """The training samples as RecBole's loader gives them.

    Args:
        loader: RecBole's loader, whose batches bear rows.
        train: its interactions.

    Attributes:
        user: the user of each interaction, shape [n].
        item: the item of each interaction, shape [n].
    """

    def __init__(self, loader: Any, train: Interactions, device: torch.device) -> None:
        self.user = torch.from_numpy(train.user.copy()).to(device)
        self.item = torch.from_numpy(train.item.copy()).to(device)
        self._loader = loader

    def epoch(self, batch_size: int, generator: torch.Generator, rows: Tensor | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch in random order, with negatives by RecBole's sampler.

        Args:
            batch_size: samples a batch.
            generator: the source of the order, and of the seed of the negatives.
            rows: the rows that are samples, shape [R]; all by default.
        """
        device = self.user.device
        chosen = torch.arange(len(self.user), device=device) if rows is None else rows
        order = chosen[torch.randperm(len(chosen), generator=generator, device=device)].cpu()
        for number, part in enumerate(order.split(batch_size)):
            with rng.isolated(generator.initial_seed(), "negatives", number):
                found = self._loader.collate_fn(part.tolist())
            yield batch_of(found, self._loader).to(device)


@contextmanager
def with_rows(loader: Any) -> Iterator[None]:
    """Let the batches of a loader bear the rows of their interactions inside the block."""
    collate: Callable[[Sequence[int]], Any] = loader.collate_fn

    def collate_with_rows(index: Sequence[int]) -> Any:
        found = collate(index)
        rows = torch.as_tensor(index)
        found.update(Interaction({_ROW: rows.repeat(len(found) // len(rows))}))
        return found

    loader.collate_fn = collate_with_rows
    try:
        yield
    finally:
        loader.collate_fn = collate


def batch_of(rows: Any, loader: Any) -> Batch:
    """Return a batch of RecBole's as triplets.

    Of several negatives of a labelled interaction the first is taken; where labels are given and none are drawn, the
    item stands for its negative.
    """
    user, item, row = rows[loader.uid_field] - 1, rows[loader.iid_field] - 1, rows[_ROW]
    if hasattr(loader, "neg_item_id"):
        return Batch(row, user, item, rows[loader.neg_item_id] - 1)
    size = len(row) // loader.times
    return Batch(row[:size], user[:size], item[:size], item[size : 2 * size] if loader.times > 1 else item)


def interactions_of(dataset: Any) -> Interactions:
    """Return the interactions of a data set of RecBole's, in its order, by its codes and its tokens."""
    users, items = (
        Vocabulary(pa.array([str(token) for token in dataset.field2id_token[field][1:]]))
        for field in (dataset.uid_field, dataset.iid_field)
    )
    found = dataset.inter_feat
    columns = {"user": found[dataset.uid_field].numpy() - 1, "item": found[dataset.iid_field].numpy() - 1}
    return Interactions(pa.table(columns), users, items)
