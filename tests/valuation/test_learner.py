"""How the valuator learns: the gradient of the expected reward, where it can be enumerated."""

import copy
import itertools

import pytest
import torch

from recval.errors import ModelError
from recval.valuation import DVRSettings
from recval.valuation.learner import ValuatorLearner

KINDS = ["harsanyi_esp", "harsanyi_slots", "mlp"]


def learner(width=4, seed=0, slots=32, **settings):
    given = {"reward": "ndcg@10", "temperature": 1.0, "learning_rate": 0.02, **settings}
    return ValuatorLearner(width, DVRSettings(**given), seed, "cpu", slots)


def taught(found, looks=30, batch=32, seed=0):
    """Teach a learner that selecting samples whose first feature is positive pays, the others cost."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(looks):
        observations = torch.randn(batch, 4, generator=generator)
        selections = found.selections(observations, 4)
        level = 10 * torch.randn((), generator=generator).item()
        found.compare(observations, selections, [level + (s * observations[:, 0]).mean().item() for s in selections])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_expected_step_climbs_the_expected_reward(kind):
    """Over all (2^3)^2 pairs of selections, weighted by their probability: the gradient of every parameter."""
    found = taught(learner(valuator=kind, slots=3, fit=0), looks=3, batch=3)
    found._learning.double()
    observations = torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=torch.float64)
    rewards = (every[:, 0] - 2 * every[:, 1] * every[:, 2] + 4).tolist()
    parameters = list(found._learning.parameters())

    def gradient(loss):
        slopes = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
        return torch.cat([slope.flatten() for slope in slopes if slope is not None])

    probabilities = found._probabilities(found._learning(observations))
    chances = torch.where(every > 0, probabilities, 1 - probabilities).prod(dim=1)
    expected = gradient((chances * torch.tensor(rewards)).sum())
    losses = []
    found._step = losses.append
    pairs = list(itertools.product(range(8), repeat=2))
    for pair in pairs:
        found._compared.__init__()
        found._compared.load_state_dict({"spreads": [0.5]})
        found.compare(observations, every[list(pair)], [rewards[place] for place in pair])
    weights = torch.stack([chances[list(pair)].prod() for pair in pairs]).detach()
    climbed = -gradient((weights * torch.stack(losses)).sum()) * 3 * 0.5
    assert expected.abs().max() > 1e-6
    torch.testing.assert_close(climbed, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ["harsanyi_esp", "mlp"])
def test_rollouts_teach_which_samples_pay(kind):
    found = taught(learner(valuator=kind), looks=200)
    features = torch.randn(2000, 4, generator=torch.Generator().manual_seed(9))
    values = found.valuator(features)
    assert torch.corrcoef(torch.stack([values, features[:, 0]]))[0, 1] > 0.8


def test_the_worth_of_a_selection_is_fitted_to_its_reward():
    """A sample's value is what selecting it adds to the reward, in standard deviations of rewards within a look."""
    found = taught(learner(valuator="mlp", averaging=0.0, temperature=1e6), looks=1500)
    features = torch.randn(2000, 4, generator=torch.Generator().manual_seed(9))
    slope = (found.valuator(features) * features[:, 0]).mean() / features[:, 0].square().mean()
    # A reward is the mean over 32 samples of feature times a fair coin, whose variance is 1/4.
    deviation = (1 / 4 / 32) ** 0.5
    assert slope.item() == pytest.approx(1 / 32 / deviation, rel=0.1)


def test_equal_rewards_teach_nothing():
    found = learner(entropy=0, fit=0)
    before = {name: tensor.clone() for name, tensor in found.state_dict()["learning"].items()}
    observations = torch.randn(8, 4)
    for _ in range(3):
        found.compare(observations, found.selections(observations, 4), [0.25] * 4)
    assert all(torch.equal(tensor, before[name]) for name, tensor in found.state_dict()["learning"].items())


def test_a_selection_is_drawn_from_the_policy():
    found = taught(learner())
    observations = torch.randn(6, 4, generator=torch.Generator().manual_seed(3))
    selections = found.selections(observations, 20_000)
    assert set(selections.unique().tolist()) == {0.0, 1.0}
    expected = found._probabilities(found._learning(observations)).detach()
    torch.testing.assert_close(selections.mean(dim=0), expected, atol=0.015, rtol=0)


@pytest.mark.parametrize("clip", [0.1, 10.0])
def test_the_gradient_is_clipped(clip):
    found = learner(clip=clip)
    parameters = list(found._learning.parameters())
    found._step(1000 * sum(parameter.sum() for parameter in parameters))
    norm = torch.cat([parameter.grad.flatten() for parameter in parameters]).norm().item()
    assert norm == pytest.approx(clip, rel=1e-4)


def test_what_is_learnt_is_resumed():
    whole, resumed = taught(learner(seed=2), looks=5), learner(seed=7)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for each in (whole, resumed):
        taught(each, looks=5, seed=1)
    left, right = whole.state_dict(), resumed.state_dict()
    assert all(torch.equal(left["valuator"][name], right["valuator"][name]) for name in left["valuator"])
    assert left["compared"] == right["compared"]


def test_rewards_that_are_no_numbers_are_told():
    found = learner()
    observations = torch.randn(8, 4)
    with pytest.raises(ModelError, match="the valuator diverged: its loss became nan"):
        found.compare(observations, found.selections(observations, 2), [float("nan"), 1.0])


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
def test_selections_are_restored_on_the_device_of_the_valuator():
    whole = learner()
    whole.select(torch.randn(8, 4))
    resumed = ValuatorLearner(4, whole.settings, 0, "meta", 32)
    resumed.load_state_dict(whole.state_dict())
    assert [tensor.device.type for tensor in resumed._selections[0]] == ["meta", "meta"]
