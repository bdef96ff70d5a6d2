"""The settings of an uplift model, each by the name of its kind or in full."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from recval.declarations import Declaration, validate
from recval.uplift.calibration import AnyCalibration
from recval.uplift.heads import ZILN, AnyHead
from recval.uplift.losses import ListwiseUplift, ResponseRanking
from recval.uplift.networks import AnyNetwork, TARNet
from recval.uplift.training.loop import RankingLoss, UpliftTraining


def _by_name(value: Any) -> Any:
    """Return a kind that is given by its name alone as the keys of a declaration."""
    return {"kind": value} if isinstance(value, str) else value


ByName = BeforeValidator(_by_name)


class UpliftSettings(Declaration):
    """The settings of an uplift model.

    Attributes:
        network: see `recval.uplift.networks`.
        head: see `recval.uplift.heads`.
        response_ranking: see `recval.uplift.losses.response_ranking`; None for none.
        listwise: see `recval.uplift.losses.listwise`; None for none.
        training: see `UpliftTraining`.
        calibration: what predicted uplift is put through, fitted to effects of the same customers; see
            `recval.uplift.calibration`; None for none.
        members: networks that are trained with other seeds and other held-out rows; they predict together.
    """

    network: Annotated[AnyNetwork, ByName] = TARNet()
    head: Annotated[AnyHead, ByName] = ZILN()
    response_ranking: ResponseRanking | None = None
    listwise: ListwiseUplift | None = None
    training: UpliftTraining = UpliftTraining()
    calibration: Annotated[AnyCalibration | None, ByName] = None
    members: int = Field(1, ge=1)

    @property
    def ranking(self) -> list[RankingLoss]:
        """The ranking losses that are asked for."""
        return [loss for loss in (self.response_ranking, self.listwise) if loss is not None]

    def on(self, device: str) -> Self:
        """Return the settings with another device.

        Raises:
            ConfigError: there is no such device.
        """
        training = validate({**self.training.model_dump(), "device": device}, UpliftTraining)
        return self.model_copy(update={"training": training})
