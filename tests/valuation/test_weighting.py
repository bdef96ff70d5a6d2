"""Placebos and loss-based weightings, and how values become weights."""

from types import SimpleNamespace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.training import Callback
from recval.valuation import Balanced, ReweightedLoss, Shuffled, TruncatedLoss, Uniform
from recval.valuation.valuator import mean_one, selection_probabilities


class Fixed(Callback):
    def weigh(self, batch, losses):
        return torch.arange(len(losses)).float()


class FakeLoop:
    seed = 7


losses = st.lists(st.floats(0, 50), min_size=1, max_size=40).map(torch.tensor)


@given(losses)
@settings(deadline=None, derandomize=True)
def test_weights_have_mean_one_whatever_the_losses(values):
    for weights in (ReweightedLoss(0.7).weigh(None, values), TruncatedLoss(0.4, 1).weigh(None, values)):
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
    weights = ReweightedLoss(0.5).weigh(None, torch.nn.functional.softplus(-margin))
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
        callback = Balanced(alpha)
        callback.before_fit(SimpleNamespace(split=SimpleNamespace(train=train), settings=SimpleNamespace(device="cpu")))
        return callback.weigh(FakeBatch, torch.zeros(12))

    sums = torch.zeros(4).index_add(0, FakeBatch.user, weights(1.0))
    torch.testing.assert_close(sums, torch.tensor([4.0, 4.0, 4.0, 0.0]))
    torch.testing.assert_close(weights(0.0), torch.ones(12))
