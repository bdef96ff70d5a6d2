"""Areas beside those of causalml and scikit-uplift, where these are installed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_experiment import drawn_experiment

from recval.uplift.metrics import auuc, lift, qini, rate, toc

CASES = [(arm, score) for arm in ("Mens", "Womens") for score in ("hash", "history")]


@pytest.fixture(scope="module")
def causalml():
    return pytest.importorskip("causalml.metrics", reason="causalml, of the extra uplift-peers, is not installed")


@pytest.fixture(scope="module")
def sklift():
    return pytest.importorskip("sklift.metrics", reason="scikit-uplift, of the extra uplift-peers, is not installed")


def assert_as_causalml(causalml, score, treated, response):
    frame = pd.DataFrame({"y": response, "w": treated.astype(int), "score": score})
    for normalisation, normalize in (("causalml", True), ("none", False)):
        found = [area(score, treated, response, normalisation=normalisation) for area in (auuc, qini)]
        expected = [
            score_of(frame, normalize=normalize)["score"] for score_of in (causalml.auuc_score, causalml.qini_score)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def assert_as_scikit_uplift(sklift, score, treated, response):
    for area, peer in ((auuc, sklift.uplift_auc_score), (qini, sklift.qini_auc_score)):
        found = area(score, treated, response, normalisation="scikit-uplift")
        try:
            expected = peer(response.astype(int), score, treated.astype(int))
        except ZeroDivisionError:  # The perfect order gains as much as a random one.
            expected = np.nan
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-10, nan_ok=True)


@pytest.mark.filterwarnings("ignore")
def test_random_revenues_have_the_areas_of_causalml(causalml):
    for seed in range(200):
        assert_as_causalml(causalml, *drawn_experiment(seed))


@pytest.mark.filterwarnings("ignore")
def test_random_responses_have_the_areas_of_scikit_uplift_ties_included(sklift):
    for seed in range(200):
        assert_as_scikit_uplift(sklift, *drawn_experiment(seed, ties=seed % 2 == 0, binary=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", ["spend", "visit", "conversion"])
@pytest.mark.parametrize("case", CASES)
def test_a_real_experiment_has_the_areas_of_causalml(causalml, golden_case, case, target):
    assert_as_causalml(causalml, *golden_case(*case, target))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", ["visit", "conversion"])
@pytest.mark.parametrize("case", CASES)
def test_a_real_experiment_has_the_areas_of_scikit_uplift(sklift, golden_case, case, target):
    assert_as_scikit_uplift(sklift, *golden_case(*case, target))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("cut", "strategy"), [("scikit-uplift", "overall"), ("by-arm", "by_group")])
def test_the_lift_is_that_of_scikit_uplift(sklift, cut, strategy):
    for seed in range(200):
        score, treated, response = drawn_experiment(seed, n=40 + seed, binary=True)
        expected = sklift.uplift_at_k(response.astype(int), score, treated.astype(int), strategy=strategy, k=0.3)
        found = lift(score, treated, response, share=0.3, cut=cut)
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-10, nan_ok=True)


def test_toc_of_effects_is_that_of_causalml(causalml):
    for seed in range(20):
        score, _, effect = drawn_experiment(seed)
        frame = pd.DataFrame({"score": score, "tau": effect})
        expected = causalml.get_toc(frame)["score"]
        np.testing.assert_allclose(toc(score, effect, expected.index[1:]), expected.to_numpy()[1:], atol=1e-9)


def test_the_qini_rate_is_half_of_that_of_causalml_whose_weights_add_up_to_1(causalml):
    rng = np.random.default_rng(0)
    score, effect = rng.random(20_000), rng.normal(1, 2, 20_000)
    effect += 3 * score
    frame = pd.DataFrame({"score": score, "tau": effect})
    expected = causalml.rate_score(frame, weighting="qini")["score"] / 2
    assert rate(score, effect, weighting="qini") == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("metric", "weighting"), [("toc", "autoc"), ("qini", "qini")])
def test_rates_are_those_of_econml(metric, weighting):
    reason = "econml, of the extra uplift-peers, is not installed"
    validate = pytest.importorskip("econml.validate.utils", reason=reason)
    rng = np.random.default_rng(1)
    score = rng.permutation(1000) / 1000
    effect = rng.normal(1, 2, 1000) + 3 * score
    percentiles = np.linspace(0, 100, 1001)
    area, _, curve = validate.calc_uplift(score, score, effect, percentiles, metric, 2)
    shares = (score >= np.percentile(score, percentiles)[:, None]).mean(axis=1)
    expected = toc(score, effect, shares) * (shares if metric == "qini" else 1)
    np.testing.assert_allclose(curve["value"], expected, atol=1e-10)
    # Their integral is a sum over a thousand steps.
    assert rate(score, effect, weighting=weighting) == pytest.approx(area, rel=0.02)
