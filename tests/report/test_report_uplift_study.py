from __future__ import annotations

import pytest

from recval.report.uplift_study import write_uplift_study
from recval.report.uplift_study_figures import differences_figure, values_figure

NOTHING = dict.fromkeys(("difference", "ci_low", "ci_high", "p_value", "p_value_holm", "won", "above", "below"))


def row(method, mean, **others):
    found = {"customers": "shop", "treatment": "mail <b>", "metric": "auuc", "method": method, "mean": mean, "sd": 0.1}
    spread = {"repeats": 4, "lowest": mean - 0.2, "highest": mean + 0.1, "null_low": None, "null_high": None}
    return found | spread | {"reference": "ridge"} | NOTHING | others


def compared(method, difference, p, reach=0.1):
    ends = {"ci_low": difference - reach, "ci_high": difference + reach}
    return row(method, 0.5 + difference, difference=difference, p_value=p, p_value_holm=p, won=0.75, **ends)


TABLE = [
    row("ridge", 0.5, above=1, below=2, null_low=0.3, null_high=0.8),
    compared("better", 0.2, 0.01),
    compared("worse", -0.3, 0.04),
    compared("like it", 0.02, 0.7),
]
SECONDS = [
    {"customers": "shop", "method": name, "seconds": 1.5, "processor_seconds": 1.0, "failed": 0, "failures": []}
    for name in ("ridge", "better", "worse", "like it")
]


@pytest.fixture
def page(tmp_path):
    failed = SECONDS[0] | {"method": "wild", "seconds": None, "failed": 2, "failures": ["the loss became nan"]}
    write_uplift_study(
        tmp_path / "study.html", TABLE, [*SECONDS, failed], {"python": "3"}, lead="which?", study_text="x"
    )
    return (tmp_path / "study.html").read_text().split("<main>")[1]


def test_the_verdict_counts_what_is_significant_both_ways(page):
    assert "of 3 methods, compared in auuc, 1 are significantly higher than their reference (better)" in page
    assert "and 1 lower (worse)" in page
    assert "shop: wild failed in 2 repeats: the loss became nan" in page


def test_names_are_escaped_and_numbers_are_told(page):
    assert "mail <b>" not in page
    assert "mail &lt;b&gt;" in page
    assert "0.5000 ± 0.1000 <small>3 of 4 outside the band</small>" in page
    assert "[0.1000, 0.3000]" in page


def test_differences_stand_with_their_intervals():
    (trace,) = differences_figure(TABLE[1:], "auuc").data
    assert trace.x == (0.2, -0.3, 0.02)
    assert trace.error_x.array == pytest.approx((0.1, 0.1, 0.1))
    assert trace.error_x.arrayminus == pytest.approx((0.1, 0.1, 0.1))
    assert len(set(trace.marker.color)) == 3


def test_values_stand_over_the_band():
    band, values = values_figure(TABLE[:1], "auuc").data
    assert (band.base[0], band.base[0] + band.x[0]) == pytest.approx((0.3, 0.8))
    assert (values.x[0], values.error_x.array[0], values.error_x.arrayminus[0]) == pytest.approx((0.5, 0.1, 0.2))
