from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from recval.errors import RunError
from recval.store.files import write_json, write_table
from recval.store.run import Run

DATA = {"train": 3, "sha256": "abc"}
RECIPE = {"name": "größe", "seeds": [1, 2], "training": {"epochs": 3}}


def test_a_run_keeps_its_recipe_and_is_continued_by_the_same_one(tmp_path):
    path = tmp_path / "runs" / "first"
    assert Run.create(path, RECIPE, DATA).recipe() == RECIPE
    (path / "trials").mkdir()
    assert list(Run.create(str(path), RECIPE, DATA).recipe()) == list(RECIPE)
    with pytest.raises(RunError, match="holds a run of another recipe; name another folder, or remove that one"):
        Run.create(path, RECIPE | {"seeds": [1, 3]}, DATA)
    with pytest.raises(RunError, match="holds a run on other data; name another folder, or remove that one"):
        Run.create(path, RECIPE, DATA | {"train": 4})


def test_a_kill_before_the_recipe_was_written_does_no_harm(tmp_path):
    Run.create(tmp_path, RECIPE, DATA).recipe_path.unlink()
    assert Run.create(tmp_path, RECIPE, DATA | {"train": 4}).recipe() == RECIPE
    Run.create(tmp_path, RECIPE, DATA | {"train": 4})


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunError, match="is not empty and holds no run; name another folder"):
        Run.create(tmp_path, RECIPE, DATA)
    with pytest.raises(RunError, match=r"thesis.tex/data.json cannot be written"):
        Run.create(tmp_path / "thesis.tex", RECIPE, DATA)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_only_a_finished_run_is_opened(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        Run.open(tmp_path / "none")
    created = Run.create(tmp_path, RECIPE, DATA)
    with pytest.raises(RunError, match="is not finished; continue it with recval run"):
        Run.open(tmp_path)
    write_json(created.metrics_path, {"methods": {}})
    write_table(created.per_user_path, pa.table({"user": [1, 2], "ndcg@10": [0.0, 0.5]}))
    opened = Run.open(tmp_path)
    assert opened.metrics() == {"methods": {}}
    pd.testing.assert_frame_equal(opened.per_user(), pd.DataFrame({"user": [1, 2], "ndcg@10": [0.0, 0.5]}))
    assert opened.removal() is None


@pytest.mark.parametrize("name", ["..", "../x", "/etc/passwd", "a/b", "", "dvr:ndcg@10", "ä", "\\\\server"])
def test_a_trial_never_leaves_the_folder_of_the_run(tmp_path, name):
    path = Run(tmp_path).trial_path(name, 7)
    assert path.parent.parent == tmp_path / "trials"
    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert path.name == "7"
    assert path.parent.name.strip(".") != ""
