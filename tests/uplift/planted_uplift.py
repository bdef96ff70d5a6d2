"""Customers with a strong planted uplift, and small tasks for networks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from recval.uplift import Customers
from recval.uplift.heads import MSE
from recval.uplift.networks import Task

NETWORKS = ("s-learner", "t-learner", "tarnet", "cfr", "dragonnet", "euen", "descn", "efin")

LEAST_SQUARES = MSE()


def planted(rows, seed, treatments=1):
    """Half buy; treatment a multiplies what they spend by a factor that rises with a feature, the a-th."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame({f"x{place}": rng.normal(size=rows) for place in range(treatments + 1)})
    features["kind"] = rng.choice(["a", "b", "c"], rows)
    arm = rng.integers(0, treatments + 1, rows)
    base = np.exp(0.3 * features[f"x{treatments}"].to_numpy() + 0.3 * (features["kind"] == "b").to_numpy())
    factors = np.stack([np.exp(0.4 + 0.5 * np.tanh(features[f"x{a}"].to_numpy())) for a in range(treatments)], axis=1)
    means = base[:, None] * np.concatenate([np.ones((rows, 1)), factors], axis=1)
    spent = means[np.arange(rows), arm] * rng.gamma(8, 1 / 8, rows)
    response = np.where(rng.random(rows) < 0.5, spent, 0.0)
    arms = ("control", *(f"offer {a}" for a in range(1, treatments + 1)))
    return Customers(features, arm, response, arms, truth=(means[:, 1:] - means[:, :1]) / 2)


def small_task(n_arms=2, head=LEAST_SQUARES, n_numeric=3, cardinalities=(4, 3)):
    response = np.array([0.0, 0.0, 1.0, 2.0, 5.0])
    return Task(n_numeric, cardinalities, n_arms, head, head.limits(response), head.start(response))


def small_batch(task, rows=12, seed=0):
    """Features, arms in turn, and responses of which some are zero."""
    generator = torch.Generator().manual_seed(seed)
    numeric = torch.randn(rows, task.n_numeric, generator=generator)
    codes = torch.stack([torch.randint(0, c, (rows,), generator=generator) for c in task.cardinalities], dim=1)
    arm = torch.arange(rows) % task.n_arms
    response = torch.rand(rows, generator=generator) * 5 * (torch.arange(rows) % 3 > 0)
    return numeric, codes, arm, response
