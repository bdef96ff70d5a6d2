"""DVR: values of training samples, learnt while training, and training on what the samples are worth.

Source: Jia et al., "Beyond Models! Explainable Data Valuation and Metric Adaption for Recommendation", SDM 2025
(arXiv 2502.08685). A valuator gives each sample of a batch its Shapley value phi; samples are weighted, or selected,
by sigma((phi - mean phi) / temperature) scaled to mean 1; the valuator learns from what that does to a reward measured
on validation data. The test part of the split is never looked at.

How the valuator learns depends on the reward:

- A ranking metric has no gradient. Every `interval` steps the policy selects from the batch at random
  (a_m ~ Bernoulli(p_m)), `rollouts` times; after a trial step with each selection, which is taken back, the metric is
  the reward r of the policy gradient -(r - b) mean_m log pi(a_m), b the mean reward of the other selections
  (`recval.adapter.trial_steps`). The worth v(selected) is fitted to the standardised reward, which gives the values
  their unit: standard deviations of a step's reward. With one rollout, as in one's own loop, the selection is that of
  the actual step, the reward is the change of the metric over it, and b is the mean of earlier rewards.
- A differentiable reward gives every sample of that batch its own signal, the one-step meta-gradient g_m = dM/dw_m
  (`recval.adapter.meta_gradient`), in standard deviations of the batch. The values are fitted to g by least squares: a
  value is what the sample's weight is expected to do to the reward, given what is observed of the sample.
- Likeness to validation data is no reward of a model: the valuator itself learns to tell validation interactions from
  others, and a value is a log-odds (`recval.valuation.likeness`).

How to choose: a differentiable reward learns from B signals a look instead of one, so it is the default. When not to
use: the values are those of a learned game (see `recval.valuation.networks`) about training with this backbone; for
what training without an interaction would give, train without it.

Differences from the paper and its code: `docs/dvr.md`.
"""

from __future__ import annotations

from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from recval.adapter.meta_gradient import preconditioned, reward_gains
from recval.adapter.observation import Observer, check_observable
from recval.adapter.rewards import differentiable_reward, is_differentiable, measured_reward
from recval.adapter.trial_steps import trial_rewards
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.declarations import validate
from recval.errors import ConfigError
from recval.games.values import Values, players_of
from recval.rng import RandomSource, seed_of
from recval.training import Callback, Loop, check_optimised
from recval.valuation.dvr_settings import DVRSettings
from recval.valuation.estimating import estimate_batches, seen_losses
from recval.valuation.learner import ValuatorLearner
from recval.valuation.likeness import Likeness, contrast_of, contrast_pairs
from recval.valuation.projection import Projection
from recval.valuation.valuator import mean_one


