from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from recval.errors import ConfigError, DataError, RunError
from recval.ranking.comparing import compare
from recval.ranking.systems import open_systems, write_per_user
from recval.store.files import write_json, write_table, write_text
from recval.store.run import Run

FRAME = pd.DataFrame({"user": ["x", "a"], "ndcg@10": [0.5, 0.25]})


def write_run(path, digest="d1", methods=("plain", "DVR"), references=("EASE",)):
    """A finished run of two users and two seeds; the reference has the value 0.75 everywhere."""
    run = Run(path)
    recipe = {"references": [{"name": name, "parameters": {}} for name in references]}
    write_text(run.recipe_path, yaml.safe_dump(recipe))
    write_json(run.data_path, {"sha256": digest})
    write_json(run.metrics_path, {"methods": {}})
    rows = [
        {"method": method, "seed": seed, "user": user, "ndcg@10": place + seed / 10 + (user == "x") / 100}
        for place, method in enumerate(methods)
        for seed in (1, 0)
        for user in ("x", "a")
    ]
    write_table(run.per_user_path, pa.Table.from_pylist(rows))
    for name in references:
        rows = [{"user": user, "ndcg@10": 0.75} for user in ("a", "x")]
        write_table(run.trial_path("references", name) / "per_user.parquet", pa.Table.from_pylist(rows))
    return path


def names(sources):
    return [system.name for system in open_systems(sources)]


def test_a_run_has_a_system_for_each_method(tmp_path):
    plain, dvr = open_systems([write_run(tmp_path / "one")])
    assert (plain.name, dvr.name) == ("one:plain", "one:DVR")
    assert (plain.source, plain.data, plain.seeds, plain.metrics) == (
        f"{tmp_path}/one:plain",
        "d1",
        (0, 1),
        ("ndcg@10",),
    )
    assert list(plain.users) == ["a", "x"]
    np.testing.assert_allclose(dvr.values[:, :, 0], [[1, 1.01], [1.1, 1.11]])


def test_one_method_or_reference_of_a_run(tmp_path):
    path = write_run(tmp_path / "one")
    assert names([f"{path}:DVR", f"{path}:EASE"]) == ["one:DVR", "one:EASE"]
    (ease,) = open_systems([f"{path}:EASE"])
    assert (ease.values == 0.75).all()
    assert (ease.seeds, ease.data) == ((0,), "d1")
    with pytest.raises(
        ConfigError, match=r"one: unknown method 'dvr', did you mean 'DVR'\? \(allowed: DVR, EASE, plain"
    ):
        open_systems([f"{path}:dvr"])


def test_a_folder_with_a_colon_is_a_folder(tmp_path):
    assert names([write_run(tmp_path / "a:b")]) == ["a:b:plain", "a:b:DVR"]


def test_names(tmp_path):
    one, other = write_run(tmp_path / "x/run"), write_run(tmp_path / "y/run")
    assert names([f"{one}:DVR", f"{other}:DVR", f"{one}:plain"]) == ["run:DVR", "run#2:DVR", "run:plain"]
    assert names({"ours": f"{one}:DVR", "theirs": FRAME, "both": Run(other)}) == [
        "ours",
        "theirs",
        "both:plain",
        "both:DVR",
    ]
    with pytest.raises(ConfigError, match="run:DVR is named twice"):
        open_systems([one, f"{one}:DVR"])
    with pytest.raises(ConfigError, match="a table has no name of its own"):
        open_systems([FRAME])


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_file_of_metrics_per_user(tmp_path, ending):
    path = tmp_path / f"theirs.{ending}"
    frame = FRAME.assign(user=["007", "12"], note="text")
    if ending == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    (system,) = open_systems([path])
    assert (system.name, system.metrics, system.data, system.coded) == ("theirs", ("ndcg@10",), None, False)
    assert list(system.users) == ["007", "12"]
    np.testing.assert_array_equal(system.values, [[[0.5], [0.25]]])


def test_what_is_written_is_read_with_its_data(tmp_path):
    path = tmp_path / "ours.parquet"
    per_user = FRAME.set_index("user")
    write_per_user(path, per_user, "d2")
    (system,) = open_systems({"ours": path})
    assert (system.data, list(system.users)) == ("d2", ["a", "x"])
    np.testing.assert_array_equal(system.values[0, :, 0], [0.25, 0.5])
    with pytest.raises(DataError, match=r"one:plain and .*ours.parquet are of different data or splits"):
        compare([write_run(tmp_path / "one", digest="d1"), path])
    assert list(compare([write_run(tmp_path / "two", digest="d2"), path]).systems.index) == [
        "two:plain",
        "two:DVR",
        "ours",
    ]


def test_methods_in_a_table():
    frame = pd.concat([FRAME.assign(method="m", seed=seed) for seed in (3, 1)])
    (system,) = open_systems({"ours": frame})
    assert (system.name, system.seeds) == ("ours", (1, 3))
    assert names({"ours": pd.concat([frame, FRAME.assign(method="n", seed=1)])}) == ["ours:m", "ours:n"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.rename(columns={"user": "usr"}), r"t: no column 'user', did you mean 'usr'\? \(found: usr, ndcg@10\)"),
        (FRAME[["user"]], "t: no columns of numbers beside the users"),
        (FRAME[:0], "t: no rows"),
        (pd.concat([FRAME, FRAME]), "t: the user a has two rows; expected one a seed"),
        (pd.concat([FRAME.assign(seed=0), FRAME[:1].assign(seed=1)]), "a row for each of the 2 seeds; some have not"),
        (FRAME.assign(user=["x", None]), "t, row 1: the user is missing"),
    ],
)
def test_a_table_that_is_none_of_metrics_per_user_is_refused(frame, message):
    with pytest.raises(DataError, match=message):
        open_systems({"t": frame})


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        open_systems([tmp_path / "nowhere"])
    with pytest.raises(RunError, match="there is no file"):
        open_systems([tmp_path / "nowhere.parquet"])
    (tmp_path / "scores.txt").write_text("user ndcg\n")
    with pytest.raises(ConfigError, match="or a .csv, .tsv or .parquet file"):
        open_systems([tmp_path / "scores.txt"])
