"""Rewards of one's own: by decorator, from a plug-in file, or as a bare function."""

import numpy as np
import pytest
import torch

from recval.adapter import reward
from recval.adapter.rewards import REWARDS, Reward, differentiable_reward, is_differentiable, measured_reward
from recval.backbones import build
from recval.errors import ConfigError
from recval.plugin_files import load_plugins
from recval.testing import planted


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(REWARDS, "_plugins", dict(REWARDS._plugins))


@pytest.fixture(scope="module")
def split():
    return planted()[0]


@pytest.fixture
def backbone(split):
    return build("CompiledBPR", split.train, {"embedding_size": 4}, seed=0).train()


def mean_score(backbone, split, users):
    return backbone.score(users).mean()


def test_a_decorated_function_is_known_by_its_name(registry, split, backbone):
    own = reward("mean-score")(mean_score)
    assert isinstance(own, Reward)
    for spec in ("mean-score", own, mean_score):
        assert not is_differentiable(spec)
        found = measured_reward(spec, split, users=10**6, seed=0)(backbone)
        expected = backbone.score(torch.from_numpy(np.unique(split.valid.user))).mean().item()
        assert found == pytest.approx(expected, abs=1e-9)


def test_it_is_part_of_sums(registry, split, backbone):
    reward("mean-score")(mean_score)
    parts = [measured_reward(name, split, users=9, seed=2)(backbone) for name in ("mean-score", "ndcg@5", "gini@5")]
    found = measured_reward({"mean-score": 2, "ndcg@5": 3.0, "gini@5": 1}, split, users=9, seed=2)(backbone)
    assert found == pytest.approx(2 * parts[0] + 3 * parts[1] + parts[2], abs=1e-9)


def test_one_with_a_gradient(registry, split, backbone):
    @reward("mean-attached", differentiable=True)
    def mean_attached(backbone, split, users):
        assert not backbone.training
        return backbone.attached_score(users).mean()

    assert is_differentiable("mean-attached")
    generators = [torch.Generator().manual_seed(4) for _ in range(4)]
    own, ndcg = (differentiable_reward(name, split, users=9) for name in ("mean-attached", "soft-ndcg@5"))
    both = differentiable_reward({"mean-attached": 2.0, "soft-ndcg@5": 1.0}, split, users=9)
    expected = ndcg(backbone, generators[0]) + 2 * own(backbone, generators[0])
    torch.testing.assert_close(both(backbone, generators[1]), expected)
    assert torch.autograd.grad(expected, backbone.item_embedding.weight)[0].abs().max() > 0
    assert backbone.training


def test_it_sees_the_same_users_each_time_and_no_test_part(registry, split, backbone):
    seen = []

    def look(backbone, split, users):
        seen.append(users.tolist())
        assert len(split.test) == 0
        assert len(split.valid) > 0
        return 1

    measure = measured_reward(look, split, users=5, seed=3)
    assert (measure(backbone), measure(backbone)) == (1.0, 1.0)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 5
    assert set(seen[0]) <= set(split.valid.user.tolist())


def test_a_plugin_file_registers_one(registry, split, backbone, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import recval.adapter\n\n\n"
        "@recval.adapter.reward('from-a-file')\n"
        "def from_a_file(backbone, split, users):\n"
        "    return len(users) / 2\n"
    )
    with pytest.raises(ConfigError, match="unknown metric 'from-a-file'"):
        is_differentiable("from-a-file")
    load_plugins([file])
    assert measured_reward("from-a-file", split, users=6, seed=0)(backbone) == 3.0
    with pytest.raises(ConfigError, match="other rewards are .*from-a-file"):
        is_differentiable("from-a-fiel")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ndcg", "is taken"),
        ("bpr", "is taken"),
        ("soft-x", "is taken"),
        ("likeness-x", "is taken"),
        ("a@b", "must not"),
        ("", "must not be empty"),
    ],
)
def test_names_that_cannot_be(registry, name, message):
    with pytest.raises(ConfigError, match=message):
        reward(name)(mean_score)


def test_a_name_is_taken_once(registry):
    reward("mean-score")(mean_score)
    with pytest.raises(ConfigError, match="registered already"):
        reward("mean-score")(mean_score)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "the reward 'look' must be a finite number, got nan"),
        (torch.tensor(torch.inf), "must be a finite number, got inf"),
        (torch.ones(3), r"must return one number, got the shape \(3,\)"),
        ("much", "must return one number, got str"),
        (None, "must return one number, got NoneType"),
    ],
)
def test_what_is_no_number_is_told(split, backbone, value, message):
    def look(backbone, split, users):
        return value

    with pytest.raises(ConfigError, match=message):
        measured_reward(look, split, users=5, seed=0)(backbone)
    assert backbone.training


def test_a_gradient_that_is_missing_is_told(split, backbone):
    own = Reward("mine", mean_score, differentiable=True)
    with pytest.raises(ConfigError, match=r"'mine' is said to be differentiable.*attached_score"):
        differentiable_reward(own, split, users=5)(backbone, torch.Generator())
