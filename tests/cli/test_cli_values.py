from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from recval.data import dataset_card
from recval.declarations import read
from recval.recipes import Recipe


@pytest.fixture(scope="module")
def values(tiny):
    """The values as they lie in the run's folder, the most valuable first."""
    found = pq.read_table(tiny.run / "values.parquet").to_pandas()
    assert found["value"].nunique() == len(found) == found["rank"].nunique()
    return found.sort_values("value", ascending=False, ignore_index=True)


@pytest.fixture(scope="module")
def ratings(tiny):
    """The interactions as they lie in the file that the run was made of."""
    frame = pd.read_csv(tiny.ratings, dtype={"uid": str})
    return frame.rename(columns={"uid": "user", "iid": "item", "stars": "rating", "when": "time"})


@pytest.fixture(scope="module")
def split(tiny):
    return read(tiny.recipe, Recipe).split_data()


@pytest.fixture(scope="module")
def unvalued(command, tiny, tmp_path_factory):
    """The folder of a run without a valuator."""
    folder = tmp_path_factory.mktemp("unvalued") / "run"
    changes = ("training.epochs=1", "seeds=[0]", "methods={plain: {kind: plain}}", "removal=null")
    assert command("run", tiny.recipe, *changes, "--out", folder, "--workers", 1).code == 0
    return folder


@pytest.mark.parametrize("count", [1, 7, 10_000])
def test_top_and_lowest_are_the_ends_of_the_values(command, tiny, values, count):
    best = command("values", "top", tiny.run, "-n", count, "--json").json
    worst = command("values", "top", tiny.run, "--count", count, "--lowest", "--json").json
    columns = ["rank", "user", "item", "value", "standard_error"]
    assert best == values[columns].head(count).to_dict("records")
    assert worst == values[columns][::-1].head(count).to_dict("records")


def test_the_table_of_values_shows_ids_as_they_are(command, tiny, values):
    ended = command("values", "top", tiny.run, "-n", 3)
    rows = [line.split() for line in ended.out.splitlines() if line.strip()][2:]
    assert [row[:3] for row in rows] == [[str(i + 1), values["user"][i], values["item"][i]] for i in range(3)]


@pytest.mark.parametrize("order", ["lowest", "highest"])
@pytest.mark.parametrize(("fraction", "ending"), [(0.1, "csv"), (0.37, "parquet"), (0.001, "csv")])
def test_drop_keeps_all_columns_of_all_other_training_interactions(
    command, tiny, values, ratings, tmp_path, order, fraction, ending
):
    out = tmp_path / f"kept.{ending}"
    ended = command("values", "drop", tiny.run, "--fraction", fraction, "--order", order, "--out", out)
    assert ended.code == 0, ended.err
    count = round(fraction * len(values))
    dropped = values.tail(count) if order == "lowest" else values.head(count)
    gone = set(zip(dropped["user"], dropped["item"], strict=True))
    trained = set(zip(values["user"], values["item"], strict=True)) - gone
    expected = ratings[[pair in trained for pair in zip(ratings["user"], ratings["item"], strict=True)]]
    found = pd.read_csv(out, dtype={"user": str}) if ending == "csv" else pd.read_parquet(out)
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), check_dtype=False)
    assert command("data", "describe", out, "--json").json["interactions"] == len(values) - count


def test_drop_replaces_a_file_only_when_told_to(command, tiny, tmp_path):
    out = tmp_path / "kept.csv"
    out.write_text("precious")
    words = ("values", "drop", tiny.run, "--fraction", 0.1, "--out", out)
    assert f"{out} exists already; replace it with --force" in command(*words).error
    assert out.read_text() == "precious"
    assert command(*words, "--force").code == 0
    assert out.read_text() != "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]


