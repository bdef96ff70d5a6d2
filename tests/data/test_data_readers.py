from __future__ import annotations

import csv
import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import from_atomic, from_csv, from_frame, from_parquet
from recval.errors import ConfigError

property_test = settings(deadline=None, derandomize=True, max_examples=80)


def by_atomic(frame, folder):
    """Write a frame as an atomic file, and read it."""
    kinds = {"user": "user_id:token", "item": "item_id:token", "time": "timestamp:float"}
    named = frame.rename(columns=lambda name: kinds.get(name, f"{name}:float"))
    named.to_csv(folder / "set.inter", sep="\t", index=False, quoting=csv.QUOTE_NONE)
    return from_atomic(folder / "set.inter")


def by_csv(frame, folder, **roles):
    frame.to_csv(folder / "set.csv", index=False, quoting=csv.QUOTE_ALL)
    return from_csv(folder / "set.csv", **roles)


def by_parquet(frame, folder, **roles):
    frame.to_parquet(folder / "set.parquet")
    return from_parquet(folder / "set.parquet", **roles)


frames = st.lists(
    st.tuples(
        st.integers(0, 10**12),
        st.integers(0, 10**12),
        st.floats(-1e6, 1e6),
        st.floats(0, 2e9),
        st.integers(-(2**40), 2**40),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[:2],
).map(lambda rows: pd.DataFrame(rows, columns=["user", "item", "rating", "time", "label"]))


@property_test
@given(frames)
def test_a_frame_and_all_files_of_the_same_content_give_the_same_interactions(tmp_path_factory, frame):
    folder = tmp_path_factory.mktemp("same")
    roles = {"rating": "rating", "time": "time", "label": "label"}
    read = {
        "frame": from_frame(frame, **roles),
        "parquet": by_parquet(frame, folder, **roles),
        "csv": by_csv(frame, folder, **roles),
        "atomic": by_atomic(frame, folder),
    }
    reference = read["frame"]
    assert reference.table.schema.types == [pa.int64(), pa.int64(), pa.float64(), pa.float64(), pa.int64()]
    for name, interactions in read.items():
        kind = pa.int64() if name in ("frame", "parquet") else pa.string()
        assert interactions.users.ids.type == interactions.items.ids.type == kind
        assert interactions.users.ids.cast(pa.int64()).equals(reference.users.ids)
        assert interactions.items.ids.cast(pa.int64()).equals(reference.items.ids)
        assert interactions.table.select(reference.table.column_names).equals(reference.table), name


@property_test
@given(frames)
def test_what_goes_in_comes_out(frame):
    back = from_frame(frame, rating="rating", time="time", label="label").to_frame()
    pd.testing.assert_frame_equal(back, frame)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@property_test
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=15, unique_by=lambda row: row[:2]))
def test_any_text_is_an_id_and_survives_csv_and_parquet(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("text")
    # One id that is no number keeps the others from being read as negative ones.
    frame = pd.DataFrame([("id", "id", "note"), *rows], columns=["user", "item", "note"])
    frame = frame.drop_duplicates(["user", "item"], ignore_index=True)
    for interactions in (from_frame(frame), by_csv(frame, folder), by_parquet(frame, folder)):
        back = interactions.to_frame()
        assert back[["user", "item"]].equals(frame[["user", "item"]])
        assert len(set(interactions.users.ids.to_pylist())) == frame["user"].nunique()


def test_quotes_bind_separators_quotes_and_line_ends_in_csv(tmp_path):
    path = tmp_path / "quoted.csv"
    path.write_text('user,item,note\n"a, ""b""",1,"first\nsecond"\nc,2,"5"" disk"\n', encoding="utf8")
    assert from_csv(path).to_frame().to_dict("list") == {
        "user": ['a, "b"', "c"],
        "item": ["1", "2"],
        "note": ["first\nsecond", '5" disk'],
    }


def test_values_over_several_lines_may_stand_anywhere_in_a_large_file(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("user,item,note\n" + "".join(f'u{row},i,"one\ntwo {row}\nthree"\n' for row in range(50_000)))
    assert path.stat().st_size > 2**20
    interactions = from_csv(path)
    assert len(interactions) == 50_000
    assert interactions.table["note"][49_999].as_py() == "one\ntwo 49999\nthree"


def test_quotes_are_characters_in_files_separated_by_tabs(tmp_path):
    (tmp_path / "set.inter").write_text('user_id:token\titem_id:token\n1\t"a\n2\ta"\n')
    (tmp_path / "set.tsv").write_text('user\titem\n1\t"a\n2\ta"\n')
    for interactions in (from_atomic(tmp_path), from_csv(tmp_path / "set.tsv", separator="\t")):
        assert interactions.to_frame()["item"].tolist() == ['"a', 'a"']


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_any_line_end_and_a_missing_last_one_are_fine(tmp_path, end):
    path = tmp_path / "set.csv"
    path.write_bytes(b"\xef\xbb\xbf" + end.join(["user,item", "ä,漢", "", "🙂,b"]).encode())
    assert from_csv(path).to_frame().to_dict("list") == {"user": ["ä", "🙂"], "item": ["漢", "b"]}
    (tmp_path / "set.inter").write_bytes(
        b"\xef\xbb\xbf" + end.join(["user_id:token\titem_id:token", "ä\t漢", "", "🙂\tb"]).encode()
    )
    assert from_atomic(tmp_path).to_frame().to_dict("list") == {"user": ["ä", "🙂"], "item": ["漢", "b"]}


def test_text_keeps_its_leading_zeros_and_codes_follow_the_numbers(tmp_path):
    path = tmp_path / "set.csv"
    path.write_text("user,item\n10,1\n007,2\n7,3\n2,4\n")
    interactions = from_csv(path)
    assert interactions.users.ids.to_pylist() == ["2", "007", "7", "10"]
    assert interactions.user.tolist() == [3, 1, 2, 0]


@property_test
@given(frames, st.randoms(use_true_random=False))
def test_codes_do_not_depend_on_the_order_of_the_rows(frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)
    interactions, shuffled = from_frame(frame), from_frame(frame.iloc[order])
    assert shuffled.users == interactions.users
    assert shuffled.user.tolist() == interactions.user[order].tolist()
    assert interactions.users.ids.to_pylist() == sorted(set(frame["user"]))


MOMENTS = ["1970-01-01T00:00:00", "2001-09-09T01:46:40", "1969-12-31T23:59:59", "2400-02-29T12:00:00"]
SECONDS = [0.0, 1e9, -1.0, 13574606400.0]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("read", [from_frame, by_parquet, by_csv])
def test_dates_are_seconds_since_1970(tmp_path, read, unit):
    frame = pd.DataFrame({"user": 1, "item": range(4), "at": np.array(MOMENTS, f"datetime64[{unit}]")})
    interactions = read(frame, time="at") if read is from_frame else read(frame, tmp_path, time="at")
    assert interactions.column("time").tolist() == SECONDS


@pytest.mark.parametrize("read", [from_frame, by_parquet, by_csv])
def test_dates_with_a_zone_are_seconds_in_utc(tmp_path, read):
    at = pd.to_datetime(["2020-07-01 02:00:00", "2020-01-01 01:00:00"]).tz_localize("Europe/Berlin")
    frame = pd.DataFrame({"user": 1, "item": range(2), "at": at})
    interactions = read(frame, time="at") if read is from_frame else read(frame, tmp_path, time="at")
    assert interactions.column("time").tolist() == [
        datetime.datetime(2020, month, 1, tzinfo=datetime.UTC).timestamp() for month in (7, 1)
    ]


@pytest.mark.parametrize("read", [from_frame, by_parquet, by_csv])
def test_days_are_seconds_since_1970(tmp_path, read):
    frame = pd.DataFrame({"user": 1, "item": range(2), "at": [datetime.date(1970, 1, 2), datetime.date(2000, 1, 1)]})
    interactions = read(frame, time="at") if read is from_frame else read(frame, tmp_path, time="at")
    assert interactions.column("time").tolist() == [86_400.0, 946_684_800.0]


@pytest.mark.parametrize("kind", ["int8", "uint16", "uint64", "Int32", "float32", "float16", "category", "string"])
def test_ids_of_any_type_of_pandas_are_numbers_or_text(kind):
    users = pd.Series([3, 1, 2] if kind not in ("category", "string") else ["c", "a", "b"], dtype=kind)
    interactions = from_frame(pd.DataFrame({"user": users, "item": 1}))
    assert interactions.users.ids.to_pylist() == sorted(users)
    assert interactions.user.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5.0), ("-1.5", -1.5), ("+3", 3.0), (".5", 0.5), ("2.", 2.0), ("1e-3", 0.001), (" 4 ", 4.0)],
)
def test_the_ways_to_write_a_number(tmp_path, text, number):
    path = tmp_path / "set.csv"
    path.write_text(f"user,item,rating\na,b,{text}\n")
    assert from_csv(path, rating="rating").column("rating").tolist() == [number]


