"""What a valuator sees of a training sample.

The paper's sample encoder (DVR, arXiv 2502.08685) is fed s_m = [e_u ; e_i ; e_j ; l_m]: the backbone's vectors of the
user, the positive and the negative item, and the sample's current loss. Two plain counts may join them: how many
training interactions the user and the item have. All of it is detached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from recval.backbones import Backbone, Batch
from recval.data import Interactions
from recval.data.interactions import Codes

Input = Literal["user", "item", "negative", "loss", "activity", "popularity"]
INPUTS: tuple[Input, ...] = get_args(Input)


class Observer:
    """Observes samples in training.

    Args:
        backbone: the model in training.
        train: the training interactions, whose counts are observed.
        inputs: what to observe: `user`, `item`, `negative` (embeddings), `loss`, `activity` (of the user) and
            `popularity` (of the positive item); the counts as standardised logarithms.
        device: where the samples live.
    """

    def __init__(
        self, backbone: Backbone, train: Interactions, inputs: Sequence[Input], device: torch.device | str = "cpu"
    ) -> None:
        self.inputs = tuple(inputs)
        self._backbone = backbone
        self._activity = _standardised_log(train.user_counts(), train.user).to(device)
        self._popularity = _standardised_log(train.item_counts(), train.item).to(device)

    @torch.no_grad()
    def __call__(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the observation of each sample, shape [B, F], without a graph.

        Args:
            batch: the samples.
            losses: the loss of each sample, shape [B].
        """
        return torch.cat([self._column(name, batch, losses).float() for name in self.inputs], dim=1)

    def _column(self, name: Input, batch: Batch, losses: Tensor) -> Tensor:
        match name:
            case "user":
                return self._backbone.user_embeddings(batch.user)
            case "item":
                return self._backbone.item_embeddings(batch.item)
            case "negative":
                return self._backbone.item_embeddings(batch.negative)
            case "loss":
                return losses.unsqueeze(1)
            case "activity":
                return self._activity[batch.user].unsqueeze(1)
            case "popularity":
                return self._popularity[batch.item].unsqueeze(1)


def _standardised_log(counts: Codes, codes: Codes) -> Tensor:
    """Return log(1 + count) of each code, with mean 0 and variance 1 over the interactions."""
    logs = np.log1p(counts)
    seen = logs[codes]
    return torch.from_numpy((logs - seen.mean()) / (seen.std() or 1.0)).float()
