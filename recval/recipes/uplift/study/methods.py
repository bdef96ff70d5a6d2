"""What a study compares: uplift models, and baselines that any of them must beat.

| kind | what it is |
|---|---|
| `model` | an uplift model of `recval.uplift`, by its settings |
| `ridge` | a linear regression in each arm (T-learner of ridge regressions) |
| `feature` | the customers in the order of one feature; nothing is learnt |
| `random` | a random order |

An order is no uplift in money: metrics of size are not measured of the last two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field
from sklearn.linear_model import Ridge

from recval.declarations import Declaration
from recval.engine.executor import Report
from recval.errors import DataError, unknown
from recval.rng import numpy_generator
from recval.uplift.customers import Customers
from recval.uplift.features import FeatureEncoder
from recval.uplift.model import UpliftModel
from recval.uplift.settings import UpliftSettings

Floats = npt.NDArray[np.float64]
Predict = Callable[[pd.DataFrame], Floats]
"""From the features of n customers to the score of each treatment, shape [n, A]."""


class Method(Declaration, ABC):
    """What gives customers a score; the higher, the sooner to be treated.

    Attributes:
        in_money: whether the score is an uplift in the unit of the response.
    """

    kind: str
    in_money: ClassVar[bool] = True

    def check(self, customers: Customers) -> None:
        """Refuse customers that it cannot be fitted to, as far as that shows before.

        Raises:
            DataError: it cannot.
        """

    @abstractmethod
    def fit(self, customers: Customers, seed: int, report: Report) -> Predict:
        """Return what it learns from customers.

        Args:
            customers: to learn from.
            seed: all randomness derives from it.
            report: called with the share that is done.

        Raises:
            DataError: the customers are not what they must be.
            ModelError: the training broke down.
        """


class ModelMethod(UpliftSettings, Method):
    """An uplift model; see `UpliftSettings`."""

    kind: Literal["model"] = "model"

    def check(self, customers: Customers) -> None:
        """Refuse responses that the head cannot have."""
        self.head.check(customers.response)

    def fit(self, customers: Customers, seed: int, report: Report) -> Predict:
        """Return the uplift that the model predicts, calibrated where that was asked for."""
        settings = {name: getattr(self, name) for name in UpliftSettings.model_fields}
        model = UpliftModel(**settings, rng=seed).fit_customers(customers, report=report)
        return lambda features: model.predict(features).reshape(len(features), -1)


class RidgeMethod(Method):
    """A ridge regression in each arm, on standardised numbers and one column for each category.

    Attributes:
        penalty: scikit-learn's alpha.
    """

    kind: Literal["ridge"]
    penalty: float = Field(1.0, ge=0, allow_inf_nan=False)

    def fit(self, customers: Customers, seed: int, report: Report) -> Predict:
        """Return the difference of the regressions."""
        encoder = FeatureEncoder.fit(customers.features)
        matrix = _one_hot(encoder, customers.features)
        by_arm = [
            Ridge(self.penalty).fit(matrix[customers.arm == arm], customers.response[customers.arm == arm])
            for arm in range(len(customers.arms))
        ]

        def predict(features: pd.DataFrame) -> Floats:
            control, *treated = (arm.predict(_one_hot(encoder, features)) for arm in by_arm)
            return np.column_stack(treated) - control[:, None]

        return predict


class FeatureMethod(Method):
    """The order of one feature, the same for every treatment; text by the alphabet, missing numbers as the mean.

    Attributes:
        column: which feature.
        sign: 1 to treat the highest first, -1 the lowest.
    """

    kind: Literal["feature"]
    column: str
    sign: Literal[1, -1] = 1
    in_money: ClassVar[bool] = False

    def check(self, customers: Customers) -> None:
        """Refuse customers without the feature."""
        if self.column not in customers.features:
            raise DataError(unknown("feature", self.column, customers.features.columns))

    def fit(self, customers: Customers, seed: int, report: Report) -> Predict:
        """Return the feature, in a unit of its own."""
        encoder, treatments = FeatureEncoder.fit(customers.features[[self.column]]), len(customers.arms) - 1

        def predict(features: pd.DataFrame) -> Floats:
            encoded = encoder.encode(features)
            values = (encoded.numeric if encoder.n_numeric else encoded.codes)[:, :1]
            return np.tile(self.sign * values.astype(np.float64), treatments)

        return predict


class RandomMethod(Method):
    """A random order, one for each treatment."""

    kind: Literal["random"]
    in_money: ClassVar[bool] = False

    def fit(self, customers: Customers, seed: int, report: Report) -> Predict:
        """Return random numbers."""
        treatments = len(customers.arms) - 1
        return lambda features: numpy_generator(seed, "random order").random((len(features), treatments))


AnyMethod = Annotated[ModelMethod | RidgeMethod | FeatureMethod | RandomMethod, Field(discriminator="kind")]
"""A method of a study."""


def _one_hot(encoder: FeatureEncoder, features: pd.DataFrame) -> Floats:
    """Return features as numbers, a column of 0 and 1 for each category, shape [n, d]."""
    encoded = encoder.encode(features)
    indicators = [np.eye(size)[codes] for size, codes in zip(encoder.cardinalities, encoded.codes.T, strict=True)]
    return np.hstack([encoded.numeric.astype(np.float64), *indicators])
