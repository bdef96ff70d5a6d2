"""What an uplift model is once it is trained: all that predictions need, and nothing of the rows it was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from recval.engine.executor import Report
from recval.errors import ConfigError
from recval.rng import derive
from recval.uplift.calibrator import Calibrator
from recval.uplift.checks import Floats
from recval.uplift.customers import Customers
from recval.uplift.effects.doubly_robust import doubly_robust
from recval.uplift.features import FeatureEncoder
from recval.uplift.heads import Limits
from recval.uplift.networks import Task
from recval.uplift.settings import UpliftSettings
from recval.uplift.training.batches import Rows
from recval.uplift.training.members import Member, cross_fitted_responses, train_members


@dataclass(frozen=True)
class Fitted:
    """A trained uplift model.

    Attributes:
        settings: how it was made.
        seed: what all randomness derived from.
        arms: the names of the arms, the control first.
        encoder: how features are encoded.
        limits: the scale of the training responses.
        members: the networks.
        calibrator: what predicted uplift is put through; None where no calibration was asked for.
    """

    settings: UpliftSettings
    seed: int
    arms: tuple[str, ...]
    encoder: FeatureEncoder
    limits: Limits
    members: list[Member]
    calibrator: Calibrator | None


def fit(settings: UpliftSettings, customers: Customers, weight: Floats | None, seed: int, report: Report) -> Fitted:
    """Train the networks on customers, and calibrate their uplift on effects of these customers.

    Args:
        settings: how to make the model.
        customers: those of an experiment.
        weight: what each counts, with mean 1, shape [n]; None for equal weights.
        seed: all randomness derives from it.
        report: called with the share that is done.

    Raises:
        ConfigError: a calibration is asked for, and no row is held out.
        DataError: the features or the responses are not what they must be.
        ModelError: the loss is no longer a finite number.
    """
    if settings.calibration is not None and not settings.training.validation:
        raise ConfigError("a calibration needs held-out rows; set training.validation above 0, to 0.2 say")
    settings.head.check(customers.response)
    encoder = FeatureEncoder.fit(customers.features)
    limits, start = settings.head.limits(customers.response), settings.head.start(customers.response)
    task = Task(encoder.n_numeric, encoder.cardinalities, len(customers.arms), settings.head, limits, start)
    rows = _rows(encoder, customers, weight, settings.training.device)
    members, held_out = train_members(settings, task, rows, seed, report)
    calibrator = _calibrated(settings, customers, encoder, members, held_out, seed)
    return Fitted(settings, seed, customers.arms, encoder, limits, members, calibrator)


def uplift_of(responses: Floats) -> Floats:
    """Return the expected responses, shape [..., A + 1], less the control's, shape [..., A]."""
    return responses[..., 1:] - responses[..., :1]


def _calibrated(
    settings: UpliftSettings,
    customers: Customers,
    encoder: FeatureEncoder,
    members: list[Member],
    held_out: NDArray[np.bool_],
    seed: int,
) -> Calibrator | None:
    """Return the calibration of the uplift on doubly robust effects."""
    if settings.calibration is None:
        return None
    responses = cross_fitted_responses(members, held_out, encoder.encode(customers.features))
    effects = doubly_robust(customers, rng=derive(seed, "calibration")).effects
    return settings.calibration.fit(uplift_of(responses), effects, np.any(held_out, axis=0))


def _rows(encoder: FeatureEncoder, customers: Customers, weight: Floats | None, device: str) -> Rows:
    encoded = encoder.encode(customers.features)
    return Rows(
        numeric=torch.from_numpy(encoded.numeric).to(device),
        codes=torch.from_numpy(encoded.codes).to(device),
        arm=torch.from_numpy(customers.arm).to(device),
        response=torch.from_numpy(customers.response).float().to(device),
        weight=None if weight is None else torch.from_numpy(weight).float().to(device),
    )
