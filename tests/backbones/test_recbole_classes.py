"""Classes of one's own that are written for RecBole, in place of a name."""

import pytest
import torch
from recbole.model.abstract_recommender import (
    ContextRecommender,
    GeneralRecommender,
    KnowledgeRecommender,
    SequentialRecommender,
)
from recbole.model.context_aware_recommender.fm import FM
from recbole.model.general_recommender.lightgcn import LightGCN
from recbole.model.loss import BPRLoss
from recbole.utils import InputType, ModelType
from recbole_samples import described, samples_of, triplets

from recval.backbones.recbole import build, complete, default_parameters
from recval.errors import ConfigError, ModelError


class Dot(GeneralRecommender):
    """BPR with a scale, written as RecBole asks for."""

    input_type = InputType.PAIRWISE

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.scale = config["scale"] or 1.0
        self.users = torch.nn.Embedding(self.n_users, config["width"])
        self.items = torch.nn.Embedding(self.n_items, config["width"])
        self.loss = BPRLoss()

    def margins(self, rows):
        user = self.users(rows[self.USER_ID])
        return [self.scale * (user * self.items(rows[name])).sum(1) for name in (self.ITEM_ID, self.NEG_ITEM_ID)]

    def calculate_loss(self, rows):
        return self.loss(*self.margins(rows))

    def full_sort_predict(self, rows):
        return self.scale * self.users(rows[self.USER_ID]) @ self.items.weight.T


class Summed(Dot):
    """The same with a loss that its own code sums."""

    def calculate_loss(self, rows):
        return self.loss(*self.margins(rows)).sum()


class LastItem(SequentialRecommender):
    """Scores by the last item."""

    input_type = InputType.PAIRWISE

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.items = torch.nn.Embedding(self.n_items, config["width"])
        self.loss = torch.nn.CrossEntropyLoss()

    def full_sort_predict(self, rows):
        last = rows[self.ITEM_SEQ].gather(1, rows[self.ITEM_SEQ_LEN].unsqueeze(1) - 1).squeeze(1)
        return self.items(last) @ self.items.weight.T

    def calculate_loss(self, rows):
        return self.loss(self.full_sort_predict(rows), rows[self.ITEM_ID])


class Deeper(LightGCN):
    """LightGCN with one more parameter."""

    def __init__(self, config, dataset):
        self.boost = config["boost"]
        super().__init__(config, dataset)


class Factorised(FM):
    """FM by another name."""


class Sides(ContextRecommender):
    """Sums what it knows of a pair."""

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.last = torch.nn.Linear(self.embedding_size, 1)
        self.loss = torch.nn.BCEWithLogitsLoss()

    def predict(self, rows):
        return self.last(self.concat_embed_input_fields(rows).sum(1)).squeeze(1)

    def calculate_loss(self, rows):
        return self.loss(self.predict(rows), rows[self.LABEL])


class Linked(KnowledgeRecommender):
    """Scores by entities."""

    input_type = InputType.PAIRWISE

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.users = torch.nn.Embedding(self.n_users, config["width"])
        self.entities = torch.nn.Embedding(self.n_entities, config["width"])
        self.loss = BPRLoss()

    def calculate_loss(self, rows):
        user = self.users(rows[self.USER_ID])
        scores = [(user * self.entities(rows[name])).sum(1) for name in (self.ITEM_ID, self.NEG_ITEM_ID)]
        return self.loss(*scores) + self.entities(rows[self.HEAD_ENTITY_ID]).square().mean()

    def full_sort_predict(self, rows):
        return self.users(rows[self.USER_ID]) @ self.entities.weight[: self.n_items].T


CLASSES = {
    Dot: {"width": 3},
    LastItem: {"width": 3},
    Deeper: {"boost": 2},
    Factorised: {},
    Sides: {"embedding_size": 3},
    Linked: {"width": 3},
}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_class_is_built_trained_and_scored(cls):
    data = described()
    backbone = build(cls, data, CLASSES[cls], seed=1).train()
    batch = samples_of(backbone, data)
    losses = backbone.loss_per_sample(batch)
    assert backbone.has_sample_losses
    assert losses.shape == (len(batch),)
    losses.mean().backward()
    assert any(parameter.grad is not None for parameter in backbone.parameters())
    assert backbone.eval().score(torch.arange(7)).shape == (7, 11)


def test_its_losses_are_those_of_its_rows():
    data = described()
    backbone = build(Dot, data, {"width": 3, "scale": 2.0}, seed=1)
    positive, negative = backbone.model.margins(backbone._rows(triplets(data)))
    expected = torch.nn.functional.softplus(negative - positive)
    torch.testing.assert_close(backbone.loss_per_sample(triplets(data)), expected, atol=1e-6, rtol=1e-5)


def test_a_loss_that_its_own_code_reduces_is_one_of_the_batch():
    data = described()
    backbone = build(Summed, data, {"width": 3}, seed=1)
    losses = backbone.loss_per_sample(triplets(data))
    assert not backbone.has_sample_losses
    plain = build(Dot, data, {"width": 3}, seed=1).loss_per_sample(triplets(data)).mean()
    assert losses.tolist() == pytest.approx([plain.item()] * len(data), rel=1e-5)


def test_the_probe_draws_nothing_and_changes_nothing():
    data = described()
    assert torch.equal(
        build(Dot, data, {"width": 3}, seed=1).model.users.weight,
        build(Summed, data, {"width": 3}, seed=1).model.users.weight,
    )


def test_the_parameters_are_the_keys_that_its_source_reads():
    assert default_parameters(Dot) == {"scale": None, "width": None}
    assert default_parameters(LastItem) == {"width": None, "MAX_ITEM_LIST_LENGTH": 50}
    assert default_parameters(Deeper) == {**default_parameters("LightGCN"), "boost": None}
    assert default_parameters(Factorised) == default_parameters("FM")
    assert default_parameters(Sides) == {"embedding_size": None, "double_tower": None, "features": []}
    assert complete(Deeper, {"boost": [1], "n_layers": 4})["n_layers"] == 4


def test_another_key_is_refused():
    with pytest.raises(ConfigError, match=r"unknown parameter of Dot 'widht', did you mean 'width'\?"):
        build(Dot, described(), {"widht": 3})
    with pytest.raises(ConfigError, match="'n_layers' of Deeper must be an integer"):
        build(Deeper, described(), {"n_layers": "4"})


def test_a_class_of_another_kind_is_refused():
    class Tree(GeneralRecommender):
        type = ModelType.DECISIONTREE

    with pytest.raises(ModelError, match="Tree must have one of RecBole's types .* found 'DECISIONTREE'"):
        build(Tree, described())
