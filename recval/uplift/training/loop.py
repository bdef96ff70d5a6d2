"""Training of one uplift network: batches of all arms, Adam, early stopping on held-out rows, the best weights kept.

The loss is the network's own (the likelihood of each row under its own arm, and what the network adds), plus the
ranking losses that are asked for. Early stopping goes by the likelihood of the held-out rows, which has less noise than
any ranking of so few purchases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from recval.declarations import Declaration, checked
from recval.engine.executor import Report
from recval.errors import ModelError
from recval.rng import isolated, numpy_generator, torch_generator
from recval.training.settings import check_device
from recval.uplift.networks.base import UpliftModule
from recval.uplift.training.batches import Rows
from recval.uplift.training.monitoring import Monitor, held_out_result

History = list[dict[str, float]]


class UpliftTraining(Declaration):
    """How an uplift network is trained.

    Attributes:
        epochs: the largest number of passes over the training rows.
        batch_size: rows a step.
        learning_rate: Adam's step size at the beginning; it falls to 0 over all epochs along half a cosine.
        weight_decay: the decay of all weights a step, relative to the step size (AdamW).
        clip: the largest norm of a step's gradient; a larger one is scaled to it.
        validation: the share of the rows that are held out, for early stopping and calibration.
        patience: epochs without a better held-out result after which training stops.
        monitor: what early stopping goes by: the likelihood of the held-out rows, or the area (`auuc`, `qini`) of their
            ranking, which is far noisier.
        device: where to compute ("cpu", "cuda", "cuda:1").
    """

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(512, ge=1)
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(1.0, ge=0, allow_inf_nan=False)
    clip: float = Field(1.0, gt=0)
    validation: float = Field(0.2, ge=0, lt=1)
    patience: int = Field(10, ge=1)
    monitor: Monitor = "likelihood"
    device: Annotated[str, checked(check_device)] = "cpu"


class RankingLoss(Protocol):
    """A loss on the expected responses of a batch, beside the likelihood."""

    def loss(
        self, means: Tensor, arm: Tensor, response: Tensor, scale: float, generator: torch.Generator | None, /
    ) -> Tensor:
        """Return a scalar, from means of shape [B, A + 1]."""


def train(
    module: UpliftModule,
    rows: Rows,
    held_out: Rows,
    settings: UpliftTraining,
    *,
    ranking: Sequence[RankingLoss] = (),
    seed: int = 0,
    report: Report = lambda fraction: None,
) -> History:
    """Train a module in place, and leave it with the parameters of its best epoch, in evaluation mode.

    Args:
        module: what to train, on the device of the rows.
        rows: the training rows.
        held_out: the rows for early stopping; where there are none, the parameters of the last epoch are kept.
        settings: how to train.
        ranking: further losses.
        seed: all randomness derives from it.
        report: called with the share of epochs that are done.

    Returns:
        One entry an epoch: epoch, loss, and where rows are held out, held_out: what is monitored, the lower the better.

    Raises:
        ModelError: a loss or a gradient is no longer a finite number.
    """
    training = _Training(module, rows, settings, ranking, seed)
    history: History = []
    best, best_epoch, kept = math.inf, 0, {}
    for epoch in range(settings.epochs):
        history.append({"epoch": epoch + 1, "loss": training.run_epoch(epoch)})
        if len(held_out):
            result = held_out_result(module, held_out, settings.monitor)
            if not math.isfinite(result):
                raise ModelError(f"the held-out result became {result} in epoch {epoch + 1}; {_remedy(settings)}")
            history[-1]["held_out"] = result
            if result < best:
                best, best_epoch = result, epoch
                kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        report((epoch + 1) / settings.epochs)
        if len(held_out) and epoch - best_epoch >= settings.patience:
            break
    if kept:
        module.load_state_dict(kept)
    module.eval()
    return history


class _Training:
    """The steps of training, an epoch at a time; all randomness of an epoch derives from the seed and its number."""

    def __init__(
        self,
        module: UpliftModule,
        rows: Rows,
        settings: UpliftTraining,
        ranking: Sequence[RankingLoss],
        seed: int,
    ) -> None:
        self.module, self.rows, self.settings, self.ranking, self.seed = module, rows, settings, ranking, seed
        self.arms = rows.arm.cpu().numpy()
        self.parameters = list(module.parameters())
        self.optimizer = _optimizer(module, settings)

    def run_epoch(self, epoch: int) -> float:
        """Take the steps of an epoch and return the mean loss."""
        self.module.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * (1 + math.cos(math.pi * epoch / self.settings.epochs)) / 2
        order = numpy_generator(self.seed, "order", epoch)
        pairs = torch_generator(self.seed, "pairs", epoch, device=self.rows.arm.device)
        with isolated(self.seed, "epoch", epoch):
            batches = self.rows.batches(self.arms, self.settings.batch_size, order)
            # Looked at once an epoch, for each look would wait for the device; a step after a broken one is broken too.
            steps = torch.stack([self._step(batch, pairs) for batch in batches]).cpu()
        broken = ~steps.isfinite().all(dim=1)
        if broken.any():
            step = int(broken.nonzero()[0])
            raise ModelError(
                f"the loss became {steps[step, 0]:g} and its gradient {steps[step, 1]:g} in epoch {epoch + 1}, step "
                f"{step + 1}; {_remedy(self.settings)}"
            )
        return float(steps[:, 0].mean())

    def _step(self, batch: Rows, pairs: torch.Generator) -> Tensor:
        """Take a step and return its loss and the norm of its gradient, shape [2]."""
        outputs = self.module(batch.numeric, batch.codes)
        loss = self.module.loss(outputs, batch.arm, batch.response, batch.weight)
        if self.ranking:
            means = self.module.means(outputs)
            for term in self.ranking:
                loss = loss + term.loss(means, batch.arm, batch.response, self.module.limits.scale, pairs)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = clip_grad_norm_(self.parameters, self.settings.clip)
        self.optimizer.step()
        return torch.stack([loss.detach(), norm])


def _optimizer(module: UpliftModule, settings: UpliftTraining) -> torch.optim.Optimizer:
    """Return Adam with a decay of the weights, not of the biases: the outputs' begin at the mean response."""
    named = list(module.named_parameters())
    groups = [
        {"params": [each for name, each in named if "bias" not in name], "weight_decay": settings.weight_decay},
        {"params": [each for name, each in named if "bias" in name], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def _remedy(settings: UpliftTraining) -> str:
    return f"lower the learning rate (now {settings.learning_rate:g}) or the weights of further losses"
