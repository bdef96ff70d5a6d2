"""Small games of triplets, and Shapley values by their definition."""

from __future__ import annotations

from math import comb

import numpy as np
import torch
from valuation.weighting_samples import Factors

from recval.adapter import descent
from recval.adapter.rewards import differentiable_reward
from recval.backbones import build
from recval.testing import planted
from recval.training import TripletSampler
from recval.valuation.triplets import TripletGame

SPLIT, _ = planted(20, 30, 12, seed=1)
REWARD = differentiable_reward("bpr", SPLIT, users=20)


def all_coalitions(n_players):
    return (np.arange(2**n_players)[:, None] >> np.arange(n_players) & 1).astype(np.bool_)


def backbone_of(name):
    if name == "factors":
        torch.manual_seed(3)
        return Factors(SPLIT.train)
    return build(name, SPLIT.train, {"embedding_size": 4}, seed=3).double()


def game_of(backbone, n_players=8, rate=5.0, reward=REWARD, sizes=None, **more):
    rows = torch.randperm(len(SPLIT.train), generator=torch.Generator().manual_seed(5))[:n_players]
    batch = TripletSampler(SPLIT.train).triplets(rows, torch.Generator().manual_seed(6))
    return TripletGame(backbone, batch, reward, sizes or descent(rate), seed=4, **more), batch


def shapley_by_definition(values, n_players):
    """The Shapley values from the values of all coalitions, indexed by bits."""
    sizes = all_coalitions(n_players).sum(1)
    found = np.zeros(n_players)
    for player in range(n_players):
        without = np.flatnonzero((np.arange(2**n_players) >> player & 1) == 0)
        weights = np.array([1 / (n_players * comb(n_players - 1, size)) for size in sizes[without]])
        found[player] = (weights * (values[without | 1 << player] - values[without])).sum()
    return found
