"""Comparison over repeated splits: SciPy's tests, the correction by hand, and its level in a simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from recval.errors import ConfigError, DataError
from recval.ranking.significance import holm
from recval.uplift.metrics import compare_models, compare_splits, qini


def test_without_overlap_it_is_the_paired_t_test_of_scipy():
    a, b = np.random.default_rng(0).normal([[1.0], [0.5]], 1, (2, 30))
    found = compare_splits(a, b, test_to_train=1e-12)
    expected = stats.ttest_rel(a, b)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    low, high = expected.confidence_interval(0.95)
    assert (found.ci_low, found.ci_high) == (pytest.approx(low), pytest.approx(high))
    assert found.difference == pytest.approx(a.mean() - b.mean())


def test_overlap_widens_the_error_as_nadeau_and_bengio_say():
    a, b = np.random.default_rng(1).normal(size=(2, 30))
    found = compare_splits(a, b, test_to_train=3 / 7)
    error = np.sqrt((1 / 30 + 3 / 7) * np.var(a - b, ddof=1))
    assert found.standard_error == pytest.approx(error)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.difference) / error, 29))
    assert found.ci_high - found.ci_low == pytest.approx(2 * stats.t.ppf(0.975, 29) * error)


def test_the_sign_test_is_that_of_scipy_without_equal_splits():
    a = np.array([1, 2, 3, 4, 5, 6.0])
    b = a - np.array([1, 1, 1, 1, 0, -2])
    found = compare_splits(a, b, test_to_train=0.5)
    assert found.sign_p_value == pytest.approx(stats.binomtest(4, 5).pvalue)
    assert found.won == 4.5 / 6


def test_equal_differences_leave_no_doubt():
    a = np.arange(5.0)
    same, better = compare_splits(a, a, test_to_train=0.5), compare_splits(a + 1, a, test_to_train=0.5)
    assert (same.p_value, same.sign_p_value, same.won, same.ci_low, same.ci_high) == (1, 1, 0.5, 0, 0)
    assert (better.p_value, better.won, better.ci_low, better.ci_high) == (0, 1, 1, 1)


def test_a_table_compares_every_model_with_the_baseline():
    values = pd.DataFrame(np.random.default_rng(2).normal(size=(12, 4)), columns=["ridge", "ziln", "mse", "s"])
    found = compare_models(values, baseline="ridge", test_to_train=0.4)
    assert found.index.tolist() == ["ziln", "mse", "s"]
    alone = compare_splits(values["mse"], values["ridge"], test_to_train=0.4)
    assert {name: found.loc["mse", name] for name in vars(alone)} == vars(alone)
    np.testing.assert_allclose(found["p_value_holm"], holm(found["p_value"]))
    assert compare_models(values[["ridge"]], baseline="ridge", test_to_train=0.4).empty


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match=r"^both models need one value a split, got the shapes \(2,\) and \(3,\)$"):
        compare_splits([1, 2], [1, 2, 3], test_to_train=0.5)
    with pytest.raises(DataError, match=r"^a comparison needs at least 2 splits, got 1$"):
        compare_splits([1], [2], test_to_train=0.5)
    with pytest.raises(DataError, match=r"^values must be finite, got nan and 2.0 in split 1$"):
        compare_splits([1, np.nan], [1, 2], test_to_train=0.5)
    with pytest.raises(ConfigError, match=r"^test rows by training rows must be 0 or more, got -1$"):
        compare_splits([1, 2], [1, 2], test_to_train=-1)
    with pytest.raises(ConfigError, match=r"^the level must be between 0 and 1, got 95$"):
        compare_splits([1, 2], [1, 2], test_to_train=1, level=95)
    with pytest.raises(ConfigError, match=r"^unknown baseline 'ridg', did you mean 'ridge'"):
        compare_models(pd.DataFrame({"ridge": [1, 2]}), baseline="ridg", test_to_train=1)


def slopes(x, treated, response):
    """Return the slope of the response on each column of x within the treated less that within the control."""
    parts = [np.polynomial.polynomial.polyfit(x[arm, 0], response[arm], 1)[1] for arm in (treated, ~treated)]
    return parts[0] - parts[1]


@pytest.mark.slow
def test_equally_good_models_are_found_different_as_rarely_as_the_level_says():
    # Two learners that rank by one feature each; both features say equally much of the uplift. A learner finds the
    # sign of its feature on the training rows.
    rng = np.random.default_rng(0)
    n, test, splits, sets = 400, 120, 20, 300
    corrected, plain = [], []
    for _ in range(sets):
        x = rng.normal(size=(n, 2))
        treated = rng.permutation(n) % 2 == 0
        response = rng.normal(size=n) + treated * (x.sum(axis=1) / 2 + 1)
        values = []
        for _ in range(splits):
            rows = rng.permutation(n)
            held_out, training = rows[:test], rows[test:]
            values.append([])
            for feature in (0, 1):
                column = x[:, [feature]]
                slope = slopes(column[training], treated[training], response[training])
                given = slope * column[held_out, 0], treated[held_out], response[held_out]
                values[-1].append(qini(*given, normalisation="none"))
        a, b = np.array(values).T
        corrected.append(compare_splits(a, b, test_to_train=test / (n - test)).p_value)
        plain.append(stats.ttest_rel(a, b).pvalue)
    wrong = np.mean(np.array(corrected) < 0.05)
    assert wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / sets)
    assert np.mean(np.array(plain) < 0.05) > 0.3
