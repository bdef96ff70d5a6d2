"""Parts of one's own, what a split knows, and the data sets that were published with a split."""

from __future__ import annotations

import gzip
import hashlib
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import dataset_card, from_frame, in_train_vocabulary, load, load_split, split_by_ratio, split_given
from recval.errors import ConfigError, DataError

property_test = settings(deadline=None, derandomize=True, max_examples=80)
pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), max_size=14, unique=True)


def part(*pairs, **columns):
    users, items = zip(*pairs, strict=True)
    return from_frame(pd.DataFrame({"user": users, "item": items, **columns}))


def rows(part):
    frame = part.to_frame()
    return list(zip(frame["user"], frame["item"], strict=True))


def three(whole, labels):
    """A table of pairs as three tables, by label."""
    interactions = part(*whole)
    return [interactions.take(np.array(labels) == index) for index in range(3)]


@property_test
@given(pairs.filter(len), st.data())
def test_the_vocabulary_of_training_leaves_out_what_training_does_not_know(whole, data):
    labels = [0, *data.draw(st.lists(st.integers(0, 2), min_size=len(whole) - 1, max_size=len(whole) - 1))]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        split = split_given(*three(whole, labels), vocabulary="train")
    parts = [[pair for pair, label in zip(whole, labels, strict=True) if label == index] for index in range(3)]
    users, items = {user for user, _ in parts[0]}, {item for _, item in parts[0]}
    kept = [[(user, item) for user, item in held if user in users and item in items] for held in parts[1:]]
    assert [rows(split.train), rows(split.valid), rows(split.test)] == [parts[0], *kept]
    assert split.users.ids.to_pylist() == sorted(users)
    assert split.items.ids.to_pylist() == sorted(items)
    assert split.dropped == tuple(len(held) - len(left) for held, left in zip(parts[1:], kept, strict=True))
    assert len(told) == any(split.dropped)
    assert split.fingerprint().get("dropped", [0, 0]) == list(split.dropped)
    with warnings.catch_warnings(action="error"):
        assert in_train_vocabulary(split) == split


def test_what_is_left_out_is_told_and_counted_once():
    parts = [part((1, 1), (2, 2)), part((1, 2), (3, 1), (1, 7)), part((2, 1), (2, 8))]
    with pytest.warns(UserWarning, match=r"left out 2 interactions of the validation part and 1 of the test part"):
        split = split_given(*parts, vocabulary="train")
    assert split.dropped == (2, 1)
    with pytest.raises(DataError, match="user 3 of the validation part has no interaction in the training part; leave"):
        split_given(*parts)
    with pytest.raises(ConfigError, match="unknown vocabulary 'trian', did you mean 'train'"):
        split_given(*parts, vocabulary="trian")


def test_a_leak_is_refused_in_either_vocabulary():
    for vocabulary in ("all", "train"):
        with pytest.raises(DataError, match="the pair user 1, item 1 is in both the train and the test part"):
            split_given(part((1, 1)), part((1, 2)), part((1, 1)), vocabulary=vocabulary)


@property_test
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(0, 99))
def test_validation_joined_to_training_keeps_every_row_and_column(counts, seed):
    frame = pd.DataFrame({"user": np.repeat(np.arange(len(counts)), counts)})
    frame["item"], frame["label"] = frame.groupby("user").cumcount(), np.arange(len(frame))
    split = split_by_ratio(from_frame(frame, label="label"), (0.5, 0.3, 0.2), rng=seed)
    joined = split.with_validation()
    assert joined.test is split.test
    assert len(joined.valid) == 0
    expected = pd.concat([split.train.to_frame(), split.valid.to_frame()], ignore_index=True)
    pd.testing.assert_frame_equal(joined.train.to_frame(), expected)
    assert joined.users is split.users
    assert joined.with_validation() == joined


def test_parts_with_other_columns_are_not_joined():
    split = split_given(part((1, 1), (2, 2), stars=[1, 2]), part((1, 2)), part((2, 1)))
    with pytest.raises(DataError, match="different columns cannot be joined, found user, item, stars and user, item"):
        split.with_validation()


FILES = {
    "train.txt": "0 1 2 3 4\n1 2 3 4 5 6 7 8 9 1 10 11 12\n2 1\n",
    "valid.txt": "0 5\n",
    "test.txt": "0 7 8\n1 20\n",
}


@pytest.fixture
def card(tmp_path):
    """Writes a card of a data set in parts, with whatever is to be different, and returns its path."""

    def source(name):
        return {"path": str(tmp_path / name), "reader": "adjacency"}

    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    def write(split=None, **changes):
        values = {
            "name": "mine",
            "title": "Mine",
            "description": "Parts.",
            "licence": "CC0",
            "origin": "ask the author",
            "source": source("train.txt"),
            "split": {"valid": source("valid.txt"), "test": source("test.txt")} if split is None else split(source),
            "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in FILES.items()},
            "sizes": {"users": 3, "items": 13, "interactions": 21},
        }
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(values | changes))
        return str(path)

    return write


