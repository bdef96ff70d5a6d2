"""RecBole's context-aware recommenders: side fields of users and items take part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from recval.backbones.recbole.backbone import RecBoleBackbone

if TYPE_CHECKING:
    from recval.backbones.recbole.dataset import TrainingSet


class ContextBackbone(RecBoleBackbone):
    """A context-aware recommender of RecBole; `build` makes one.

    It is trained on labelled pairs, as a general model of points is: interactions are 1, their negatives 0. Ratings
    and times are no features, since they are not known before the interaction.

    Args:
        model: as in `RecBoleBackbone`.
        dataset: as in `RecBoleBackbone`, with side fields.
        sample_losses: as in `RecBoleBackbone`.
    """

    def __init__(self, model: Any, dataset: TrainingSet, *, sample_losses: bool = True) -> None:
        super().__init__(model, dataset, sample_losses=sample_losses)
        self._user_fields: dict[str, Tensor] = dict(dataset.get_user_feature().interaction)
        self._item_fields: dict[str, Tensor] = dict(dataset.get_item_feature().interaction)

    def _pairs(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        of_users = {name: values[users] for name, values in self._user_fields.items()}
        return of_users | {name: values[items] for name, values in self._item_fields.items()}

    def _apply(self, fn: Any, recurse: bool = True) -> ContextBackbone:
        """Convert or move the model, and with it the side fields."""
        super()._apply(fn, recurse)
        for fields in (self._user_fields, self._item_fields):
            fields.update({name: fn(values) for name, values in fields.items()})
        return self
