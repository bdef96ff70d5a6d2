"""recval's own models keep the contract, a few of RecBole's do, and a model that breaks it is found out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from recval.backbones import MODELS, Backbone, build
from recval.testing import BackboneContract, planted
from recval.training import Training


class Named(BackboneContract):
    model: str
    parameters: dict = {}

    def build(self, train, seed):
        return build(self.model, train, self.parameters, seed=seed)


def contract(name, **attributes):
    return type(f"Test{name.replace(':', '')}", (Named,), {"model": name, **attributes})


QUICK = Training(epochs=40, batch_size=64, learning_rate=0.1, patience=40)

TestLightGCN = contract("LightGCN")
TestCompiledBPR = contract("CompiledBPR", training=QUICK)
TestGFCF = contract("GFCF")
TestALS = contract("ALS")
TestUltraGCN = contract("UltraGCN", training=Training(epochs=12, batch_size=128, learning_rate=0.1))
TestGraphConvolution = contract("GraphConvolution")
TestRecBoleBPR = contract("BPR")
TestRecBoleNeuMF = contract("NeuMF")
TestRecBoleLightGCN = contract("recbole:LightGCN")
TestRecBoleEASE = contract("EASE")
TestRecBolePop = contract("Pop", personal=False)


def test_every_model_of_recval_is_held_to_the_contract():
    held = {cls.model for cls in Named.__subclasses__()}
    assert {name for name in MODELS if MODELS[name].__module__.startswith("recval.")} <= held


class Mf(Backbone):
    """A plain model that keeps the contract; each of its heirs breaks it in one way."""

    def __init__(self, train, seed):
        super().__init__()
        self.n_users, self.n_items = len(train.users), len(train.items)
        generator = torch.Generator().manual_seed(seed)
        self.users = nn.Parameter(0.1 * torch.randn(self.n_users, 8, generator=generator))
        self.items = nn.Parameter(0.1 * torch.randn(self.n_items, 8, generator=generator))

    def loss_per_sample(self, batch):
        return softplus((self.users[batch.user] * (self.items[batch.negative] - self.items[batch.item])).sum(1))

    def score(self, users):
        return (self.users[users] @ self.items.T).detach()

    def user_embeddings(self, users):
        return self.users[users]

    def item_embeddings(self, items):
        return self.items[items]


class TestMf(BackboneContract):
    def build(self, train, seed):
        return Mf(train, seed)


class ForgetsUsers(Mf):
    def __init__(self, train, seed):
        super().__init__(train, seed)
        self.n_users += 1


class Unseeded(Mf):
    def __init__(self, train, seed):
        super().__init__(train, int(np.random.default_rng().integers(2**31)))


class OneColumnMore(Mf):
    def score(self, users):
        return torch.cat([torch.zeros(len(users), 1), super().score(users)], 1)


class WholeNumbers(Mf):
    def score(self, users):
        return (1e6 * super().score(users)).long()


class NotANumber(Mf):
    def score(self, users):
        return super().score(users).sqrt()


class Normalised(Mf):
    """By all users that are scored together."""

    def score(self, users):
        scores = super().score(users)
        return (scores - scores.mean(0)) / scores.std().nan_to_num(1)


class RandomTies(Mf):
    def score(self, users):
        return super().score(users) + 1e-3 * torch.rand(len(users), self.n_items)


class WritesWhileScoring(Mf):
    def score(self, users):
        scores = super().score(users)
        self.items.data *= 0.999
        return scores


class LeavesEvaluation(Mf):
    def score(self, users):
        self.train()
        return super().score(users)


class MeanLoss(Mf):
    def loss_per_sample(self, batch):
        return super().loss_per_sample(batch).mean()


class FailsOnOne(Mf):
    def loss_per_sample(self, batch):
        losses = super().loss_per_sample(batch)
        return losses / (losses - losses[0]).abs().max()


class Detached(Mf):
    def loss_per_sample(self, batch):
        return super().loss_per_sample(batch).detach() + 0 * self.users.sum()


class SortedLosses(Mf):
    def loss_per_sample(self, batch):
        return super().loss_per_sample(batch).sort().values


class SpreadLoss(Mf):
    """Claims losses per sample, but has one for all."""

    def loss_per_sample(self, batch):
        return super().loss_per_sample(batch).mean().expand(len(batch))


class RowsTwice(Mf):
    def __init__(self, train, seed):
        super().__init__(train, seed)
        self.rows = torch.zeros(5, dtype=torch.int64)


class TurnedLoss(Mf):
    def loss_per_sample(self, batch):
        return -super().loss_per_sample(batch)


class OutsideRandomness(Mf):
    def loss_per_sample(self, batch):
        return super().loss_per_sample(batch) * (1 + 0.1 * torch.from_numpy(np.random.default_rng().random(len(batch))))


class StepsOutsideState(Mf):
    """Its loss depends on how often it was asked, which no checkpoint knows."""

    calls = 0

    def loss_per_sample(self, batch):
        if self.training:
            self.calls += 1
        return super().loss_per_sample(batch) / (1 + self.calls)


class ScoresOutsideState(Mf):
    """Scores by a copy that was made when the model was built."""

    def __init__(self, train, seed):
        super().__init__(train, seed)
        self.hidden = [self.items.detach().clone()]

    def score(self, users):
        return (self.users[users] @ self.hidden[0].T).detach()


class StaleCache(Mf):
    """Keeps its first scores, whatever becomes of the parameters."""

    kept = None

    def score(self, users):
        if self.kept is None:
            self.kept = super().score(torch.arange(self.n_users))
        return self.kept[users]


class AttachedElsewhere(Mf):
    def attached_score(self, users):
        return 2 * self.users[users] @ self.items.T


class KeepsAGraph(Mf):
    """Scoring with a gradient leaves scores behind that scoring without one gives back."""

    kept = None

    def score(self, users):
        return super().score(users) if self.kept is None else self.kept

    def attached_score(self, users):
        self.kept = self.users[users] @ self.items.T + 1
        return self.kept - 1


class FoldsAlike(Mf):
    def fold_in(self, interactions):
        counts = torch.from_numpy(interactions.item_counts()).float()
        return lambda users: counts.expand(len(users), -1)


class FlatEmbeddings(Mf):
    def user_embeddings(self, users):
        return self.users[users].flatten()


BREAKAGES = {
    ForgetsUsers: "test_it_knows_how_many_users_and_items_there_are",
    Unseeded: "test_the_same_seed_gives_the_same_model",
    OneColumnMore: "test_scores_are_a_row_a_user_and_a_column_an_item",
    WholeNumbers: "test_scores_are_a_row_a_user_and_a_column_an_item",
    NotANumber: "test_scores_can_be_ordered",
    Normalised: "test_the_scores_of_a_user_do_not_depend_on_who_else_is_scored",
    RandomTies: "test_scoring_twice_gives_the_same",
    WritesWhileScoring: "test_scoring_changes_nothing",
    LeavesEvaluation: "test_scoring_changes_nothing",
    MeanLoss: "test_losses_are_one_a_sample_and_finite",
    FailsOnOne: "test_losses_are_one_a_sample_and_finite",
    Detached: "test_a_gradient_reaches_the_parameters",
    SortedLosses: "test_the_order_of_samples_orders_their_losses",
    SpreadLoss: "test_the_order_of_samples_orders_their_losses",
    RowsTwice: "test_rows_to_train_on_are_rows_of_the_table",
    TurnedLoss: "test_training_lifts_the_ranking_above_chance",
    OutsideRandomness: "test_training_with_the_same_seed_gives_the_same_parameters",
    StepsOutsideState: "test_training_that_was_interrupted_ends_with_the_same_parameters",
    ScoresOutsideState: "test_its_state_can_be_kept_and_restored",
    StaleCache: "test_its_state_can_be_kept_and_restored",
    AttachedElsewhere: "test_attached_scores_are_the_scores_with_a_gradient",
    KeepsAGraph: "test_attached_scores_are_the_scores_with_a_gradient",
    FoldsAlike: "test_users_can_be_folded_in_by_their_interactions",
    FlatEmbeddings: "test_embeddings_are_a_row_each",
}


@pytest.mark.parametrize("broken", BREAKAGES, ids=lambda cls: cls.__name__)
def test_a_broken_model_is_found_out(broken):
    class Broken(BackboneContract):
        def build(self, train, seed):
            return broken(train, seed)

    with pytest.raises(AssertionError):
        getattr(Broken(), BREAKAGES[broken])()


def test_each_test_of_the_contract_finds_something_out():
    tests = {name for name in vars(BackboneContract) if name.startswith("test_")}
    elsewhere = {"test_it_can_be_moved_to_a_gpu_and_scores_alike", "test_its_own_step_tells_the_losses_before_it"}
    assert tests - elsewhere == set(BREAKAGES.values())


def test_a_contract_without_a_model_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="must say how its model is made: def build"):
        BackboneContract().test_scores_can_be_ordered()


def test_planted_data_is_what_it_says():
    split, noisy = planted(n_users=50, n_items=40, per_user=16, noise=0.3, seed=4)
    assert [len(part) for part in (split.train, split.valid, split.test)] == [500, 150, 150]
    for part in (split.train, split.valid, split.test):
        own = part.user % 2 == part.item // 20
        assert (own == ~noisy).all() if part is split.train else own.all()
    assert 0.2 < noisy.mean() < 0.4
    pairs = np.concatenate([part.user * 40 + part.item for part in (split.train, split.valid, split.test)])
    assert len(np.unique(pairs)) == 800
    assert not planted()[1].any()
