"""The whole path of the data, from the files to the metrics, gives the figures that are known of models in closed form.

GF-CF on Gowalla: Shen et al., CIKM 2021. The others were found with independent code, and are kept so that no change
goes unseen. What these models are built on is the published training set: our training and validation part.
"""

from __future__ import annotations

import os

import pytest

from recval.backbones import build
from recval.data import load_split
from recval.ranking import Evaluator, ItemSets

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("RECVAL_DATA" not in os.environ, reason="RECVAL_DATA names no folder of data"),
]


@pytest.mark.parametrize(
    ("dataset", "model", "parameters", "expected"),
    [
        ("gowalla", "GFCF", {"alpha": 0.3}, {"recall@20": 0.1849, "ndcg@20": 0.1518}),
        ("gowalla", "Pop", {}, {"recall@20": 0.0416, "ndcg@20": 0.0317}),
        ("amazon-beauty", "GFCF", {"alpha": 0.3}, {"recall@20": 0.1586, "ndcg@20": 0.0986}),
        ("amazon-beauty", "EASE", {"reg_weight": 100.0}, {"recall@20": 0.1737, "ndcg@20": 0.1120}),
        ("amazon-beauty", "Pop", {}, {"recall@20": 0.0352, "ndcg@20": 0.0176}),
    ],
)
def test_recall_and_ndcg_are_the_known_ones(dataset, model, parameters, expected):
    split = load_split(dataset).with_validation()
    backbone = build(model, split.train, parameters)
    found = Evaluator(split.test, ItemSets.of(split.train), list(expected))(backbone.score).means
    assert found == pytest.approx(expected, abs=1e-4)
