"""A few steps of training on the kept rows, from one state that all coalitions share.

It costs a small share of a training, and follows gradients where closed forms do not exist. All randomness is common
to the coalitions: each step has a batch and its negatives, drawn once from all rows, and a coalition takes part with
those of its rows that are in it. So what two coalitions have in common moves the model alike. Negatives are items that
the user has in no row of the whole training part.

Start. `initial` is the untrained model: what it learns in `steps` steps comes from the coalition alone. `trained` is
the model trained on everything, as the recipe says. **It has already seen what is absent**: the empty coalition is
worth about as much as all rows, and a value says what more steps on a row do to a finished model, not what the row
taught it. Take it to ask about the end of training, never to find out what data is worth; noise that the model has
learnt by heart looks harmless.

A backbone is built on the whole training part, so one that looks at a graph or at histories sees absent rows: take one
of factors, such as BPR or CompiledBPR, or retrain.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from recval.backbones import Backbone, Batch, SelfTraining, build
from recval.data import Split
from recval.errors import ModelError
from recval.ranking import Scorer
from recval.rng import isolated, torch_generator
from recval.training import Loop, TripletSampler
from recval.valuation.recommender_games.utilities.base import Learner, Mask, Problem, Utility


class FineTune(Utility):
    """A few steps of the recipe's model, with Adam or with the model's own rule.

    Attributes:
        steps: how many.
        learning_rate: their size.
        rows_a_step: rows a step at most, those of absent players included.
        start: from the untrained model, or from the one trained on everything; see above.
    """

    kind: Literal["fine-tune"] = "fine-tune"
    steps: int = Field(50, ge=1)
    learning_rate: float = Field(0.01, gt=0, allow_inf_nan=False)
    rows_a_step: int = Field(4096, ge=1)
    start: Literal["initial", "trained"] = "initial"
    batch_size: ClassVar[int] = 32

    def prepare(self, problem: Problem) -> Learner:
        """Return the learner, with the shared state.

        Raises:
            ModelError: the model has nothing to train.
        """
        return FineTuneLearner(problem, self)


class FineTuneLearner(Learner):
    """Takes a few steps from a shared state."""

    def __init__(self, problem: Problem, settings: FineTune) -> None:
        self._rate, self._decay, self._seed = settings.learning_rate, problem.training.weight_decay, problem.seed
        self._backbone = _started(problem, settings.start)
        self._state = {name: tensor.clone() for name, tensor in self._backbone.state_dict().items()}
        self._batches = _batches(problem, settings, self._backbone.rows)

    def learn(self, kept: Mask) -> Scorer:
        """Return the scorer of the backbone after the steps."""
        backbone, step = self._backbone, self._stepper()
        backbone.load_state_dict(self._state)
        backbone.train()
        present = torch.from_numpy(kept)
        with isolated(self._seed, "steps"):
            backbone.start_epoch(0)
            for batch in self._batches:
                part = batch[present.to(batch.row.device)[batch.row]]
                if len(part):
                    step(part)
        return backbone.eval().score

    def _stepper(self) -> Callable[[Batch], object]:
        """Return what takes a step: the backbone itself, or Adam."""
        backbone = self._backbone
        if isinstance(backbone, SelfTraining):
            return partial(backbone.step, weigh=lambda losses: None, learning_rate=self._rate, weight_decay=self._decay)
        optimizer = torch.optim.Adam(backbone.parameters(), lr=self._rate, weight_decay=self._decay)

        def step(batch: Batch) -> None:
            optimizer.zero_grad(set_to_none=True)
            backbone.loss_per_sample(batch).mean().backward()
            optimizer.step()

        return step


def _started(problem: Problem, start: Literal["initial", "trained"]) -> Backbone:
    device, seed = problem.training.device, problem.seed
    backbone = build(problem.model, problem.train, problem.parameters, device=device, seed=seed)
    if not backbone.needs_training:
        raise ModelError(f"{problem.model} is complete as it is built; take the utility 'retrain' for it")
    if start == "trained":
        split = Split(problem.train, problem.valid, problem.valid.take(np.arange(0)))
        Loop(backbone, split, problem.training, seed=seed).fit()
    return backbone


def _batches(problem: Problem, settings: FineTune, rows: Tensor | None) -> list[Batch]:
    """Return the samples of each step: rows in a random order, begun again when all were met, and their negatives."""
    device = problem.training.device
    sampler = TripletSampler(problem.train, device)
    generator = torch_generator(problem.seed, "steps", device=device)
    passes = itertools.chain.from_iterable(
        sampler.epoch(settings.rows_a_step, generator, rows) for _ in itertools.count()
    )
    return list(itertools.islice(passes, settings.steps))
