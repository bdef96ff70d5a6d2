"""How a backbone is trained."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from recval.declarations import Declaration, checked
from recval.errors import ConfigError
from recval.ranking import parse


def check_device(name: str) -> None:
    """Check that there is a device of this name.

    Raises:
        ConfigError: the name is no device's, or this machine has no such device.
    """
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"cannot compute on the device {name!r}: {str(error).splitlines()[0]}") from None


class Training(Declaration):
    """The settings of the training loop.

    Attributes:
        epochs: the largest number of passes over the training interactions.
        batch_size: samples a step.
        learning_rate: Adam's step size.
        weight_decay: Adam's L2 penalty on all parameters.
        monitor: the validation metric that early stopping and the choice of the best epoch go by.
        validate_every: epochs between validations.
        patience: validations without an improvement after which training stops.
        refit: train once more, on the training and the validation part, for as many epochs as were best.
        device: where to compute ("cpu", "cuda", "cuda:1").
    """

    epochs: int = Field(200, ge=1)
    batch_size: int = Field(2048, ge=1)
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    monitor: Annotated[str, checked(parse)] = "ndcg@10"
    validate_every: int = Field(1, ge=1)
    patience: int = Field(10, ge=1)
    refit: bool = False
    device: Annotated[str, checked(check_device)] = "cpu"
