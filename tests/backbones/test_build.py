from __future__ import annotations

from typing import Annotated

import numpy as np
import pytest
import torch
from pydantic import Field

from recval.backbones import MODELS, Backbone, build, complete, default_parameters, model, models
from recval.backbones.module import ModuleBackbone
from recval.backbones.recbole import RecBoleBackbone
from recval.errors import ConfigError, DataError, ModelError
from recval.testing import planted


@pytest.fixture
def registered(monkeypatch):
    """Lets a test register models that are forgotten afterwards."""
    monkeypatch.setattr(MODELS, "_plugins", dict(MODELS._plugins))


@pytest.fixture
def train():
    return planted()[0].train


class Bias(torch.nn.Module):
    def __init__(self, train, *, scale: Annotated[float, Field(gt=0)] = 1.0, noise: bool = False):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.rand(len(train.items)) * scale)

    def score(self, users):
        return self.bias.detach().expand(len(users), -1)


def test_a_plain_module_is_built_with_its_checked_parameters_and_scores(registered, train):
    model("Bias")(Bias)
    backbone = build("Bias", train, {"scale": 3}, seed=4)
    assert isinstance(backbone, ModuleBackbone)
    assert not backbone.needs_training
    assert (backbone.n_users, backbone.n_items) == (len(train.users), len(train.items))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        again = build("Bias", train, {"scale": 3}, seed=4)
    assert torch.equal(backbone.score(torch.tensor([0, 1])), again.score(torch.tensor([1, 2])))
    assert not torch.equal(backbone.module.bias, build("Bias", train, {"scale": 3}, seed=5).module.bias)
    assert default_parameters("Bias") == {"scale": 1.0, "noise": False}
    assert complete("Bias", {"noise": True}) == {"scale": 1.0, "noise": True}
    assert "Bias" in models()


@pytest.mark.parametrize(
    ("parameters", "told"),
    [({"scales": 1}, "did you mean 'scale'"), ({"scale": 0}, "scale"), ({"scale": "wide"}, "scale")],
)
def test_a_bad_parameter_is_told_in_one_line(registered, train, parameters, told):
    model("Bias")(Bias)
    with pytest.raises(ConfigError, match="parameters of Bias: ") as caught:
        build("Bias", train, parameters)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_cannot_score_is_refused(registered, train):
    class Mute(torch.nn.Module):
        def __init__(self, train):
            super().__init__()

    model("Mute")(Mute)
    with pytest.raises(ModelError, match=r"Mute has no method score"):
        build("Mute", train)


def test_a_module_with_losses_is_trained(registered, train):
    class Trained(Bias):
        def loss_per_sample(self, batch):
            return torch.nn.functional.softplus(self.bias[batch.negative] - self.bias[batch.item])

    model("Trained")(Trained)
    backbone = build("Trained", train)
    assert backbone.needs_training
    with pytest.raises(ModelError, match="Trained has no method user_embeddings"):
        backbone.user_embeddings(torch.tensor([0]))


def test_a_parameter_without_a_default_must_be_given(registered, train):
    class Sized(torch.nn.Module):
        def __init__(self, train, *, size: int, noise: bool = False):
            super().__init__()
            self.size, self.n_items = size, len(train.items)

        def score(self, users):
            return torch.full((len(users), self.n_items), float(self.size))

    model("Sized")(Sized)
    assert default_parameters("Sized") == {"size": None, "noise": False}
    with pytest.raises(ConfigError, match="parameters of Sized: the key 'size' is missing"):
        build("Sized", train)
    assert complete("Sized", {"size": 3}) == {"size": 3, "noise": False}


def test_parameters_that_have_no_names_are_refused(registered, train):
    class Open(torch.nn.Module):
        def __init__(self, train, **rest):
            super().__init__()

    model("Open")(Open)
    with pytest.raises(ModelError, match="Open must name each of its parameters"):
        build("Open", train)


def test_a_name_of_our_own_comes_before_recbole_s(registered, train):
    model("BPR")(Bias)
    assert isinstance(build("BPR", train), ModuleBackbone)
    theirs = build("recbole:BPR", train)
    assert isinstance(theirs, RecBoleBackbone)
    assert theirs.name == "BPR"
    assert {"BPR", "recbole:BPR"} <= set(models())
    assert "embedding_size" in default_parameters("recbole:BPR")


def test_an_unknown_model_names_the_nearest(train):
    with pytest.raises(ModelError, match=r"unknown model 'LigthGCN', did you mean 'LightGCN'\?"):
        build("LigthGCN", train)
    with pytest.raises(ModelError, match="unknown model 'recbole:Nope'"):
        complete("recbole:Nope", {})


def test_a_model_without_interactions_is_refused(registered, train):
    model("Bias")(Bias)
    with pytest.raises(DataError, match="Bias needs interactions"):
        build("Bias", train.take(np.arange(0)))


def test_a_backbone_that_knows_users_by_vector_cannot_fold_in(train):
    backbone = build("BPR", train)
    assert isinstance(backbone, Backbone)
    with pytest.raises(ModelError, match="knows only the users"):
        backbone.fold_in(train)
