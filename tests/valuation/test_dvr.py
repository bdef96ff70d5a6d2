"""DVR: what it learns where the truth is known, and its use in a foreign loop."""

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from weighting_samples import timed

from recval.backbones.recbole import build
from recval.errors import ConfigError, ModelError
from recval.testing import planted
from recval.training import Loop, Training
from recval.valuation import DVR, Valuator

SETTINGS = Training(epochs=25, batch_size=128, learning_rate=0.02, monitor="ndcg@5", patience=25)


def auroc(values, noisy):
    """The chance that a noisy interaction has a lower value than a clean one."""
    return mannwhitneyu(values[~noisy], values[noisy]).statistic / (noisy.sum() * (~noisy).sum())


def trained(split, seed=0, **settings):
    valuator = DVR(**settings)
    backbone = build("BPR", split.train, {"embedding_size": 8}, seed=seed)
    Loop(backbone, split, SETTINGS, callbacks=[valuator], seed=seed).fit()
    return valuator.values


def test_planted_noise_has_low_values():
    """A quarter of the training interactions is with items that the user's group does not like."""
    split, noisy = planted(n_users=200, per_user=30, noise=0.25, seed=1)
    values = trained(split, reward="bpr", inputs=("user", "item", "loss"), interval=1)
    assert auroc(values.value, noisy) > 0.9
    shuffled = np.random.default_rng(0).permutation(values.value)
    assert 0.4 < auroc(shuffled, noisy) < 0.6


@pytest.mark.parametrize("kind", ["harsanyi_esp", "harsanyi_slots", "mlp"])
@pytest.mark.parametrize("reward", ["bpr", {"ndcg@5": 1.0, "gini@5": 0.5}])
def test_every_network_learns_from_every_sort_of_reward(kind, reward):
    """The last batch of an epoch is smaller than the others: 840 interactions, 128 a batch."""
    split, _ = planted()
    values = trained(split, valuator=kind, reward=reward, interval=4)
    assert np.isfinite(values.value).all()
    assert values.value.std() > 0
    alone = values.players["alone"].to_numpy()
    assert np.allclose(alone, values.value) == (kind == "mlp")


def test_a_function_of_ones_own_is_a_reward():
    split, _ = planted()

    def spread(backbone, split, users):
        return backbone.score(users).std()

    described = DVR(reward=spread).settings.model_dump(mode="json")["reward"]
    assert described.endswith("spread")
    assert np.isfinite(trained(split, reward=spread, interval=4).value).all()


def test_what_explains_the_values_are_the_parameters_of_the_valuator():
    valuator = DVR(reward="ndcg@10", interval=1)
    assert valuator.explainer_state is None
    features = torch.randn(8, 2)
    valuator.weigh(features, torch.rand(8))
    state = valuator.explainer_state
    again = Valuator(3)
    again.load_state_dict(state)
    observations = torch.cat([features, torch.rand(8, 1)], dim=1)
    assert torch.equal(again(observations), valuator.learner.valuator(observations))


def test_values_name_every_training_interaction_once():
    split, _ = planted()
    values = trained(split, interval=4, draws=3)
    assert values.players["user"].to_pylist() == split.users.names(split.train.user)
    assert values.players["item"].to_pylist() == split.items.names(split.train.item)
    assert (values.count == 3).all()
    assert np.isfinite(values.value).all()
    assert (values.standard_error > 0).any()