@pytest.mark.parametrize(
    ("fraction", "name", "said"),
    [
        ("0", "kept.csv", "--fraction must be between 0 and 1, got 0"),
        ("1", "kept.csv", "--fraction must be between 0 and 1, got 1"),
        ("nan", "kept.csv", "--fraction must be between 0 and 1, got nan"),
        ("0.5", "kept.txt", "must be .csv, .parquet or .json"),
        ("0.5", "", "must be .csv, .parquet or .json"),
        ("0.5", "file/kept.csv", "cannot be written"),
    ],
)
def test_drop_refuses_what_it_cannot_do(command, tiny, tmp_path, fraction, name, said):
    (tmp_path / "file").write_text("kept")
    assert said in command("values", "drop", tiny.run, "--fraction", fraction, "--out", tmp_path / name).error
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_explain_says_what_can_be_counted_by_hand(command, tiny, values):
    trial = tiny.run / "trials/methods/valued"
    by_seed = {seed: pd.read_parquet(trial / seed / "values.parquet") for seed in ("0", "1")}
    for place in (0, len(values) // 2, len(values) - 1):
        row = values.loc[place]
        found = command("values", "explain", tiny.run, "--user", row["user"], "--item", row["item"], "--json").json
        of_user, of_item = values[values["user"] == row["user"]], values[values["item"] == row["item"]]
        assert found.pop("explanation") is not None
        assert found == {
            "user": row["user"],
            "item": row["item"],
            "title": None,
            "value": row["value"],
            "standard_error": row["standard_error"],
            "rank": place + 1,
            "interactions": len(values),
            "percentile": pytest.approx(100 * (values["value"] < row["value"]).mean()),
            "alone": row["alone"],
            "company": row["value"] - row["alone"],
            "user_interactions": len(of_user),
            "user_mean_value": pytest.approx(of_user["value"].mean()),
            "item_interactions": len(of_item),
            "item_mean_value": pytest.approx(of_item["value"].mean()),
            "by_seed": {seed: _value(frame, row) for seed, frame in by_seed.items()},
            "problem": None,
        }
        assert np.mean(list(found["by_seed"].values())) == pytest.approx(found["value"])


def _value(frame, row):
    return frame.loc[(frame["user"] == row["user"]) & (frame["item"] == row["item"]), "value"].item()


def test_explain_for_people_shows_value_and_rank(command, tiny, values):
    ended = command("values", "explain", tiny.run, "--user", values["user"][0], "--item", values["item"][0])
    assert f"{values['value'][0]:.4g}" in ended.out
    assert f"1 of {len(values)}" in ended.out


def company_sum(found):
    return found["alone"] + sum(partner["share"] for partner in found["partners"]) + found["others_share"]


def inputs_sum(found):
    return found["average"] + sum(found["inputs"].values())


@pytest.mark.parametrize(
    "kind",
    [
        "dvr, valuator: harsanyi_esp",
        "dvr, valuator: harsanyi_slots",
        "dvr, valuator: mlp",
        "dvrl, reward: bpr, valuator: harsanyi_slots",
    ],
)
def test_the_explained_value_is_that_of_the_first_estimate(command, tiny, tmp_path, kind):
    """With two estimates a and b of a value, their mean and standard error are (a + b) / 2 and |a - b| / 2."""
    inputs = ["loss", "user", "item", "popularity", "negative", "activity"]
    method = f"{{kind: {kind}, interval: 1, users: 10, features: 4, inputs: [{', '.join(inputs)}]}}"
    changes = ("seeds=[3]", f"methods={{valued: {method}}}", "removal=null")
    ended = command("run", tiny.recipe, *changes, "--out", tmp_path / "run", "--workers", 1)
    assert ended.code == 0, ended.err
    estimates = pd.read_parquet(tmp_path / "run/trials/methods/valued/3/values.parquet")
    for row in estimates.iloc[:: len(estimates) // 4].itertuples():
        words = ("values", "explain", tmp_path / "run", "--user", row.user, "--item", row.item, "--json")
        found = command(*words, "--top", 4).json["explanation"]
        assert (found["user"], found["item"], found["seed"]) == (row.user, row.item, 3)
        ends = row.value - row.standard_error, row.value + row.standard_error
        assert any(found["value"] == pytest.approx(end, rel=1e-3, abs=1e-7) for end in ends)
        assert company_sum(found) == pytest.approx(found["value"], rel=1e-9, abs=1e-15)
        assert inputs_sum(found) == pytest.approx(found["value"], rel=1e-9, abs=1e-15)
        assert list(found["inputs"]) == inputs
        pairs = {(partner["user"], partner["item"]) for partner in found["partners"]}
        assert pairs <= set(zip(estimates["user"], estimates["item"], strict=True)) - {(row.user, row.item)}
        assert len(pairs) == len(found["partners"]) <= 4
        assert len(pairs) + found["others"] + 1 in (32, len(estimates) % 32)


def test_what_is_no_sample_of_the_model_has_nothing_to_explain(command, tiny, tmp_path):
    """Sequential: the first interaction of a user. All values are equal, so the first row has rank 1."""
    ratings = pd.read_csv(tiny.ratings, dtype={"uid": str})
    ratings.assign(when=range(len(ratings))).to_csv(tmp_path / "ratings.csv", index=False)
    model = "{name: SASRec, parameters: {hidden_size: 8, inner_size: 8, n_layers: 1, n_heads: 1}}"
    method = "{kind: dvr, interval: 1, users: 10, learning_rate: 1.0e-60}"
    changes = ("seeds=[3]", f"model={model}", f"methods={{valued: {method}}}", "removal=null", "training.epochs=1")
    data = f"data.path={tmp_path / 'ratings.csv'}"
    ended = command("run", tiny.recipe, data, *changes, "--out", tmp_path / "run", "--workers", 1)
    assert ended.code == 0, ended.err
    values = pd.read_parquet(tmp_path / "run/values.parquet")
    assert (values["value"] == values["value"][0]).all()
    first = values.drop_duplicates("user")
    explained = json.loads((tmp_path / "run/explanations.json").read_text())
    pairs = {(found["user"], found["item"]) for found in explained}
    assert pairs
    assert not pairs & set(zip(first["user"], first["item"], strict=True))
    words = ("values", "explain", tmp_path / "run", "--user", first["user"].iloc[0], "--item", first["item"].iloc[0])
    assert "no sample of the model" in command(*words, "--json").json["problem"]
    assert "no sample of the model" in command(*words, "--seed", 3).error


def test_explain_looks_into_the_training_that_is_named(command, tiny, values):
    words = ("values", "explain", tiny.run, "--user", values["user"][0], "--item", values["item"][0])
    first, second = (command(*words, "--seed", seed, "--json").json["explanation"] for seed in (0, 1))
    assert (first["seed"], second["seed"]) == (0, 1)
    assert first["value"] != second["value"]
    assert command(*words, "--json").json["explanation"] == first
    assert "unknown seed '2' (allowed: 0, 1)" in command(*words, "--seed", 2).error


def test_the_run_explains_its_highest_and_its_lowest_value(command, tiny, values):
    written = json.loads((tiny.run / "explanations.json").read_text())
    ends = [values.iloc[0], values.iloc[-1]]
    assert [(found["user"], found["item"]) for found in written] == [(end["user"], end["item"]) for end in ends]
    for found in written:
        words = ("values", "explain", tiny.run, "--user", found["user"], "--item", found["item"], "--json")
        explained = command(*words).json["explanation"]
        for partner in explained["partners"]:
            del partner["title"]
        assert explained == found


def test_a_run_that_keeps_no_valuator_is_explained_without_it(command, tiny, values, tmp_path):
    shutil.copytree(tiny.run, tmp_path / "run")
    (tmp_path / "run/trials/methods/valued/0/valuator.safetensors").unlink()
    words = ("values", "explain", tmp_path / "run", "--user", values["user"][0], "--item", values["item"][0])
    said = "the values of valued cannot be explained: there is no "
    found = command(*words, "--json").json
    assert found["explanation"] is None
    assert said in found["problem"]
    assert found["value"] == values["value"][0]
    assert said in command(*words).out
    assert said in command(*words, "--seed", 0).error
    assert command(*words, "--seed", 1, "--json").json["explanation"]["seed"] == 1


def test_values_without_a_valuator_behind_them_are_not_explained(command, tiny, tmp_path):
    changes = ("seeds=[0]", "methods={valued: {kind: in-run}}", "removal=null", "training.epochs=1")
    ended = command("run", tiny.recipe, *changes, "--out", tmp_path / "run", "--workers", 1)
    assert ended.code == 0, ended.err
    assert not (tmp_path / "run/explanations.json").exists()
    first = command("values", "top", tmp_path / "run", "-n", 1, "--json").json[0]
    words = ("values", "explain", tmp_path / "run", "--user", first["user"], "--item", first["item"])
    found = command(*words, "--json").json
    assert (found["rank"], found["explanation"]) == (1, None)
    assert "values of kind in-run do not fall into parts" in command(*words, "--seed", 0).error


def test_a_damaged_valuator_is_an_error_of_one_line(command, tiny, values, tmp_path):
    shutil.copytree(tiny.run, tmp_path / "run")
    (tmp_path / "run/trials/methods/valued/1/valuator.safetensors").write_bytes(b"nothing")
    words = ("values", "explain", tmp_path / "run", "--user", values["user"][0], "--item", values["item"][0])
    assert "is not a safetensors file" in command(*words, "--seed", 1).error


def test_explain_for_people_shows_what_made_the_value(command, tiny, values):
    words = ("values", "explain", tiny.run, "--user", values["user"][0], "--item", values["item"][0])
    found = command(*words, "--json").json["explanation"]
    shown = command(*words).out
    for partner in found["partners"]:
        assert f"with user {partner['user']}, item {partner['item']}  " in shown
    for name in ("on its own", f"with {found['others']} others", "an average sample", *found["inputs"]):
        assert name in shown
    assert shown.count(f"{found['value']:.4g}") >= 2


@pytest.mark.parametrize(("part", "name"), [("valid", "validation"), ("test", "test")])
def test_explain_says_in_which_part_a_pair_is_that_was_not_trained_on(command, tiny, split, part, name):
    pairs = getattr(split, part)
    user, item = split.users.names(pairs.user[:1])[0], split.items.names(pairs.item[:1])[0]
    error = command("values", "explain", tiny.run, "--user", user, "--item", item).error
    assert f"user {user}, item {item} is in the {name} part; only training interactions have a value" in error


def test_explain_says_that_a_pair_is_absent(command, tiny, ratings):
    seen = set(ratings.loc[ratings["user"] == "007", "item"])
    item = next(item for item in sorted(set(ratings["item"])) if item not in seen)
    error = command("values", "explain", tiny.run, "--user", "007", "--item", item).error
    assert f"no interaction of user 007, item {item} in the data" in error


@pytest.mark.parametrize(
    ("user", "item", "said"),
    [("0007", "i1", "unknown user '0007', did you mean '007'?"), ("007", "i111", "unknown item 'i111', did you mean")],
)
def test_explain_names_the_nearest_of_an_unknown_id(command, tiny, user, item, said):
    assert said in command("values", "explain", tiny.run, "--user", user, "--item", item).error


def test_a_run_without_valuator_says_so(command, unvalued, tmp_path):
    for words in (
        ("top", unvalued),
        ("explain", unvalued, "--user", "007", "--item", "i1"),
        ("drop", unvalued, "--fraction", "0.1", "--out", tmp_path / "kept.csv"),
    ):
        assert "has no values: no method of its recipe gives values" in command("values", *words).error
    assert not any(tmp_path.iterdir())


def test_data_that_changed_since_is_refused(command, tiny, tmp_path):
    shutil.copytree(tiny.run, tmp_path / "run")
    lines = tiny.ratings.read_text().splitlines()
    (tmp_path / "ratings.csv").write_text("\n".join([*lines[:-1], "029,i_new,3,1000000000"]) + "\n")
    recipe = yaml.safe_load((tiny.run / "recipe.yaml").read_text())
    recipe["data"]["path"] = str(tmp_path / "ratings.csv")
    (tmp_path / "run/recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    words = ("values", "drop", tmp_path / "run", "--fraction", "0.1", "--out", tmp_path / "kept.csv")
    assert f"the data is no longer that of the run in {tmp_path / 'run'}" in command(*words).error
    assert not (tmp_path / "kept.csv").exists()


def test_items_have_titles_where_the_card_of_the_data_names_them(command, tiny, tmp_path):
    changes = ("data=ml-100k", "training.epochs=1", "training.batch_size=8192", "removal=null", "seeds=[0]")
    methods = "methods={valued: {kind: dvr, users: 10, hidden: [4], draws: 2}}"
    ended = command("run", tiny.recipe, *changes, methods, "--out", tmp_path / "run", "--workers", 1)
    assert ended.code == 0, ended.err
    rows = command("values", "top", tmp_path / "run", "-n", 300, "--json").json
    lines = (dataset_card("ml-100k").source.location() / "ml-100k.item").read_text().splitlines()[1:]
    known = dict(line.split("\t")[:2] for line in lines)
    assert {row["item"]: row["title"] for row in rows} == {row["item"]: known[row["item"]] for row in rows}
    assert all(row["standard_error"] is None for row in rows)  # There is one seed only.
    found = command(
        "values", "explain", tmp_path / "run", "--user", rows[0]["user"], "--item", rows[0]["item"], "--json"
    )
    assert (found.json["title"], found.json["rank"]) == (rows[0]["title"], 1)
    partners = found.json["explanation"]["partners"]
    assert len(partners) == 5
    assert [partner["title"] for partner in partners] == [known[partner["item"]] for partner in partners]


def test_the_values_of_any_method_can_be_looked_at(command, tiny, tmp_path):
    methods = "methods={plain: {kind: plain}, loss: {kind: loss}, D: {kind: dvr, interval: 1}}"
    changes = ("training.epochs=2", "seeds=[0,1]", methods, "removal=null")
    assert command("run", tiny.recipe, *changes, "--out", tmp_path / "run", "--workers", 1).code == 0
    for method in ("loss", "D"):
        found = command("values", "top", tmp_path / "run", "-n", 3, "--method", method, "--json").json
        folders = [tmp_path / "run" / "trials" / "methods" / method / seed for seed in ("0", "1")]
        each = np.array([pq.read_table(folder / "values.parquet")["value"].to_numpy() for folder in folders])
        np.testing.assert_allclose([row["value"] for row in found], np.sort(each.mean(axis=0))[:-4:-1])
    one = found[0]
    pair = ("--user", one["user"], "--item", one["item"], "--json")
    explained = command("values", "explain", tmp_path / "run", "--method", "D", *pair).json
    assert explained["explanation"] is not None
    assert list(explained["by_seed"].values()) == pytest.approx(list(each[:, each.mean(axis=0).argmax()]))
    refused = command("values", "top", tmp_path / "run", "--method", "plain")
    assert refused.code == 2
    assert "unknown method that gives values 'plain'" in refused.err
