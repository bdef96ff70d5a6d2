"""What a person may get wrong: each mistake ends as one line that helps, and leaves nothing behind."""

from __future__ import annotations

import shutil

import pytest


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def refused(command, tiny, tmp_path):
    """Runs a recipe that must be refused; returns its error and asserts that nothing is left behind."""

    def run(recipe, ratings=None, out="out"):
        path = tmp_path / "recipe.yaml"
        path.write_text(recipe)
        if ratings is not None:
            (tmp_path / "ratings.csv").write_text(ratings)
        before = snapshot(tmp_path)
        error = command("run", path, "--out", tmp_path / out, "--workers", 1).error
        assert snapshot(tmp_path) == before
        assert not (tmp_path / "out").exists()
        return error

    return run


# Where the recipe is changed, what to, and what the message must say.
RECIPES = {
    "unknown key": ("seeds: [0, 1]", "seedz: [0, 1]", "line 7", "'seedz'", "'seeds'", "allowed", "methods"),
    "unknown nested key": ("batch_size", "batchsize", "line 5", "'training.batchsize'", "'batch_size'", "epochs"),
    "unknown model": ("name: BPR", "name: BRP", "'BRP'", "'BPR'", "LightGCN"),
    "unknown parameter": ("embedding_size", "embeding_size", "BPR", "'embeding_size'", "'embedding_size'"),
    "unknown metric": ("recall@5", "recal@5", "'recal'", "'recall'", "allowed", "ndcg"),
    "metric without cut-off": ("recall@5", "recall", "'recall'", "recall@10"),
    "unknown monitor": ("monitor: ndcg@5", "monitor: ndgc@5", "'ndgc'", "'ndcg'", "allowed"),
    "unknown method kind": ("kind: dvr", "kind: dvrr", "line 10", "methods.valued.kind", "'dvrr'", "'dvr'", "t-ce"),
    "unknown split kind": ("kind: ratio", "kind: ratioo", "line 3", "split.kind", "'ratioo'", "'ratio'", "time"),
    "unknown setting of a method": ("interval", "intervall", "line 10", "'methods.valued.intervall'", "'interval'"),
    "unknown method named": ("of: valued", "of: valuedd", "'valuedd'", "'valued'"),
    "wrong type": ("epochs: 2", "epochs: many", "line 5", "training.epochs", "'many'", "integer"),
    "negative patience": ("epochs: 2", "patience: -1", "line 5", "training.patience", "-1", "1"),
    "fraction above one": ("[0.2], seeds", "[1.5], seeds", "line 12", "removal.fractions.0", "1.5", "less than 1"),
    "seed twice": ("seeds: [0, 1]", "seeds: [1, 1]", "line 7", "seeds", "[1, 1]"),
    "key twice": ("seeds: [0, 1]", "model: {name: NeuMF}", "line 7", "'model'", "line 4"),
    "not YAML": ("seeds: [0, 1]", "seeds: [0, 1", "line 8", "not valid YAML"),
    "needs no training": ("name: BPR, parameters: {embedding_size: 8}", "name: EASE", "EASE", "references"),
    "shares that do not add up": ("[0.6, 0.2, 0.2]", "[0.6, 0.6, 0.2]", "ratios", "0.6, 0.6, 0.2", "sum to 1"),
    "filters that leave nothing": ("time: when}", "time: when}, filters: {min_per_user: 99}", "min_per_user=99"),
    "missing file": ("ratings.csv", "rating.csv", "no file", "rating.csv"),
    "missing column": ("user: uid", "user: uidd", "ratings.csv", "'uidd'", "user", "'uid'", "stars"),
}


@pytest.mark.parametrize(("before", "after", "said"), [(a, b, said) for a, b, *said in RECIPES.values()], ids=RECIPES)
def test_a_mistake_in_a_recipe(refused, tiny, before, after, said):
    recipe = tiny.recipe.read_text()
    assert recipe.count(before) == 1
    error = refused(recipe.replace(before, after))
    for words in said:
        assert words in error


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("rating: stars", "ratings: stars", ("line 2", "data.columns", "'ratings'", "'rating'")),
        ("data: {", "data: {reader: xml, ", ("line 2", "data.reader", "'xml'", "parquet")),
    ],
)
def test_a_mistake_in_the_source_of_the_data(refused, tiny, before, after, said):
    error = refused(tiny.recipe.read_text().replace(before, after))
    assert all(words in error for words in said)


def test_an_unknown_data_set(refused, tiny):
    lines = tiny.recipe.read_text().splitlines()
    error = refused("\n".join([lines[0], "data: ml100k", *lines[2:]]))
    assert "unknown data set 'ml100k', did you mean 'ml-100k'?" in error


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "- a\n", "just text\n"])
def test_a_recipe_without_keys(refused, text):
    assert "recipe.yaml: expected keys and values, found" in refused(text)


