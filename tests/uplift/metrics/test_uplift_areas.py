"""Areas: golden values of a real experiment, loops written from the definitions, and what must hold exactly."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_experiment import drawn_experiment

from recval.errors import ConfigError, DataError
from recval.uplift.metrics import auqc, auuc, effect_curve, qini, qini_curve, uplift_curve

REVENUE = {
    ("Mens", "hash"): (0.5062418469, 0.0037510234, 16607.083866, 61.526938, 0.5061064168, 0.5036141262),
    ("Mens", "history"): (0.6020435662, 0.1018862096, 19749.825219, 1671.209665, 0.6026402881, 0.6024800079),
    ("Womens", "hash"): (0.5466430843, 0.0472750297, 9904.861502, 429.110910, 0.5459809078, 0.5466368884),
    ("Womens", "history"): (0.4720335394, -0.0270518499, 8552.979021, -245.547046, 0.4719227731, 0.4728824417),
}
"""AUUC and Qini as causalml 0.18.0 has them, both undivided, and the bucketed AUUC and AUQC of He et al."""

BINARY = {
    ("Mens", "hash", "visit"): (-0.0035590250, -0.0082833321, 0.4879859821, -0.0144157094),
    ("Mens", "hash", "conversion"): (0.0002747535, 0.0056903642, 0.5101212101, 0.0075934905),
    ("Mens", "history", "visit"): (0.0095443107, 0.0183806688, 0.5322182433, 0.0319883807),
    ("Mens", "history", "conversion"): (0.0025789158, 0.0710718392, 0.5950005987, 0.0948416168),
    ("Womens", "hash", "visit"): (-0.0027855671, -0.0058778071, 0.4839898247, -0.0156228862),
    ("Womens", "hash", "conversion"): (0.0013401715, 0.0464685751, 0.6077968880, 0.1083455534),
    ("Womens", "history", "visit"): (0.0012402817, 0.0030298609, 0.5071285763, 0.0080532027),
    ("Womens", "history", "conversion"): (0.0000870986, 0.0033882225, 0.5070057873, 0.0078999375),
}
"""Uplift AUC and Qini AUC as scikit-uplift 0.5.1 has them, then AUUC and Qini as causalml 0.18.0 has them."""


@pytest.mark.parametrize("case", REVENUE)
def test_revenue_has_the_golden_areas(golden_case, case):
    given = golden_case(*case)
    found = (
        auuc(*given),
        qini(*given),
        auuc(*given, normalisation="none"),
        qini(*given, normalisation="none"),
        auuc(*given, normalisation="buckets"),
        auqc(*given),
    )
    np.testing.assert_allclose(found, REVENUE[case], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("case", BINARY)
def test_visits_and_conversions_have_the_golden_areas(golden_case, case):
    given = golden_case(*case)
    found = (
        auuc(*given, normalisation="scikit-uplift"),
        qini(*given, normalisation="scikit-uplift"),
        auuc(*given),
        qini(*given),
    )
    np.testing.assert_allclose(found, BINARY[case], rtol=0, atol=1e-10)


@pytest.mark.parametrize("ties", [True, False])
def test_areas_are_means_over_rows_from_0_to_n(ties):
    for seed in range(40):
        given = drawn_experiment(seed, ties=ties)
        n = len(given[0])
        share = np.arange(n + 1) / n
        for curve, area, offset in ((uplift_curve(*given), auuc, 0.0), (qini_curve(*given), qini, share)):
            expected = np.mean(curve.at(share) - offset * curve.total)
            assert area(*given, normalisation="none") == pytest.approx(expected, rel=1e-10, abs=1e-9)
            assert area(*given) == pytest.approx(expected / abs(curve.total), rel=1e-10, abs=1e-9)


def by_buckets(score, treated, response, kind, buckets=100):
    """Return the bucketed area of He et al. (2024), by pandas and a loop."""
    import pandas as pd

    frame = pd.DataFrame({"t": treated, "y": response, "bucket": pd.qcut(-score, buckets, False, duplicates="drop")})
    shares, gains = [0.0], [0.0]
    for bucket in sorted(frame["bucket"].unique()):
        top = frame[frame["bucket"] <= bucket]
        means, sizes = top.groupby("t")["y"].mean(), top.groupby("t")["y"].size()
        gains.append((means[True] - means[False]) * (len(top) if kind == "uplift" else sizes[True]))
        shares.append(len(top) / len(frame))
    gains = np.array(gains) / abs(gains[-1]) + (gains[-1] < 0)
    return np.trapezoid(gains, shares)


@pytest.mark.parametrize("sign", [1, -1])
def test_bucketed_areas_are_those_of_a_loop_also_where_treatment_harms(sign):
    totals = []
    for seed in range(3):
        score, treated, response = drawn_experiment(seed, n=2000)
        response = response + sign * 4.0 * treated
        totals.append(uplift_curve(score, treated, response).total)
        found = auuc(score, treated, response, normalisation="buckets"), auqc(score, treated, response)
        expected = [by_buckets(score, treated, response, kind) for kind in ("uplift", "qini")]
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert (np.sign(totals) == sign).any()


@pytest.mark.parametrize("total", [5.0, -5.0])
def test_random_rankings_have_the_mean_that_the_normalisation_says(total):
    rng = np.random.default_rng(0)
    treated = np.arange(4000) % 2 == 0
    response = rng.normal(10, 1, 4000) + total * treated
    scores = rng.random((30, 4000))
    half = 0.5 if total > 0 else -0.5
    assert np.mean([auuc(score, treated, response) for score in scores]) == pytest.approx(half, abs=0.01)
    assert np.mean([qini(score, treated, response) for score in scores]) == pytest.approx(0, abs=0.01)
    assert np.mean([auuc(s, treated, response, normalisation="buckets") for s in scores]) == pytest.approx(
        0.5, abs=0.01
    )
    assert np.mean([auqc(score, treated, response) for score in scores]) == pytest.approx(0.5, abs=0.01)


def test_a_constant_score_gains_nothing():
    for seed in range(20):
        _, treated, response = drawn_experiment(seed)
        score = np.full(len(treated), -1.7)
        for normalisation in ("causalml", "none"):
            assert qini(score, treated, response, normalisation=normalisation) == 0.0
        sign = np.sign(uplift_curve(score, treated, response).total)
        assert auuc(score, treated, response) == pytest.approx(sign / 2, abs=1e-15)
        assert auuc(score, treated, response, normalisation="buckets") == 0.5
        assert auqc(score, treated, response) == 0.5
        for area in (auuc, qini):
            assert area(score, treated, response > 0, normalisation="scikit-uplift") == 0.0


def test_the_perfect_order_of_binary_responses_has_1():
    for seed in range(20):
        _, treated, response = drawn_experiment(seed, binary=True)
        treated_responds, control_responds = response * treated, response * ~treated
        idle = (1 - response) * treated
        summand = response if control_responds.sum() > idle.sum() else treated
        uplift_order = 2 * (response == treated) + summand
        assert auuc(uplift_order, treated, response, normalisation="scikit-uplift") == pytest.approx(1, abs=1e-12)
        qini_order = treated_responds - control_responds
        assert qini(qini_order, treated, response, normalisation="scikit-uplift") == pytest.approx(1, abs=1e-12)


def test_ties_count_as_the_mean_over_their_orders_where_arms_are_balanced_above():
    # Within one tie from the top on, the straight line is what random orders of the tie have on average, for V_q
    # in a large experiment.
    rng = np.random.default_rng(1)
    treated = np.arange(20_000) % 2 == 0
    response = rng.normal(5, 1, 20_000) + 2 * treated
    score = rng.integers(0, 3, 20_000).astype(float)
    broken = [qini(score + rng.random(20_000) / 2, treated, response) for _ in range(20)]
    assert qini(score, treated, response) == pytest.approx(np.mean(broken), abs=4 * np.std(broken) / np.sqrt(20) + 1e-3)


def test_a_total_gain_of_zero_has_no_divided_area():
    given = [3.0, 2.0, 1.0, 0.0], [1, 0, 1, 0], [1.0, 0.0, 0.0, 1.0]
    assert np.isnan(auuc(*given))
    assert np.isnan(qini(*given))
    assert np.isnan(auqc(*given))
    assert np.isfinite(qini(*given, normalisation="none"))


def test_an_effect_curve_has_its_largest_area_at_the_truth():
    rng = np.random.default_rng(2)
    effect = rng.normal(size=200)
    areas = [effect_curve(rng.random(200), effect).area() for _ in range(200)]
    assert effect_curve(effect**3, effect).area() > max(areas)


def test_amounts_have_no_perfect_order():
    message = r"^scikit-uplift's normalisation needs responses of 0 and 1, got 2.5; name causalml's instead$"
    for area in (auuc, qini):
        with pytest.raises(DataError, match=message):
            area([3, 2, 1], [1, 0, 1], [0, 1, 2.5], normalisation="scikit-uplift")


@pytest.mark.parametrize("area", [auuc, qini])
def test_an_unknown_normalisation_is_named(area):
    with pytest.raises(ConfigError, match=r"^unknown normalisation 'causal', did you mean 'causalml'\?"):
        area([3, 2, 1], [1, 0, 1], [0, 1, 2.5], normalisation="causal")
