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

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from recbole.trainer import Trainer
from recbole.utils import ModelType, get_trainer
from torch import Tensor

from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.context import ContextBackbone
from recval.backbones.recbole.training_view import Samples, TrainingView, batch_of, interactions_of, with_rows
from recval.data import Interactions, Split
from recval.errors import ModelError

_KINDS = {ModelType.GENERAL: RecBoleBackbone, ModelType.CONTEXT: ContextBackbone}


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
        with with_rows(train_data):
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
        batch = batch_of(rows, self._loader)
        losses = self._backbone.losses_of(rows, len(batch))  # type: ignore[union-attr]
        weighted = losses
        for callback in self.callbacks:
            weights = callback.weigh(batch, losses)
            weighted = weighted if weights is None else weighted * weights
        return weighted.mean()

    def _view(self, train_data: Any, valid_data: Any) -> TrainingView:
        train = interactions_of(train_data._dataset)
        valid = train.take(np.arange(0)) if valid_data is None else interactions_of(valid_data._dataset)
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
