"""Interactions: the table, its readers, its splits and the catalogue of known data sets."""

from recval.data.adjacency import from_adjacency
from recval.data.atomic import from_atomic
from recval.data.cards import CustomersCard, DatasetCard
from recval.data.catalogue import dataset_card, datasets, known_card, known_cards, load, load_split
from recval.data.filters import filtered
from recval.data.interactions import Interactions, Split
from recval.data.knowledge import KnowledgeGraph
from recval.data.parts import in_train_vocabulary, split_given
from recval.data.readers import from_csv, from_frame, from_parquet
from recval.data.sources import DataSource
from recval.data.splits import k_fold, leave_k_out, split_by_ratio, split_by_time
from recval.data.vocabulary import Vocabulary

__all__ = [
    "CustomersCard",
    "DataSource",
    "DatasetCard",
    "Interactions",
    "KnowledgeGraph",
    "Split",
    "Vocabulary",
    "dataset_card",
    "datasets",
    "filtered",
    "from_adjacency",
    "from_atomic",
    "from_csv",
    "from_frame",
    "from_parquet",
    "in_train_vocabulary",
    "k_fold",
    "known_card",
    "known_cards",
    "leave_k_out",
    "load",
    "load_split",
    "split_by_ratio",
    "split_by_time",
    "split_given",
]
