"""Calibration: pandas by quantile bins, and predictions that are right or wrong by a known amount."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_experiment import drawn_experiment

from recval.errors import DataError
from recval.uplift.metrics import calibration_error, calibration_table


@pytest.mark.parametrize("ties", [True, False])
def test_the_table_is_that_of_pandas(ties):
    for seed in range(15):
        score, treated, response = drawn_experiment(seed, n=50 + 20 * seed, ties=ties)
        found = calibration_table(score, treated, response + 1e6, bins=5)
        frame = pd.DataFrame(
            {"s": score, "t": treated, "y": response, "bin": pd.qcut(-score, 5, False, duplicates="drop")}
        )
        by_bin = frame.groupby("bin")
        by_arm = frame.groupby(["bin", "t"])["y"]
        mean, error = by_arm.mean().unstack(), (by_arm.var() / by_arm.size()).unstack()
        np.testing.assert_array_equal(found["rows"], by_bin.size())
        np.testing.assert_allclose(found["predicted"], by_bin["s"].mean())
        np.testing.assert_allclose(found["observed"], mean[True] - mean[False], atol=1e-7)
        np.testing.assert_allclose(found["standard_error"], np.sqrt(error[True] + error[False]), rtol=1e-7, atol=1e-7)
        seen = found.dropna(subset="observed")
        expected = np.average((seen["predicted"] - seen["observed"]).abs(), weights=seen["rows"])
        assert calibration_error(score, treated, response, bins=5) == pytest.approx(expected, abs=1e-6)


def test_right_predictions_have_no_error_and_shifted_ones_their_shift():
    uplift = np.repeat(np.arange(10.0), 40)
    treated = np.tile([True, False], 200)
    response = 3 + uplift * treated
    assert calibration_error(uplift, treated, response) == pytest.approx(0, abs=1e-12)
    assert calibration_error(uplift + 2.5, treated, response) == pytest.approx(2.5)
    assert calibration_error(2 * uplift, treated, response) == pytest.approx(4.5)


def test_bins_that_lack_an_arm_are_left_out():
    table = calibration_table([4.0, 3, 2, 1], [1, 1, 0, 1], [5.0, 6, 1, 3], bins=2)
    assert np.isnan(table["observed"][0])
    assert table["observed"][1] == 2
    assert np.isnan(table["standard_error"]).all()
    assert calibration_error([4.0, 3, 2, 1], [1, 1, 0, 1], [5.0, 6, 1, 3], bins=2) == 0.5
    assert np.isnan(calibration_error([2.0, 1], [1, 0], [5.0, 6], bins=2))


def test_bad_input_is_refused():
    with pytest.raises(DataError, match=r"^score must be finite, got nan in row 0 \(1 such rows\)$"):
        calibration_error([np.nan, 1], [1, 0], [5.0, 6])
