"""Doubly robust (AIPW) scores: unbiased effects of each customer, also where treatment was not given at random.

The score of arm a for a customer with features x, arm t and response y is

    score_a = mu_a(x) + 1[t = a] / e_a(x) * (y - mu_a(x)),

where mu_a is a model of the response in arm a, and e_a the propensity. Its mean is the mean response if all were in
arm a, and the mean of its difference to the control's the average effect, if either mu or e is right: one may be wrong.
Both are cross-fitted, so means of scores have the plain standard error, sd / sqrt(n). A single score is almost all
noise.

Choose them to evaluate a ranking, a policy or a calibration. Where arms were randomised use the known propensity, or
the shares: the result is then unbiased whatever the outcome model is, which only lowers the noise. With outcomes of 0
the scores are those of inverse propensity weighting. When not to use: where something that is not among the features
decided on treatment, or where hardly any customers of some kind were treated (see the overlap).

References: Robins, Rotnitzky, Zhao, "Estimation of regression coefficients when some regressors are not always
observed", 1994; Chernozhukov et al., 2018; Dudík, Langford, Li, "Doubly robust policy evaluation and learning", 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from recval.errors import DataError
from recval.rng import RandomSource, seed_of
from recval.uplift.checks import Floats, arm_codes, per_arm, same_shape
from recval.uplift.effects.outcomes import Outcome, RidgeOutcome, estimate_outcomes
from recval.uplift.effects.overlap import BOUNDS, Overlap, clipped, overlap_of
from recval.uplift.effects.propensity import Logistic, Propensity, estimate_propensity

if TYPE_CHECKING:
    from recval.uplift.customers import Customers


@dataclass(frozen=True)
class Estimate:
    """A mean and how sure it is.

    Attributes:
        mean: the mean.
        standard_error: its standard error.
    """

    mean: float
    standard_error: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the normal interval that holds the truth with this confidence."""
        reach = ndtri(0.5 + confidence / 2) * self.standard_error
        return float(self.mean - reach), float(self.mean + reach)


@dataclass(frozen=True)
class Scores:
    """Doubly robust scores of customers.

    Attributes:
        by_arm: the score of each arm, the control first, shape [n, A + 1].
        overlap: how far the arms overlap, before clipping.
    """

    by_arm: Floats
    overlap: Overlap

    @property
    def effects(self) -> Floats:
        """The scores less the control's, shape [n, A]: noisy, unbiased effects of each treatment on each customer."""
        return self.by_arm[:, 1:] - self.by_arm[:, :1]

    def average_effects(self) -> tuple[Estimate, ...]:
        """Return the average effect of each treatment on all customers."""
        return tuple(_mean_of(column) for column in self.effects.T)

    def value(self, policy: npt.ArrayLike) -> Estimate:
        """Return the mean response if each customer were given the arm that `policy` names, shape [n], 0 the control.

        The policy must not have been chosen with the responses of these customers.

        Raises:
            DataError: the policy has another number of customers, or an unknown arm.
        """
        return _mean_of(self._under(policy))

    def gain(self, policy: npt.ArrayLike) -> Estimate:
        """Return the mean response under `policy`, as in `value`, less that of all in control.

        Raises:
            DataError: the policy has another number of customers, or an unknown arm.
        """
        return _mean_of(self._under(policy) - self.by_arm[:, 0])

    def _under(self, policy: npt.ArrayLike) -> Floats:
        rows, n_arms = self.by_arm.shape
        return self.by_arm[np.arange(rows), arm_codes("the policy", policy, rows, n_arms)]


def doubly_robust(
    customers: Customers,
    *,
    outcome: Outcome | Floats | Any = None,
    propensity: Propensity | Floats | None = None,
    folds: int = 5,
    bounds: tuple[float, float] = BOUNDS,
    rng: RandomSource = 0,
) -> Scores:
    """Return the doubly robust scores of customers.

    Args:
        customers: whom to score.
        outcome: settings of the outcome model, any regressor of scikit-learn, or what a model that was fitted on other
            customers expects in each arm, shape [n, A + 1] (`UpliftModel.predict_response`); None: `RidgeOutcome()`.
        propensity: settings of the propensity model, or the propensities, shape [n, A + 1]; None: the known ones of the
            customers, and if there are none those of a logistic regression. For randomised arms give `Shares()`.
        folds: into how many parts the rows are divided, for models that are fitted here.
        bounds: propensities are held within these; a warning says so where that changes one.
        rng: the parts, the same ones for both models, derive from it.

    Raises:
        ConfigError: there are fewer than two folds, or the bounds are no interval within (0, 1).
        DataError: arrays have the wrong shape or are not finite, or an arm has fewer rows than there are folds.
    """
    seed, n_arms = seed_of(rng), len(customers.arms)
    chances = _propensities(customers, propensity, folds, seed)
    same_shape("the propensities", chances, "customers and arms", (len(customers), n_arms))
    overlap = overlap_of(chances, customers.arm, bounds)
    if isinstance(outcome, np.ndarray):
        expected = outcome
    else:
        model = RidgeOutcome() if outcome is None else outcome
        expected = estimate_outcomes(
            customers.features, customers.arm, customers.response, model, folds=folds, rng=seed
        )
    return Scores(scores_of(customers.arm, customers.response, clipped(chances, bounds), expected), overlap)


def scores_of(
    arm: npt.ArrayLike, response: npt.ArrayLike, propensity: npt.ArrayLike, expected: npt.ArrayLike
) -> Floats:
    """Return the score of each arm for each customer, shape [n, A + 1]; the equation above and nothing else.

    Args:
        arm: the arm of each customer, from 0 (control) to A, shape [n].
        response: [n].
        propensity: above 0, [n, A + 1].
        expected: the response that is expected in each arm, [n, A + 1].

    Raises:
        DataError: shapes do not fit, values are not finite, or a customer's own arm had no chance.
    """
    chances, outcomes = per_arm("the propensities", propensity), per_arm("the expected responses", expected)
    same_shape("the expected responses", outcomes, "the propensities", chances.shape)
    found = per_arm("the responses", response)
    same_shape("the responses", found, "the customers", (len(chances), 1))
    codes = arm_codes("the arms", arm, len(chances), chances.shape[1])
    own = np.arange(len(codes)), codes
    if not (chances[own] > 0).all():
        row = int((chances[own] <= 0).argmax())
        raise DataError(f"the propensity of the arm that a customer was in must be above 0, found 0 in row {row}")
    scores = outcomes.copy()
    scores[own] += (found[:, 0] - outcomes[own]) / chances[own]
    return scores


def _propensities(customers: Customers, propensity: Propensity | Floats | None, folds: int, seed: int) -> Floats:
    if propensity is None:
        propensity = Logistic() if customers.propensity is None else customers.propensity
    if isinstance(propensity, Propensity):
        return estimate_propensity(customers.features, customers.arm, propensity, folds=folds, rng=seed)
    return np.asarray(propensity, np.float64)


def _mean_of(values: Floats) -> Estimate:
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("inf")
    return Estimate(float(values.mean()), float(error))
