"""What predicted uplift is worth on customers that the model never met: ranking, size, who gains, what a plan earns.

Every figure has an interval or a band: with few buyers a single number says next to nothing. Where treatment was not
given at random, name a propensity model; effects, plan and rank-weighted effects are then right, while the areas below
uplift and Qini curves, which compare plain means, are not.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import numpy as np

from recval.recipes.uplift.evaluation import Evaluation
from recval.recipes.uplift.findings import Findings, Found
from recval.uplift.checks import Floats
from recval.uplift.customers import Customers
from recval.uplift.effects.doubly_robust import Scores, doubly_robust
from recval.uplift.effects.propensity import Shares
from recval.uplift.effects.randomness import randomness
from recval.uplift.targeting import Budget

_LEVEL = 0.01
"""The p-value below which treatment is not taken as random."""


def evaluate(
    uplift: Floats, customers: Customers, settings: Evaluation | None = None, plan: Budget | None = None
) -> Found:
    """Return what uplift is worth that was predicted for customers of an experiment.

    Args:
        uplift: of each treatment, by a model that was not fitted to these customers, shape [n, A].
        customers: the n customers.
        settings: what to measure; by default as `Evaluation()` says.
        plan: costs and budget of a plan whom to treat, if one is to be judged.

    Returns:
        What JSON can hold; None where something is not defined. `customers`, their number; `control`; `arms`: of each
        treatment, by name, see `Findings.of_arm`; `plan`: see `Findings.of_plan`, or None; `warnings`, a line each.

    Raises:
        ConfigError: a cost is missing or of an unknown treatment.
        DataError: an arm has too few customers to estimate anything.
    """
    settings = settings or Evaluation()
    with warned() as lines:
        tested = Findings(uplift, customers, _scores(customers, settings), settings)
        arms = {name: tested.of_arm(place) for place, name in enumerate(customers.arms[1:])}
        told = None if plan is None else tested.of_plan(plan)
    found = {"customers": len(customers), "control": customers.arms[0], "arms": arms, "plan": told}
    return cast(Found, _plain({**found, "warnings": lines}))


def treated_at_random(customers: Customers, settings: Evaluation) -> Found:
    """Return whether treatment looks random: `auc` and `p_value` of `arm`, the one told apart best, and `warnings`.

    Raises:
        DataError: an arm has fewer than two customers.
    """
    found = randomness(customers.features, customers.arm, level=0, rng=settings.seed)
    arm = customers.arms[found.arm]
    told = {"auc": found.auc, "p_value": found.p_value, "arm": arm}
    if found.p_value >= _LEVEL:
        return {**told, "warnings": []}
    allowed_for = settings.propensity is not None or customers.propensity is not None
    advice = (
        "areas below uplift and Qini curves and lift compare plain means, and are biased; effects and plan are not"
        if allowed_for
        else "all that compares treated with control is biased; set evaluation.propensity, to {kind: logistic} say"
    )
    return {
        **told,
        "warnings": [
            f"treatment depends on the features: {arm!r} is told apart from them with an AUC of {found.auc:.3f} "
            f"(p = {found.p_value:.2g}), so {advice}"
        ],
    }


@contextmanager
def warned() -> Iterator[list[str]]:
    """Give a list that holds, once the block has ended, the warnings that recval gave in it, each once, a line each."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield lines
    found = [" ".join(str(warning.message).split()) for warning in caught if warning.category is UserWarning]
    lines += dict.fromkeys(found)


def _scores(customers: Customers, settings: Evaluation) -> Scores:
    propensity = settings.propensity
    if propensity is None and customers.propensity is None:
        propensity = Shares()
    return doubly_robust(customers, propensity=propensity, rng=settings.seed)


def _plain(value: object) -> object:
    """Return a value as JSON can hold it: None for a number that is not finite."""
    match value:
        case Mapping():
            return {str(key): _plain(element) for key, element in value.items()}
        case list() | tuple():
            return [_plain(element) for element in value]
        case bool() | np.bool_():
            return bool(value)
        case int() | np.integer():
            return int(value)
        case float() | np.floating():
            return float(value) if math.isfinite(value) else None
        case _:
            return value
