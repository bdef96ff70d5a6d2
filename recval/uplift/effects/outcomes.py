"""Models of the response in each arm, cross-fitted: the half of doubly robust effects that lowers their noise.

How to choose: `ridge`, the default, is stable where few customers buy and amounts have heavy tails, as revenue does; it
never adds much noise. `boosted` follows interactions, and is worth it where treatment was not random or responses are
dense. `mean` uses no features: with it a randomised experiment gives the plain difference of the arms' means. All three
aim at the mean itself: a model of log(1 + revenue), or of the median, would not do.
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
from recval.uplift.checks import Floats, Ints
from recval.uplift.effects.cross_fitting import design_matrix, own_threads, stratified_folds


class Outcome(Declaration, ABC):
    """The settings of an outcome model."""

    @abstractmethod
    def regressor(self, seed: int) -> Any:
        """Return an unfitted regressor with scikit-learn's `fit` and `predict`."""


class MeanOutcome(Outcome):
    """The arm's mean."""

    kind: Literal["mean"] = "mean"

    def regressor(self, seed: int) -> Any:
        """Return a regressor that ignores the features."""
        from sklearn.dummy import DummyRegressor

        return DummyRegressor()


class RidgeOutcome(Outcome):
    """Linear regression with a penalty on squared coefficients.

    Attributes:
        penalty: scikit-learn's alpha, in rows: features are standardised.
    """

    kind: Literal["ridge"] = "ridge"
    penalty: PositiveFloat = 10.0

    def regressor(self, seed: int) -> Any:
        """Return scikit-learn's ridge regression."""
        from sklearn.linear_model import Ridge

        return Ridge(alpha=self.penalty)


class BoostedOutcome(Outcome):
    """Gradient-boosted shallow trees on squared error.

    Attributes:
        trees: how many, of 15 leaves at most, at least 100 rows each.
        learning_rate: the share of each tree that is added.
    """

    kind: Literal["boosted"] = "boosted"
    trees: PositiveInt = 60
    learning_rate: PositiveFloat = 0.05

    def regressor(self, seed: int) -> Any:
        """Return scikit-learn's histogram-based boosting."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            max_leaf_nodes=15,
            min_samples_leaf=100,
            early_stopping=False,
            random_state=derive(seed, "boosting") % 2**32,
        )


AnyOutcome = Annotated[MeanOutcome | RidgeOutcome | BoostedOutcome, Field(discriminator="kind")]
"""An outcome model in a recipe."""


def estimate_outcomes(
    features: pd.DataFrame | npt.ArrayLike,
    arm: Ints,
    response: Floats,
    model: Outcome | Any,
    *,
    folds: int = 5,
    rng: RandomSource = 0,
) -> Floats:
    """Return each customer's expected response in each arm, shape [n, A + 1], by a model of other rows of that arm.

    Args:
        features: [n, columns].
        arm: the arm of each, from 0 (control) to A, shape [n]; no arm may be empty.
        response: [n].
        model: settings, or any regressor with scikit-learn's `fit` and `predict`, of which clones are fitted on the
            encoded features.
        folds: into how many parts the rows are divided.
        rng: parts, and the model where it draws, derive from it.

    Raises:
        ConfigError: there are fewer than two folds.
        DataError: the features cannot be encoded, or an arm has fewer rows than there are folds.
    """
    from sklearn.base import clone

    matrix, seed = design_matrix(features), seed_of(rng)
    regressor = model.regressor(seed) if isinstance(model, Outcome) else model
    expected = np.zeros((len(arm), arm.max() + 1))
    for fit, predict in stratified_folds(arm, folds, seed):
        for code in range(expected.shape[1]):
            rows = fit[arm[fit] == code]
            with own_threads():
                expected[predict, code] = clone(regressor).fit(matrix[rows], response[rows]).predict(matrix[predict])
    return expected
