"""The slope of what a sampler finds for a player on what it finds for it in a surrogate: beta of control variates."""

from __future__ import annotations

import numpy as np

from recval.games.game import Floats

_ROUND_OFF = 1e-9


def sums_of(phi: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the sums over draws [..., D, n] of the squares and products of deviations from the mean, each [..., n].

    Where psi differs by no more than round-off, its sum of squares is 0.
    """
    x, y = psi - psi.mean(-2, keepdims=True), phi - phi.mean(-2, keepdims=True)
    squares = (x**2).sum(-2)
    floor = psi.shape[-2] * (_ROUND_OFF * np.abs(psi).max((-2, -1))[..., None]) ** 2
    return np.where(squares > floor, squares, 0.0), (x * y).sum(-2), (y**2).sum(-2)


def shrunk_slopes(squares: Floats, products: Floats, total: Floats, count: int) -> Floats:
    """Return the slope of each player's phi on its psi, drawn towards the slope of all, shape [..., n].

    The slopes of players are taken to vary about a common one; how much is told by how much more they vary than their
    noise explains (empirical Bayes by moments).

    Args:
        squares: of psi's deviations, shape [..., n]; 0 where there is nothing to tell a slope from.
        products: of psi's and phi's.
        total: of phi's.
        count: the number of draws, at least 3.
    """
    known = squares > 0
    floor = np.where(known, squares, 1.0)
    own = np.where(known, products / floor, 0.0)
    weight = squares.sum(-1, keepdims=True)
    weight = np.where(weight > 0, weight, 1.0)
    common = (squares * own).sum(-1, keepdims=True) / weight
    n_known = np.maximum(known.sum(-1, keepdims=True), 1)
    residual = np.where(known, np.maximum(total - products * own, 0.0), 0.0)
    noise = residual.sum(-1, keepdims=True) / (n_known * (count - 2))
    excess = (squares * (own - common) ** 2).sum(-1, keepdims=True) - (n_known - 1) * noise
    signal = np.maximum(excess, 0.0) / weight * squares
    trust = signal / np.where(signal > 0, signal + noise, 1.0)
    return common + trust * (own - common)


def jackknife_slopes(phi: Floats, psi: Floats) -> Floats:
    """Return for each draw the slopes that the other draws of its round tell, shape [R, D, n]."""
    n_draws = phi.shape[1]
    others = np.array([np.delete(np.arange(n_draws), draw) for draw in range(n_draws)])
    return shrunk_slopes(*sums_of(phi[:, others], psi[:, others]), n_draws - 1)