HEAD = "uid,iid,stars,when\n"
GOOD = HEAD + "".join(f"{user},{item},3,100\n" for user in range(5) for item in range(6))

RATINGS = {
    "empty": ("", "the file is empty"),
    "header only": (HEAD, "no interactions"),
    "pair twice": (GOOD + "4,5,1,7\n", "line 32", "user 4, item 5", "second time", "duplicates"),
    "negative id": (GOOD + "-4,9,1,7\n", "line 32", "user", "-4", "not allowed"),
    "no id": (GOOD + ",9,1,7\n", "line 32", "user", "missing"),
    "rating is NaN": (GOOD + "4,9,nan,7\n", "line 32", "rating", "nan", "number"),
    "rating is missing": (GOOD + "4,9,,7\n", "line 32", "rating", "number"),
    "rating is text": (GOOD + "4,9,good,7\n", "line 32", "rating", "number", "'good'"),
    "too few values": (GOOD + "4,9,1\n", "line 32", "expected 4 values", "found 3"),
    "too many values": (GOOD + "4,9,1,7,8\n", "line 32", "expected 4 values", "found 5"),
    "other separator": (GOOD.replace(",", ";"), "uid", "found: uid;iid;stars;when"),
    "not UTF-8": (GOOD.replace("3,", "\udce4,", 1), "line 2", "UTF-8"),
}


@pytest.mark.parametrize(("ratings", "said"), [(ratings, said) for ratings, *said in RATINGS.values()], ids=RATINGS)
def test_a_mistake_in_the_data(refused, tiny, tmp_path, ratings, said):
    (tmp_path / "ratings.csv").write_bytes(ratings.encode("utf8", "surrogateescape"))
    error = refused(tiny.recipe.read_text().replace(str(tiny.ratings), str(tmp_path / "ratings.csv")))
    for words in ("ratings.csv", *said):
        assert words in error


def test_a_tested_user_without_training_interactions(refused, tiny, tmp_path):
    for name, rows in (("valid", "1,8,3,100\n"), ("test", "1,9,3,100\n77,9,3,100\n")):
        (tmp_path / f"{name}.csv").write_text(HEAD + rows)
    lines = tiny.recipe.read_text().splitlines()
    columns = "columns: {user: uid, item: iid}"
    parts = ", ".join(f"{name}: {{path: {tmp_path / name}.csv, {columns}}}" for name in ("valid", "test"))
    lines[1] = f"data: {{path: {tmp_path / 'ratings.csv'}, {columns}}}"
    lines[2] = f"split: {{kind: given, {parts}}}"
    error = refused("\n".join(lines), GOOD)
    assert "user 77 of the test part has no interaction in the training part" in error


def test_a_folder_that_cannot_be_written(refused, tiny, tmp_path):
    (tmp_path / "file").write_text("kept")
    error = refused(tiny.recipe.read_text(), out="file/run")
    assert str(tmp_path / "file/run") in error
    assert "cannot be written" in error


def test_the_folder_of_another_recipe(command, tiny):
    before = snapshot(tiny.run)
    error = command("run", tiny.recipe, "training.epochs=9", "--out", tiny.run, "--workers", 1).error
    assert f"{tiny.run} holds a run of another recipe" in error
    assert snapshot(tiny.run) == before


def test_a_folder_that_holds_something_else(refused, tiny, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("dear")
    assert "not empty and holds no run" in refused(tiny.recipe.read_text(), out="full")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["training.epochs"], "'training.epochs' is not of the form key=value"),
        (["training.epochz=3"], "unknown key 'training.epochz', did you mean 'epochs'?"),
        (["training.epochs.deep=3"], "training.epochs holds no keys"),
        (["seeds=[0,"], "'[0,' is not valid YAML"),
    ],
)
def test_a_mistake_in_an_override(command, tiny, tmp_path, words, said):
    assert said in command("run", tiny.recipe, *words, "--out", tmp_path / "out").error
    assert not (tmp_path / "out").exists()


def test_an_unknown_recipe(command):
    assert "unknown config 'dvr-ml100', did you mean 'dvr-ml100k'?" in command("run", "dvr-ml100").error


COMMANDS = {
    "report": ["report", "RUN"],
    "compare": ["compare", "RUN"],
    "top": ["values", "top", "RUN"],
    "explain": ["values", "explain", "RUN", "--user", "1", "--item", "1"],
    "drop": ["values", "drop", "RUN", "--fraction", "0.1", "--out", "RUN/kept.csv"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_folder_that_is_no_finished_run(command, tiny, tmp_path, words):
    def error(folder):
        return command(*(str(word).replace("RUN", str(folder)) for word in words)).error

    assert "holds no run" in error(tmp_path / "nowhere")
    (tmp_path / "half").mkdir()
    shutil.copy(tiny.run / "recipe.yaml", tmp_path / "half")
    assert "not finished" in error(tmp_path / "half")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["half", "recipe.yaml"]
