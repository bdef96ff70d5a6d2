"""Noise in a recipe: applied after the split, to any data, and refused in one line where it cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recval.declarations import validate
from recval.errors import ConfigError, DataError
from recval.recipes.schema import DataRecipe


@pytest.fixture
def labelled(tmp_path):
    """A file of 30 users with 12 of 60 items each, every fifth interaction of which is labelled noise."""
    generator = np.random.default_rng(0)
    rows = [(user, int(item)) for user in range(30) for item in generator.choice(60, 12, replace=False)]
    frame = pd.DataFrame(rows, columns=["user", "item"]).assign(label=lambda rows: (rows.index % 5 > 0).astype(int))
    frame.to_csv(tmp_path / "labelled.csv", index=False)
    frame.drop(columns="label").to_csv(tmp_path / "plain.csv", index=False)
    return tmp_path


def asked(path, **noise):
    return validate({"data": {"path": str(path)}, "noise": noise}, DataRecipe)


def test_removal_comes_before_injection(labelled):
    whole = asked(labelled / "labelled.csv").split_data()
    found = asked(labelled / "labelled.csv", remove=["train", "valid"], inject="uniform", share=0.2).split_data()
    true = int((whole.train.column("label") == 1).sum())
    label = found.train.column("label")
    assert ((label == 1).sum(), (label == 0).sum()) == (true, round(0.25 * true))
    assert found.valid.column("label").min() == 1
    assert found.test.table.equals(whole.test.table)


def test_data_without_labels_gets_them_with_the_noise(labelled):
    split = asked(labelled / "plain.csv", inject="popularity", share=0.1, into=["train", "valid"], seed=3).split_data()
    assert all(set(part.column("label")) == {0, 1} for part in (split.train, split.valid))
    assert set(split.test.column("label")) == {1}
    assert len(split.with_validation().train) == len(split.train) + len(split.valid)


def test_no_noise_leaves_the_data_alone(labelled):
    split = asked(labelled / "plain.csv").split_data()
    assert split.train.table.column_names == ["user", "item"]


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ({"inject": "uniform"}, "noise: inject and share belong together"),
        ({"share": 0.1}, "noise: inject and share belong together"),
        ({"inject": "unifrom", "share": 0.1}, "noise.inject: unknown value 'unifrom', did you mean 'uniform'"),
        ({"inject": "uniform", "share": 1.0}, "noise.share: should be less than 1"),
        ({"inject": "uniform", "share": 0.1, "into": ["test"]}, "noise.into.0: unknown value 'test'"),
        ({"inject": "uniform", "share": 0.1, "into": ["train", "train"]}, "noise.into: no entry may stand twice"),
        ({"remove": ["validation"]}, "noise.remove.0: unknown value 'validation', did you mean 'valid'"),
    ],
)
def test_what_cannot_be_is_refused_by_key(labelled, noise, message):
    with pytest.raises(ConfigError, match=message):
        asked(labelled / "plain.csv", **noise)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ({"remove": ["train"]}, "noise: the interactions have no column 'label'"),
        ({"inject": "uniform", "share": 1e-4}, "noise: a share of 0.0001 comes to no interaction beside"),
        ({"inject": "uniform", "share": 0.9}, "noise: user .* items left that could be drawn; lower the share"),
    ],
)
def test_what_the_data_does_not_allow_is_told(labelled, noise, message):
    with pytest.raises(DataError, match=message):
        asked(labelled / "plain.csv", **noise).split_data()
