"""Knowledge-aware models of the RecBole bridge: entities and items share ids, triples and their negatives are drawn."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from recbole_samples import build_small, described, interactions, triplets

from recval.backbones.recbole import build
from recval.data import KnowledgeGraph, Vocabulary
from recval.errors import DataError


@pytest.mark.parametrize("name", ["CFKG", "KGCN", "RippleNet"])
def test_without_a_graph_it_is_asked_for(name):
    with pytest.raises(DataError, match=r"^a knowledge-aware model needs a knowledge graph of the items, found none"):
        build(name, interactions())


def test_an_entity_has_the_id_of_its_item():
    data = described()
    triples = build_small("CKE", data)._triples
    item_of = {entity: item for item, entity in enumerate(data.knowledge.entity_of_item) if entity >= 0}
    others = {}
    for column, codes in (("head_id", data.knowledge.head), ("tail_id", data.knowledge.tail)):
        for found, entity in zip(triples[column].tolist(), codes, strict=True):
            if entity in item_of:
                assert found == item_of[entity] + 1
            else:
                assert found > len(data.items)
                assert others.setdefault(entity, found) == found
    assert len(set(others.values())) == len(others)
    assert triples["relation_id"].tolist() == (data.knowledge.relation + 1).tolist()


def test_an_item_may_be_no_entity_and_two_items_one():
    data = interactions(n_users=4, n_items=3, n=5)
    graph = KnowledgeGraph(
        pa.table({"head": [0], "relation": [0], "tail": [1]}),
        Vocabulary(pa.array(["a", "b"])),
        Vocabulary(pa.array(["r"])),
        pa.array([-1, 0, 0]),
    )
    backbone = build_small("CFKG", replace(data, knowledge=graph))
    assert {name: values.tolist() for name, values in backbone._triples.items()} == {
        "head_id": [2],
        "relation_id": [1],
        "tail_id": [4],
    }
    assert backbone.model.n_entities == 5


def test_a_negative_entity_is_no_tail_of_the_head_and_any_other_may_be():
    data = described()
    backbone = build_small("CFKG", data)
    heads, tails = backbone._triples["head_id"], backbone._triples["tail_id"]
    head = heads[0]
    known = set(tails[heads == head].tolist())
    torch.manual_seed(0)
    drawn = backbone._unrelated(head.repeat(4000))
    counts = np.bincount(drawn.numpy(), minlength=backbone.model.n_entities)
    assert set(np.flatnonzero(counts)) == set(range(1, backbone.model.n_entities)) - known
    assert counts[counts > 0].min() > 0.6 * counts[counts > 0].mean()


def test_each_sample_brings_a_triple_of_the_graph():
    data = described()
    backbone = build_small("CKE", data)
    torch.manual_seed(0)
    rows = backbone._rows(triplets(data))
    names = ("head_id", "relation_id", "tail_id")
    known = set(zip(*(backbone._triples[name].tolist() for name in names), strict=True))
    assert set(zip(*(rows[name].tolist() for name in names), strict=True)) <= known
    assert len(rows["neg_tail_id"]) == len(data)


def test_ktup_trains_on_interactions_and_on_triples_in_turn():
    data = described()
    backbone = build("KTUP", data, {"train_rec_step": 2, "train_kg_step": 1, "embedding_size": 4})
    kinds = []
    for epoch in range(6):
        backbone.start_epoch(epoch)
        kinds.append(backbone._loss.__name__)
    assert kinds == ["calculate_loss", "calculate_loss", "calculate_kg_loss"] * 2


def test_mkr_trains_on_triples_at_intervals():
    data = described()
    backbone = build_small("MKR", data).eval()
    batch = triplets(data)
    backbone.start_epoch(1)
    alone = backbone.loss_per_sample(batch)[0]
    backbone.start_epoch(3)
    torch.manual_seed(0)
    both = backbone.loss_per_sample(batch)[0]
    torch.manual_seed(0)
    expected = alone + backbone.model.calculate_kg_loss(backbone._rows(batch))
    torch.testing.assert_close(both, expected)
