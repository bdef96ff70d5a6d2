"""Knowledge graphs: what the files say is what the graph says, whatever is done to the interactions."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import (
    Interactions,
    KnowledgeGraph,
    Vocabulary,
    filtered,
    from_atomic,
    load,
    split_by_ratio,
    split_given,
)
from recval.data.encoding import compact, recode, union
from recval.errors import DataError

ML_100K = Path(find_spec("recbole").origin).parent / "dataset_example/ml-100k"
INTER = "user_id:token\titem_id:token\n1\ta\n1\tb\n2\ta\n2\tc\n"
KG = "head_id:token\trelation_id:token\ttail_id:token\nm.1\tby\tm.2\nm.3\tby\tm.2\nm.3\tin\tm.1\n"
LINK = "item_id:token\tentity_id:token\nc\tm.9\na\tm.3\nz\tm.1\n"


@pytest.fixture
def folder(tmp_path):
    """Atomic files of four interactions, three triples, and links of two of the items and of an unknown one."""
    for ending, content in (("inter", INTER), ("kg", KG), ("link", LINK)):
        (tmp_path / f"set.{ending}").write_text(content)
    return tmp_path


def triples(graph):
    """The triples of a graph by their ids, in their order."""
    names = (graph.entities.names(graph.head), graph.relations.names(graph.relation), graph.entities.names(graph.tail))
    return list(zip(*names, strict=True))


def links(interactions):
    """The entity of each item that has one, by their ids."""
    codes = interactions.knowledge.entity_of_item
    assert codes.shape == (len(interactions.items),)
    known = np.flatnonzero(codes >= 0)
    entities = interactions.knowledge.entities.names(codes[known])
    return dict(zip(interactions.items.names(known), entities, strict=True))


def test_a_graph_is_what_its_files_say(folder):
    interactions = from_atomic(folder)
    graph = interactions.knowledge
    assert triples(graph) == [("m.1", "by", "m.2"), ("m.3", "by", "m.2"), ("m.3", "in", "m.1")]
    assert links(interactions) == {"a": "m.3", "c": "m.9"}
    assert graph.entities.ids.to_pylist() == ["m.1", "m.2", "m.3", "m.9"]
    assert graph.relations.ids.to_pylist() == ["by", "in"]
    assert len(graph) == 3
    for codes in (graph.head, graph.relation, graph.tail, graph.entity_of_item):
        assert codes.dtype == np.int64


def test_movielens_has_the_graph_that_pandas_reads():
    interactions = load("ml-100k")
    frames = [pd.read_csv(ML_100K / f"ml-100k.{ending}", sep="\t", dtype=str) for ending in ("kg", "link")]
    assert triples(interactions.knowledge) == list(frames[0].itertuples(index=False, name=None))
    known = set(interactions.items.ids.to_pylist())
    assert links(interactions) == {item: entity for item, entity in frames[1].to_numpy() if item in known}


@pytest.mark.parametrize("missing", ["kg", "link"])
def test_a_graph_needs_both_of_its_files(folder, missing):
    (folder / f"set.{missing}").unlink()
    assert from_atomic(folder).knowledge is None


@pytest.mark.parametrize(
    ("ending", "content", "expected"),
    [
        ("kg", "head_id:token\trelation_id:token\nm.1\tby\n", ": no column 'tail_id' for the tail"),
        ("kg", KG + "m.1\t\tm.2\n", ", line 5: the relation is missing"),
        ("kg", KG + "m.1\tm.2\n", ", line 5: expected 3 values"),
        ("link", "item_id:token\tentity:token\na\tm.1\n", ": no column 'entity_id' for the entity"),
        ("link", LINK + "\na\tm.2\n", ", line 6: the item a is linked a second time"),
        ("link", LINK + "\tm.2\n", ", line 5: the item is missing"),
    ],
)
def test_mistakes_in_a_graph_name_file_and_line(folder, ending, content, expected):
    path = folder / f"set.{ending}"
    path.write_text(content)
    with pytest.raises(DataError) as raised:
        from_atomic(folder)
    assert str(raised.value).startswith(f"{path}{expected}")
    assert "\n" not in str(raised.value)


def test_an_item_without_any_link_and_a_graph_without_any_linked_item(folder):
    (folder / "set.link").write_text("item_id:token\tentity_id:token\nz\tm.1\n")
    interactions = from_atomic(folder)
    assert links(interactions) == {}
    assert interactions.knowledge.entity_of_item.tolist() == [-1, -1, -1]


@st.composite
def tables(draw):
    """Interactions of a few items, some of which are entities of a graph."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=20, unique=True))
    entity = draw(st.lists(st.integers(-1, 4), min_size=7, max_size=7))
    users, items = np.array(pairs).T
    nothing = pa.table({name: pa.array([], pa.int64()) for name in ("head", "relation", "tail")})
    entities, relations = Vocabulary(pa.array(list("vwxyz"))), Vocabulary(pa.array([], pa.string()))
    graph = KnowledgeGraph(nothing, entities, relations, pa.array(entity))
    return Interactions(
        pa.table({"user": users, "item": items}), Vocabulary(pa.array(range(4))), Vocabulary(pa.array(range(7))), graph
    )


def of_met_items(links, interactions):
    """The links of the items that have interactions."""
    met = set(interactions.items.names(interactions.item))
    return {item: entity for item, entity in links.items() if item in met}


@settings(deadline=None, derandomize=True, max_examples=80)
@given(tables(), st.integers(0, 99))
def test_links_stay_with_their_items(interactions, seed):
    expected = links(interactions)
    split = split_by_ratio(interactions, (0.5, 0.25, 0.25), rng=seed)
    again = split_given(split.train, split.valid, split.test)
    larger = union(Vocabulary(pa.array([9, 6, 8])), interactions.items)
    for changed in (
        interactions.take(np.arange(len(interactions))[::-1]),
        compact(interactions),
        filtered(interactions, min_per_item=1),
        recode(interactions, interactions.users, larger),
        split.train,
        split.test,
        again.train,
        again.valid,
        split.with_validation().train,
    ):
        assert of_met_items(links(changed), changed) == of_met_items(expected, changed)
        assert changed.knowledge.triples is interactions.knowledge.triples
