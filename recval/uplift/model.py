"""The estimator: uplift of customers from the features, the treatments and the responses of an experiment.

    model = UpliftModel(network="tarnet", head="ziln", rng=0)
    model.fit(X, treatment, revenue)
    model.predict(X_new)                 # expected revenue if treated, less that if not
    model.save("model")

It keeps scikit-learn's manners (`get_params`, `set_params`, `clone`; fitted attributes end in `_`), with the treatment
as a further argument of `fit`. The features are a DataFrame with numbers, text and categories, or an array of numbers;
see `recval.uplift.features` for how they are encoded, and what happens to missing values and unseen categories.

How to choose: begin with the defaults. Several members (5, say) rank better than one and tell how sure they are, for as
much more time. Ranking losses trade calibration for ranking; ask for a calibration with them.

When not to use: without control customers, or with fewer than some hundred customers who responded in each arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from recval.declarations import validate
from recval.engine.executor import Report
from recval.errors import ConfigError, DataError
from recval.rng import RandomSource, seed_of
from recval.uplift.calibration import Calibration
from recval.uplift.checks import Floats
from recval.uplift.customers import Customers
from recval.uplift.fitted import Fitted, fit
from recval.uplift.heads import Head
from recval.uplift.losses import ListwiseUplift, ResponseRanking
from recval.uplift.networks import Network
from recval.uplift.prediction import Features, Prediction, predict
from recval.uplift.saving import load, save
from recval.uplift.settings import UpliftSettings
from recval.uplift.training.loop import History, UpliftTraining
from recval.uplift.training.members import raw_numbers


class UpliftModel(BaseEstimator):
    """Networks that predict each customer's response under every arm, and so the uplift of every treatment.

    Args:
        network: the kind of network, or its settings.
        head: the kind of head, or its settings.
        response_ranking: the loss of response ranking; None for none.
        listwise: the loss of listwise uplift ranking; None for none.
        training: how the networks are trained.
        calibration: the kind of calibration, or its settings; None for none.
        members: how many networks predict together.
        control: the name of the control among the treatments; None where it is 0 or "control".
        rng: all randomness derives from it; an int gives the same model each time.

    Attributes:
        fitted_: what was learnt: `arms`, `encoder`, `members`, `calibrator` and more, see `Fitted`.
    """

    def __init__(
        self,
        network: str | Network | Mapping[str, Any] = "tarnet",
        head: str | Head | Mapping[str, Any] = "ziln",
        response_ranking: ResponseRanking | Mapping[str, Any] | None = None,
        listwise: ListwiseUplift | Mapping[str, Any] | None = None,
        training: UpliftTraining | Mapping[str, Any] = UpliftTraining(),  # noqa: B008 (it cannot be changed)
        calibration: str | Calibration | Mapping[str, Any] | None = None,
        members: int = 1,
        control: object = None,
        rng: RandomSource = 0,
    ) -> None:
        self.network = network
        self.head = head
        self.response_ranking = response_ranking
        self.listwise = listwise
        self.training = training
        self.calibration = calibration
        self.members = members
        self.control = control
        self.rng = rng

    def fit(
        self,
        X: Features,  # noqa: N803 (scikit-learn's name)
        treatment: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the model to an experiment.

        Args:
            X: features, [n, columns].
            treatment: the arm of each customer: 0 (control) and 1, or names, shape [n].
            y: the responses, finite, shape [n].
            sample_weight: what each customer counts in the loss, 0 or more, shape [n].

        Raises:
            ConfigError: a setting is unknown or out of its range.
            DataError: the customers are not what they must be, see `Customers.of` and the head's `check`.
            ModelError: the loss is no longer a finite number.
        """
        return self.fit_customers(Customers.of(X, treatment, y, control=self.control), sample_weight)

    def fit_customers(
        self,
        customers: Customers,
        sample_weight: ArrayLike | None = None,
        report: Report = lambda fraction: None,
    ) -> Self:
        """Fit the model to customers; `report` is called with the share that is done. Raises as `fit`."""
        parameters = self.get_params(deep=False)
        settings = validate({name: parameters[name] for name in UpliftSettings.model_fields}, UpliftSettings)
        weight = _weights(sample_weight, len(customers))
        self.fitted_ = fit(settings, customers, weight, seed_of(self.rng), report)
        return self

    def predict(self, X: Features) -> Floats:  # noqa: N803
        """Return the uplift of each treatment, calibrated where that was asked for.

        Args:
            X: features, [n, columns]; columns are found by their names.

        Returns:
            Shape [n] where there is one treatment, else [n, A], in the unit of the response.

        Raises:
            DataError: a column is missing, or holds text where it held numbers in training.
        """
        return _by_treatment(self.predict_all(X).uplift)

    def predict_response(self, X: Features) -> Floats:  # noqa: N803
        """Return the expected response under every arm, the control first, shape [n, A + 1]; raises as `predict`.

        It is what the networks say, without calibration: with one, uplift is not the difference of these.
        """
        return self.predict_all(X).responses

    def predict_std(self, X: Features) -> Floats:  # noqa: N803
        """Return the standard deviation of the members' calibrated uplift, in the shape of `predict`.

        It tells where the networks disagree. It is no standard error: what all of them miss is not in it.

        Raises:
            ConfigError: there is one member only.
            DataError: as in `predict`.
        """
        if len(self._fitted.members) < 2:
            raise ConfigError("predict_std needs at least 2 members, and the model has 1; set members=5, say")
        std = self.predict_all(X).std
        assert std is not None
        return _by_treatment(std)

    def predict_all(self, X: Features) -> Prediction:  # noqa: N803
        """Return all that is predicted, in one pass through the networks: responses, uplift and their spread.

        Raises:
            DataError: as in `predict`.
        """
        return predict(self._fitted, X)

    def predict_parameters(self, X: Features, member: int = 0) -> NDArray[np.float32]:  # noqa: N803
        """Return the head's raw numbers for every arm, as one member predicts them, shape [n, A + 1, P]."""
        return raw_numbers(self._fitted.members[member], self._fitted.encoder.encode(X))

    @property
    def arms_(self) -> tuple[str, ...]:
        """The names of the arms, the control first."""
        return self._fitted.arms

    @property
    def histories_(self) -> list[History]:
        """The history of each member: an entry an epoch, with the loss and the held-out loss."""
        return [member.history for member in self._fitted.members]

    def save(self, folder: str | Path) -> None:
        """Write the model into a folder: `model.json` and `weights.safetensors`.

        Raises:
            RunError: a file cannot be written.
        """
        save(self._fitted, folder)

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Self:
        """Read a model that `save` wrote.

        Raises:
            RunError: a file is missing or damaged, or the files belong to different models.
            ConfigError: `model.json` is not what it must be, or there is no such device.
        """
        fitted = load(folder, device)
        settings = {name: getattr(fitted.settings, name) for name in UpliftSettings.model_fields}
        model = cls(**settings, control=fitted.arms[0], rng=fitted.seed)
        model.fitted_ = fitted
        return model

    @property
    def _fitted(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            raise NotFittedError("this UpliftModel is not fitted yet; call fit first")
        return self.fitted_


def _by_treatment(uplift: Floats) -> Floats:
    """Return uplift of shape [n, A] as [n] where there is one treatment."""
    return uplift[:, 0] if uplift.shape[1] == 1 else uplift


def _weights(sample_weight: ArrayLike | None, n: int) -> Floats | None:
    """Return the weights with mean 1."""
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, np.float64)
    if weight.shape != (n,) or not np.isfinite(weight).all() or weight.min() < 0 or not weight.any():
        raise DataError(f"sample_weight must be {n} finite numbers, none below 0 and not all 0")
    return weight / weight.mean()
