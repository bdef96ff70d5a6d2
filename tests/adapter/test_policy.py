"""The policy gradient: unbiased, with baselines of the past or of the other actions, and scales of the past only."""

import itertools

import pytest
import torch

from recval.adapter import RewardScale, policy_gradient_loss
from recval.adapter.policy import LeaveOneOut, bernoulli_entropy


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


def test_the_baseline_is_of_the_past_and_the_scale_of_the_reward_too():
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


LOGITS = [0.3, -1.0]
ALL = torch.tensor(list(itertools.product([0.0, 1.0], repeat=2)), dtype=torch.float64)


def pay(selection):
    return (2 * selection[..., 0] - 3 * selection[..., 0] * selection[..., 1] + 5).tolist()


def test_leaving_one_out_the_expected_gradient_is_that_of_the_expected_reward():
    """Over all (2^2)^4 sets of four selections, weighted by their probability."""
    logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    probabilities = torch.sigmoid(logits)
    chances = torch.where(ALL > 0, probabilities, 1 - probabilities).prod(dim=1)
    (gradient,) = torch.autograd.grad((chances * torch.tensor(pay(ALL))).sum(), logits, retain_graph=True)
    surrogate = torch.zeros(())
    for drawn in itertools.product(range(4), repeat=4):
        scale = LeaveOneOut()
        scale.load_state_dict({"spreads": [0.5]})
        advantages = torch.tensor(scale.standardise(pay(ALL[list(drawn)])), dtype=torch.float64)
        loss = policy_gradient_loss(probabilities, ALL[list(drawn)], advantages)
        surrogate = surrogate + chances[list(drawn)].prod().detach() * loss
    (ascent,) = torch.autograd.grad(-surrogate, logits)
    torch.testing.assert_close(ascent * 2 * 0.5, gradient)


def test_leaving_one_out_is_less_noisy_where_the_level_of_rewards_moves():
    """Four rewards of one look, against one reward of each of four looks: the looks differ, as batches do."""
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.sigmoid(torch.tensor(LOGITS, dtype=torch.float64))

    def estimates(scale, looks, count):
        for _ in range(looks):
            drawn = torch.bernoulli(probabilities.expand(count, -1), generator=generator)
            level = 3 * torch.randn((), generator=generator, dtype=torch.float64)
            rewards = [reward + level.item() for reward in pay(drawn)]
            found = scale.standardise(rewards) if count > 1 else [scale.standardise(rewards[0])]
            yield (torch.tensor(found)[:, None] * (drawn - probabilities)).mean(dim=0)

    def signal_to_noise(found):
        return (found.mean(dim=0).square().sum() / found.var(dim=0).sum()).item()

    left_out = torch.stack(list(estimates(LeaveOneOut(), 2000, 4)))
    moving = torch.stack(list(estimates(RewardScale(), 8000, 1))).reshape(2000, 4, 2).mean(dim=1)
    assert signal_to_noise(left_out) > 3 * signal_to_noise(moving)


def test_rewards_are_compared_with_each_other_in_units_of_earlier_looks():
    scale = LeaveOneOut(window=2)
    spread = 2**0.5
    assert scale.standardise([1.0, 3.0]) == pytest.approx([-2 / spread, 2 / spread])
    assert scale.standardise([7.0, 7.0, 7.0]) == [0, 0, 0]
    assert scale.standardise([0.0, 0.0, 3.0]) == pytest.approx([-1.5 / spread, -1.5 / spread, 3 / spread])
    resumed = LeaveOneOut(window=2)
    resumed.load_state_dict(scale.state_dict())
    rewards = [0.5, -1.0, 2.0, 0.0]
    assert resumed.standardise(rewards) == scale.standardise(rewards)
