"""Placebos, weightings by counts and by losses, and how values become weights."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.training import Callback
from recval.valuation import Balanced, Propensity, ReweightedLoss, SelfPaced, Shuffled, TruncatedLoss, Uniform
from recval.valuation.valuator import mean_one, selection_probabilities
from recval.valuation.weightings.self_paced import best_weights


class Fixed(Callback):
    def weigh(self, batch, losses):
        return torch.arange(len(losses)).float()


class FakeLoop:
    seed = 7


losses = st.lists(st.floats(0, 50), min_size=1, max_size=40).map(torch.tensor)


@given(losses)
@settings(deadline=None, derandomize=True)
def test_weights_have_mean_one_whatever_the_losses(values):
    callbacks = ReweightedLoss(beta=0.7), TruncatedLoss(rate=0.4, steps=1), SelfPaced(), SelfPaced(form="linear")
    for weights in (callback.weigh(None, values) for callback in callbacks):
        torch.testing.assert_close(weights.mean(), torch.tensor(1.0))
        assert (weights >= 0).all()


@given(losses, st.floats(0.01, 10))
@settings(deadline=None, derandomize=True)
def test_probabilities_are_clipped_monotone_and_free_of_the_level(values, temperature):
    found = selection_probabilities(values, temperature)
    assert (found >= 0.05).all()
    assert (found <= 0.95).all()
    assert (found[values.argsort()].diff() >= 0).all()
    torch.testing.assert_close(selection_probabilities(values + 3, temperature), found, atol=1e-3, rtol=1e-3)


def test_nothing_selected_trains_on_all():
    assert mean_one(torch.zeros(4)).tolist() == [1, 1, 1, 1]


def test_uniform_weights_are_ones():
    assert torch.equal(Uniform().weigh(None, torch.rand(5)), torch.ones(5))


def test_truncation_drops_the_highest_losses_and_grows_to_its_rate():
    callback, values = TruncatedLoss(rate=0.4, steps=2), torch.tensor([5.0, 1, 4, 2, 3])
    dropped = [(callback.weigh(None, values) == 0).nonzero().flatten().tolist() for _ in range(4)]
    assert dropped == [[], [0], [0, 2], [0, 2]]
    resumed = TruncatedLoss(rate=0.4, steps=2)
    resumed.load_state_dict(callback.state_dict())
    assert torch.equal(resumed.weigh(None, values), callback.weigh(None, values))


def test_reweighting_is_the_power_of_the_models_probability():
    """exp(-loss) is the probability that the model gives to what was observed: sigmoid of the score difference."""
    margin = torch.linspace(-3, 3, 9)
    weights = ReweightedLoss(beta=0.5).weigh(None, torch.nn.functional.softplus(-margin))
    torch.testing.assert_close(weights, mean_one(torch.sigmoid(margin) ** 0.5))


def test_shuffling_keeps_the_weights_but_not_their_places():
    def weights(epoch):
        callback = Shuffled(Fixed())
        callback.before_fit(FakeLoop)
        callback.before_epoch(epoch)
        return callback.weigh(None, torch.zeros(50))

    first = weights(0)
    assert first.sort().values.tolist() == list(range(50))
    assert not torch.equal(first, torch.arange(50.0))
    assert torch.equal(first, weights(0))
    assert not torch.equal(first, weights(1))


def test_balanced_users_count_the_same(interactions):
    """With alpha = 1 the weights of each user's interactions have the same sum; with 0 all weigh 1."""
    train = interactions([(0, item) for item in range(9)] + [(1, 0), (1, 1), (2, 5)], 4, 10)

    class FakeBatch:
        user = torch.from_numpy(train.user.copy())

    def weights(alpha):
        callback = Balanced(alpha=alpha)
        callback.before_fit(SimpleNamespace(split=SimpleNamespace(train=train), settings=SimpleNamespace(device="cpu")))
        return callback.weigh(FakeBatch, torch.zeros(12))

    sums = torch.zeros(4).index_add(0, FakeBatch.user, weights(1.0))
    torch.testing.assert_close(sums, torch.tensor([4.0, 4.0, 4.0, 0.0]))
    torch.testing.assert_close(weights(0.0), torch.ones(12))


