"""What the models of a run say together: mean and deviation of each metric, and how often a ranking beat random ones.

Models of repeated splits are tested on customers that overlap, so their mean is less sure than that of as many
independent tests. To compare models over splits, see `recval.uplift.metrics.comparison`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Found = Mapping[str, Any]


def summarise(evaluations: Sequence[Found]) -> dict[str, Any]:
    """Return by arm and metric what several evaluations say together.

    Args:
        evaluations: what `evaluate` found of each model.

    Returns:
        Of each metric: `trials`, in how many it is defined; `mean`, `sd` (None for one); `above` and `below`, how many
        lie beyond the band of random rankings, None where there is no band; `by_trial`.
    """
    arms = evaluations[0]["arms"]
    return {
        arm: {
            name: _over_trials([found["arms"][arm]["metrics"][name] for found in evaluations])
            for name in arms[arm]["metrics"]
        }
        for arm in arms
    }


def _over_trials(metrics: Sequence[Found]) -> dict[str, Any]:
    values = [metric["value"] for metric in metrics]
    defined = np.array([value for value in values if value is not None])
    banded = [metric for metric in metrics if metric["null_low"] is not None and metric["value"] is not None]
    return {
        "trials": len(defined),
        "mean": float(defined.mean()) if len(defined) else None,
        "sd": float(defined.std(ddof=1)) if len(defined) > 1 else None,
        "above": sum(metric["value"] > metric["null_high"] for metric in banded) if banded else None,
        "below": sum(metric["value"] < metric["null_low"] for metric in banded) if banded else None,
        "by_trial": values,
    }
