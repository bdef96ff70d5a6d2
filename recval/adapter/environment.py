"""Training as a Gymnasium environment: an agent weighs the samples of each step and is paid by the metric it moves.

- observation: the encoded batch, shape [batch, F] (`recval.adapter.observation`);
- action: a weight in [0, 1] for each sample (`actions="weights"`), or a choice of samples (`actions="selection"`);
  either is scaled to mean 1 before the step, so that an action cannot change the learning rate;
- reward: the change of the validation metric over the step; higher is better, for every metric;
- episode: `steps` training steps from the same initial parameters, then truncated.

Any learner of Gymnasium environments can be used; `recval.valuation.DVR` is the same game with a policy of its own,
inside training. The test part of the split is never looked at.

Source: DVR (arXiv 2502.08685), metric adapter, with the reward measured on validation data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

from recval.adapter.observation import INPUTS, Inputs, Observer
from recval.adapter.rewards import RewardSpec, is_differentiable, measured_reward
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.errors import ConfigError
from recval.rng import isolated, torch_generator
from recval.training import Training, TripletSampler


class MetricEnvironment(gymnasium.Env[np.ndarray, np.ndarray]):
    """One training of a backbone, step by step.

    Args:
        backbone: what is trained; each episode starts from the parameters that it has now.
        split: what to train on, and whose validation part the reward is measured on.
        metric: the reward to move, one without a gradient: a ranking metric with its cut-off, a weighted sum of
            several, or a function; see `recval.adapter.rewards`.
        training: batch size, learning rate, weight decay and device; the rest is not used.
        steps: training steps an episode.
        actions: "weights" or "selection".
        inputs: what is observed of a sample.
        users: validation users a reward looks at.
        reward_every: steps between two looks at the metric; the reward is 0 in between.

    Raises:
        ConfigError: a batch would be larger than the training part, a metric is unknown, or the reward has a gradient.
    """

    metadata = {"render_modes": []}
    _level: float

    def __init__(
        self,
        backbone: Backbone,
        split: Split,
        metric: RewardSpec = "ndcg@10",
        *,
        training: Training | None = None,
        steps: int = 100,
        actions: Literal["weights", "selection"] = "weights",
        inputs: Inputs = INPUTS,
        users: int = 256,
        reward_every: int = 1,
    ) -> None:
        self.training = training or Training()
        size = self.training.batch_size
        if size > len(split.train):
            raise ConfigError(
                f"batch_size must be at most the {len(split.train):,} training interactions. Got {size} instead"
            )
        if is_differentiable(metric):
            raise ConfigError(
                f"the reward {metric!r} has a gradient, and the environment pays for one that is measured; name a "
                "metric, such as 'ndcg@10'"
            )
        self.backbone = backbone.to(self.training.device)
        self.split, self.metric, self.steps = split, metric, steps
        self._users, self._reward_every = users, reward_every
        self._initial = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
        self._sampler = TripletSampler(split.train, self.training.device)
        self._observer = Observer(self.backbone, split.train, inputs, self.training.device, valid=split.valid)
        self._start(seed=0)
        shape = self._observation().shape
        largest = float(np.finfo(np.float32).max)
        self.observation_space = spaces.Box(-largest, largest, shape, np.float32)
        self.action_space = spaces.MultiBinary(size) if actions == "selection" else spaces.Box(0.0, 1.0, (size,))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode from the initial parameters; `options` is not used."""
        super().reset(seed=seed, options=options)
        self._start(int(self.np_random.integers(2**62)))
        return self._observation(), {"metric": self._level}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Train on the batch with the action as weights, and return the next batch and the reward."""
        weights = torch.as_tensor(np.asarray(action), dtype=torch.float32, device=self.training.device)
        if weights.sum() > 0:
            self._train(weights / weights.mean())
        self._done += 1
        reward = 0.0
        if self._done % self._reward_every == 0 or self._done == self.steps:
            level = self._measure(self.backbone)
            reward, self._level = level - self._level, level
        self._batch = self._next_batch()
        return self._observation(), reward, False, self._done >= self.steps, {"metric": self._level}

    def _start(self, seed: int) -> None:
        self.backbone.load_state_dict(self._initial)
        self.backbone.train()
        self._optimizer = torch.optim.Adam(
            self.backbone.parameters(), lr=self.training.learning_rate, weight_decay=self.training.weight_decay
        )
        self._measure = measured_reward(
            self.metric, self.split, users=self._users, seed=seed, device=self.training.device
        )
        self._seed, self._done, self._epoch = seed, 0, -1
        self._batches: Iterator[Batch] = iter(())
        self._batch = self._next_batch()
        self._level = self._measure(self.backbone)

    def _next_batch(self) -> Batch:
        """Return the next full batch; what is left of an epoch is passed over, since actions have one length."""
        batch = next(self._batches, None)
        if batch is not None and len(batch) == self.training.batch_size:
            return batch
        self._epoch += 1
        generator = torch_generator(self._seed, "epoch", self._epoch, device=self._sampler.user.device)
        self._batches = self._sampler.epoch(self.training.batch_size, generator)
        return next(self._batches)

    def _observation(self) -> np.ndarray:
        with torch.no_grad(), isolated(self._seed, "observation", self._done):
            losses = self.backbone.loss_per_sample(self._batch)
            return self._observer(self._batch, losses).cpu().numpy().astype(np.float32)

    def _train(self, weights: torch.Tensor) -> None:
        with isolated(self._seed, "step", self._done):
            loss = (weights * self.backbone.loss_per_sample(self._batch)).mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
