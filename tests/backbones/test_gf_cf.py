from __future__ import annotations

import numpy as np
import pytest
import torch

from recval.backbones.build import build
from recval.errors import DataError, ModelError
from recval.ranking import Evaluator, ItemSets
from recval.testing import planted


def by_hand(train, alpha, n_factors):
    """The paper's formula with dense matrices, in double precision."""
    binary = np.zeros((len(train.users), len(train.items)))
    binary[train.user, train.item] = 1
    per_user, per_item = binary.sum(1).clip(1), binary.sum(0).clip(1)
    normalised = binary / np.sqrt(per_user)[:, None] / np.sqrt(per_item)
    _, singular, vectors = np.linalg.svd(normalised)
    first = vectors[: min(n_factors, (singular > 1e-9).sum())]
    low_pass = (binary / np.sqrt(per_item)) @ first.T @ first * np.sqrt(per_item)
    return binary @ normalised.T @ normalised + alpha * low_pass


@pytest.mark.parametrize("alpha", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("n_factors", [1, 8, 500])
def test_scores_are_the_formula(alpha, n_factors):
    train = planted(noise=0.5)[0].train
    model = build("GFCF", train, {"alpha": alpha, "n_factors": n_factors})
    users = torch.tensor([5, 0, 59, 5])
    expected = torch.from_numpy(by_hand(train, alpha, n_factors)[users])
    assert model.needs_training is False
    assert model.score(users).shape == (4, 80)
    torch.testing.assert_close(model.double().score(users), expected, atol=1e-6, rtol=0)


def test_users_and_items_without_interactions_count_nothing(interactions):
    train = interactions([(0, 0), (0, 1), (2, 1), (2, 1)], 4, 4)
    scores = build("GFCF", train).score(torch.arange(4))
    np.testing.assert_allclose(scores, by_hand(train, 0.3, 256), atol=1e-6)
    assert not scores[1].any()
    assert not scores[:, 2:].any()
    assert build("GFCF", train).score(torch.arange(0)).shape == (0, 4)


def test_the_parts_of_the_graph_do_not_mix():
    split, _ = planted()
    scores = build("GFCF", split.train, {"alpha": 0.0}).score(torch.arange(60))
    assert (scores[::2, 40:] == 0).all()
    assert (scores[1::2, :40] == 0).all()


def test_folding_in_the_training_users_gives_their_scores_and_new_users_are_scored_by_what_they_did(interactions):
    train = planted(noise=0.3)[0].train
    model = build("GFCF", train, {"n_factors": 10})
    users = torch.tensor([3, 1])
    assert torch.equal(model.fold_in(train)(users), model.score(users))
    pairs = np.stack([train.user, train.item], 1)
    third = pairs[pairs[:, 0] == 3]
    scores = model.fold_in(interactions(third - [3, 0], 2, 80))(torch.tensor([0, 1]))
    torch.testing.assert_close(scores[0], model.score(users)[0])
    assert not scores[1].any()
    with pytest.raises(DataError, match="80 items that GFCF was built on, found 79"):
        model.fold_in(interactions([(0, 0)], 1, 79))


def test_the_vectors_multiply_to_the_low_pass_part():
    train = planted(noise=0.5)[0].train
    users, items = torch.arange(60), torch.arange(80)
    model = build("GFCF", train, {"n_factors": 9})
    low_pass = model.user_embeddings(users) @ model.item_embeddings(items).T
    expected = by_hand(train, 1.0, 9) - by_hand(train, 0.0, 9)
    np.testing.assert_allclose(low_pass, expected, atol=1e-5)


def test_many_items_take_the_iterative_decomposition_to_the_same_scores(interactions):
    generator = np.random.default_rng(0)
    train = interactions(np.unique(generator.integers([120, 90], size=(900, 2)), axis=0), 120, 90)
    iterative = build("GFCF", train, {"n_factors": 20}).score(torch.arange(120))
    np.testing.assert_allclose(iterative, by_hand(train, 0.3, 20), atol=1e-5)


def test_it_ranks_what_is_planted_first():
    split, _ = planted(noise=0.2)
    score = build("GFCF", split.train).score
    found = Evaluator(split.test, ItemSets.of(split.train, split.valid), ["recall@10"])(score).means
    assert found["recall@10"] > 0.3


def test_it_has_no_losses():
    model = build("GFCF", planted()[0].train)
    with pytest.raises(ModelError, match="complete as it is built"):
        model.loss_per_sample(None)
    assert model.state_dict() == {}


def test_one_user_among_many_items_and_interactions_of_too_few_directions(interactions):
    one = interactions([(3, item) for item in range(0, 3000, 100)], 2000, 3000)
    scores = build("GFCF", one).score(torch.tensor([3, 4]))
    assert (scores[0, ::100] > 0).all()
    assert not scores[1].any()
    twins = interactions([(user, item) for user in range(300) for item in range(user % 2, 300, 2)], 300, 300)
    with pytest.raises(ModelError, match="do not span 60 directions; give GFCF a lower n_factors"):
        build("GFCF", twins, {"n_factors": 60})
