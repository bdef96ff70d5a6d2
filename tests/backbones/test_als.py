"""ALS is at the minimum of its loss in every step, and solves for users that come later."""

import numpy as np
import pytest
import torch
from valuation.standalone.small import random_split, split_of

from recval.backbones import Batch, build
from recval.errors import DataError, ModelError

PARAMETERS = {"n_factors": 3, "alpha": 4.0, "regularisation": 0.7}
SPLIT = random_split(0, (14, 11), density=0.4)


def loss(users, items, matrix):
    scores = users @ items.T
    return ((1 + 4 * matrix) * (matrix - scores) ** 2).sum() + 0.7 * ((users**2).sum() + (items**2).sum())


def matrix_of(train):
    found = torch.zeros(len(train.users), len(train.items), dtype=torch.float64)
    found[train.user.tolist(), train.item.tolist()] = 1
    return found


def test_users_are_at_the_minimum_and_every_sweep_lowers_the_loss():
    matrix = matrix_of(SPLIT.train)
    losses = []
    for sweeps in (1, 2, 5, 300):
        model = build("ALS", SPLIT.train, PARAMETERS | {"sweeps": sweeps}, seed=1)
        users, items = (table.clone().requires_grad_() for table in (model.of_users, model.of_items))
        value = loss(users, items, matrix)
        of_users, of_items = torch.autograd.grad(value, [users, items])
        assert of_users.abs().max() < 1e-9
        losses.append(value.item())
    assert losses == sorted(losses)[::-1]
    assert of_items.abs().max() < 1e-3 * losses[0]


def test_scores_are_products_of_the_factors():
    model = build("ALS", SPLIT.train, PARAMETERS)
    users = torch.tensor([3, 0, 3])
    expected = model.user_embeddings(users) @ model.item_embeddings(torch.arange(11)).T
    torch.testing.assert_close(model.score(users), expected)
    assert not model.needs_training


def test_the_same_seed_gives_the_same_factors_and_repeated_interactions_count_once():
    model = build("ALS", SPLIT.train, PARAMETERS, seed=3)
    twice = SPLIT.train.take(np.concatenate([np.arange(len(SPLIT.train))[::-1], [0, 1]]))
    torch.testing.assert_close(build("ALS", twice, PARAMETERS, seed=3).of_items, model.of_items, rtol=0, atol=0)
    assert not torch.equal(build("ALS", SPLIT.train, PARAMETERS, seed=4).of_items, model.of_items)


def test_known_users_are_folded_in_to_what_they_are():
    model = build("ALS", SPLIT.train, PARAMETERS)
    users = torch.arange(14)
    torch.testing.assert_close(model.fold_in(SPLIT.train)(users), model.score(users), rtol=0, atol=1e-12)


def test_items_of_another_catalogue_are_told():
    model = build("ALS", SPLIT.train, PARAMETERS)
    with pytest.raises(DataError, match="the 11 items that ALS was built on, found 2 items"):
        model.fold_in(split_of([(0, 0)], [], (1, 2)).train)


def test_there_is_nothing_to_train():
    model, one = build("ALS", SPLIT.train, PARAMETERS), torch.tensor([0])
    with pytest.raises(ModelError, match="complete as it is built"):
        model.loss_per_sample(Batch(one, one, one, one))
