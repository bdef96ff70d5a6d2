"""The training loop: samples in, weighted steps, validation, early stopping, checkpoints that resume bit for bit.

All randomness of epoch `e` derives from the seed and `e`. A checkpoint therefore holds no generator: training that
was interrupted and resumed ends with the same parameters as training that was not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial, reduce
from pathlib import Path
from typing import Any

import torch

from recval.backbones import Backbone, Batch, SelfTraining
from recval.data import Split
from recval.engine.executor import Report
from recval.errors import ModelError, RunError
from recval.ranking import Evaluator, ItemSets, parse
from recval.rng import isolated, torch_generator
from recval.store.state import load_optimizer_state, optimizer_state, read_state, write_state
from recval.training.callback import Callback, described
from recval.training.sampling import TripletSampler
from recval.training.settings import Training


@dataclass
class Progress:
    """How far training is: all that the loop itself must remember between epochs.

    Attributes:
        epoch: epochs completed.
        best_epoch: the epoch (from 1) with the best validation metric, 0 before the first validation.
        best_score: its metric, negated where lower is better.
        stale: validations since then.
        history: one entry an epoch: epoch, loss, and the validation metric where there was one.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -math.inf
    stale: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Loop:
    """Trains a backbone on the training part of a split, and keeps the parameters of the best validation.

    Args:
        backbone: what to train; it is moved to the device of the settings.
        split: what to train on, and what to validate on; where that part is empty, the parameters of the last epoch
            are kept. The test part is not looked at.
        settings: how to train.
        callbacks: what looks on and weighs; the weights of several callbacks multiply.
        seed: all randomness derives from it.
        masked: the items that are never recommended in validation; by default those of the training part.

    Raises:
        ModelError: a callback weighs samples, and the backbone has no losses per sample.
    """

    def __init__(
        self,
        backbone: Backbone,
        split: Split,
        settings: Training,
        *,
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
        masked: ItemSets | None = None,
    ) -> None:
        check_weighable(backbone, callbacks)
        self.backbone = backbone.to(settings.device)
        self.split = split
        self.settings = settings
        self.callbacks = tuple(callbacks)
        self._described = [described(callback) for callback in callbacks]
        self.seed = seed
        self.progress = Progress()
        self.sampler = TripletSampler(split.train, settings.device)
        self._optimizer = (
            None
            if isinstance(backbone, SelfTraining)
            else torch.optim.Adam(backbone.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        )
        masked = masked or ItemSets.of(split.train)
        self._validate = (
            Evaluator(split.valid, masked, [settings.monitor], train=split.train, device=settings.device)
            if len(split.valid)
            else None
        )
        self._sign = -1.0 if parse(settings.monitor)[0].lower_is_better else 1.0
        self._best: dict[str, torch.Tensor] = {}

    @property
    def optimizer(self) -> torch.optim.Adam:
        """The optimiser.

        Raises:
            ModelError: there is none, since the backbone takes its steps itself.
        """
        check_optimised(self.backbone)
        assert self._optimizer is not None
        return self._optimizer

    def fit(self, checkpoint: Path | None = None, report: Report = lambda fraction: None) -> Progress:
        """Train until the last epoch or until patience ends, and restore the best parameters.

        Args:
            checkpoint: the file that training continues from if it exists, and that is written after each validation.
            report: called with the share of epochs that are done.

        Raises:
            ModelError: the loss or a score is no longer a finite number.
        """
        for callback in self.callbacks:
            callback.before_fit(self)
        if checkpoint is not None and checkpoint.exists():
            self._load(checkpoint)
        while self.progress.epoch < self.settings.epochs and self.progress.stale < self.settings.patience:
            due = self._run_epoch(self.progress.epoch)
            if checkpoint is not None and due:
                self._save(checkpoint)
            report(self.progress.epoch / self.settings.epochs)
        if self._best:
            self.backbone.load_state_dict(self._best)
        self.backbone.eval()
        for callback in self.callbacks:
            callback.after_fit()
        return self.progress

    def _run_epoch(self, epoch: int) -> bool:
        """Train one epoch and return whether a validation was due."""
        for callback in self.callbacks:
            callback.before_epoch(epoch)
        self.backbone.train()
        generator = torch_generator(self.seed, "epoch", epoch, device=self.sampler.user.device)
        total, trained = torch.zeros((), dtype=torch.float64, device=self.sampler.user.device), 0
        rows = self.backbone.rows
        with isolated(self.seed, "epoch", epoch):
            self.backbone.start_epoch(epoch)
            for batch in self.sampler.epoch(self.settings.batch_size, generator, rows):
                losses = self._step(batch)
                total += losses.sum()
                trained += len(losses)
        loss = float(total) / trained
        if not math.isfinite(loss):
            raise ModelError(
                f"the training loss became {loss} in epoch {epoch + 1}; lower the learning rate "
                f"(now {self.settings.learning_rate:g})"
            )
        for callback in self.callbacks:
            callback.after_epoch(epoch)
        self.progress.epoch = epoch + 1
        self.progress.history.append({"epoch": epoch + 1, "loss": loss})
        due = self.progress.epoch == self.settings.epochs or self.progress.epoch % self.settings.validate_every == 0
        if due and self._validate is not None:
            self._run_validation(self._validate, epoch)
        return due

    def _step(self, batch: Batch) -> torch.Tensor:
        """Take one step and return the unweighted losses, without a graph."""
        for callback in self.callbacks:
            batch = callback.resample(batch)
        if isinstance(self.backbone, SelfTraining):
            rate, decay = self.settings.learning_rate, self.settings.weight_decay
            losses = self.backbone.step(batch, partial(self._weights, batch), rate, decay)
        else:
            losses = self._descend(batch)
        for callback in self.callbacks:
            callback.after_step()
        return losses

    def _descend(self, batch: Batch) -> torch.Tensor:
        """Take the optimiser's step and return the losses before it, without a graph."""
        losses = self.backbone.loss_per_sample(batch)
        weights = self._weights(batch, losses)
        weighted = losses if weights is None else losses * weights
        self.optimizer.zero_grad(set_to_none=True)
        weighted.mean().backward()
        self.optimizer.step()
        return losses.detach()

    def _weights(self, batch: Batch, losses: torch.Tensor) -> torch.Tensor | None:
        """Return the product of the callbacks' weights, shape [B]; None for equal weights."""
        found = [callback.weigh(batch, losses) for callback in self.callbacks]
        weights = [each for each in found if each is not None]
        return reduce(torch.mul, weights) if weights else None

    def _run_validation(self, evaluate: Evaluator, epoch: int) -> None:
        self.backbone.eval()
        metrics = evaluate(self.backbone.score).means
        self.progress.history[-1].update(metrics)
        score = self._sign * metrics[self.settings.monitor]
        if score > self.progress.best_score:
            self.progress.best_score, self.progress.best_epoch, self.progress.stale = score, epoch + 1, 0
            self._best = {name: tensor.clone() for name, tensor in self.backbone.state_dict().items()}
        else:
            self.progress.stale += 1
        for callback in self.callbacks:
            callback.after_validation(epoch, metrics)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """What tells this training from another: its checkpoint is of no use to that one."""
        identity = {
            "seed": self.seed,
            "origin": dict(self.backbone.origin),
            "model": {name: list(tensor.shape) for name, tensor in self.backbone.state_dict().items()},
            "settings": self.settings.model_dump(exclude={"epochs", "patience", "device"}),
            "data": self.split.fingerprint(),
            "callbacks": self._described,
        }
        return json.loads(json.dumps(identity, default=str))

    def _save(self, path: Path) -> None:
        progress: dict[str, Any] = dict(vars(self.progress))
        write_state(
            path,
            {
                "of": self._identity,
                "progress": progress,
                "model": dict(self.backbone.state_dict()),
                "best": self._best,
                "optimizer": {} if self._optimizer is None else optimizer_state(self._optimizer),
                "callbacks": [callback.state_dict() for callback in self.callbacks],
            },
        )

    def _load(self, path: Path) -> None:
        state = read_state(path)
        if state.get("of") != self._identity:
            raise RunError(f"{path} is the checkpoint of another training; remove it, or name another file")
        self.progress = Progress(**state["progress"])
        self.backbone.load_state_dict(state["model"])
        self._best = state["best"]
        if self._optimizer is not None:
            load_optimizer_state(self._optimizer, state["optimizer"])
        for callback, saved in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(saved)


def check_weighable(backbone: Backbone, callbacks: Sequence[Callback]) -> None:
    """Check that callbacks can weigh the samples of a backbone.

    Raises:
        ModelError: one does weigh, and the backbone's loss is one of the whole batch.
    """
    weighing = [type(callback).__name__ for callback in callbacks if type(callback).weigh is not Callback.weigh]
    if weighing and not backbone.has_sample_losses:
        raise ModelError(
            f"{weighing[0]} weighs samples, but this model's loss is one of the whole batch; "
            "choose a model with a loss per sample, such as BPR, NeuMF or LightGCN"
        )


def check_optimised(backbone: Backbone) -> None:
    """Check that a backbone is trained by an optimiser, whose steps can be looked at.

    Raises:
        ModelError: it takes its steps itself.
    """
    if isinstance(backbone, SelfTraining):
        raise ModelError(
            f"{type(backbone).__name__} takes its training steps itself, so there is no optimiser to look at; "
            "choose another model, or a valuator that needs none, such as DVR with a metric as its reward"
        )
