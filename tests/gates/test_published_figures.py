"""The whole path of the data, from the files to the metrics, gives the figures that others published for GF-CF.

Gowalla: Shen et al., CIKM 2021. Beauty: found here first, kept so that no change goes unseen.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pyarrow as pa
import pytest

from recval.backbones.build import build
from recval.data import load_split
from recval.ranking import Evaluator, ItemSets

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("RECVAL_DATA" not in os.environ, reason="RECVAL_DATA names no folder of data"),
]


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("gowalla", {"recall@20": 0.1849, "ndcg@20": 0.1518}),
        ("amazon-beauty", {"recall@20": 0.1586, "ndcg@20": 0.0986}),
    ],
)
def test_recall_and_ndcg_are_the_published_ones(dataset, expected):
    split = load_split(dataset)
    train = replace(split.train, table=pa.concat_tables([split.train.table, split.valid.table]))
    score = build("GFCF", train, {"alpha": 0.3}).score
    found = Evaluator(split.test, ItemSets.of(train), list(expected))(score).means
    assert found == pytest.approx(expected, abs=1e-4)
