"""Metrics by name, for every treatment of an experiment: what recipes and reports ask for.

Beside those of `rank_metrics`:

| name | what it is | needs |
|---|---|---|
| `euce` | expected uplift calibration error | a score in the unit of the response |
| `autoc`, `rate-qini` | rank-weighted average treatment effects | effects; of a randomised experiment without |
| `pehe`, `mean-bias`, `spearman`, `oracle-qini` | distance to the true uplift | the truth |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import ConfigError, DataError, unknown
from recval.uplift.checks import Floats
from recval.uplift.customers import Customers
from recval.uplift.metrics import truth
from recval.uplift.metrics.calibration import calibration_error
from recval.uplift.metrics.rank_metrics import LIFTS, RANK_METRICS, rank_metric
from recval.uplift.metrics.ranking import Ranking
from recval.uplift.metrics.toc import Weighting, randomised_effects, rate

RATES: Mapping[str, Weighting] = {"autoc": "autoc", "rate-qini": "qini"}
"""The rank-weighted average treatment effects, by name."""
TRUTHS: Mapping[str, Callable[[Floats, Floats], float]] = {
    "pehe": truth.pehe,
    "mean-bias": truth.mean_bias,
    "spearman": truth.spearman,
    "oracle-qini": truth.oracle_qini,
}
"""The metrics that need the truth, by name."""


def metric_names() -> tuple[str, ...]:
    """Return every name that can be measured; any percentage may stand for the 30."""
    return (*RANK_METRICS, *(f"{name}@30" for name in LIFTS), "euce", *RATES, *TRUTHS)


def check_metric(name: str) -> None:
    """Refuse a name that cannot be measured.

    Raises:
        ConfigError: it is unknown, or its share is no percentage.
    """
    if str(name).partition("@")[0] in LIFTS:
        rank_metric(name)
    elif name not in metric_names():
        raise ConfigError(unknown("uplift metric", name, metric_names()))


def measure(
    names: Sequence[str], score: npt.ArrayLike, customers: Customers, *, effect: npt.ArrayLike | None = None
) -> pd.DataFrame:
    """Return metrics of scores, each treatment against the control.

    Args:
        names: which metrics.
        score: predicted uplift, or any score, by treatment, shape [n, A]; [n] where there is one treatment.
        customers: the n customers.
        effect: effects of each treatment on each customer, such as doubly robust ones, shape [n, A] or [n]; without,
            rank-weighted average treatment effects take treatment as randomised.

    Returns:
        A row for each treatment, by its name, a column for each metric.

    Raises:
        ConfigError: a name is unknown.
        DataError: a shape is wrong, a value is not finite, or a metric needs the truth and there is none.
    """
    for name in names:
        check_metric(name)
    scores = _by_treatment("score", score, customers)
    effects = None if effect is None else _by_treatment("effect", effect, customers)
    rows = {arm: _measured(names, scores, effects, customers, at) for at, arm in enumerate(customers.arms[1:])}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(names)).rename_axis("treatment")


def _measured(
    names: Sequence[str], scores: Floats, effects: Floats | None, customers: Customers, at: int
) -> list[float]:
    """Return the metrics of one treatment."""
    rows = np.isin(customers.arm, (0, at + 1))
    score, arm, response = scores[rows, at], customers.arm[rows] > 0, customers.response[rows]
    ranking = Ranking.of(score, arm, response)
    sums = ranking.sums()
    found = []
    for name in names:
        if name == "euce":
            found.append(calibration_error(score, arm, response))
        elif name in RATES and effects is not None:
            found.append(rate(scores[:, at], effects[:, at], weighting=RATES[name]))
        elif name in RATES:
            found.append(rate(score, _effects(customers, at, rows), weighting=RATES[name]))
        elif name in TRUTHS:
            if customers.truth is None:
                raise DataError(f"the metric {name!r} needs the true uplift, which only simulated customers have")
            found.append(TRUTHS[name](scores[:, at], customers.truth[:, at]))
        else:
            found.append(rank_metric(name)(ranking, sums))
    return found


def _effects(customers: Customers, at: int, rows: npt.NDArray[np.bool_]) -> Floats:
    """Return the effects of a randomised treatment on its and the control's rows."""
    chance = None
    if customers.propensity is not None:
        pair = customers.propensity[rows][:, [0, at + 1]]
        chance = pair[:, 1] / pair.sum(axis=1)
    return randomised_effects(customers.arm[rows] > 0, customers.response[rows], chance)


def _by_treatment(name: str, values: npt.ArrayLike, customers: Customers) -> Floats:
    table = np.asarray(values, np.float64)
    table = table[:, None] if table.ndim == 1 else table
    wanted = (len(customers), len(customers.arms) - 1)
    if table.shape != wanted:
        raise DataError(f"{name} must have the shape {wanted}, a column a treatment, got {np.shape(values)}")
    return table
