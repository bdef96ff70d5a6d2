"""Noise: as much as was asked for, never a pair that is true, and drawn as it is said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recval.data import Split
from recval.data.noise import with_noise, without_noise
from recval.errors import ConfigError, DataError


def pairs(part):
    return list(zip(part.user.tolist(), part.item.tolist(), strict=True))


@pytest.fixture
def make(interactions):
    """Builds a split of pairs (user, item, part), 0 train, 1 valid, 2 test, with a column of its own in each part."""

    def build(rows, n_users, n_items):
        parts = []
        for wanted in range(3):
            part = interactions([row[:2] for row in rows if row[2] == wanted], n_users, n_items)
            time = pa.array(np.arange(len(part), dtype=float) + 100 * wanted)
            parts.append(replace(part, table=part.table.append_column("time", time)))
        return Split(*parts)

    return build


@pytest.fixture
def random_split(make):
    generator = np.random.default_rng(3)
    met = generator.random((40, 60)) < generator.uniform(0.05, 0.5, (40, 1))
    met[:, 0] = met[:, 1] = met[:, 2] = True
    part = {0: 0, 1: 1, 2: 2}
    rows = [
        (int(u), int(i), part.get(int(i), int(generator.choice(3, p=[0.6, 0.2, 0.2])))) for u, i in np.argwhere(met)
    ]
    return make(rows, 40, 60)


@pytest.mark.parametrize("kind", ["uniform", "popularity"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_noise_is_as_much_as_asked_for_and_never_collides(random_split, kind, share):
    noisy = with_noise(random_split, kind, share, into=("train", "valid"), rng=1)
    made_up = []
    for name in ("train", "valid"):
        before, after = getattr(random_split, name), getattr(noisy, name)
        label = after.column("label")
        assert len(after) == len(before) + round(share / (1 - share) * len(before))
        assert abs((label == 0).mean() - share) <= 0.5 / len(after) * 2
        assert pairs(after.take(label == 1)) == pairs(before)
        made_up += pairs(after.take(label == 0))
    assert len(made_up) == len(set(made_up))
    true = {pair for part in (random_split.train, random_split.valid, random_split.test) for pair in pairs(part)}
    assert not true & set(made_up)
    assert pairs(noisy.test) == pairs(random_split.test)
    assert noisy.test.column("label").tolist() == [1] * len(noisy.test)


def test_the_parts_can_still_be_joined(random_split):
    joined = with_noise(random_split, "uniform", 0.1).with_validation().train
    assert joined.table.schema.names == ["user", "item", "time", "label"]


def test_the_same_seed_gives_the_same_rows_and_another_one_others(random_split):
    first, same, other = (with_noise(random_split, "popularity", 0.2, rng=seed).train for seed in (4, 4, 5))
    assert first.table.equals(same.table)
    assert not first.table.equals(other.table)


def test_noise_follows_what_it_is_a_copy_of(random_split):
    table = with_noise(random_split, "uniform", 0.3).train.table.to_pandas()
    before = table.label.eq(1).cumsum()
    assert (table.user == table.user[table.label == 1].to_numpy()[before - 1]).all()
    assert (table.time == table.time[table.label == 1].to_numpy()[before - 1]).all()


def _made_up(split, kind, column, rounds=600):
    """Return the users or items that are made up over many small draws, so that few pairs are taken by others."""
    found = []
    for seed in range(rounds):
        part = with_noise(split, kind, 0.015, rng=seed).train
        found.append(getattr(part.take(part.column("label") == 0), column))
    return np.concatenate(found)


@pytest.fixture
def sparse(make):
    """300 users of one to three interactions each, with few of 50 items of very different popularity."""
    generator = np.random.default_rng(0)
    weight = 1 / np.arange(1, 51)
    rows = [
        (user, int(item), 0)
        for user in range(300)
        for item in generator.choice(50, size=1 + user % 3, replace=False, p=weight / weight.sum())
    ]
    return make(rows, 300, 50)


def test_users_are_drawn_by_their_activity(sparse):
    drawn = np.bincount(_made_up(sparse, "uniform", "user") % 3, minlength=3)
    assert stats.chisquare(drawn, drawn.sum() * np.array([1, 2, 3]) / 6).pvalue > 0.001


@pytest.mark.parametrize("kind", ["uniform", "popularity"])
def test_items_are_drawn_by_their_weight_among_the_free_ones(sparse, kind):
    """The expectation is exact for one draw a user: activity times the item's share of what is free to the user."""
    seen = np.zeros((300, 50))
    seen[sparse.train.user, sparse.train.item] = 1
    weight = sparse.train.item_counts() if kind == "popularity" else np.ones(50)
    free = weight * (1 - seen)
    expected = sparse.train.user_counts() @ (free / free.sum(axis=1, keepdims=True))
    drawn = np.bincount(_made_up(sparse, kind, "item"), minlength=50)
    assert drawn[expected == 0].sum() == 0
    expected *= drawn.sum() / expected.sum()
    assert expected.max() > expected[expected > 0].min() * (8 if kind == "popularity" else 1.5)
    assert stats.chisquare(drawn[expected > 0], expected[expected > 0]).pvalue > 0.001


