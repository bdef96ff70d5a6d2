import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.report import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.01034, "0.0103"),
        (-0.0051, "−0.0051"),
        (12.5, "12.5000"),
        (0.00005, "5e−05"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_number(value, text):
    assert formats.number(value) == text


def test_money():
    assert [formats.money(value) for value in (0.0, 1234.567, -0.5)] == ["0.00", "1,234.57", "−0.50"]


@given(st.floats(1e-30, 1e6))
@settings(deadline=None, derandomize=True)
def test_a_number_that_is_not_zero_is_not_written_as_zero(value):
    assert float(formats.number(value).replace("−", "-")) != 0


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "p < 0.0001"),
        (1e-300, "p < 0.0001"),
        (9.99e-5, "p < 0.0001"),
        (1e-4, "p = 0.0001"),
        (0.0493, "p = 0.0493"),
        (1.0, "p = 1"),
    ],
)
def test_p_value_is_never_zero(p, text):
    assert formats.p_equals(p) == text


def test_signs():
    assert formats.signed(0.01) == "+0.0100"
    assert formats.signed(-0.01) == "−0.0100"
    assert formats.signed(0.0) == "0.0000"
    assert formats.percent(0.035) == "+3.5 %"
    assert formats.percent(-0.019) == "−1.9 %"
    assert formats.correlation(-0.237) == "−0.24"
    assert formats.correlation(math.nan) == "–"


def test_a_single_seed_has_no_deviation():
    assert formats.mean_sd(0.3, None) == "0.3000 ± –"
