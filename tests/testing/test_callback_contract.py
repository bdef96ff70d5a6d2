"""recval's own callbacks keep the contract, and one that breaks it is found out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import torch

from recval.games import Values
from recval.testing import CallbackContract
from recval.training import Callback
from recval.valuation import (
    DVR,
    Balanced,
    GradientMatching,
    HardNegatives,
    Influence,
    InRun,
    LossRanking,
    PopularityNegatives,
    Propensity,
    ReweightedLoss,
    SelfPaced,
    Shuffled,
    TripletImportance,
    TripletShapley,
    TruncatedLoss,
    Uniform,
    dvrl,
)


def contract(name, make):
    return type(f"Test{name}", (CallbackContract,), {"make": lambda self: make()})


TestNothing = contract("Nothing", Callback)
TestUniform = contract("Uniform", Uniform)
TestBalanced = contract("Balanced", lambda: Balanced(alpha=0.5))
TestTruncatedLoss = contract("TruncatedLoss", lambda: TruncatedLoss(rate=0.3, steps=10))
TestReweightedLoss = contract("ReweightedLoss", lambda: ReweightedLoss(beta=0.1))
TestLossRanking = contract("LossRanking", LossRanking)
TestSelfPaced = contract("SelfPaced", lambda: SelfPaced(steps=10))
TestPropensity = contract("Propensity", Propensity)
TestInRun = contract("InRun", lambda: InRun(interval=2, refresh=3, users=20))
TestInRunSecondOrder = contract("InRunSecondOrder", lambda: InRun(order=2, interval=2, users=20))
TestWeighingInRun = contract("WeighingInRun", lambda: InRun(interval=1, refresh=3, users=20, weigh=True))
TestInfluence = contract("Influence", lambda: Influence(damping=0.1, users=20))
TestTripletImportance = contract("TripletImportance", lambda: TripletImportance(interval=2, learning_rate=0.05))
TestGradientMatching = contract("GradientMatching", lambda: GradientMatching(interval=3, users=20, learning_rate=0.05))
TestDVRL = contract("DVRL", lambda: dvrl(interval=2, users=20))
TestDVR = contract("DVR", lambda: DVR(interval=2, users=20))
TestPolicy = contract("Policy", lambda: DVR(reward="ndcg@5", interval=2, users=20, action="selection"))
TestLikeness = contract("Likeness", lambda: DVR(reward="likeness[unseen]", inputs=["user", "cosine"], interval=2))
TestPopularityNegatives = contract("PopularityNegatives", PopularityNegatives)
TestHardNegatives = contract("HardNegatives", HardNegatives)
RESAMPLING = {"refresh": 1, "triplets": 20, "users": 20, "fit_steps": 5, "candidates": 3}
TestTripletShapley = contract("TripletShapley", lambda: TripletShapley(**RESAMPLING))
TestUnbiased = contract(
    "Unbiased", lambda: TripletShapley(**RESAMPLING, form="unbiased", pool="triplets", permutations=1)
)
TestShuffledResampling = contract("ShuffledResampling", lambda: Shuffled(TripletShapley(**RESAMPLING)))
TestShuffled = contract("Shuffled", lambda: Shuffled(DVR(interval=2)))


class CallsItself(Callback):
    def after_epoch(self, epoch):
        self.after_step()


class TakesPositives(Callback):
    def resample(self, batch):
        return dataclasses.replace(batch, negative=batch.item)


class Scalar(Callback):
    def weigh(self, batch, losses):
        return torch.ones(())


class Attached(Callback):
    def weigh(self, batch, losses):
        return losses / losses.detach().mean()


class WritesLosses(Callback):
    def weigh(self, batch, losses):
        losses.data.mul_(2)


class WritesModel(Callback):
    def before_fit(self, loop):
        self.backbone = loop.backbone

    def weigh(self, batch, losses):
        next(self.backbone.parameters()).data.mul_(0.99)


class OutsideRandomness(Callback):
    def before_fit(self, loop):
        self.scale = torch.rand(len(loop.split.train))

    def weigh(self, batch, losses):
        return self.scale[batch.row]


class HalfValued(Callback):
    def before_fit(self, loop):
        self.train = loop.split.train

    def after_fit(self):
        half = self.train.take(np.arange(len(self.train) // 2))
        players = {"user": half.users.ids.take(half.table["user"]), "item": half.items.ids.take(half.table["item"])}
        self.values = Values.from_estimates(pa.table(players), [[0.0] * len(half)])


class Counting(Callback):
    """Weighs by how often it was asked; its heirs keep that count badly."""

    def __init__(self):
        self.count = 0

    def weigh(self, batch, losses):
        self.count += 1
        return torch.linspace(0, 1, len(batch)) ** (1 / self.count)

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Unwritable(Counting):
    def state_dict(self):
        return {"count": self.count, "self": {1, 2}}


class NeverRestores(Counting):
    def load_state_dict(self, state):
        pass


class NoState(Counting):
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


TestCounting = contract("Counting", Counting)

BREAKAGES = {
    CallsItself: "test_its_hooks_are_called_in_order",
    TakesPositives: "test_samples_are_of_training_interactions_with_negatives",
    Scalar: "test_weights_are_one_a_sample_finite_and_without_a_graph",
    Attached: "test_weights_are_one_a_sample_finite_and_without_a_graph",
    WritesLosses: "test_weighing_leaves_losses_and_parameters_as_they_are",
    WritesModel: "test_weighing_leaves_losses_and_parameters_as_they_are",
    OutsideRandomness: "test_the_same_seed_gives_the_same_training",
    HalfValued: "test_values_are_one_an_interaction_and_finite",
    NeverRestores: "test_its_state_can_be_kept_and_restored",
    NoState: "test_training_that_was_interrupted_ends_alike",
}


@pytest.mark.parametrize("broken", BREAKAGES, ids=lambda cls: cls.__name__)
def test_a_broken_callback_is_found_out(broken):
    with pytest.raises(AssertionError):
        getattr(contract("Broken", broken)(), BREAKAGES[broken])()


def test_a_state_that_cannot_be_written_is_found_out():
    with pytest.raises(TypeError, match="a state cannot hold a set"):
        contract("Broken", Unwritable)().test_its_state_can_be_kept_and_restored()


def test_each_test_of_the_contract_finds_something_out():
    assert {name for name in vars(CallbackContract) if name.startswith("test_")} == set(BREAKAGES.values())


def test_a_contract_without_a_callback_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="must say how its callback is made: def make"):
        CallbackContract().test_its_hooks_are_called_in_order()
