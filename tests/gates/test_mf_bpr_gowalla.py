"""Matrix factorisation by BPR reaches the figures that are published for it on Gowalla.

The settings were chosen on the validation part, trained on the training part alone. The model is then trained once on
both, for the epochs that were best there, and meets the test part once. The same by hand, from the root of the
repository: `python -m pytest -m slow tests/gates/test_mf_bpr_gowalla.py`; it takes about three minutes of one core.
"""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pytest

from recval.backbones import build
from recval.data import Interactions, Split, load_split
from recval.ranking import Evaluator, ItemSets
from recval.training import Loop, Training

PUBLISHED = {"recall@20": 0.160, "ndcg@20": 0.135}
SETTINGS = Training(epochs=240, batch_size=2048, learning_rate=0.05, weight_decay=0.006, validate_every=240)


def joined(first: Interactions, second: Interactions) -> Interactions:
    return Interactions(pa.concat_tables([first.table, second.table]), first.users, first.items)


@pytest.mark.slow
@pytest.mark.skipif("RECVAL_DATA" not in os.environ, reason="RECVAL_DATA names no folder of data")
def test_recall_and_ndcg_reach_the_published_ones():
    given = load_split("gowalla")
    train = joined(given.train, given.valid)
    backbone = build("CompiledBPR", train, {"embedding_size": 64}, seed=0)
    unused = given.valid.take(np.arange(1))
    history = Loop(backbone, Split(train, unused, given.test), SETTINGS, seed=0).fit().history
    found = Evaluator(given.test, ItemSets.of(train), list(PUBLISHED))(backbone.score).means
    assert len(history) == SETTINGS.epochs
    assert all(found[name] >= least for name, least in PUBLISHED.items()), found
