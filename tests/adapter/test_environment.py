"""The Gymnasium environment: passes Gymnasium's own checker, and pays exactly the change of the validation metric."""

import warnings

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from recval.adapter import MetricEnvironment, RankingReward
from recval.backbones.recbole import build
from recval.data import Split
from recval.errors import ConfigError
from recval.training import Training


@pytest.fixture
def split(interactions):
    pairs = np.random.default_rng(1).permutation([(u, i) for u in range(12) for i in range(30)])
    return Split(*(interactions(part, 12, 30) for part in (pairs[:150], pairs[150:190], pairs[190:230])))


def environment(split, **options):
    training = Training(batch_size=32, learning_rate=0.05)
    return MetricEnvironment(build("BPR", split.train, {"embedding_size": 4}), split, training=training, **options)


@pytest.mark.parametrize("actions", ["weights", "selection"])
def test_gymnasium_checker_has_no_complaint(split, actions):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(environment(split, steps=3, actions=actions), skip_render_check=True)


def test_rewards_add_up_to_the_change_of_the_metric(split):
    env = environment(split, steps=12, users=100, reward_every=5)
    _, start = env.reset(seed=3)
    rewards, ended = [], False
    while not ended:
        _, reward, terminated, ended, info = env.step(np.ones(32, np.float32))
        rewards.append(reward)
        assert not terminated
    assert len(rewards) == 12
    assert [place for place, reward in enumerate(rewards, 1) if reward] == [5, 10, 12]
    measured = RankingReward(env.metric, split, users=100, seed=0)(env.backbone)
    assert info["metric"] == measured
    assert sum(rewards) == pytest.approx(measured - start["metric"], abs=1e-12)


def test_the_same_seed_gives_the_same_episode_and_starts_afresh(split):
    env = environment(split, steps=5)

    def episode(seed):
        observation, _ = env.reset(seed=seed)
        steps = [env.step(np.ones(32, np.float32)) for _ in range(5)]
        return [observation, *(step[0] for step in steps)], [step[1] for step in steps]

    (first, rewards), (again, same), (other, _) = episode(5), episode(5), episode(6)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert rewards == same
    assert not np.array_equal(first[0], other[0])


def test_scaling_the_action_changes_nothing(split):
    def parameters(level):
        env = environment(split, steps=2)
        env.reset(seed=0)
        env.step(np.full(32, level, np.float32))
        return torch.cat([parameter.detach().flatten() for parameter in env.backbone.parameters()])

    torch.testing.assert_close(parameters(1.0), parameters(0.25))


def test_selecting_nothing_leaves_the_parameters_alone(split):
    env = environment(split, steps=2, actions="selection")
    env.reset(seed=0)
    before = [parameter.detach().clone() for parameter in env.backbone.parameters()]
    env.step(np.zeros(32, np.int8))
    assert all(torch.equal(old, new) for old, new in zip(before, env.backbone.parameters(), strict=True))


def test_a_batch_larger_than_the_data_is_refused(split):
    with pytest.raises(ConfigError, match="batch_size must be at most the 150 training interactions. Got 2048"):
        MetricEnvironment(build("BPR", split.train), split)


@pytest.mark.parametrize("metric", ["bpr", {"soft-ndcg@5": 1.0}])
def test_a_reward_with_a_gradient_is_none_for_it(split, metric):
    with pytest.raises(ConfigError, match="has a gradient, and the environment pays for one that is measured"):
        environment(split, metric=metric)
