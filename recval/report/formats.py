"""How numbers are written in a report."""

from __future__ import annotations

import math

MISSING = "–"


def number(value: float | None) -> str:
    """Return a metric or value with four decimals, or two significant digits where those would hide it."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.4f}" if value == 0 or abs(value) >= 1e-4 else f"{value:.2g}"
    return text.replace("-", "−")


def brief(value: float | None) -> str:
    """Return an amount with three significant digits, for a sentence."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:,.0f}" if value == 0 or abs(value) >= 99.95 else f"{value:#.3g}"
    return text.replace("-", "−")


def brief_signed(value: float) -> str:
    """Return a difference with its sign and three significant digits."""
    return f"+{brief(value)}" if value > 0 else brief(value)


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def money(value: float) -> str:
    """Return an amount of money with thousands separators and two decimals."""
    return f"{value:,.2f}".replace("-", "−")


def percent(share: float) -> str:
    """Return a relative difference, such as `+3.5 %`."""
    return f"{share:+.1%}".replace("-", "−").replace("%", " %")


def interval(low: float, high: float) -> str:
    """Return the ends of an interval in brackets."""
    return f"[{number(low)}, {number(high)}]"


def mean_sd(mean: float, sd: float | None) -> str:
    """Return a mean with its standard deviation, if there is one."""
    return f"{number(mean)} ± {number(sd)}"


def p_value(p: float) -> str:
    """Return a p-value with three significant digits; a tiny one as a bound."""
    return "< 0.0001" if p < 1e-4 else f"{p:.3g}"


def p_equals(p: float) -> str:
    """Return a p-value as part of a sentence, such as `p = 0.03` or `p < 0.0001`."""
    return f"p {p_value(p)}" if p < 1e-4 else f"p = {p_value(p)}"


def share(value: float) -> str:
    """Return a share in percent, such as `12.3 %`."""
    return f"{value:.1%}".replace("%", " %")


def correlation(value: float) -> str:
    """Return a correlation with its sign and two decimals; a dash where it is not defined."""
    return MISSING if math.isnan(value) else f"{value:+.2f}".replace("-", "−")