REGULARISERS = {"hard": lambda w, age: -age * w, "linear": lambda w, age: age * (w**2 / 2 - w)}


@given(losses, st.floats(0.01, 50), st.sampled_from(["hard", "linear"]))
@settings(deadline=None, derandomize=True)
def test_self_paced_weights_minimise_their_objective(values, age, form):
    """Over a grid of weights in [0, 1], no other one is better for any sample."""
    found = best_weights(values, torch.tensor(age), form).double()
    grid = torch.linspace(0, 1, 501, dtype=torch.float64).unsqueeze(1)

    def objective(weights):
        return weights * values.double() + REGULARISERS[form](weights, age)

    assert ((found >= 0) & (found <= 1)).all()
    assert (objective(found) <= objective(grid).amin(0) + 1e-4).all()


def test_self_paced_samples_grow_from_the_easy_ones_to_all():
    callback, values = SelfPaced(start=0.2, steps=4), torch.tensor([5.0, 1, 4, 2, 3, 6])
    taken = [(callback.weigh(None, values) > 0).nonzero().flatten().tolist() for _ in range(6)]
    assert taken == [[1, 3], [1, 3, 4], [1, 2, 3, 4], [0, 1, 2, 3, 4], list(range(6)), list(range(6))]
    resumed = SelfPaced(start=0.2, steps=4)
    resumed.load_state_dict({"done": 1})
    assert (resumed.weigh(None, values) > 0).nonzero().flatten().tolist() == taken[1]


def test_an_age_that_is_not_positive_weighs_all_alike():
    assert best_weights(torch.zeros(3), torch.tensor(0.0), "linear").tolist() == [1, 1, 1]


def propensity(train, **settings):
    """The callback after training on the interactions, and the weights that it gives them all at once."""
    callback = Propensity(**settings)
    sampler = SimpleNamespace(item=torch.from_numpy(train.item.copy()))
    loop = SimpleNamespace(
        split=SimpleNamespace(train=train), settings=SimpleNamespace(device="cpu"), sampler=sampler, seed=0
    )
    callback.before_fit(loop)
    callback.after_fit()
    return callback, callback.weigh(sampler, torch.zeros(len(train)))


@pytest.fixture
def skewed(interactions):
    """Items with 6, 3 and 1 interactions, and one without."""
    return interactions([(user, item) for item, n in enumerate((6, 3, 1)) for user in range(n)], 6, 4)


def test_with_full_propensity_each_item_weighs_the_same_in_all(skewed):
    weights = propensity(skewed, eta=1.0)[1]
    sums = torch.zeros(4).index_add(0, torch.from_numpy(skewed.item.copy()), weights)
    torch.testing.assert_close(sums[:3], torch.full((3,), 10 / 3))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"eta": 0.5}, [1, 2**0.5, 6**0.5]),
        ({"eta": 2.0}, [1, 4, 10]),
        ({"eta": 2.0, "clip": 3.0}, [1, 3, 3]),
        ({"eta": 0.0}, [1, 1, 1]),
        ({"eta": -1.0}, [1, 1 / 2, 1 / 6]),
    ],
)
def test_propensity_weights_are_the_clipped_inverse_powers_of_popularity(skewed, settings, expected):
    callback, weights = propensity(skewed, **settings)
    each = np.array(expected)[skewed.item]
    np.testing.assert_allclose(weights.numpy(), each / each.mean(), rtol=1e-6)
    np.testing.assert_allclose(callback.values.value, weights.numpy(), rtol=1e-6)


def test_any_weights_can_be_shuffled():
    callback = Shuffled(TruncatedLoss(rate=0.4, steps=1))
    callback.weighting._done = 1
    callback._generator = torch.Generator().manual_seed(0)
    values = torch.arange(50.0)
    weights = callback.weigh(None, values)
    assert sorted(weights.tolist()) == pytest.approx([0.0] * 20 + [50 / 30] * 30)
    assert (weights[30:] > 0).any()
