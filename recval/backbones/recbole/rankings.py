"""Full rankings of models that RecBole scores pair by pair, computed from one table a side instead.

NeuMF's first layer acts on a user's and an item's vector side by side, so it is the sum of one product a user and one
an item; its other term is a product of the two tables. What is left for each pair are the layers after the first.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_CELLS_AT_ONCE = 2**19
"""How many numbers of the first hidden layer are held at once."""


def ranks_by_tables(model: Any) -> bool:
    """Return whether `scores_by_tables` knows the model in its present mode; dropout needs every pair."""
    name = f"{type(model).__module__}.{type(model).__name__}"
    return name == "recbole.model.general_recommender.neumf.NeuMF" and not model.training


def scores_by_tables(model: Any, users: Tensor) -> Tensor:
    """Return NeuMF's predictions for users and all items, both by RecBole's ids, shape [U, n_items].

    Source: He et al. "Neural Collaborative Filtering." WWW 2017, equations 7 to 12.
    """
    logits = users.new_zeros((len(users), model.n_items), dtype=model.predict_layer.weight.dtype)
    weight = model.predict_layer.weight[0]
    if model.mf_train:
        own, weight = weight[: model.mf_embedding_size], weight[model.mf_embedding_size :]
        logits = (model.user_mf_embedding(users) * own) @ model.item_mf_embedding.weight.T
    if model.mlp_train:
        logits = logits + _deep(model, users, weight)
    return torch.sigmoid(logits + model.predict_layer.bias)


def _deep(model: Any, users: Tensor, weight: Tensor) -> Tensor:
    layers = list(model.mlp_layers.mlp_layers)
    place = next(index for index, layer in enumerate(layers) if isinstance(layer, nn.Linear))
    first, rest = layers[place], nn.Sequential(*layers[place + 1 :])
    of_users, of_items = first.weight.split(model.mlp_embedding_size, dim=1)
    left = model.user_mlp_embedding(users) @ of_users.T
    right = model.item_mlp_embedding.weight @ of_items.T + first.bias
    size = max(1, _CELLS_AT_ONCE // right.numel())
    blocks = [rest(block.unsqueeze(1) + right) @ weight for block in left.split(size)]
    return torch.cat(blocks)