class DVR(Callback):
    """Values samples and weighs them, in recval's loop or in one's own.

    In recval's loop it is a callback. In one's own loop::

        valuator = DVR(reward="ndcg@10", rng=0)
        weights = valuator.weigh(features, losses)   # features [B, F] of any kind; losses [B], unreduced
        (weights * losses).mean().backward()
        valuator.reward(metric)                      # whenever the metric is known

    Args:
        rng: all randomness derives from it; in recval's loop, from the loop's seed instead.
        **settings: see `DVRSettings`.

    Attributes:
        settings: the settings.
        values: after training in recval's loop, the values of the training interactions.

    Raises:
        ConfigError: a setting is unknown or out of its range.
    """

    def __init__(self, *, rng: RandomSource = 0, **settings: Any) -> None:
        self.settings = validate(settings, DVRSettings)
        self.values: Values | None = None
        self._contrast = contrast_of(self.settings.reward)
        self._differentiable = self._contrast is None and is_differentiable(self.settings.reward)
        self._seed = seed_of(rng)
        self._learner: ValuatorLearner | None = None
        self._loop: Loop | None = None
        self._observer: Observer | None = None
        self._projection: Projection | None = None
        self._steps = 0
        self._metric: float | None = None
        self._looking = False

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse inputs that cannot be observed, and a reward that cannot be computed or looked at by this model."""
        check_observable(self.settings.inputs, backbone, split)
        reward, users = self.settings.reward, self.settings.users
        if self._contrast is not None:
            contrast_pairs(self._contrast, split, self._seed)
        elif self._differentiable:
            check_optimised(backbone)
            differentiable_reward(reward, split, users=users)
        else:
            measured_reward(reward, split, users=users, seed=self._seed)

    def before_fit(self, loop: Loop) -> None:
        """Prepare the reward, and the valuator for the loop's backbone."""
        self._loop, self._seed, self.values = loop, loop.seed, None
        self._steps, self._metric, self._looking = 0, None, False
        split, device = loop.split, loop.settings.device
        self._observer = Observer(loop.backbone, split.train, self.settings.inputs, device, valid=split.valid)
        self._projection = Projection(self._observer, loop.backbone)
        reward, users = self.settings.reward, self.settings.users
        if self._contrast is not None:
            self._likeness = Likeness(self._contrast, loop, self.settings.inputs)
        elif self._differentiable:
            self._gain = differentiable_reward(reward, split, users=users, device=device)
        else:
            self._measure = measured_reward(reward, split, users=users, seed=loop.seed, device=device)
        width = sum(self._observer.widths.values())
        slots = min(loop.settings.batch_size, len(split.train))
        self._learner = ValuatorLearner(width, self.settings, loop.seed, device, slots)

    def weigh(self, batch: Batch | Tensor, losses: Tensor) -> Tensor:
        """Return the weight of each sample, mean 1, shape [B], without a graph.

        Args:
            batch: in recval's loop, the samples; in one's own, features of the samples, shape [B, F].
            losses: the loss of each sample, shape [B].

        Raises:
            ConfigError: the reward needs the loop's validation data, and this is not recval's loop.
        """
        look = self._steps % self.settings.interval == 0
        self._steps += 1
        if self._projection is not None and isinstance(batch, Batch) and not look:
            return self.learner.weights_by(partial(self._projection, batch=batch, losses=losses))
        observations = self._observe(batch, losses)
        if not look:
            return self.learner.weights(observations)
        if isinstance(batch, Tensor):
            return self.learner.select(observations)
        if self._contrast is not None:
            self.learner.tell_apart(*self._likeness(observations, self.learner.generator))
        elif self._differentiable:
            self.learner.learn(observations, self._gains(losses))
        elif self.settings.rollouts > 1:
            self._try(batch, losses, observations)
        else:
            self._metric, self._looking = self._measure(self._training_loop.backbone), True
            return self.learner.select(observations)
        return self.learner.weights(observations)

    def after_step(self) -> None:
        """Reward the selection of the step, if it was one that the valuator learns from."""
        if self._looking:
            self._looking = False
            self.reward(self._measure(self._training_loop.backbone))

    def reward(self, metric: float) -> None:
        """Learn from the change of a metric since the last call; higher is better.

        In one's own loop, call it whenever the metric is known. The first call only sets the level.
        """
        if self._metric is not None:
            self.learner.credit(metric - self._metric)
        elif self._learner is not None:
            self._learner.forget()
        self._metric = metric

    def after_fit(self) -> None:
        """Value the training interactions with the backbone of the best epoch and the valuator of the last.

        An interaction that is no sample of the model, such as the first of a user in a sequential model, has the mean
        of the others.
        """
        values, rows = reduce(add, map(self._estimate, range(self.settings.draws))), self._training_loop.backbone.rows
        self.values = values if rows is None else values.unmet_as_mean(np.isin(np.arange(len(values)), rows.cpu()))

    @property
    def explainer_state(self) -> dict[str, Tensor] | None:
        """The parameters of the valuator that values, copied; None before there is one."""
        if self._learner is None:
            return None
        return {name: tensor.detach().clone() for name, tensor in self._learner.valuator.state_dict().items()}

    @property
    def learner(self) -> ValuatorLearner:
        """The valuator and how it learns; there is one from the first batch on.

        Raises:
            ConfigError: nothing has been weighed yet.
        """
        if self._learner is None:
            raise ConfigError("the valuator has not seen a batch yet; call weigh first")
        return self._learner

    def state_dict(self) -> dict[str, Any]:
        """Return all that weighing and learning depend on."""
        return {"steps": self._steps, "metric": self._metric, "learner": self.learner.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._steps, self._metric = state["steps"], state["metric"]
        if self._learner is None:
            saved = state["learner"]
            device = saved["valuator"]["game.weight"].device
            self._learner = ValuatorLearner(saved["observation"], self.settings, self._seed, device, saved["slots"])
        self._learner.load_state_dict(state["learner"])

    @property
    def _training_loop(self) -> Loop:
        if self._loop is None:
            raise ConfigError("the valuator is not part of recval's loop")
        return self._loop

    @property
    def _training_observer(self) -> Observer:
        if self._observer is None:
            raise ConfigError("outside recval's loop, weigh takes the samples' features, a tensor [B, F]")
        return self._observer

    def _observe(self, batch: Batch | Tensor, losses: Tensor) -> Tensor:
        if isinstance(batch, Batch):
            return self._training_observer(batch, losses)
        if self._differentiable or self._contrast is not None:
            raise ConfigError(
                f"the reward {self.settings.reward!r} is computed on the validation data of recval's loop; "
                "in your own loop name a metric that you report, such as reward='ndcg@10'"
            )
        observations = torch.cat([batch.detach(), losses.detach().unsqueeze(1)], dim=1)
        if self._learner is None:
            size, width = observations.shape
            self._learner = ValuatorLearner(width, self.settings, self._seed, observations.device, size)
        return observations

    def _gains(self, losses: Tensor) -> Tensor:
        loop = self._training_loop
        reward = self._gain(loop.backbone, self.learner.generator)
        return reward_gains(losses, reward, list(loop.backbone.parameters()), preconditioned(loop.optimizer))

    def _try(self, batch: Batch, losses: Tensor, observations: Tensor) -> None:
        """Learn from the rewards of trial steps, one with each of several selections."""
        selections = self.learner.selections(observations, self.settings.rollouts)
        weightings = map(mean_one, selections)
        rewards = trial_rewards(self._training_loop, batch, losses, weightings, self._measure)
        self.learner.compare(observations, selections, rewards)

    @torch.no_grad()
    def _estimate(self, draw: int) -> Values:
        """Return one estimate of each sample's value, with fresh batches and negatives; 0 for what is no sample."""
        loop, valuator, game = self._training_loop, self.learner.valuator, self.learner.valuator.game
        projection, train = self._projection, loop.split.train
        assert projection is not None
        value, alone = np.zeros(len(train)), np.zeros(len(train))
        rows = loop.backbone.rows
        for batch in estimate_batches(loop.sampler, loop.settings.batch_size, self._seed, draw, rows):
            losses = seen_losses(loop.backbone, self.settings.inputs, batch)
            encoded = valuator.encode_by(partial(projection, batch=batch, losses=losses))
            of_batch = batch.row.cpu().numpy()
            value[of_batch] = game.values(encoded).double().cpu().numpy()
            alone[of_batch] = game.alone(encoded).double().cpu().numpy()
        return Values.from_estimates(players_of(train).append_column("alone", pa.array(alone)), value[None])
