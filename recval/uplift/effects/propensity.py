"""The propensity, the chance of each arm given a customer's features: estimated, cross-fitted.

In a randomised experiment it is known, and the same for all (`shares`, or the column that the experiment wrote).
Elsewhere it is estimated on other rows than those that it is used for. How to choose: `logistic` is well calibrated,
and enough where selection went by a score or by thresholds on few features; `boosted` follows interactions, and needs
more rows. Neither helps against what decided on treatment and is not among the features.

Reference: Rosenbaum & Rubin, "The central role of the propensity score in observational studies", 1983.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, PositiveFloat, PositiveInt

from recval.declarations import Declaration
from recval.rng import RandomSource, derive, seed_of
from recval.uplift.checks import Floats, arm_codes
from recval.uplift.effects.cross_fitting import design_matrix, own_threads, stratified_folds


class Propensity(Declaration, ABC):
    """The settings of a propensity model."""

    @abstractmethod
    def classifier(self, seed: int) -> Any:
        """Return an unfitted classifier with scikit-learn's `fit` and `predict_proba`."""


class Shares(Propensity):
    """The same for all, the arms' shares: for a randomised experiment, whose arms need not be of one size."""

    kind: Literal["shares"] = "shares"

    def classifier(self, seed: int) -> Any:
        """Return a classifier that ignores the features."""
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior")


class Logistic(Propensity):
    """Multinomial logistic regression.

    Attributes:
        strength: scikit-learn's C, the inverse of the penalty on squared coefficients.
    """

    kind: Literal["logistic"] = "logistic"
    strength: PositiveFloat = 1.0

    def classifier(self, seed: int) -> Any:
        """Return scikit-learn's logistic regression."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.strength, max_iter=1000)


class Boosted(Propensity):
    """Gradient-boosted shallow trees.

    Attributes:
        trees: how many, of 15 leaves at most, at least 50 rows each.
        learning_rate: the share of each tree that is added.
    """

    kind: Literal["boosted"] = "boosted"
    trees: PositiveInt = 100
    learning_rate: PositiveFloat = 0.05

    def classifier(self, seed: int) -> Any:
        """Return scikit-learn's histogram-based boosting."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            max_leaf_nodes=15,
            min_samples_leaf=50,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=derive(seed, "boosting") % 2**32,
        )


AnyPropensity = Annotated[Shares | Logistic | Boosted, Field(discriminator="kind")]
"""A propensity model in a recipe."""


def estimate_propensity(
    features: pd.DataFrame | npt.ArrayLike,
    arm: npt.ArrayLike,
    settings: Propensity,
    *,
    folds: int = 5,
    rng: RandomSource = 0,
) -> Floats:
    """Return each customer's chance of each arm, cross-fitted, shape [n, A + 1]; rows sum to 1, nothing is clipped.

    Args:
        features: [n, columns].
        arm: the arm of each, from 0 (control) to A, shape [n]; no arm may be empty.
        settings: the model.
        folds: into how many parts the rows are divided; each is predicted by a model of all others.
        rng: parts, and the model where it draws, derive from it.

    Raises:
        ConfigError: there are fewer than two folds.
        DataError: the features cannot be encoded, the arms are not such codes, or one has fewer rows than folds.
    """
    matrix, seed = design_matrix(features), seed_of(rng)
    codes = np.asarray(arm)
    codes = arm_codes("the arms", codes, len(matrix), int(codes.max(initial=0)) + 1)
    estimated = np.zeros((len(codes), codes.max() + 1))
    for fit, predict in stratified_folds(codes, folds, seed):
        with own_threads():
            model = settings.classifier(seed).fit(matrix[fit], codes[fit])
            estimated[np.ix_(predict, model.classes_)] = model.predict_proba(matrix[predict])
    return estimated