@pytest.mark.parametrize(("duplicates", "kept"), [("first", [0, 1, 3]), ("last", [1, 2, 4])])
@pytest.mark.parametrize("read", [from_frame, by_parquet, by_csv])
def test_of_a_repeated_pair_the_first_or_last_row_is_kept(tmp_path, read, duplicates, kept):
    frame = pd.DataFrame({"user": [1, 2, 1, 3, 3], "item": [7, 7, 7, 8, 8], "rating": [1, 2, 3, 4, 5]})
    roles = {"rating": "rating", "duplicates": duplicates}
    interactions = read(frame, **roles) if read is from_frame else read(frame, tmp_path, **roles)
    assert interactions.column("rating").tolist() == [row + 1.0 for row in kept]


def test_fields_are_aligned_with_codes_and_absent_where_unknown():
    users = pd.DataFrame({"uid": [9, 4, 100], "age": [30, 20, 99]})
    interactions = from_frame(
        pd.DataFrame({"uid": [4, 5, 9], "iid": ["x", "y", "x"]}),
        user="uid",
        item="iid",
        user_fields=users,
        item_fields=pd.DataFrame({"iid": ["y"], "title": ["Why"]}),
    )
    assert interactions.users.ids.to_pylist() == [4, 5, 9]
    assert interactions.users.fields.to_pydict() == {"age": [20, None, 30]}
    assert interactions.items.fields.to_pydict() == {"title": [None, "Why"]}


def test_the_side_files_of_atomic_files_are_fields_of_users_and_items(tmp_path):
    (tmp_path / "set.inter").write_text("user_id:token\titem_id:token\n1\t10\n2\t9\n")
    (tmp_path / "set.item").write_text(
        'item_id:token\ttitle:token_seq\tgenre:token_seq\n9\tThe "Ninth"\ta b\n10\t\tc\n'
    )
    interactions = from_atomic(tmp_path)
    assert interactions.users.fields is None
    assert interactions.items.fields.to_pydict() == {"title": ['The "Ninth"', ""], "genre": ["a b", "c"]}


def test_roles_of_atomic_fields_can_be_named(tmp_path):
    (tmp_path / "set.inter").write_text("uid:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t1\t5\n")
    (tmp_path / "set.user").write_text("uid:token\tage:token\n1\t44\n")
    interactions = from_atomic(tmp_path, roles={"user": "uid", "label": "rating"})
    assert interactions.table.column_names == ["user", "item", "label", "time"]
    assert interactions.users.fields.to_pydict() == {"age": ["44"]}
    with pytest.raises(ConfigError, match="unknown role 'usr', did you mean 'user'"):
        from_atomic(tmp_path, roles={"usr": "uid"})
