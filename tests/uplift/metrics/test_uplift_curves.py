"""Curves: against loops written from their definition, and what must not change them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from drawn_experiment import drawn_experiment
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import DataError
from recval.uplift.metrics import effect_curve, qini_curve, uplift_curve
from recval.uplift.metrics.ranking import Ranking


def naive(score, treated, response, kind, one_arm):
    """Return rows and gains at each distinct score, one row after the other."""
    rows, gains, seen = [0], [0.0], [True]
    for threshold in sorted(set(score), reverse=True):
        n_t = n_c = r_t = r_c = 0.0
        for s, t, y in zip(score, treated, response, strict=True):
            if s >= threshold:
                n_t, r_t, n_c, r_c = (n_t + 1, r_t + y, n_c, r_c) if t else (n_t, r_t, n_c + 1, r_c + y)
        rows.append(int(n_t + n_c))
        mean_t, mean_c = r_t / n_t if n_t else 0.0, r_c / n_c if n_c else 0.0
        gains.append((mean_t - mean_c) * (n_t + n_c) if kind == "uplift" else r_t - mean_c * n_t)
        seen.append(bool(n_c) and (bool(n_t) or kind == "qini"))
    first = seen.index(True, 1)
    for at in range(1, first if one_arm == "rising" else 1):
        share = rows[at] / rows[first]
        # The lift, gain / rows, rises linearly for V_u; the gain itself does for V_q.
        gains[at] = gains[first] * share * (share if kind == "uplift" else 1)
    return np.array(rows, float), np.array(gains)


CURVES = {"uplift": uplift_curve, "qini": qini_curve}


@pytest.mark.parametrize("one_arm", ["rising", "zero"])
@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("ties", [True, False])
def test_curves_are_those_of_a_loop_over_thresholds(kind, one_arm, ties):
    for seed in range(25):
        given_case = drawn_experiment(seed, n=5 + 2 * seed, ties=ties)
        curve = CURVES[kind](*given_case, one_arm=one_arm)
        rows, gains = naive(*given_case, kind, one_arm)
        np.testing.assert_array_equal(curve.rows, rows)
        np.testing.assert_allclose(curve.gain, gains, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("kind", CURVES)
def test_the_top_of_one_arm_alone_is_a_line_or_zero(kind):
    score, treated, response = [4, 3, 2, 1], [0, 0, 0, 1], [1, 5, 3, 10]
    rising = CURVES[kind](score, treated, response).gain
    zero = CURVES[kind](score, treated, response, one_arm="zero").gain
    if kind == "uplift":
        np.testing.assert_allclose(rising, [0, 7 / 4, 7, 63 / 4, 28])
        np.testing.assert_allclose(zero, [0, -1, -6, -9, 28])
    else:
        np.testing.assert_allclose(rising, [0, 0, 0, 0, 7])
        np.testing.assert_allclose(zero, [0, 0, 0, 0, 7])


@pytest.mark.parametrize("kind", CURVES)
def test_a_constant_score_gives_the_straight_line(kind):
    _, treated, response = drawn_experiment(1)
    curve = CURVES[kind](np.full(len(treated), 0.3), treated, response)
    assert curve.rows.tolist() == [0, len(treated)]
    assert curve.at(0.5) == curve.total / 2


@given(st.integers(0, 10_000), st.booleans())
@settings(deadline=None, derandomize=True, max_examples=50)
def test_neither_the_order_of_rows_nor_the_scale_of_the_score_matters(seed, ties):
    score, treated, response = drawn_experiment(seed, ties=ties)
    order = np.random.default_rng(seed).permutation(len(score))
    for curve in (uplift_curve, qini_curve):
        plain = curve(score, treated, response)
        for other in (
            curve(score[order], treated[order], response[order]),
            curve(np.exp(score / 100) - 7, treated, response),
        ):
            np.testing.assert_array_equal(other.rows, plain.rows)
            np.testing.assert_allclose(other.gain, plain.gain, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_no_order_lies_above_that_by_the_effects_at_any_point(seed):
    effect = np.random.default_rng(seed).integers(-3, 4, 6).astype(float)
    best = effect_curve(effect, effect)
    share = np.arange(7) / 6
    areas = []
    for order in permutations(range(6)):
        curve = effect_curve(np.array(order), effect)
        assert (curve.at(share) <= best.at(share) + 1e-12).all()
        areas.append(curve.area())
    assert max(areas) == pytest.approx(best.area(), abs=1e-12)
    assert min(areas) == pytest.approx(effect_curve(-effect, effect).area(), abs=1e-12)
    assert min(areas) < max(areas)


def test_an_observed_curve_has_higher_orders_than_treated_buyers_first_and_control_buyers_last():
    treated, response = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 0, 0, 1, 0, 0])
    convention = qini_curve(response * (2 * treated - 1), treated, response).area()
    areas = [qini_curve(np.array(order), treated, response).area() for order in permutations(range(6))]
    assert max(areas) > convention + 0.1


@pytest.mark.parametrize("buckets", [1, 7, 10, 100])
def test_buckets_are_those_of_pandas(buckets):
    for seed in range(60):
        score, treated, response = drawn_experiment(seed, ties=seed % 3 == 0)
        if seed % 5 == 0:
            score = np.full(len(score), 2.0)
        ranking = Ranking.of(score, treated, response)
        ends = ranking.ends[ranking.bucket_points(buckets)]
        if len(set(score)) == 1:
            assert ends.tolist() == [len(score)]
            continue
        codes = pd.qcut(-score, buckets, labels=False, duplicates="drop")
        counts = np.bincount(codes)
        assert np.diff(ends, prepend=0).tolist() == counts[counts > 0].tolist()


def test_bucketed_curves_are_points_of_the_whole_curve():
    given_case = drawn_experiment(3, n=300)
    whole, bucketed = uplift_curve(*given_case), uplift_curve(*given_case, buckets=10)
    assert bucketed.rows.tolist() == list(range(0, 301, 30))
    np.testing.assert_allclose(bucketed.gain, whole.gain[::30])


BAD = {
    "lengths": (([1, 2], [0, 1, 1], [1.0, 2, 3]), "score, treated and response must be of equal length, got 2, 3, 3"),
    "nan score": (([1, np.nan, 2], [0, 1, 1], [1.0, 2, 3]), "score must be finite, got nan in row 1 (1 such rows)"),
    "infinite": (([1, 2, 3], [0, 1, 1], [1.0, 2, np.inf]), "response must be finite, got inf in row 2 (1 such rows)"),
    "no control": (([1, 2, 3], [1, 1, 1], [1.0, 2, 3]), "both arms need rows, got 3 treated and 0 control"),
    "no treated": (([1, 2], [False, False], [1.0, 2]), "both arms need rows, got 0 treated and 2 control"),
    "arm of 2": (([1, 2, 3], [0, 1, 2], [1.0, 2, 3]), "treated must be 0 or 1, got 2"),
    "arm of nan": (([1, 2, 3], [0, 1, np.nan], [1.0, 2, 3]), "treated must be 0 or 1, got nan"),
    "text": ((["a", "b"], [0, 1], [1.0, 2]), "score must be numbers, got <U1"),
    "two columns": (
        ([[1], [2]], [0, 1], [1.0, 2]),
        "score must be one column with at least one row, got the shape (2, 1)",
    ),
    "nothing": (([], [], []), "score must be one column with at least one row, got the shape (0,)"),
}


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(kind, case):
    arguments, message = BAD[case]
    with pytest.raises(DataError) as caught:
        CURVES[kind](*arguments)
    assert str(caught.value) == message


def test_effects_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"^score and effect must be of equal length, got 2 and 3$"):
        effect_curve([1, 2], [1, 2, 3])
