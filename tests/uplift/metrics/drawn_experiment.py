"""Small random experiments to measure."""

from __future__ import annotations

import numpy as np


def drawn_experiment(seed, n=None, *, ties=False, binary=False):
    """Return score, treated and response of a random experiment with rows in both arms and somebody who buys."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(5, 400))
    treated = rng.random(n) < rng.uniform(0.2, 0.8)
    treated[:2] = True, False
    rng.shuffle(treated)
    score = rng.integers(0, 6, n) / 4 if ties else rng.permutation(n) + rng.random(n) / 2
    buys = rng.random(n) < 0.3
    buys[rng.integers(n)] = True
    response = buys.astype(float) if binary else np.where(buys, rng.lognormal(3, 1, n), 0.0)
    return score, treated, response
