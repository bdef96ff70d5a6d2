"""Customers of a small experiment, and a recipe for them that is fitted in a moment."""

from __future__ import annotations

import numpy as np
import pandas as pd

ARMS = ("none", "mail", "call")
RECIPE = """\
description: tiny
customers:
  {kind: file, path: EXPERIMENT, treatment: group, response: spend, control: none, features: [age, city, member]}
split: {test: 0.4, seed: 3}
model: {training: {epochs: 2, batch_size: 128}}
evaluation: {metrics: [auuc, lift@30, autoc, euce], resamples: 10, rankings: 20}
targeting: {cost: {mail: 0.5, call: 2}, margin: 0.5, budget: 40}
"""


def experiment(rows=900, seed=4):
    """Customers whose ids are text that a number would not keep; the mail helps the young, the call members."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    member = rng.random(rows) < 0.4
    group = rng.choice(ARMS, rows)
    chance = 0.15 + 0.25 * ((group == "mail") & (age < 45)) + 0.25 * ((group == "call") & member)
    spend = np.where(rng.random(rows) < chance, rng.lognormal(2.5, 0.6, rows).round(2), 0.0)
    return pd.DataFrame(
        {
            "id": [f"{number:05d}" for number in range(rows)],
            "age": age,
            "city": rng.choice(["Ghent", "Porto", "Turku"], rows),
            "member": member,
            "group": group,
            "spend": spend,
        }
    )
