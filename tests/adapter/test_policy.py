"""The policy gradient: unbiased, and its baseline and scale are those of the past only."""

import itertools

import pytest
import torch

from recval.adapter import RewardScale, policy_gradient_loss
from recval.adapter.policy import bernoulli_entropy


def test_the_expected_gradient_is_that_of_the_expected_reward():
    """Over all 2^4 selections, weighted by their probability, with a constant baseline."""
    logits = torch.tensor([0.3, -1.0, 0.8, 0.0], dtype=torch.float64, requires_grad=True)

    def reward(selection):
        return selection[0] * 2 - selection[1] * selection[2] + 0.5 * selection[3]

    expected, surrogate = torch.zeros(()), torch.zeros(())
    for bits in itertools.product([0.0, 1.0], repeat=4):
        selection = torch.tensor(bits, dtype=torch.float64)
        probabilities = torch.sigmoid(logits)
        chance = torch.where(selection > 0, probabilities, 1 - probabilities).prod()
        expected = expected + chance * reward(selection)
        advantage = (reward(selection) - 0.37).item()
        surrogate = surrogate + chance.detach() * policy_gradient_loss(probabilities, selection, advantage) * 4
    (gradient,) = torch.autograd.grad(expected, logits, retain_graph=True)
    (ascent,) = torch.autograd.grad(-surrogate, logits)
    torch.testing.assert_close(ascent, gradient)


def test_entropy_is_largest_when_undecided():
    probabilities = torch.tensor([0.5, 0.9], requires_grad=True)
    entropy = bernoulli_entropy(probabilities)
    assert entropy[0].item() == pytest.approx(0.6931472, abs=1e-6)
    assert entropy[1] < entropy[0]
    with_bonus = policy_gradient_loss(probabilities, torch.ones(2), 0.0, entropy=1.0)
    assert with_bonus.item() == pytest.approx(-entropy.mean().item())


def test_rewards_are_standardised_by_the_past():
    scale = RewardScale(window=3)
    assert scale.standardise(5.0) == 0
    assert scale.standardise(7.0) == pytest.approx((7 - 5) / 1.0)
    assert scale.standardise(6.0) == pytest.approx(0.0)
    scale.standardise(100.0)
    resumed = RewardScale(window=3)
    resumed.load_state_dict(scale.state_dict())
    assert resumed.standardise(8.0) == scale.standardise(8.0)


def test_equal_rewards_teach_nothing():
    scale = RewardScale()
    assert [scale.standardise(0.25) for _ in range(5)] == [0] * 5
