"""Interactions: the table, its readers, its splits and the catalogue of known data sets."""

from recval.data.atomic import from_atomic
from recval.data.catalogue import DatasetCard, DataSource, dataset_card, datasets, load
from recval.data.filters import filtered
from recval.data.interactions import Interactions, Split, Vocabulary
from recval.data.readers import from_csv, from_frame, from_parquet
from recval.data.splits import leave_one_out, split_by_ratio, split_by_time, split_given

__all__ = [
    "DataSource",
    "DatasetCard",
    "Interactions",
    "Split",
    "Vocabulary",
    "dataset_card",
    "datasets",
    "filtered",
    "from_atomic",
    "from_csv",
    "from_frame",
    "from_parquet",
    "leave_one_out",
    "load",
    "split_by_ratio",
    "split_by_time",
    "split_given",
]
