"""TIP: a small network that predicts the value of triplets that were not valued, from the model's own vectors.

The state of a triplet (u, i, j) is that of TIL, two products of each dimension, and five numbers more,

    [(e_u + c_u) * e_i ; (e_u + c_u) * e_j ; <e_u, e_i>, <e_u, e_j>, l_uij, log(1 + p_i), log(1 + p_j)],

c_u the mean vector of the user's training items, l_uij the model's loss of the triplet, which in a pairwise loss falls
with the margin of the scores, and p an item's training interactions. All are detached, and standardised over the
triplets that the network is fitted to. It has one hidden layer, predicts the standardised value, and is fitted anew
each time, so that it follows from the triplets and the seed alone.

Sources: He and Ma, "Interpretable Triplet Importance for Personalized Ranking", CIKM 2024 (arXiv 2407.19469), for the
triplet importance prediction; Wu et al. (TIL), CIKM 2022 (arXiv 2208.01709), for the products. Ours: the sizes, the
standardisation, that triplets of the last few refreshes are fitted together, and the five numbers: the network would
have to find a user's score of an item as the sum of many products, and hardness is what "lambda-ndcg@K" values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from scipy.stats import spearmanr
from torch import Tensor, nn

from recval.adapter.rewards.validation import evaluating
from recval.backbones import Backbone, Batch
from recval.data import Interactions
from recval.declarations import Declaration
from recval.errors import ModelError
from recval.rng import isolated, torch_generator

FIT_BATCH = 1024
N_NUMBERS = 5
"""How many numbers a state has besides the products."""


class FitSettings(Declaration):
    """How the network is fitted.

    Attributes:
        hidden: width of the hidden layer.
        fit_steps: Adam's steps, each on random triplets of those that are fitted to.
        learning_rate: Adam's step size.
        weight_decay: the decay of weights, apart from Adam's sizes.
    """

    hidden: int = Field(16, ge=1)
    fit_steps: int = Field(60, ge=1)
    learning_rate: float = Field(3e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(1.0, ge=0, allow_inf_nan=False)


class TripletStates:
    """The states of triplets, by the vectors and the losses that the model has at the moment.

    Args:
        backbone: the model; it must have losses per sample.
        train: the training interactions, whose items the users' means and the popularity are of.
        device: where the samples live.

    Raises:
        ModelError: the model has no vectors of users or items, or they are not of one length.
    """

    def __init__(self, backbone: Backbone, train: Interactions, device: torch.device | str = "cpu") -> None:
        self._backbone = backbone
        self._user, self._item = (torch.from_numpy(codes.copy()).to(device) for codes in (train.user, train.item))
        first = torch.zeros(1, dtype=torch.int64, device=device)
        with torch.no_grad():
            lengths = backbone.user_embeddings(first).shape[1], backbone.item_embeddings(first).shape[1]
        if lengths[0] != lengths[1]:
            raise ModelError(
                f"the state of a triplet is made of products of a user's vector and an item's, but this model's have "
                f"{lengths[0]} and {lengths[1]} numbers; choose a model such as BPR or LightGCN"
            )
        self.width = 2 * lengths[0] + N_NUMBERS
        self._popularity = torch.from_numpy(train.item_counts()).to(device).log1p()
        self._means: Tensor | None = None

    @torch.no_grad()
    def refresh(self) -> None:
        """Take the means of the users' items anew; 0 for a user without any."""
        items = self._backbone.item_embeddings(self._item)
        sums = items.new_zeros(self._backbone.n_users, items.shape[1]).index_add_(0, self._user, items)
        counts = torch.bincount(self._user, minlength=self._backbone.n_users).clamp(min=1)
        self._means = sums / counts[:, None]

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        """Return the states, float32, shape [B, width], without a graph."""
        if self._means is None:
            self.refresh()
        assert self._means is not None
        user, pair = self._backbone.user_embeddings(batch.user), (batch.item, batch.negative)
        vectors = [self._backbone.item_embeddings(items) for items in pair]
        with evaluating(self._backbone):
            losses = self._backbone.loss_per_sample(batch)
        numbers = [*((user * items).sum(1) for items in vectors), losses, *(self._popularity[items] for items in pair)]
        towards = user + self._means[batch.user]
        return torch.cat([*(towards * items for items in vectors), torch.stack(numbers, dim=1)], dim=1).float()


@dataclass(frozen=True)
class Fit:
    """How well triplets are predicted that the network was not fitted to.

    Attributes:
        r2: the share of their variance that is explained; below 0 where the mean would have been better.
        correlation: of predictions and values; 0 where one of them is constant.
        spearman: the rank correlation.
    """

    r2: float
    correlation: float
    spearman: float


class ImportanceModel(nn.Module):
    """From the states of triplets to their standardised values.

    Args:
        width: length of a state.
        hidden: width of the hidden layer.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def forward(self, states: Tensor) -> Tensor:
        """Return the predicted values, shape [B]."""
        return self.layers((states - self.mean) / self.deviation).squeeze(1)

    def fit(self, states: Tensor, values: Tensor, settings: FitSettings, seed: int) -> None:
        """Fit the network.

        Args:
            states: shape [N, width], N at least 1.
            values: standardised, shape [N].
            settings: how.
            seed: the triplets of each step derive from it.
        """
        self.mean.copy_(states.mean(0))
        self.deviation.copy_(states.std(0, correction=0).clamp(min=1e-12))
        generator = torch_generator(seed, "fit", device=states.device)
        rate, decay = settings.learning_rate, settings.weight_decay
        optimizer = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=decay)
        for _ in range(settings.fit_steps):
            drawn = torch.randint(len(states), (FIT_BATCH,), generator=generator, device=states.device)
            loss = (self(states[drawn]) - values[drawn]).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def quality(self, states: Tensor, values: Tensor) -> Fit:
        """Return how well the values of other triplets are predicted, shape [N]; zeros where there are too few."""
        predicted, told = self(states).double().cpu().numpy(), values.double().cpu().numpy()
        if len(told) < 2 or np.ptp(predicted) == 0 or np.ptp(told) == 0:
            return Fit(0.0, 0.0, 0.0)
        r2 = 1 - float(((predicted - told) ** 2).sum() / ((told - told.mean()) ** 2).sum())
        return Fit(r2, float(np.corrcoef(predicted, told)[0, 1]), float(spearmanr(predicted, told).statistic))


def fitted_model(states: Tensor, values: Tensor, settings: FitSettings, seed: int) -> ImportanceModel:
    """Return a network fitted to valued triplets, from a start that the seed decides.

    Args:
        states: shape [N, width], N at least 1.
        values: standardised, shape [N].
        settings: how.
        seed: decides the start, and the triplets of each step.
    """
    with isolated(seed, "importance model"):
        model = ImportanceModel(states.shape[1], settings.hidden).to(states.device)
    model.fit(states, values, settings, seed)
    return model


def restored_model(state: Mapping[str, Tensor]) -> ImportanceModel:
    """Return the network of a state dictionary."""
    hidden, width = state["layers.0.weight"].shape
    model = ImportanceModel(width, hidden)
    model.load_state_dict(state)
    return model
