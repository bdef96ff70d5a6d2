"""Was treatment given at random? Held-out customers tell: a classifier should not find their arms from their features.

Rows are halved; a classifier of one half scores the other, and the Mann-Whitney test asks whether an arm's customers
score higher than the rest. Given the scores, randomised arms are a random order of them, so that each half's p-value
holds whatever the classifier is. The halves depend on each other, as do classifiers and arms: the smallest p-value is
multiplied by their number (Bonferroni).

A small p-value says that treatment depends on features, not that the dependence matters: with a million rows an AUC of
0.503 is found too. A large one is no proof, and says nothing of what is not among the features.

References: Mann & Whitney, 1947; Lopez-Paz & Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import DataError
from recval.rng import RandomSource, numpy_generator, seed_of
from recval.uplift.checks import arm_codes
from recval.uplift.effects.cross_fitting import design_matrix, own_threads, stratified_folds
from recval.uplift.effects.propensity import Boosted, Logistic, Propensity

_HALVES = 2


@dataclass(frozen=True)
class Randomness:
    """What the test found.

    Attributes:
        auc: the chance that a customer of `arm` scores above one of the other arms, on held-out rows, in [0, 1]; 0.5
            where the features say nothing.
        p_value: how often randomised treatment would look as dependent as this, or more, in [0, 1].
        arm: the arm that was told apart best.
    """

    auc: float
    p_value: float
    arm: int


def randomness(
    features: pd.DataFrame | npt.ArrayLike,
    arm: npt.ArrayLike,
    *,
    models: Sequence[Propensity] = (Logistic(), Boosted()),
    rows: int = 100_000,
    level: float = 0.01,
    rng: RandomSource = 0,
) -> Randomness:
    """Test whether treatment depends on the features, and warn in one line if it does.

    Args:
        features: [n, columns].
        arm: the arm of each customer, from 0 (control) to A, shape [n].
        models: the classifiers; one for straight dependence and one for interactions by default.
        rows: of more rows than these, so many are drawn.
        level: the p-value below which the warning is given.
        rng: the drawn rows and the halves derive from it.

    Raises:
        DataError: the features cannot be encoded, the arms are not such codes, or one has fewer than two rows.
    """
    matrix, seed = design_matrix(features), seed_of(rng)
    codes = np.asarray(arm)
    codes = arm_codes("the arms", codes, len(matrix), int(codes.max(initial=0)) + 1)
    if len(codes) > rows:
        drawn = numpy_generator(seed, "rows").choice(len(codes), rows, replace=False)
        matrix, codes = matrix[drawn], codes[drawn]
    arms = np.unique(codes)
    if len(arms) < 2:
        raise DataError("treatment cannot be tested with customers of one arm alone")
    others = arms[1:] if len(arms) == 2 else arms
    found = np.zeros((len(models), _HALVES, len(others), 2))
    for half, (fit, held_out) in enumerate(stratified_folds(codes, _HALVES, seed)):
        for number, settings in enumerate(models):
            with own_threads():
                chances = settings.classifier(seed).fit(matrix[fit], codes[fit]).predict_proba(matrix[held_out])
            for place, code in enumerate(others):
                found[number, half, place] = _told_apart(
                    chances[:, np.searchsorted(arms, code)], codes[held_out] == code
                )
    return _judged(found, others, level)


def _told_apart(score: npt.NDArray[np.float64], is_arm: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the AUC and the p-value of one arm's scores against the others'."""
    from scipy.stats import mannwhitneyu

    test = mannwhitneyu(score[is_arm], score[~is_arm], alternative="greater", method="asymptotic")
    return test.statistic / (is_arm.sum() * (~is_arm).sum()), np.nan_to_num(test.pvalue, nan=1.0)


def _judged(found: npt.NDArray[np.float64], arms: npt.NDArray[np.int64], level: float) -> Randomness:
    """Return the clearest of AUCs and p-values of shape [models, halves, arms, 2]."""
    model, _, place = np.unravel_index(found[..., 1].argmin(), found.shape[:-1])
    p_value = min(1.0, found[..., 1].min() * found[..., 1].size)
    result = Randomness(float(found[model, :, place, 0].mean()), float(p_value), int(arms[place]))
    if result.p_value < level:
        warnings.warn(
            f"treatment depends on the features: on held-out rows arm {result.arm} is told apart with AUC "
            f"{result.auc:.3f} (p = {result.p_value:.2g}), so compare arms by doubly robust effects with an estimated "
            f"propensity, not by their means",
            stacklevel=3,
        )
    return result
