"""Metrics of a known truth: NumPy, SciPy, and brute force over all orders."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from recval.errors import DataError
from recval.uplift.metrics import mean_bias, oracle_qini, pehe, spearman


def test_sizes_are_compared_as_numpy_does():
    rng = np.random.default_rng(0)
    uplift, truth = rng.normal(size=(2, 50))
    assert pehe(uplift, truth) == pytest.approx(np.linalg.norm(uplift - truth) / np.sqrt(50))
    assert mean_bias(uplift, truth) == pytest.approx(uplift.mean() - truth.mean())
    assert pehe(truth, truth) == 0
    assert mean_bias(truth + 2, truth) == pytest.approx(2)


def test_ranks_are_correlated_as_scipy_does():
    rng = np.random.default_rng(1)
    for _ in range(20):
        uplift, truth = rng.integers(0, 6, (2, 40))
        assert spearman(uplift, truth) == pytest.approx(spearmanr(uplift, truth).statistic)
    assert np.isnan(spearman(np.ones(5), np.arange(5)))


def test_oracle_qini_is_1_for_orders_of_the_truth_alone():
    truth = np.array([3.0, -1, 0.5, 3.0, -2])
    for order in permutations(range(5)):
        found = oracle_qini(np.array(order), truth)
        ranked = truth[np.argsort(-np.array(order))]
        assert (found > 1 - 1e-9) == (np.diff(ranked) <= 0).all()
        assert -1 - 1e-9 <= found <= 1 + 1e-9
        assert oracle_qini(-np.array(order), truth) == pytest.approx(-found)
    assert oracle_qini(truth, truth) == 1
    assert oracle_qini(np.ones(5), truth) == 0
    assert np.isnan(oracle_qini(truth, np.ones(5)))


@pytest.mark.parametrize("metric", [pehe, mean_bias, spearman, oracle_qini])
def test_bad_input_is_refused(metric):
    with pytest.raises(DataError, match=r"^uplift and truth must be of equal length, got 2 and 3$"):
        metric([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match=r"^truth must be finite, got inf in row 1"):
        metric([1, 2], [1, np.inf])