@settings(deadline=None, derandomize=True, max_examples=40)
@given(seed=st.integers(0, 2**32), share=st.floats(0.01, 0.6))
def test_a_crowded_table_is_filled_or_refused(interactions, seed, share):
    """A user with few free items gets each at most once; one who would get more than there are is an error."""
    generator = np.random.default_rng(seed)
    table = generator.random((6, 8)) < 0.6
    table[0, 0] = True
    train, empty = interactions(np.argwhere(table), 6, 8), interactions([], 6, 8)
    split = Split(train, empty, empty)
    wanted = round(share / (1 - share) * len(train))
    if wanted > (~table).sum():
        with pytest.raises(DataError, match="items left that could be drawn; lower the share"):
            with_noise(split, "uniform", share, rng=seed)
        return
    try:
        noisy = with_noise(split, "uniform", share, rng=seed).train
    except DataError:  # The user who was drawn too often is named; another seed may do.
        return
    assert len(set(pairs(noisy))) == len(noisy) == len(train) + wanted


def test_the_last_free_item_is_found(make):
    """Noise for a user who has met all items but one, which has one interaction in 20,001."""
    split = make([*((user, 0, 0) for user in range(1, 20_001)), (1, 1, 0), (0, 0, 1)], 20_001, 2)
    noisy = with_noise(split, "popularity", 0.5, into=("valid",)).valid
    assert (pairs(noisy), noisy.column("label").tolist()) == ([(0, 0), (0, 1)], [1, 0])


def test_a_user_who_has_met_everything_is_named(make):
    with pytest.raises(DataError, match="user 0 would get [0-9]+ interactions of noise, but has only 0 items left"):
        with_noise(make([(0, 0, 0), (0, 1, 1), (0, 2, 2)], 1, 3), "uniform", 0.5)


def test_an_empty_part_gets_no_noise(make):
    split = make([(0, 0, 0), (1, 1, 0), (1, 2, 2)], 2, 30)
    noisy = with_noise(split, "uniform", 0.5, into=("train", "valid"))
    assert (len(noisy.train), len(noisy.valid), len(noisy.test)) == (4, 0, 1)
    assert "label" in noisy.valid.table.column_names


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_must_be_one(random_split, share):
    with pytest.raises(DataError, match="above 0 and below 1"):
        with_noise(random_split, "uniform", share)


def test_a_share_of_nothing_is_told(random_split):
    rows = len(random_split.train)
    with pytest.raises(DataError, match=f"a share of 0.0001 comes to no interaction beside the {rows} of part train"):
        with_noise(random_split, "uniform", 1e-4)


def test_a_part_is_named_once(random_split):
    with pytest.raises(ConfigError, match="no entry may stand twice"):
        with_noise(random_split, "uniform", 0.1, into=("train", "train"))


def test_unknown_names_are_told(random_split):
    with pytest.raises(ConfigError, match="unknown kind of noise 'unifrom', did you mean 'uniform'"):
        with_noise(random_split, "unifrom", 0.1)
    with pytest.raises(ConfigError, match="unknown part 'validation'"):
        with_noise(random_split, "uniform", 0.1, into=("validation",))
    with pytest.raises(ConfigError, match="unknown part 'validation'"):
        without_noise(random_split, ("validation",))


def test_labelled_noise_is_left_out_of_the_named_parts_alone(random_split):
    noisy = with_noise(random_split, "uniform", 0.25, into=("train", "valid"))
    clean = without_noise(noisy, ("valid",))
    assert clean.valid.column("label").tolist() == [1] * len(random_split.valid)
    assert pairs(clean.valid) == pairs(random_split.valid)
    assert clean.train.table.equals(noisy.train.table)
    assert pairs(without_noise(noisy).train) == pairs(random_split.train)


def test_labels_that_are_there_stay(random_split):
    """Natural noise keeps its label 0; what is made up is as true as it."""
    once = with_noise(random_split, "uniform", 0.1, rng=0)
    twice = with_noise(once, "uniform", 0.1, rng=1)
    assert (twice.train.column("label") == 0).sum() == len(twice.train) - len(random_split.train)


def test_what_cannot_be_left_out_is_told(random_split, make):
    with pytest.raises(DataError, match="no column 'label'"):
        without_noise(random_split)
    noisy = with_noise(make([(0, 0, 0), (1, 1, 0)], 2, 9), "uniform", 0.5)
    only_noise = replace(noisy, train=noisy.train.take(noisy.train.column("label") == 0))
    with pytest.raises(DataError, match="all 2 interactions of the part train have the label 0"):
        without_noise(only_noise, ("train",))
