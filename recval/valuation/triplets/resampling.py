"""Triplet Shapley: training on the triplets that are worth most on validation data.

Every `refresh` epochs the Shapley values of some random triplets are estimated (`recval.valuation.triplets.game`), and
a network learns to predict them (`recval.valuation.triplets.importance_model`). In between, the samples of each batch
are drawn from candidates: each due positive with `candidates` uniform negatives, N triplets in all. With predicted
values z, standardised over them,

    q_t = (1 - uniform) softmax(z_t / temperature) + uniform / N.

With `shrink`, z is multiplied by the correlation of predictions and values of triplets held out of the fit (0 where it
is negative), so that a network which has found nothing draws uniformly.

- `form="focusing"`: the samples are trained on as they are drawn, so that valuable triplets come more often.
- `form="unbiased"`: they weigh 1 / (N q_t), which is 1 in the mean; the loss stays that of uniform candidates, and only
  the variance of its estimate changes.
- `pool="negatives"`: each due positive is trained on once, and q is taken over its own negatives.
- `pool="triplets"`: as many samples as are due are drawn from all candidates, with replacement, so that positives of
  low value are left out.

Before the first refresh training is as ever.

How to choose: "focusing" on "negatives"; the reward "lambda-ndcg@10" for sparse data, "bpr" to tell noise. But try
`HardNegatives` first: it costs less, and has gained more wherever both were tried. The values look one step ahead, and
most of what a step does on validation data is particular to its user, which no network can tell of other triplets;
`fits` says how much it can. With "lambda-ndcg@K" it finds what is hard for a user, but also which items are recommended
too much, and the network that was right before its draws is not so after them: on dense data the draws go to popular
negatives, and training suffers. Not for models whose losses do not look at the negative. Training is rewarded by the
validation part, so that the validation metric is flattered: compare by another.

Cost: a refresh takes about as long as some epochs of a light model, and each sample asks for `candidates` predictions,
and so for as many losses.

Source: He and Ma, "Interpretable Triplet Importance for Personalized Ranking", CIKM 2024 (arXiv 2407.19469). The
schedule, temperature and proportions are ours, and so is `pool`. The authors' released code weighs the loss by the raw
values instead, negative ones too.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from recval.adapter.rewards import differentiable_reward
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.games.values import Values
from recval.rng import derive, torch_generator
from recval.training import Loop
from recval.valuation.resampler import Change, Resampler, candidates_of, check_sample_losses
from recval.valuation.triplets.importance_model import (
    FitSettings,
    ImportanceModel,
    TripletStates,
    fitted_model,
    restored_model,
)
from recval.valuation.triplets.valuing import ValuingSettings, valued_triplets
from recval.valuation.weightings.configured import Configured
from recval.valuation.weightings.interaction_means import InteractionMeans
from recval.valuation.weightings.outer_reward import outer_reward

Pool = Literal["negatives", "triplets"]
_HELD_OUT = 5
"""One in so many triplets of a refresh is held out of the fit that follows it, to measure the fit on."""


class TripletShapleySettings(ValuingSettings, FitSettings):
    """The settings of `TripletShapley`.

    Attributes:
        refresh: epochs between two valuations; the first one comes after so many.
        memory: refreshes whose triplets the network is fitted to.
        candidates: negatives a positive that the samples are drawn from.
        pool: what competes with each other: a positive's negatives, or all triplets of a batch.
        form: "focusing" or "unbiased".
        temperature: how much a difference in standardised values must be to change how often a triplet is drawn.
        shrink: whether predictions are shrunk by their correlation with values held out of the fit.
        uniform: the share of draws that do not look at values.
    """

    refresh: int = Field(5, ge=1)
    memory: int = Field(4, ge=1)
    candidates: int = Field(5, ge=1)
    pool: Pool = "negatives"
    form: Literal["focusing", "unbiased"] = "focusing"
    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)
    shrink: bool = False
    uniform: float = Field(0.2, ge=0, le=1)


class TripletShapley(Configured, Resampler):
    """Draws samples by their predicted Shapley values, and values interactions by them.

    Args:
        **settings: see `TripletShapleySettings`.

    Attributes:
        values: after training, the mean predicted value of each training interaction's candidates, standardised in each
            refresh; one that was never met has the mean of all.
        fits: for each refresh, its epoch, how well held-out triplets were predicted (`r2`, `correlation`,
            `spearman`), and how many coalitions were evaluated.
    """

    settings: TripletShapleySettings
    values: Values | None = None

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a reward that cannot be computed, and a model without losses per sample, or vectors of one length."""
        check_sample_losses(self, backbone)
        TripletStates(backbone, split.train)
        differentiable_reward(self.settings.reward, split, users=self.settings.users)

    def before_fit(self, loop: Loop) -> None:
        """Begin anew.

        Raises:
            ModelError: the model has no losses per sample, or no vectors of one length.
        """
        check_sample_losses(self, loop.backbone)
        self._loop, self.values, self.fits = loop, None, list[dict[str, float]]()
        self._device = loop.sampler.user.device
        self._reward = outer_reward(self.settings.reward, loop, self.settings.users)
        self._states = TripletStates(loop.backbone, loop.split.train, self._device)
        self._memory: list[dict[str, Tensor]] = []
        self._model: ImportanceModel | None = None
        self._skill = 0.0
        self._weights: Tensor | None = None
        self._means = InteractionMeans(loop.split.train, self._device)

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's draws; value triplets and fit the network if it is time."""
        self._generator = torch_generator(self._loop.seed, "resample", epoch, device=self._device)
        self._states.refresh()
        if epoch and epoch % self.settings.refresh == 0:
            self._refresh(epoch)

    def choose(self, batch: Batch, change: Change) -> Batch:
        """Return the samples that are drawn, and take note of their weights and of the candidates' values."""
        if self._model is None:
            return batch
        number = self.settings.candidates
        candidates = candidates_of(batch, number, self._loop.sampler, self._generator)
        with torch.no_grad():
            predicted = self._model(self._states(candidates)).view(-1, number)
        self._means.add(batch.row, predicted.mean(dim=1))
        settings = self.settings
        sharpness = (self._skill if settings.shrink else 1.0) / settings.temperature
        odds = draw_probabilities(change(predicted), sharpness, settings.uniform, settings.pool)
        drawn = self._drawn(odds)
        chosen = odds.flatten()[drawn]
        self._weights = (1 / (odds.shape[1] * chosen)) if settings.form == "unbiased" else None
        return candidates[drawn]

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor | None:
        """Return the weights of the draw, 1 in the mean of many draws, shape [B]; None where draws are to focus."""
        return None if self._weights is None else self._weights.to(losses)

    def after_fit(self) -> None:
        """Value the training interactions."""
        self.values = self._means.values()

    def state_dict(self) -> dict[str, Any]:
        """Return the network, the triplets it was fitted to, and the values so far."""
        return {
            "model": None if self._model is None else dict(self._model.state_dict()),
            "skill": self._skill,
            "memory": self._memory,
            "fits": self.fits,
            "means": self._means.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._model = None if state["model"] is None else restored_model(state["model"]).to(self._device)
        self._memory = [{name: part.to(self._device) for name, part in each.items()} for each in state["memory"]]
        self._skill, self.fits = state["skill"], state["fits"]
        self._means.load_state_dict(state["means"])

    def _refresh(self, epoch: int) -> None:
        """Value triplets, and fit the network to them and to those before."""
        found = valued_triplets(self._loop, self.settings, self._reward, epoch)
        states, values = self._states(found.batch), _standardised(found.values).float()
        n_held_out = len(values) // _HELD_OUT
        earlier = self._memory[1 - self.settings.memory :] if self.settings.memory > 1 else []
        newest = {"states": states, "values": values}
        fitted_to = [*earlier, {name: tensor[n_held_out:] for name, tensor in newest.items()}]
        self._model = fitted_model(
            torch.cat([part["states"] for part in fitted_to]),
            torch.cat([part["values"] for part in fitted_to]),
            self.settings,
            derive(self._loop.seed, "importance", epoch),
        )
        self._memory = [*earlier, newest]
        fit = self._model.quality(states[:n_held_out], values[:n_held_out])
        self._skill = max(fit.correlation, 0.0)
        self.fits.append({"epoch": epoch, "evaluations": found.evaluations, **vars(fit)})

    def _drawn(self, odds: Tensor) -> Tensor:
        """Return the positions of the samples among the candidates, shape [B]."""
        if self.settings.pool == "triplets":
            n_samples = odds.numel() // self.settings.candidates
            return torch.multinomial(odds.flatten(), n_samples, replacement=True, generator=self._generator)
        column = torch.multinomial(odds, 1, generator=self._generator).squeeze(1)
        return torch.arange(len(odds), device=odds.device) * odds.shape[1] + column


def draw_probabilities(predicted: Tensor, sharpness: float, uniform: float, pool: Pool) -> Tensor:
    """Return q of each candidate; it sums to 1 over each row.

    Args:
        predicted: the predicted values, shape [B, candidates].
        sharpness: what the standardised values are multiplied by before the softmax.
        uniform: see `TripletShapleySettings`.
        pool: the same.

    Returns:
        Shape [B, candidates] for "negatives", [1, B * candidates] for "triplets".
    """
    rows = sharpness * _standardised(predicted)
    rows = rows if pool == "negatives" else rows.view(1, -1)
    return (1 - uniform) * torch.softmax(rows, dim=1) + uniform / rows.shape[1]


def _standardised(numbers: Tensor) -> Tensor:
    """Return numbers with mean 0 and deviation 1; zeros where they are all alike."""
    spread = numbers.std(correction=0)
    return torch.where(spread > 0, (numbers - numbers.mean()) / spread, 0.0)
