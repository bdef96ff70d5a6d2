"""RecBole's own trainer with recval's callbacks: in a script of RecBole's, one line changes.

    config = Config(model="BPR", dataset="ml-100k")
    dataset = create_dataset(config)
    train_data, valid_data, test_data = data_preparation(config, dataset)
    model = BPR(config, train_data._dataset).to(config["device"])
    trainer = ValuedTrainer(config, model, callbacks=[recval.DVR(reward="ndcg@10")])   # was Trainer(config, model)
    trainer.fit(train_data, valid_data)
    trainer.evaluate(test_data)

Batches, negatives, optimiser, validation and early stopping are RecBole's; the callbacks see each batch with the rows
of its interactions and one loss a sample, and what they return weighs the samples. Today's numpy and torch need
`recval.backbones.recbole.repairs.apply()` first.

When not to use: in new code, where recval's own loop is faster, resumes, and does not round what it validates by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from recbole.data.interaction import Interaction
from recbole.trainer import Trainer
from recbole.utils import ModelType, get_trainer
from torch import Tensor

from recval import rng
from recval.backbones.base import Batch
from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.context import ContextBackbone
from recval.data import Interactions, Split, Vocabulary
from recval.errors import ModelError

_ROW = "recval_row"
_KINDS = {ModelType.GENERAL: RecBoleBackbone, ModelType.CONTEXT: ContextBackbone}


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
            yield _batch_of(found, self._loader).to(device)


class ValuedTrainer(Trainer):
    """RecBole's trainer, in which callbacks weigh the samples.

    Args:
        config: RecBole's configuration.
        model: a general or context-aware model with a loss per sample, such as BPR, LightGCN or FM.
        callbacks: recval's callbacks; the weights of several multiply. They are told of RecBole's validation metrics,
            which are rounded, and at the end see the parameters of the last epoch: RecBole restores the best ones
            when it evaluates.

    Raises:
        ModelError: RecBole trains the model by another trainer, or its loss is one of the whole batch.
    """

    def __init__(self, config: Any, model: Any, callbacks: Sequence[Any] = ()) -> None:
        super().__init__(config, model)
        name = type(model).__name__
        usual = get_trainer(config["MODEL_TYPE"], name)
        if usual is not Trainer or config["MODEL_TYPE"] not in _KINDS:
            raise ModelError(
                f"RecBole's {name} is not trained on plain pairs by RecBole's Trainer (but by {usual.__name__}); "
                "train it in recval's own loop"
            )
        self.callbacks = tuple(callbacks)
        self._backbone: RecBoleBackbone | None = None
        self.optimizer.register_step_post_hook(lambda *_: self._tell("after_step"))

    def fit(self, train_data: Any, valid_data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train as RecBole's trainer does, with the callbacks; arguments and result are RecBole's."""
        with _with_rows(train_data):
            self._tell("before_fit", self._view(train_data, valid_data))
            result = super().fit(train_data, valid_data, *args, **kwargs)
            self.model.eval()
            self._tell("after_fit")
        return result

    def _train_epoch(self, train_data: Any, epoch_idx: int, loss_func: Any = None, show_progress: bool = False) -> Any:
        self._tell("before_epoch", epoch_idx)
        self._epoch, self._loader = epoch_idx, train_data
        loss = super()._train_epoch(train_data, epoch_idx, self._weighted_loss, show_progress)
        self._tell("after_epoch", epoch_idx)
        return loss

    def _valid_epoch(self, valid_data: Any, show_progress: bool = False) -> Any:
        score, metrics = super()._valid_epoch(valid_data, show_progress)
        self._tell("after_validation", self._epoch, {name: float(value) for name, value in metrics.items()})
        return score, metrics

    def _weighted_loss(self, rows: Any) -> Tensor:
        batch = _batch_of(rows, self._loader)
        losses = self._backbone.losses_of(rows, len(batch))  # type: ignore[union-attr]
        weighted = losses
        for callback in self.callbacks:
            weights = callback.weigh(batch, losses)
            weighted = weighted if weights is None else weighted * weights
        return weighted.mean()

    def _view(self, train_data: Any, valid_data: Any) -> TrainingView:
        train = _interactions(train_data._dataset)
        valid = train.take(np.arange(0)) if valid_data is None else _interactions(valid_data._dataset)
        split = Split(train, valid, train.take(np.arange(0)))
        if self._backbone is None:
            self._backbone = self._wrapped(train_data._dataset, train)
        settings = SimpleNamespace(device=str(self.device), batch_size=self.config["train_batch_size"])
        samples = Samples(train_data, train, self.device)
        return TrainingView(self._backbone, split, self.config["seed"], settings, samples, self.optimizer)

    def _wrapped(self, dataset: Any, train: Interactions) -> RecBoleBackbone:
        seen = SimpleNamespace(
            interactions=train,
            config=self.config,
            get_user_feature=dataset.get_user_feature,
            get_item_feature=dataset.get_item_feature,
        )
        backbone = _KINDS[self.config["MODEL_TYPE"]](self.model, seen)  # type: ignore[arg-type]
        if not backbone.has_sample_losses:
            raise ModelError(
                f"RecBole's {backbone.name} has a loss of the whole batch, so its samples cannot be weighed"
            )
        return backbone

    def _tell(self, hook: str, *args: object) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)


@contextmanager
def _with_rows(loader: Any) -> Iterator[None]:
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


def _batch_of(rows: Any, loader: Any) -> Batch:
    """Return a batch of RecBole's as triplets.

    Of several negatives of a labelled interaction the first is taken; where labels are given and none are drawn, the
    item stands for its negative.
    """
    user, item, row = rows[loader.uid_field] - 1, rows[loader.iid_field] - 1, rows[_ROW]
    if hasattr(loader, "neg_item_id"):
        return Batch(row, user, item, rows[loader.neg_item_id] - 1)
    size = len(row) // loader.times
    return Batch(row[:size], user[:size], item[:size], item[size : 2 * size] if loader.times > 1 else item)


def _interactions(dataset: Any) -> Interactions:
    """Return the interactions of a data set of RecBole's, in its order, by its codes and its tokens."""
    users, items = (
        Vocabulary(pa.array([str(token) for token in dataset.field2id_token[field][1:]]))
        for field in (dataset.uid_field, dataset.iid_field)
    )
    found = dataset.inter_feat
    columns = {"user": found[dataset.uid_field].numpy() - 1, "item": found[dataset.iid_field].numpy() - 1}
    return Interactions(pa.table(columns), users, items)
