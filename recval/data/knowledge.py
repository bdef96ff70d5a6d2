"""A knowledge graph: triples (head, relation, tail) of entities, some of which are items of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from recval.data.vocabulary import Codes, Vocabulary


@dataclass(frozen=True)
class KnowledgeGraph:
    """What is known of items, as triples of entities.

    Attributes:
        triples: one row a triple; the columns `head` and `tail` hold codes of entities, `relation` of relations
            (int64).
        entities: the entities' ids, those of items without any triple included.
        relations: the relations' ids.
        links: the code of the entity that each item is, in the order of the items' codes; -1 where it is none (int64).
    """

    triples: pa.Table
    entities: Vocabulary
    relations: Vocabulary
    links: pa.Array

    def __len__(self) -> int:
        return self.triples.num_rows

    @cached_property
    def head(self) -> Codes:
        """The entity that each triple speaks of, shape [n_triples]."""
        return self.triples["head"].to_numpy()

    @cached_property
    def relation(self) -> Codes:
        """The relation of each triple, shape [n_triples]."""
        return self.triples["relation"].to_numpy()

    @cached_property
    def tail(self) -> Codes:
        """The entity that the head is related to, shape [n_triples]."""
        return self.triples["tail"].to_numpy()

    @cached_property
    def entity_of_item(self) -> Codes:
        """The entity that each item is, -1 where it is none, shape [n_items]."""
        return self.links.to_numpy()

    def for_items(self, codes: Codes) -> KnowledgeGraph:
        """Return the same graph for other items.

        Args:
            codes: the code that each new item has here, -1 where it has none; shape [n_new_items].
        """
        known = np.append(self.entity_of_item, -1)  # The code -1 takes the last.
        return replace(self, links=pa.array(known[codes]))
