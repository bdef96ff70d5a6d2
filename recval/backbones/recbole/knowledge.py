"""RecBole's knowledge-aware recommenders: what is known of items, as triples of entities, takes part."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recbole.data.dataset.kg_dataset import KnowledgeBasedDataset
from recbole.data.interaction import Interaction
from recbole.utils import FeatureSource, FeatureType
from torch import Tensor

from recval.backbones.base import Batch
from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.dataset import TrainingSet
from recval.backbones.recbole.settings import Settings
from recval.data import Interactions, KnowledgeGraph
from recval.errors import DataError


class KnowledgeSet(TrainingSet, KnowledgeBasedDataset):
    """The training interactions with the knowledge graph of their items, as RecBole's models look at both.

    Items and entities share their ids: an entity that is an item has the item's id, the others come after the items.
    Where two items are one entity, its triples speak of the first.

    Args:
        settings: the model's settings.
        train: the interactions to train on.

    Raises:
        DataError: there is no knowledge graph, or no triple in it.
    """

    def __init__(self, settings: Settings, train: Interactions) -> None:
        super().__init__(settings, train)
        graph = train.knowledge
        if graph is None or len(graph) == 0:
            raise DataError(
                "a knowledge-aware model needs a knowledge graph of the items, found none; read atomic files with .kg "
                "and .link beside the .inter file"
            )
        entity = _ids_of_entities(graph, len(train.items))
        columns = {
            self.head_entity_field: entity[graph.head],
            self.relation_field: graph.relation + 1,
            self.tail_entity_field: entity[graph.tail],
        }
        self.kg_feat = Interaction({name: torch.from_numpy(values) for name, values in columns.items()})
        n_entities = max(len(train.items) + 1, int(entity.max()) + 1)
        for field in (self.head_entity_field, self.tail_entity_field, self.entity_field):
            self._ids_of(field, n_entities)
        # RecBole counts one relation more, for interactions.
        self._ids_of(self.relation_field, len(graph.relations) + 2)

    def _ids_of(self, field: str, count: int) -> None:
        self.set_field_property(field, FeatureType.TOKEN, FeatureSource.KG, 1)
        self.field2id_token[field] = np.arange(count).astype(object)
        if field == self.relation_field:
            self.field2id_token[field][-1] = "[UI-Relation]"


class KnowledgeBackbone(RecBoleBackbone):
    """A knowledge-aware recommender of RecBole; `build` makes one.

    Each sample brings a triple of the graph along, drawn at random, and an entity that the triple's head is not
    related to. Where a model trains on both at once, the loss of a sample is that of its interaction and its triple.

    Args:
        model: as in `RecBoleBackbone`.
        dataset: as in `RecBoleBackbone`, with a knowledge graph.
        sample_losses: as in `RecBoleBackbone`.
    """

    def __init__(self, model: Any, dataset: KnowledgeSet, *, sample_losses: bool = True) -> None:
        super().__init__(model, dataset, sample_losses=sample_losses)
        self._triples: dict[str, Tensor] = dict(dataset.kg_feat.interaction)
        self._head, self._tail = dataset.head_entity_field, dataset.tail_entity_field
        self._n_entities = dataset.entity_num
        keys = self._triples[self._head] * self._n_entities + self._triples[self._tail]
        self._known = keys.unique()

    def _rows(self, batch: Batch) -> Any:
        drawn = torch.randint(len(self._triples[self._head]), (len(batch),), device=batch.row.device)
        triples = {name: values[drawn] for name, values in self._triples.items()}
        negative = {f"{self.settings['NEG_PREFIX']}{self._tail}": self._unrelated(triples[self._head])}
        return super()._rows(batch) | triples | negative

    def _unrelated(self, heads: Tensor) -> Tensor:
        """Return an entity that no triple relates each head to, all equally likely, shape [B]."""
        drawn = torch.empty_like(heads)
        missing = torch.arange(len(heads), device=heads.device)
        while len(missing):
            drawn[missing] = torch.randint(1, self._n_entities, missing.shape, device=heads.device)
            keys = heads[missing] * self._n_entities + drawn[missing]
            place = torch.searchsorted(self._known, keys).clamp_(max=len(self._known) - 1)
            missing = missing[self._known[place] == keys]
        return drawn

    def _apply(self, fn: Any, recurse: bool = True) -> KnowledgeBackbone:
        """Convert or move the model, and with it the triples."""
        super()._apply(fn, recurse)
        self._triples = {name: fn(values) for name, values in self._triples.items()}
        self._known = fn(self._known)
        return self


def _ids_of_entities(graph: KnowledgeGraph, n_items: int) -> np.ndarray:
    """Return RecBole's id of each entity."""
    ids = np.zeros(len(graph.entities), np.int64)
    linked = np.flatnonzero(graph.entity_of_item >= 0)[::-1]
    ids[graph.entity_of_item[linked]] = linked + 1
    others = ids == 0
    ids[others] = n_items + 1 + np.arange(others.sum())
    return ids
