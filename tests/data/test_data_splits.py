from __future__ import annotations

import warnings
from math import ceil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from recval.data import from_frame, k_fold, leave_k_out, load, split_by_ratio, split_by_time, split_given
from recval.errors import ConfigError, DataError

property_test = settings(deadline=None, derandomize=True, max_examples=60)
RATIOS = [(0.8, 0.1, 0.1), (0.7, 0.2, 0.1), (0.6, 0.2, 0.2), (0.5, 0.0, 0.5), (0.9, 0.1, 0.0), (0.01, 0.5, 0.49)]

shares = st.sampled_from([0, 0.1, 0.25, 0.9])


def table(counts, *, times=None, seed=0):
    """Interactions of as many users as there are counts; the rows are shuffled, and times are distinct."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"user": np.repeat(np.arange(len(counts)), counts)})
    frame["item"] = frame.groupby("user").cumcount()
    frame["time"] = rng.permutation(len(frame)) if times is None else times
    return from_frame(frame.sample(frac=1, random_state=seed), time="time")


@st.composite
def tables(draw, least=1):
    counts = draw(st.lists(st.integers(least, 35), min_size=1, max_size=12))
    return table(counts, seed=draw(st.integers(0, 99)))


def rows(part):
    """The interactions of a part as a set of (user, item)."""
    frame = part.to_frame()
    return set(zip(frame["user"], frame["item"], strict=True))


def assert_partition(split, interactions):
    parts = [rows(part) for part in (split.train, split.valid, split.test)]
    assert sum(map(len, parts)) == len(interactions)
    assert set.union(*parts) == rows(interactions)
    for part in (split.train, split.valid, split.test):
        assert part.users is interactions.users
        assert part.items is interactions.items


@pytest.mark.parametrize("ratios", RATIOS)
@pytest.mark.parametrize("order", ["random", "time"])
def test_sizes_equal_recbole_s_for_every_number_of_interactions(ratios, order):
    from recbole.data.dataset.dataset import Dataset

    interactions = table(np.arange(1, 131))
    split = split_by_ratio(interactions, ratios, order=order)
    shares = [ratio / sum(ratios) for ratio in ratios]
    for user, count in enumerate(interactions.user_counts()):
        first, second = Dataset._calcu_split_ids(None, int(count), shares)
        sizes = [part.user_counts()[user] for part in (split.train, split.valid, split.test)]
        assert sizes == [first, second - first, count - second], f"{count} interactions"


def test_movielens_has_the_sizes_of_recbole_s_split():
    interactions = load("ml-100k")
    split = split_by_ratio(interactions, rng=42)
    assert (len(split.train), len(split.valid), len(split.test)) == (80_808, 9_596, 9_596)
    assert_partition(split, interactions)
    assert split.train.user_counts().min() > 0


@property_test
@given(tables(), st.sampled_from(RATIOS), st.integers(0, 9))
def test_the_parts_by_ratio_are_disjoint_and_complete_and_each_user_is_trained_on(interactions, ratios, rng):
    split = split_by_ratio(interactions, ratios, rng=rng)
    assert_partition(split, interactions)
    assert split.train.user_counts().min() >= 1


@property_test
@given(tables(), st.integers(0, 2**40))
def test_the_same_rng_gives_the_same_split(interactions, seed):
    for source in (lambda: seed, lambda: np.random.SeedSequence(seed), lambda: np.random.default_rng(seed)):
        first, second = (split_by_ratio(interactions, rng=source()) for _ in range(2))
        assert first.train.table.equals(second.train.table)
        assert first.test.table.equals(second.test.table)


def test_another_rng_gives_another_split_and_a_generator_moves_on():
    interactions = table([30] * 5)
    generator = np.random.default_rng(1)
    tests = [rows(split_by_ratio(interactions, rng=rng).test) for rng in (1, 2, generator, generator)]
    assert len(set(map(frozenset, tests))) == 4


def test_a_random_split_is_uniform_over_the_interactions_of_a_user():
    interactions = table([10])
    tested = sum(split_by_ratio(interactions, rng=rng).test.item_counts() for rng in range(2000))
    # Each of the ten is tested 200 times on average, with a standard deviation of 13.4.
    assert tested.sum() == 2000
    assert abs(tested - 200).max() < 5 * 13.4


@property_test
@given(tables(), st.sampled_from(RATIOS))
def test_ordered_by_time_a_user_s_later_interactions_are_held_out(interactions, ratios):
    split = split_by_ratio(interactions, ratios, order="time")
    for user in range(len(interactions.users)):
        times = [part.column("time")[part.user == user] for part in (split.train, split.valid, split.test)]
        assert max(times[0]) < min([*times[1], *times[2], np.inf])
        assert max([*times[1], -np.inf]) < min([*times[2], np.inf])


@property_test
@given(tables(), st.integers(1, 6))
def test_leave_k_out_by_time_equals_a_loop_over_users(interactions, k):
    split = leave_k_out(interactions, k)
    assert_partition(split, interactions)
    frame = interactions.to_frame().sort_values("time")
    expected = {"train": set(), "valid": set(), "test": set()}
    for user, group in frame.groupby("user"):
        items = list(group["item"])
        if len(items) > 2 * k:
            expected["test"].update((user, item) for item in items[-k:])
            expected["valid"].update((user, item) for item in items[-2 * k : -k])
            del items[-2 * k :]
        expected["train"].update((user, item) for item in items)
    assert {name: rows(getattr(split, name)) for name in expected} == expected


@property_test
@given(tables(), st.integers(1, 6), st.integers(0, 99))
def test_leave_k_out_at_random_holds_out_k_twice_and_obeys_its_rng(interactions, k, seed):
    split = leave_k_out(interactions, k, order="random", rng=seed)
    assert_partition(split, interactions)
    held = np.where(interactions.user_counts() > 2 * k, k, 0)
    assert split.valid.user_counts().tolist() == held.tolist()
    assert split.test.user_counts().tolist() == held.tolist()
    assert leave_k_out(interactions, k, order="random", rng=seed) == split


@settings(property_test, max_examples=25)
@given(tables().filter(lambda table: len(table) > 1), st.integers(2, 7), shares, st.integers(0, 99))
def test_each_interaction_is_tested_in_exactly_one_fold(interactions, folds, valid, seed):
    splits = list(k_fold(interactions, folds, valid=valid, rng=seed))
    assert len(splits) == folds
    tested = [pair for split in splits for pair in rows(split.test)]
    assert len(tested) == len(interactions)
    assert set(tested) == rows(interactions)
    for split in splits:
        assert_partition(split, interactions)
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= 1
    by_user = np.array([split.test.user_counts() for split in splits])
    assert (by_user.max(axis=0) - by_user.min(axis=0)).max() <= 1


@settings(property_test, max_examples=25)
@given(tables(least=2), st.integers(2, 7), shares)
def test_validation_is_a_share_of_what_a_fold_does_not_test_and_leaves_training(interactions, folds, valid):
    for split in k_fold(interactions, folds, valid=valid):
        others = interactions.user_counts() - split.test.user_counts()
        expected = np.floor(valid * others + 1e-9)
        expected = np.where((valid > 0) & (expected == 0) & (others > 1), 1, expected)
        assert split.valid.user_counts().tolist() == expected.tolist()
        assert split.train.user_counts().min() >= 1


@settings(property_test, max_examples=25)
@given(tables(least=2), st.integers(0, 99))
def test_the_same_rng_gives_the_same_folds(interactions, seed):
    first, second = (list(k_fold(interactions, 3, rng=seed)) for _ in range(2))
    assert first == second


def test_another_rng_gives_other_folds_and_each_fold_its_own_validation():
    interactions = table([30] * 5)
    first, second = (next(k_fold(interactions, rng=rng)) for rng in (1, 2))
    assert rows(first.test) != rows(second.test)
    assert rows(first.valid) != rows(second.valid)
    validated = [rows(split.valid) for split in k_fold(interactions)]
    assert len(set(map(frozenset, validated))) == 5


def test_folds_are_uniform_over_the_interactions_of_a_user():
    interactions = table([10])
    tested = sum(next(k_fold(interactions, 5, rng=rng)).test.item_counts() for rng in range(2000))
    # Each of the ten is in the first fold 400 times on average, with a standard deviation of 17.9.
    assert tested.sum() == 4000
    assert abs(tested - 400).max() < 5 * 17.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 1}, "folds must be 2 or more. Got 1 instead"),
        ({"valid": 1.0}, "valid must be a share from 0 to below 1. Got 1.0 instead"),
        ({"valid": -0.1}, "Got -0.1 instead"),
        ({"valid": float("nan")}, "Got nan instead"),
    ],
)
def test_folds_that_are_none_are_refused_at_once(settings, message):
    with pytest.raises(DataError, match=message):
        k_fold(table([5]), **settings)


@pytest.mark.parametrize("k", [0, -1])
def test_nothing_left_out_is_refused(k):
    with pytest.raises(DataError, match=f"k must be 1 or more. Got {k} instead"):
        leave_k_out(table([5]), k)


@property_test
@given(tables(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_change_who_is_left_out_by_time(interactions, k, random):
    order = list(range(len(interactions)))
    random.shuffle(order)
    shuffled = leave_k_out(interactions.take(np.array(order)), k)
    split = leave_k_out(interactions, k)
    assert [rows(shuffled.valid), rows(shuffled.test)] == [rows(split.valid), rows(split.test)]


def test_among_interactions_of_one_moment_the_last_row_is_left_out():
    frame = pd.DataFrame({"user": 0, "item": [4, 1, 3], "time": 7})
    split = leave_k_out(from_frame(frame, time="time"))
    assert (rows(split.train), rows(split.valid), rows(split.test)) == ({(0, 4)}, {(0, 1)}, {(0, 3)})


def test_leave_k_out_at_random_needs_no_time_and_obeys_its_rng():
    interactions = from_frame(pd.DataFrame({"user": 0, "item": range(20)}))
    tests = [rows(leave_k_out(interactions, order="random", rng=rng).test) for rng in (1, 1, 2)]
    assert tests[0] == tests[1] != tests[2]
    assert len(tests[0]) == 1


@property_test
@given(st.lists(st.integers(0, 40), min_size=30, max_size=120), st.integers(0, 99))
def test_no_held_out_interaction_lies_before_the_cut_in_time(times, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"user": rng.integers(0, 25, len(times)), "item": range(len(times)), "time": times})
    interactions = from_frame(frame, time="time")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            split = split_by_time(interactions)
    except DataError:
        reject()
    assert split.train.column("time").max() < split.valid.column("time").min()
    assert split.valid.column("time").max() < split.test.column("time").min()
    # The cuts are those observed moments below which lie at most, and through which at least, the given shares.
    ordered = sorted(times)
    cuts = [ordered[ceil(share * (len(ordered) - 1) - 1e-9)] for share in (0.8, 0.9)]
    trained = set(frame["user"][frame["time"] < cuts[0]])
    known = frame[frame["user"].isin(trained)]
    assert rows(split.train) == set(zip(*frame[frame["time"] < cuts[0]][["user", "item"]].T.to_numpy(), strict=True))
    assert rows(split.test) == set(zip(*known[known["time"] >= cuts[1]][["user", "item"]].T.to_numpy(), strict=True))
    lost = frame[~frame["user"].isin(trained)]
    assert split.dropped == ((lost["time"] < cuts[1]).sum(), (lost["time"] >= cuts[1]).sum())
    assert [str(warning.message)[:8] for warning in told] == ["left out"] * (len(lost) > 0)


@property_test
@given(tables(least=3))
def test_parts_of_a_split_given_back_are_the_same_split(interactions):
    split = leave_k_out(interactions)
    again = split_given(split.train, split.valid, split.test)
    assert again == split


def part(*pairs):
    users, items = zip(*pairs, strict=True)
    return from_frame(pd.DataFrame({"user": users, "item": items}))


def test_parts_with_vocabularies_of_their_own_come_to_share_them():
    split = split_given(part(("b", "y"), ("a", "x")), part(("b", "z")), part(("a", "w")))
    for vocabulary in (split.train.items, split.valid.items, split.test.items):
        assert vocabulary.ids.to_pylist() == ["x", "y", "z", "w"]
    assert [rows(split.train), rows(split.valid)] == [{("b", "y"), ("a", "x")}, {("b", "z")}]
    assert rows(split.test) == {("a", "w")}


def test_fields_of_all_parts_are_kept_by_their_ids():
    def with_titles(pairs, titles):
        users, items = zip(*pairs, strict=True)
        fields = pd.DataFrame({"item": list(titles), "title": list(titles.values())})
        return from_frame(pd.DataFrame({"user": users, "item": items}), item_fields=fields)

    train = with_titles([(1, 5), (1, 3)], {5: "five"})
    valid = with_titles([(1, 9)], {9: "nine", 3: "three, too late"})
    split = split_given(train, valid, part((1, 7)))
    assert dict(zip(split.items.ids.to_pylist(), split.items.fields["title"].to_pylist(), strict=True)) == {
        3: None,
        5: "five",
        9: "nine",
        7: None,
    }


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([(1, 1), (1, 2)], [(1, 3)], [(1, 2)]), "the pair user 1, item 2 is in both the train and the test part"),
        (([(1, 1), (1, 2)], [(1, 1)], [(1, 3)]), "user 1, item 1 is in both the train and the validation part"),
        (([(1, 1), (2, 2)], [(1, 3)], [(1, 3)]), "user 1, item 3 is in both the validation and the test part"),
        (([(1, 1)], [(1, 2)], [(7, 1)]), "user 7 of the test part has no interaction in the training part"),
        (([(1, 1)], [(8, 2)], [(1, 3)]), "user 8 of the validation part has no interaction in the training part"),
        (([(1, 1)], [("1", 2)], [(1, 3)]), "ids of different types cannot be joined: int64, string"),
    ],
)
def test_given_parts_that_leak_or_do_not_fit_are_refused(parts, message):
    with pytest.raises(DataError) as raised:
        split_given(*(part(*pairs) for pairs in parts))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_fields_that_differ_in_type_are_refused():
    def with_year(item, year):
        return from_frame(
            pd.DataFrame({"user": [1], "item": [item]}), item_fields=pd.DataFrame({"item": [item], "year": [year]})
        )

    with pytest.raises(DataError, match=r"fields of different types cannot be joined: .*year"):
        split_given(with_year(1, 1990), with_year(2, "MCMXC"), with_year(3, 1991))
    assert split_given(with_year(1, 1990), with_year(2, 0.5), with_year(3, 1991)).items.fields["year"].to_pylist() == [
        1990,
        0.5,
        1991,
    ]


@pytest.mark.parametrize(
    "ratios",
    [(0.8, 0.1, 0.2), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5), (0.8, 0.1, 0.1 + 1e-6), (0.8, 0.2)],
)
@pytest.mark.parametrize("split", [split_by_ratio, split_by_time])
def test_ratios_that_are_no_shares_are_refused(split, ratios):
    with pytest.raises(DataError, match=r"three shares that sum to 1, the first above 0\. Got"):
        split(table([5, 5]), ratios)


def test_a_split_by_time_without_a_share_for_a_part_is_refused():
    with pytest.raises(DataError, match="three shares above 0"):
        split_by_time(table([50]), (0.9, 0.1, 0.0))


def test_a_split_by_time_that_leaves_a_part_empty_says_which():
    with pytest.raises(DataError, match="no interactions in the train part"):
        split_by_time(table([40], times=[7] * 40))
    with pytest.raises(DataError, match="no interactions in the validation part"):
        split_by_time(table([40], times=[*range(20), *[90] * 20]))


@pytest.mark.parametrize(
    "split",
    [split_by_time, leave_k_out, lambda interactions: split_by_ratio(interactions, order="time")],
)
def test_what_orders_by_time_needs_times(split):
    with pytest.raises(DataError, match="the interactions have no column 'time'; they have user, item"):
        split(part((1, 1), (1, 2), (1, 3)))


@pytest.mark.parametrize("split", [split_by_ratio, leave_k_out])
def test_an_unknown_order_is_refused(split):
    with pytest.raises(ConfigError, match=r"unknown order 'tme', did you mean 'time'\? \(allowed: random, time\)"):
        split(table([5]), order="tme")