def test_a_data_set_in_parts_is_a_split_and_all_of_it_its_interactions(card):
    split = load_split(card())
    assert [len(split.train), len(split.valid), len(split.test)] == [17, 1, 3]
    assert rows(split.test) == [("0", "7"), ("0", "8"), ("1", "20")]
    assert rows(load(card())) == rows(split.train) + rows(split.valid) + rows(split.test)


def test_validation_is_carved_out_of_training_where_there_is_none(card):
    def carved(**settings):
        return card(
            split=lambda source: {"test": source("test.txt"), **settings},
            sha256={},
            sizes={"users": 3, "items": 13, "interactions": 20},
        )

    split = load_split(carved())
    assert split.valid.user_counts().tolist() == [1, 1, 0]
    assert sorted(rows(split.train) + rows(split.valid)) == sorted(
        (line.split()[0], item) for line in FILES["train.txt"].splitlines() for item in line.split()[1:]
    )
    assert load_split(carved()) == split
    assert load_split(carved(seed=1)).valid != split.valid
    assert load_split(carved(valid_share=0.5)).valid.user_counts().tolist() == [2, 6, 0]


def test_a_file_may_be_compressed_under_the_checksum_of_its_content(card, tmp_path):
    path = card()
    expected = load_split(path)
    for name, text in FILES.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        (tmp_path / name).unlink()
    assert load_split(path) == expected
    (tmp_path / "test.txt.gz").write_bytes(gzip.compress(b"0 7\n"))
    with pytest.raises(DataError) as raised:
        load_split(path)
    assert str(raised.value).startswith(f"{tmp_path / 'test.txt.gz'}: its sha256 is ")


@pytest.mark.parametrize("name", FILES)
def test_each_part_must_be_there_and_be_the_one_of_the_card(card, tmp_path, name):
    path = card()
    for read in (load, load_split):
        (tmp_path / name).write_text(FILES[name] + "0 77\n")
        with pytest.raises(DataError, match=rf"{name}: its sha256 is .*, but the card of mine says"):
            read(path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError) as raised:
        load_split(path)
    assert str(raised.value) == f"mine: there is no file {tmp_path / name}; ask the author"


def test_the_sizes_are_those_of_all_parts(card):
    with pytest.raises(DataError, match="mine: read Sizes.*interactions=21.*but its card says .*interactions=17"):
        load_split(card(sizes={"users": 3, "items": 13, "interactions": 17}))


def test_parts_that_overlap_are_refused(card, tmp_path):
    (tmp_path / "test.txt").write_text("0 1\n")
    with pytest.raises(DataError, match="the pair user 0, item 1 is in both the train and the test part"):
        load_split(card(sha256={}))


def test_a_data_set_without_a_split_says_so():
    with pytest.raises(ConfigError, match="the data set ml-100k has no split of its own"):
        load_split("ml-100k")


PUBLISHED = {
    "gowalla": ((719_081, 91_047, 217_242), 29_858, 40_981),
    "amazon-beauty": ((52_849, 7_969, 18_688), 7_068, 3_570),
    "ml-100k-noisy": ((66_899, 8_652, 7_208), 497, 1_512),
}


def there(name):
    """Whether the files of a data set are in the folder that RECVAL_DATA names."""
    return "RECVAL_DATA" in os.environ and Path(os.environ["RECVAL_DATA"], name).is_dir()


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_data_sets_have_their_parts(name):
    if not there(name):
        pytest.skip(f"the folder {name} is not in RECVAL_DATA")
    sizes, users, items = PUBLISHED[name]
    split = load_split(name)
    assert (len(split.train), len(split.valid), len(split.test)) == sizes
    assert (len(split.users), len(split.items)) == (users, items)
    assert split.train.user_counts().min() > 0
    assert len(load(name)) == dataset_card(name).sizes.interactions == sum(sizes)


def test_the_noise_of_movielens_is_labelled():
    if not there("ml-100k-noisy"):
        pytest.skip("the folder ml-100k-noisy is not in RECVAL_DATA")
    split = load_split("ml-100k-noisy")
    assert np.bincount(split.train.column("label")).tolist() == [11_899, 55_000]
    assert (split.test.column("label") == 1).all()


def test_what_is_carved_out_of_beauty_is_a_tenth_of_each_user_and_at_least_one():
    if not there("amazon-beauty"):
        pytest.skip("the folder amazon-beauty is not in RECVAL_DATA")
    split = load_split("amazon-beauty")
    held, whole = split.valid.user_counts(), split.with_validation().train.user_counts()
    assert (held == np.maximum(1, whole // 10)).all()
    assert len(split.with_validation().train) == 60_818
