from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from recval.backbones import Batch
from recval.backbones.build import build
from recval.data import Interactions, Vocabulary
from recval.errors import ModelError
from recval.ranking import Evaluator, ItemSets
from recval.testing import planted
from recval.training import Loop, Training

SETTINGS = [
    {},
    {"n_layers": 1, "reg_weight": 0.5},
    {"n_layers": 3, "reg_weight": 0.5, "require_pow": True},
    {"n_layers": 4, "embedding_size": 7},
]


def interactions(n_users=7, n_items=11, n=30):
    """Distinct random pairs; the last user and the last item have none."""
    pairs = np.random.default_rng(0).choice((n_users - 1) * (n_items - 1), n, replace=False)
    table = pa.table({"user": pairs // (n_items - 1), "item": pairs % (n_items - 1)})
    return Interactions(table, Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items))))


def triplets(data):
    """One triplet for each interaction."""
    negative = np.random.default_rng(1).integers(len(data.items), size=len(data))
    return Batch(torch.arange(len(data)), *(torch.tensor(codes) for codes in (data.user, data.item, negative)))


def both(data, parameters):
    """Our LightGCN, and RecBole's in the same state."""
    ours = build("LightGCN", data, parameters, seed=1)
    theirs = build("recbole:LightGCN", data, parameters, seed=2)
    theirs.model.load_state_dict(ours.recbole_state())
    return ours, theirs


@pytest.mark.parametrize("parameters", SETTINGS)
def test_losses_gradients_and_scores_are_recboles(parameters):
    data = interactions(40, 60, 500)
    ours, theirs = both(data, parameters)
    losses, expected = (model.loss_per_sample(triplets(data)) for model in (ours, theirs))
    torch.testing.assert_close(losses, expected, atol=1e-6, rtol=0)
    losses.mean().backward()
    expected.mean().backward()
    for side in ("user_embedding", "item_embedding"):
        gradient, expected = getattr(ours, side).weight.grad, getattr(theirs.model, side).weight.grad
        torch.testing.assert_close(gradient, expected[1:], atol=1e-6, rtol=0)
        assert expected.abs().max() > 1e-4
    users = torch.arange(len(data.users))
    torch.testing.assert_close(ours.score(users), theirs.score(users), atol=1e-6, rtol=0)
    for propagated, expected in zip(ours.propagation(*ours.parameters()), theirs.model.forward(), strict=True):
        torch.testing.assert_close(propagated, expected[1:], atol=1e-6, rtol=0)


def test_each_loss_is_that_of_its_sample_alone_where_nothing_is_regularised():
    data = interactions(n=40)
    ours = build("LightGCN", data, {"reg_weight": 0.0}).double()
    batch = triplets(data)
    alone = [ours.loss_per_sample(batch[row : row + 1]).item() for row in range(len(batch))]
    assert ours.loss_per_sample(batch).tolist() == pytest.approx(alone, abs=1e-12)
    assert ours.loss_per_sample(batch[:0]).shape == (0,)


def test_the_state_goes_to_recbole_and_back():
    data = interactions()
    ours, theirs = both(data, {})
    state = theirs.model.state_dict()
    assert all(not table[0].any() for table in state.values())
    again = build("LightGCN", data, seed=5)
    again.load_recbole_state(state)
    assert set(again.state_dict()) == set(state)
    users = torch.arange(ours.n_users)
    assert torch.equal(again.score(users), ours.score(users))
    torch.testing.assert_close(again.score(users), theirs.score(users), atol=1e-6, rtol=0)


def test_a_state_of_another_size_is_refused():
    data = interactions()
    state = build("LightGCN", data).state_dict()
    with pytest.raises(ModelError, match=r"must hold .*8, 64.*found .*7, 64"):
        build("LightGCN", data).load_recbole_state(state)


@pytest.mark.parametrize("change", ["step", "data", "load", "to"])
def test_scores_follow_the_parameters_however_they_change(change):
    data = interactions()
    ours, other = build("LightGCN", data, seed=1), build("LightGCN", data, seed=2)
    users = torch.arange(ours.n_users)
    before = ours.score(users)
    if change == "step":
        optimizer = torch.optim.SGD(ours.parameters(), lr=1.0)
        ours.loss_per_sample(triplets(data)).mean().backward()
        optimizer.step()
    elif change == "data":
        ours.item_embedding.weight.data[3] += 1
    elif change == "load":
        ours.load_state_dict(other.state_dict())
    else:
        ours.double()
    fresh = build("LightGCN", data, seed=3).to(ours.user_embedding.weight.dtype)
    fresh.load_state_dict(ours.state_dict())
    after = ours.score(users)
    assert after.dtype == ours.user_embedding.weight.dtype
    assert torch.equal(after, fresh.score(users))
    assert not torch.equal(after, before.to(after.dtype))


def test_the_initial_vectors_are_xaviers():
    model = build("LightGCN", interactions(300, 400, 2000))
    for table in (model.user_embedding.weight, model.item_embedding.weight):
        bound = (6 / sum(table.shape)) ** 0.5
        assert 0.99 * bound < table.abs().max() <= bound
        assert table.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_what_is_planted(precision):
    split, _ = planted()
    model = build("LightGCN", split.train, {"precision": precision})
    loop = Loop(model, split, Training(epochs=30, learning_rate=0.01, batch_size=256))
    loop.fit()
    losses = [entry["loss"] for entry in loop.progress.history]
    assert losses[-1] < 0.5 * losses[0]
    found = Evaluator(split.test, ItemSets.of(split.train, split.valid), ["recall@10"])(model.score).means
    assert found["recall@10"] > 0.3  # 10 of the 63 items that are left, at random: 0.16
