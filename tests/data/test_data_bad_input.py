"""Every mistake in the data ends as one line that says where it is, what was found and what is allowed."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import from_atomic, from_csv, from_frame, from_parquet
from recval.errors import ConfigError, DataError, RecvalError

CSV_ROLES = {"rating": "rating", "time": "time", "label": "label"}


def message_of(read, *arguments, error=DataError, **keywords):
    with pytest.raises(RecvalError) as raised:
        read(*arguments, **keywords)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("content", "roles", "expected"),
    [
        ("user,item\n1,2\n\n,3\n", "", ", line 4: the user is missing"),
        ('user,item\n1,2\n1,""\n', "", ", line 3: the item is missing"),
        ("user,item\n1,2\n-3,2\n", "", ", line 3: the user id -3 is not allowed; ids are 0, 1, 2, … or text"),
        ("user,item\n1,2\n2,2\n1,2\n", "", ", line 4: the pair user 1, item 2 occurs a second time"),
        ('user,item,n\n1,2,"a\nb\nc"\n\n1,2,d\n', "", ", line 6: the pair user 1, item 2 occurs a second time"),
        ('user,item,n\n1,2,x\n1,2,"a\nb"\n', "", ", line 3: the pair user 1, item 2 occurs a second time"),
        ("user,item,rating\n1,2,3\n1,3,good\n", "rating", ", line 3: the rating must be a number, found 'good'"),
        ("user,item,rating\n1,2,3\n1,3,\n", "rating", ", line 3: the rating must be a number, found ''"),
        ("user,item,rating\n1,2,nan\n", "rating", ", line 2: the rating must be a number, found 'nan'"),
        ("user,item,rating\n1,2,inf\n", "rating", ", line 2: the rating must be a number, found 'inf'"),
        ("user,item,rating\n1,2,1e999\n", "rating", ", line 2: the rating must be a finite number, found inf"),
        ("user,item,rating\n1,2,0x10\n", "rating", ", line 2: the rating must be a number, found '0x10'"),
        ("user,item,time\n1,2,7\n1,3,2020-01-01\n", "time", ", line 3: the time must be a number, found '2020-01-01'"),
        ("user,item,time\n1,3,2020-01-01\n1,2,7\n", "time", ", line 2: the time must be a number, found '2020-01-01'"),
        ("user,item,time\n1,3,2020-13-01\n", "time", ", line 2: the time must be a number, found '2020-13-01'"),
        ("user,item,label\n1,3,0.5\n", "label", ", line 2: the label must be a whole number, found 0.5"),
        ("user,item,label\n1,3,1e30\n", "label", ", line 2: the label must be a whole number, found 1e+30"),
        ("usr,item\n1,2\n", "", ": no column 'user' for the user, did you mean 'usr'? (found: usr, item)"),
        ("user,item,ratings\n1,2,3\n", "rating", ": no column 'rating' for the rating, did you mean 'ratings'?"),
        ("user,item,x,x\n1,2,3,4\n", "", ": two columns would be named 'x'; rename one of them"),
        ("\ufeffuser,item\n1,2,3\n", "", ", line 2: expected 2 values (user, item) as in the header, found 3"),
        ("user,item\n1,2\n3\n", "", ", line 3: expected 2 values (user, item) as in the header, found 1"),
        ("user,item\n1,2\n\n3,4,5\n", "", ", line 4: expected 2 values (user, item) as in the header, found 3"),
        ('user,item,n\n1,2,"a\nb"\n3,4\n', "", ", line 4: expected 3 values (user, item, n) as in the header, found 2"),
        ('user,item\n1,2\n1,"3\n3,4\n', "", ", line 3: a quote is not closed"),
        ('user,item,n\n1,2,"x\ny"\n3,4,"z\n5,6,z\n', "", ", line 4: a quote is not closed"),
        (f"user,item,n\n1,2,{'x' * 3_000_000}\n", "", ", line 2: field larger than field limit"),
        ("", "", ": the file is empty"),
        ("\n\n", "", ": no rows below the header"),
        ("user,item", "", ": no rows below the header"),
        ("user,item\n", "", ": no interactions"),
    ],
)
def test_csv(tmp_path, content, roles, expected):
    path = tmp_path / "ratings.csv"
    path.write_text(content, encoding="utf8")
    message = message_of(from_csv, path, **{role: role for role in roles.split()})
    assert message.startswith(f"{path}{expected}")


def test_a_quote_within_a_value_closes_nothing(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text('user,item\n1,5" disk\n2,6\n')
    assert from_csv(path).to_frame()["item"].tolist() == ['5" disk', "6"]


@pytest.mark.parametrize("column", ["user", "note"])
def test_a_file_that_is_not_utf8_names_line_and_byte(tmp_path, column):
    frame = pd.DataFrame({"user": ["a", "Zoë"], "item": 1}).rename(columns={"user": column})
    frame["user"] = frame.get("user", "b")
    path = tmp_path / "latin.csv"
    frame.to_csv(path, index=False, encoding="latin-1")
    assert message_of(from_csv, path).startswith(f"{path}, line 3: not UTF-8 text, found the byte 0xeb")
    path.write_bytes("user,item,ë\n1,2,3\n".encode("latin-1"))
    assert message_of(from_csv, path).startswith(f"{path}, line 1: not UTF-8 text, found the byte 0xeb")
    frame.to_csv(path, index=False, encoding="utf-16")
    assert message_of(from_csv, path).startswith(f"{path}, line 1: not UTF-8 text, found the byte 0xff")


@pytest.mark.parametrize("separator", ["::", "", "é", "\n"])
def test_a_separator_that_is_none(tmp_path, separator):
    path = tmp_path / "ratings.csv"
    path.write_text("user::item\n1::2\n")
    assert message_of(from_csv, path, separator=separator).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("inter", "user_id:token\titem_id\n1\t2\n", ", line 1: expected fields as name:type, found 'item_id'"),
        ("inter", "user_id:token\t:token\n1\t2\n", ", line 1: expected fields as name:type, found ':token'"),
        ("inter", "user_id:token,item_id:token\n1,2\n", ", line 1: unknown type of the field user_id 'token,item_id"),
        ("inter", "user_id:tokn\titem_id:token\n1\t2\n", ", line 1: unknown type of the field user_id 'tokn', did you"),
        ("inter", "usr_id:token\titem_id:token\n1\t2\n", ": no column 'user_id' for the user, did you mean 'usr_id'?"),
        ("inter", "user_id:token\titem_id:token\n1\t2\n\n1\n", ", line 4: expected 2 values"),
        ("inter", "user_id:token\titem_id:token\n1\t2\n\n1\t2\n", ", line 4: the pair user 1, item 2 occurs a second"),
        ("inter", "user_id:token\titem_id:token\n\t2\n", ", line 2: the user is missing"),
        ("inter", "user_id:token\titem_id:token\ttimestamp:float\n1\t2\tnow\n", ", line 2: the time must be a number"),
        ("inter", "user_id:token\tuser_id:float\titem_id:token\n1\t1\t2\n", ": two columns would be named 'user'"),
        ("inter", "user_id:token\titem_id:token", ": no rows below the header"),
        ("inter", "user_id:token\titem_id:token\n", ": no interactions"),
        ("inter", "", ": the file is empty"),
        ("item", "", ": the file is empty"),
        ("item", "item:token\n2\n", ": no column 'item_id' for the item, did you mean 'item'?"),
        ("user", "user_id:token\tage:float\n1\n", ", line 2: expected 2 values"),
    ],
)
def test_atomic_files(tmp_path, name, content, expected):
    (tmp_path / "set.inter").write_text("user_id:token\titem_id:token\n1\t2\n")
    path = tmp_path / f"set.{name}"
    path.write_text(content)
    assert message_of(from_atomic, tmp_path).startswith(f"{path}{expected}")


def test_atomic_files_that_are_not_utf8(tmp_path):
    path = tmp_path / "set.inter"
    path.write_bytes("user_id:token\titem_id:token\n1\t2\nZoë\t1\n".encode("latin-1"))
    assert message_of(from_atomic, path).startswith(f"{path}, line 3: not UTF-8 text, found the byte 0xeb")
    path.write_bytes("usër_id:token\titem_id:token\n1\t2\n".encode("latin-1"))
    assert message_of(from_atomic, path).startswith(f"{path}, line 1: not UTF-8 text, found the byte 0xeb")


def test_roles_of_atomic_fields_that_are_named_must_be_there(tmp_path):
    (tmp_path / "set.inter").write_text("user_id:token\titem_id:token\tstars:float\n1\t2\t3\n")
    message = message_of(from_atomic, tmp_path, roles={"rating": "strs"})
    assert message.startswith(f"{tmp_path / 'set.inter'}: no column 'strs' for the rating, did you mean 'stars'?")


def test_files_that_are_not_there(tmp_path):
    missing = tmp_path / "ratings.inter"
    for read in (from_csv, from_parquet, from_atomic):
        assert message_of(read, missing) == f"there is no file {missing}"
    for read in (from_csv, from_parquet):
        assert message_of(read, tmp_path) == f"there is no file {tmp_path}"
    assert message_of(from_atomic, tmp_path / "no") == f"there is no folder {tmp_path / 'no'}"
    assert message_of(from_atomic, tmp_path) == f"{tmp_path} must hold exactly one .inter file, found 0"
    for name in ("a", "b"):
        (tmp_path / f"{name}.inter").write_text("user_id:token\titem_id:token\n1\t2\n")
    assert message_of(from_atomic, tmp_path) == f"{tmp_path} must hold exactly one .inter file, found 2"


def damaged(content):
    yield b""
    yield b"user,item\n1,2\n"
    yield content[:-9]
    yield content[:-40] + content[-8:]
    yield content[:4] + b"\xff" * 60 + content[64:]


def test_parquet_files_that_are_none_or_damaged(tmp_path):
    path = tmp_path / "ratings.parquet"
    pd.DataFrame({"user": [1, 2], "item": [1, 2]}).to_parquet(path)
    for content in list(damaged(path.read_bytes())):
        path.write_bytes(content)
        assert message_of(from_parquet, path).startswith(f"{path} is not a Parquet file: ")


def test_parquet_names_the_row(tmp_path):
    path = tmp_path / "ratings.parquet"
    pd.DataFrame({"user": [1, 2, 2], "item": [1, 2, 2]}).to_parquet(path)
    assert message_of(from_parquet, path).startswith(f"{path}, row 2: the pair user 2, item 2 occurs a second time")
    pd.DataFrame({"user": [1, None], "item": [1, 2]}).to_parquet(path)
    assert message_of(from_parquet, path) == f"{path}, row 1: the user is missing"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"user": [], "item": []}, ": no interactions"),
        ({"user": [1, np.nan]}, ", row 1: the user is missing"),
        ({"user": [None, None]}, ", row 0: the user is missing"),
        ({"user": pd.Categorical(["a", None])}, ", row 1: the user is missing"),
        ({"user": ["a", ""]}, ", row 1: the user is missing"),
        ({"user": [0, -1]}, ", row 1: the user id -1 is not allowed; ids are 0, 1, 2, … or text"),
        ({"user": ["0", "-1"]}, ", row 1: the user id -1 is not allowed"),
        ({"user": [0.0, -1.0]}, ", row 1: the user id -1.0 is not allowed"),
        ({"user": [0.0, 1.5]}, ", row 1: the user id 1.5 is not allowed"),
        ({"user": [0.0, np.inf]}, ", row 1: the user id inf is not allowed"),
        ({"user": [0.0, 2.0**64]}, ", row 1: the user id 1.8446744073709552e+19 is not allowed"),
        ({"user": np.array([0, 2**63], np.uint64)}, ", row 1: the user id 9223372036854775808 is not allowed"),
        ({"user": [0, 2**70]}, ": the column 'user' cannot be read: "),
        ({"user": [True, False]}, ": the user ids must be integers or text, found bool"),
        ({"user": [[1], [2]]}, ": the user ids must be integers or text, found list"),
        ({"user": pd.to_datetime(["2020", "2021"])}, ": the user ids must be integers or text, found timestamp"),
        ({"user": [1, "a"]}, ", row 1: the user must be int, as above, found 'a'"),
        ({"user": ["a", None], "item": ["a", 1]}, ", row 1: the item must be str, as above, found 1"),
        ({"user": [1, 1], "item": [1, 1]}, ", row 1: the pair user 1, item 1 occurs a second time"),
        ({"rating": [1, np.nan]}, ", row 1: the rating must be a finite number, found None"),
        ({"rating": [1, -np.inf]}, ", row 1: the rating must be a finite number, found -inf"),
        ({"rating": ["1", "good"]}, ", row 1: the rating must be a number, found 'good'"),
        ({"rating": ["1", None]}, ", row 1: the rating must be a number, found None"),
        ({"rating": [1, "good"]}, ", row 1: the rating must be int, as above, found 'good'"),
        ({"rating": [[1], [2]]}, ": the rating must be a number, found list"),
        ({"rating": [decimal.Decimal("1.5"), None]}, ", row 1: the rating must be a finite number, found None"),
        ({"time": pd.to_datetime(["2020", None])}, ", row 1: the time must be a finite number, found None"),
        ({"label": [0, 0.5]}, ", row 1: the label must be a whole number, found 0.5"),
        ({"label": [0, 2.0**60]}, ", row 1: the label must be a whole number, found 1.152921504606847e+18"),
        ({"side": [1j, 2j]}, ": the column 'side' cannot be read: "),
    ],
)
def test_frames(columns, expected):
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2]} | columns if len(columns.get("user", "ab")) else columns)
    roles = {role: role for role in columns if role in CSV_ROLES}
    assert message_of(from_frame, frame, **roles).startswith(f"the frame{expected}")


def test_columns_of_frames():
    frame = pd.DataFrame({"usr": [1], "item": [2], "rating": [3]})
    assert message_of(from_frame, frame) == (
        "the frame: no column 'user' for the user, did you mean 'usr'? (found: usr, item, rating)"
    )
    assert message_of(from_frame, frame, user="item") == (
        "the frame: the column 'item' cannot be the user and the item at once"
    )
    clash = pd.DataFrame({"uid": [1], "user": ["x"], "item": [2]})
    assert message_of(from_frame, clash, user="uid") == (
        "the frame: two columns would be named 'user'; rename one of them"
    )
    twice = pd.DataFrame([[1, 2, 3]], columns=["user", "item", "item"])
    assert message_of(from_frame, twice) == "the frame: two columns are named 'item'; rename one of them"


def test_fields_of_frames():
    frame = pd.DataFrame({"user": [1, 2], "item": ["a", "b"]})
    assert message_of(from_frame, frame, user_fields=pd.DataFrame({"usr": [1]})).startswith(
        "user_fields: no column 'user' for the user, did you mean 'usr'?"
    )
    assert message_of(from_frame, frame, user_fields=pd.DataFrame({"user": ["x"], "age": [1]})) == (
        "the fields of the users name them by string, but the interactions by int64"
    )


@pytest.mark.parametrize("read", ["frame", "csv", "parquet", "atomic"])
def test_an_unknown_way_with_duplicates_is_refused(tmp_path, read):
    frame = pd.DataFrame({"user": [1], "item": [2]})
    frame.to_csv(tmp_path / "set.csv", index=False)
    frame.to_parquet(tmp_path / "set.parquet")
    (tmp_path / "set.inter").write_text("user_id:token\titem_id:token\n1\t2\n")
    readers = {
        "frame": (from_frame, frame),
        "csv": (from_csv, tmp_path / "set.csv"),
        "parquet": (from_parquet, tmp_path / "set.parquet"),
        "atomic": (from_atomic, tmp_path),
    }
    message = message_of(*readers[read], duplicates="frist", error=ConfigError)
    assert message == "unknown value of duplicates 'frist', did you mean 'first'? (allowed: error, first, last)"


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.text('ab1.-,"\n\r\t;é\0', max_size=40) | st.binary(max_size=40),
    st.sampled_from(["", "user,item\n", "user,item,time\n"]),
)
def test_whatever_stands_in_a_text_file_it_is_read_or_refused_in_one_line(tmp_path_factory, content, header):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    content = content if isinstance(content, bytes) else content.encode()
    (folder / "set.csv").write_bytes(header.encode() + content)
    (folder / "set.inter").write_bytes(header.replace("user,item", "user_id:token\titem_id:token").encode() + content)
    for read, path in ((from_csv, "set.csv"), (from_atomic, "set.inter"), (from_parquet, "set.csv")):
        refusal = ""
        try:
            read(folder / path)
        except DataError as error:
            refusal = str(error)
        assert "\n" not in refusal