def test_of_one_order_all_value_is_earned_alone():
    split, _ = planted()
    values = trained(split, interval=4, order=1)
    np.testing.assert_allclose(values.players["alone"].to_numpy(), values.value, atol=1e-12)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    split, _ = planted()
    for name in ("a", "b"):
        trained(split, seed=4, interval=4).save(tmp_path / name)
    trained(split, seed=5, interval=4).save(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.mark.parametrize("action", ["weights", "selection"])
def test_in_a_foreign_loop_the_policy_learns_which_samples_raise_the_metric(action):
    """Selecting samples whose first feature is positive raises the metric; the others lower it."""
    generator = torch.Generator().manual_seed(0)
    valuator = DVR(reward="ndcg@10", action=action, interval=1, temperature=1.0, learning_rate=0.02, rng=0)
    level = 0.0
    valuator.reward(level)
    for _ in range(400):
        features = torch.randn(32, 4, generator=generator)
        weights = valuator.weigh(features, torch.rand(32, generator=generator))
        assert not weights.requires_grad
        assert weights.mean().item() == pytest.approx(1.0, abs=1e-5)
        level += (weights * features[:, 0]).mean().item()
        valuator.reward(level)
    features = torch.randn(2000, 4, generator=generator)
    probabilities = valuator.learner.valuator(torch.cat([features, torch.zeros(2000, 1)], dim=1))
    assert torch.corrcoef(torch.stack([probabilities, features[:, 0]]))[0, 1] > 0.7


def test_the_first_reward_only_sets_the_level():
    valuator = DVR(reward="ndcg@10", interval=1)
    valuator.weigh(torch.randn(8, 2), torch.rand(8))
    before = {name: tensor.clone() for name, tensor in valuator.learner.valuator.state_dict().items()}
    valuator.reward(0.3)
    assert all(torch.equal(tensor, before[name]) for name, tensor in valuator.learner.valuator.state_dict().items())


def test_the_first_reward_forgets_what_was_selected_before_it():
    """What was selected before the level was known cannot be credited with a change from it."""
    valuator = DVR(reward="ndcg@10", interval=1)
    valuator.weigh(torch.randn(8, 2), torch.rand(8))
    valuator.reward(0.3)
    before = [parameter.clone() for parameter in valuator.learner.valuator.parameters()]
    valuator.reward(0.9)
    assert all(torch.equal(a, b) for a, b in zip(before, valuator.learner.valuator.parameters(), strict=True))


def test_a_valuator_can_be_used_again():
    split, _ = planted()
    again, fresh = DVR(interval=2), DVR(interval=2)
    for valuator, seeds in ((again, (1, 2)), (fresh, (2,))):
        for seed in seeds:
            backbone = build("BPR", split.train, {"embedding_size": 8}, seed=seed)
            Loop(backbone, split, SETTINGS, callbacks=[valuator], seed=seed).fit()
    assert again.values.to_frame().equals(fresh.values.to_frame())


def test_a_valuator_that_diverges_is_told():
    split, _ = planted()
    with pytest.raises(ModelError, match="the valuator diverged"):
        trained(split, interval=1, learning_rate=1e30)


@pytest.mark.parametrize("kind", ["harsanyi_esp", "harsanyi_slots", "mlp"])
def test_foreign_state_resumes(kind):
    def losses(step):
        return torch.rand(16, generator=torch.Generator().manual_seed(step))

    def run(valuator, steps):
        found = []
        for step in steps:
            found.append(
                valuator.weigh(torch.randn(16, 3, generator=torch.Generator().manual_seed(step)), losses(step))
            )
            valuator.reward(float(losses(step).sum()))
        return found

    settings = {"reward": "recall@5", "interval": 2, "action": "selection", "valuator": kind, "rng": 1}
    whole, first, second = DVR(**settings), DVR(**settings), DVR(**settings)
    expected = run(whole, range(10))
    run(first, range(5))
    second.load_state_dict(first.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(run(second, range(5, 10)), expected[5:], strict=True))


def test_what_cannot_work_is_told():
    features, losses = torch.randn(8, 2), torch.rand(8)
    with pytest.raises(ConfigError, match=r"'bpr' is computed on the validation data of recval's loop"):
        DVR(reward="bpr").weigh(features, losses)
    with pytest.raises(ConfigError, match="has not seen a batch"):
        DVR(reward="ndcg@10").state_dict()
    with pytest.raises(ConfigError, match="unknown key 'rewrad', did you mean 'reward'"):
        DVR(rewrad="bpr")
    with pytest.raises(ConfigError, match=r"temperature: .*greater than 0.* Got -1 instead"):
        DVR(temperature=-1)
    with pytest.raises(
        ConfigError, match="reward: expected the name of a reward, weights by name, or a function. Got 3"
    ):
        DVR(reward=3)
    with pytest.raises(ConfigError, match="reward: the parts of a reward must all have a gradient"):
        DVR(reward={"ndcg@10": 1, "bpr": 1})
    with pytest.raises(ConfigError, match="inputs.*'acitvity', did you mean 'activity'"):
        DVR(inputs=["acitvity"])


@pytest.mark.parametrize("reward", ["bpr", "likeness[unseen]"])
def test_an_interaction_that_is_no_sample_has_the_mean_of_the_others(reward):
    """The first of a user in a sequential model: nothing came before it."""
    split = timed(planted(30, 40, 12)[0])
    valuator = DVR(reward=reward, interval=2, inputs=("item", "popularity"))
    parameters = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "n_heads": 1, "MAX_ITEM_LIST_LENGTH": 5}
    backbone = build("SASRec", split.train, parameters, seed=0)
    Loop(backbone, split, Training(epochs=1, batch_size=64), callbacks=[valuator], seed=0).fit()
    time, user = split.train.column("time"), split.train.user
    first = np.array([time[row] == time[user == user[row]].min() for row in range(len(time))])
    values, alone = valuator.values, valuator.values.players["alone"].to_numpy()
    assert first.sum() == 30
    assert values.value[~first].std() > 0
    np.testing.assert_allclose(values.value[first], values.value[~first].mean(), rtol=1e-12)
    np.testing.assert_allclose(alone[first], alone[~first].mean(), rtol=1e-12)
    assert np.isinf(values.standard_error[first]).all()
    assert np.isfinite(values.standard_error[~first]).all()


def test_there_are_no_more_slots_than_samples():
    """One of the 2,048 that a batch may have would never be filled."""
    split, _ = planted(20, 30, 12)
    valuator = DVR(valuator="harsanyi_slots", interval=1)
    Loop(build("BPR", split.train, {"embedding_size": 4}), split, Training(epochs=1), callbacks=[valuator]).fit()
    assert valuator.learner.slots == len(split.train)
    assert np.isfinite(valuator.values.value).all()
