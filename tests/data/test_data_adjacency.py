"""Adjacency lists, and delimited files without a header: the same interactions as a plain loop over lines finds."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import from_adjacency, from_csv, from_frame
from recval.errors import DataError

property_test = settings(deadline=None, derandomize=True, max_examples=200)
ROLES = {"label": "label"}


def message_of(read, *arguments, **keywords):
    with pytest.raises(DataError) as raised:
        read(*arguments, **keywords)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def pairs_of(text):
    """The pairs in an adjacency list, line by line, in their order."""
    lines = [line.replace("\t", " ").replace("\r", " ").split(" ") for line in text.split("\n")]
    lines = [[word for word in line if word] for line in lines]
    return [(line[0], item) for line in lines for item in line[1:]]


def found(interactions):
    frame = interactions.to_frame()
    return list(zip(frame["user"], frame["item"], strict=True))


words = st.text("017aé", min_size=1, max_size=3)
spaces = st.sampled_from([" ", "  ", "\t", " \t"])


@st.composite
def lists(draw):
    """Lines of words under any spacing, blank lines and lines of a user alone among them."""
    lines = draw(st.lists(st.lists(words, max_size=5), min_size=1, max_size=8))
    text = ""
    for line in lines:
        text += draw(st.sampled_from(["", " "])) + "".join(word + draw(spaces) for word in line)
        text += draw(st.sampled_from(["\n", "\r\n"]))
    return text if draw(st.booleans()) else text.rstrip("\r\n")


@property_test
@given(lists(), st.sampled_from(["first", "last"]))
def test_an_adjacency_list_equals_a_loop_over_its_lines(tmp_path_factory, text, duplicates):
    path = tmp_path_factory.mktemp("lists") / "train.txt"
    path.write_bytes(text.encode())
    expected = pairs_of(text)
    if not expected:
        assert message_of(from_adjacency, path) in (f"{path}: the file is empty", f"{path}: no interactions")
        return
    frame = pd.DataFrame(expected, columns=["user", "item"])
    if frame.duplicated().any():
        assert "occurs a second time" in message_of(from_adjacency, path)
    read = from_adjacency(path, duplicates=duplicates)
    assert read == from_frame(frame, duplicates=duplicates)
    assert found(read) == list(frame.drop_duplicates(keep=duplicates).itertuples(index=False, name=None))


def test_ids_are_text_as_they_stand_and_a_user_may_have_several_lines(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"\xef\xbb\xbf007 1 2\n8\n7 1\n007 3\n")
    assert found(from_adjacency(path)) == [("007", "1"), ("007", "2"), ("7", "1"), ("007", "3")]
    assert from_adjacency(path).users.ids.to_pylist() == ["007", "7"]


def test_a_compressed_file_gives_the_same(tmp_path):
    text = b"0 1 2\n1 2\n"
    (tmp_path / "train.txt").write_bytes(text)
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(text))
    assert from_adjacency(tmp_path / "train.txt.gz") == from_adjacency(tmp_path / "train.txt")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ": the file is empty"),
        (b"\n \n", ": no interactions"),
        (b"1\n2\n", ": no interactions"),
        (b"1 2 3\n\n4 5\n1 3\n", ", line 4: the pair user 1, item 3 occurs a second time"),
        (b"1 2\n4 5 6 5\n", ", line 2: the pair user 4, item 5 occurs a second time"),
        (b"1 2\n-4 5\n", ", line 2: the user id -4 is not allowed"),
        (b"1 2\n\n4 6 -5\n", ", line 3: the item id -5 is not allowed"),
        (b"1 2\nZo\xeb 3\n", ", line 2: not UTF-8 text, found the byte 0xeb"),
    ],
)
def test_mistakes_in_an_adjacency_list_name_the_line(tmp_path, content, expected):
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    assert message_of(from_adjacency, path).startswith(f"{path}{expected}")


@pytest.mark.parametrize("damage", [lambda data: data[:-6], lambda data: b"text", lambda data: data[:12] + b"\0" * 9])
@pytest.mark.parametrize("read", [from_adjacency, from_csv])
def test_a_file_that_gzip_did_not_write_is_refused(tmp_path, read, damage):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(damage(gzip.compress(b"user,item\n1,2\n")))
    assert message_of(read, path).startswith(f"{path} is not a whole file of gzip: ")


def test_a_file_that_is_not_there(tmp_path):
    assert message_of(from_adjacency, tmp_path / "no.txt") == f"there is no file {tmp_path / 'no.txt'}"


names = st.text("abé ", min_size=1, max_size=4).map(str.strip).filter(bool)


@property_test
@given(st.lists(st.tuples(names, names, st.integers(0, 1)), min_size=1, max_size=9, unique_by=lambda row: row[:2]))
def test_a_file_without_a_header_equals_the_one_with_it(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("headers")
    frame = pd.DataFrame(rows, columns=["user", "item", "label"])
    frame.to_csv(folder / "with.tsv", sep="\t", index=False)
    frame.to_csv(folder / "without.tsv.gz", sep="\t", index=False, header=False)
    with_header = from_csv(folder / "with.tsv", separator="\t", **ROLES)
    without = from_csv(folder / "without.tsv.gz", separator="\t", header=["user", "item", "label"], **ROLES)
    assert without == with_header


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1\t2\t1\n3\t4\n", ", line 2: expected 3 values (user, item, label), found 2"),
        ("1\t2\n3\t4\n", ", line 1: expected 3 values (user, item, label), found 2"),
        ("1\t2\t1\n\n3\t4\t.5\n", ", line 3: the label must be a whole number, found 0.5"),
        ("1\t2\t1\n1\t2\t0\n", ", line 2: the pair user 1, item 2 occurs a second time"),
        ("\n\n", ": no interactions"),
        ("", ": the file is empty"),
    ],
)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mistakes_in_a_file_without_a_header_name_the_line(tmp_path, content, expected, ending):
    path = tmp_path / f"train.tsv{ending}"
    path.write_bytes(gzip.compress(content.encode()) if ending else content.encode())
    message = message_of(from_csv, path, separator="\t", header=["user", "item", "label"], **ROLES)
    assert message.startswith(f"{path}{expected}")
