"""Semi-values: size probabilities, moments and quantiles tell the same distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import comb

from recval.declarations import Declaration, validate
from recval.errors import ConfigError
from recval.games import AnySemiValue, Banzhaf, Beta, LeaveOneOut, Shapley

ALL = [
    Shapley(),
    Beta(),
    Beta(alpha=4, beta=1),
    Beta(alpha=0.5, beta=2),
    Banzhaf(),
    Banzhaf(probability=0.1),
    LeaveOneOut(),
]


@pytest.mark.parametrize("semivalue", ALL, ids=repr)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 200, 3000])
def test_size_probabilities_are_the_moments_of_all_coalitions_of_a_size(semivalue, n):
    probabilities = semivalue.size_probabilities(n)
    assert probabilities.shape == (n,)
    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-9)
    if n <= 200:
        sizes = np.arange(n)
        expected = comb(n - 1, sizes) * semivalue.moment(sizes, n - 1 - sizes)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("semivalue", ALL, ids=repr)
def test_quantiles_give_the_moments(semivalue):
    for present, absent in ((0, 0), (1, 0), (2, 1), (0, 3)):

        def joint(share, present=present, absent=absent):
            return semivalue.quantile(share) ** present * (1 - semivalue.quantile(share)) ** absent

        found = integrate.quad(joint, 0, 1, limit=200)[0]
        assert found == pytest.approx(float(semivalue.moment(present, absent)), abs=1e-7)
    assert semivalue.quantile(np.full((2, 3), 0.4)).shape == (2, 3)


def test_shapley_is_beta_1_1_and_its_sizes_are_equally_likely():
    for n in (1, 7, 49, 1000):
        assert (Shapley().size_probabilities(n) == 1 / n).all()
        np.testing.assert_allclose(Beta(alpha=1, beta=1).size_probabilities(n), 1 / n, rtol=1e-9)
    shares = np.linspace(0, 1, 11)
    np.testing.assert_allclose(Shapley().quantile(shares), Beta(alpha=1, beta=1).quantile(shares), atol=1e-15)


def test_large_alpha_looks_at_small_coalitions():
    """Kwon & Zou's convention: Beta(16, 1) is the one that weighs small coalitions."""
    sizes = Beta(alpha=16, beta=1).size_probabilities(100)
    assert sizes[0] > sizes[10] > sizes[50]
    np.testing.assert_allclose(sizes, stats.betabinom.pmf(np.arange(100), 99, 1, 16), rtol=1e-12)


def test_nobody_joins_nobody():
    for semivalue in ALL:
        assert semivalue.size_probabilities(0).shape == (0,)
        assert semivalue.size_probabilities(1).tolist() == [1]


@pytest.mark.parametrize("semivalue", ALL[1:], ids=repr)
def test_what_is_shared_cannot_be_written_to(semivalue):
    with pytest.raises(ValueError, match="read-only"):
        semivalue.size_probabilities(5)[0] = 2


def test_a_recipe_names_its_semivalue():
    class Recipe(Declaration):
        semivalue: AnySemiValue

    for semivalue in ALL:
        assert validate({"semivalue": semivalue.model_dump()}, Recipe).semivalue == semivalue
    for told, message in (
        ({"kind": "shaply"}, "unknown value 'shaply', did you mean 'shapley'"),
        ({"kind": "beta", "alpha": 0}, "greater than 0"),
        ({"kind": "banzhaf", "probability": 1.0}, "less than 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            validate({"semivalue": told}, Recipe)
