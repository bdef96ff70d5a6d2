from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from recval.errors import DataError
from recval.training import TripletSampler

property_test = settings(deadline=None, derandomize=True, max_examples=80)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def joined(batches):
    batches = list(batches)
    return {
        name: torch.cat([getattr(batch, name) for batch in batches]) for name in ("row", "user", "item", "negative")
    }


@st.composite
def tables(draw):
    """Pairs of which no user has all items: sparse, dense, with users and items that have none."""
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(2, 9))
    items = st.sets(st.integers(0, n_items - 1), max_size=n_items - 1)
    pairs = [(user, item) for user in range(n_users) for item in draw(items)]
    return draw(st.permutations(pairs or [(0, 0)])), n_users, n_items


@property_test
@given(tables(), st.integers(1, 12), st.integers(0, 2**40))
def test_an_epoch_holds_each_interaction_once_with_an_item_that_its_user_does_not_have(
    interactions, table, batch_size, seed
):
    pairs, n_users, n_items = table
    batches = list(TripletSampler(interactions(pairs, n_users, n_items)).epoch(batch_size, generator(seed)))
    sizes = [len(batch) for batch in batches]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= batch_size
    epoch = joined(batches)
    assert sorted(epoch["row"].tolist()) == list(range(len(pairs)))
    drawn = list(zip(*(epoch[name].tolist() for name in ("row", "user", "item", "negative")), strict=True))
    for row, user, item, negative in drawn:
        assert (user, item) == tuple(pairs[row])
        assert 0 <= negative < n_items
        assert (user, negative) not in set(pairs)


@property_test
@given(tables(), st.integers(0, 2**40))
def test_the_generator_alone_decides(interactions, table, seed):
    sampler = TripletSampler(interactions(*table))
    first = joined(sampler.epoch(4, generator(seed)))
    list(sampler.epoch(4, generator(seed + 1)))
    torch.manual_seed(0)
    for batch_size in (4, 100):
        again = joined(TripletSampler(interactions(*table)).epoch(batch_size, generator(seed)))
        assert all(torch.equal(first[name], again[name]) for name in first)


@property_test
@given(tables(), st.integers(0, 2**40))
def test_the_bitmap_and_the_search_draw_the_same_samples(interactions, table, seed):
    table = interactions(*table)
    by_bitmap = joined(TripletSampler(table).epoch(5, generator(seed)))
    by_search = joined(TripletSampler(table, bitmap_bytes=0).epoch(5, generator(seed)))
    assert all(torch.equal(by_bitmap[name], by_search[name]) for name in by_bitmap)


def test_the_bitmap_is_used_up_to_its_budget(interactions):
    """Of 3 x 8 pairs there are three bytes."""
    table = interactions([(0, 0), (2, 7)], 3, 8)
    assert TripletSampler(table, bitmap_bytes=3)._known.tolist() == [1, 0, 128]
    assert TripletSampler(table, bitmap_bytes=2)._known.tolist() == [0, 23]


def test_the_samples_of_a_seed_stay_what_they_were(interactions):
    """Published results rest on them."""
    pairs = [(user, item) for user in range(4) for item in range(6) if (user + item) % 2]
    epoch = joined(TripletSampler(interactions(pairs, 4, 6)).epoch(99, generator(7)))
    assert epoch["row"].tolist() == [3, 4, 0, 5, 7, 9, 11, 6, 8, 1, 10, 2]
    assert epoch["negative"].tolist() == [1, 3, 4, 1, 4, 5, 1, 0, 0, 0, 5, 0]


def test_the_next_epoch_has_another_order_and_other_negatives(interactions):
    sampler = TripletSampler(interactions([(0, item) for item in range(50)], 1, 200))
    stream = generator(1)
    first, second = joined(sampler.epoch(50, stream)), joined(sampler.epoch(50, stream))
    assert not torch.equal(first["row"], second["row"])
    assert not torch.equal(first["negative"], second["negative"])


def test_one_negative_that_is_left_is_found(interactions):
    n_items = 60
    pairs = [(user, item) for user in range(n_items) for item in range(n_items) if item != user]
    epoch = joined(TripletSampler(interactions(pairs, n_items, n_items)).epoch(999, generator(0)))
    assert torch.equal(epoch["negative"], epoch["user"])


def test_negatives_are_uniform_over_what_is_left(interactions):
    rng = np.random.default_rng(0)
    n_users, n_items = 3, 40
    mask = rng.random((n_users, n_items)) < np.array([[0.05], [0.5], [0.9]])
    sampler = TripletSampler(interactions(np.argwhere(mask), n_users, n_items))
    for user in range(n_users):
        drawn = sampler.negatives(torch.full((20_000,), user), generator(user))
        counts = np.bincount(drawn.numpy(), minlength=n_items)
        assert counts[mask[user]].sum() == 0
        assert chisquare(counts[~mask[user]]).pvalue > 0.01


def test_the_order_of_an_epoch_is_uniform(interactions):
    sampler = TripletSampler(interactions([(0, item) for item in range(4)], 1, 5))
    stream = generator(3)
    orders = [tuple(joined(sampler.epoch(4, stream))["row"].tolist()) for _ in range(2400)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 24
    assert chisquare(counts).pvalue > 0.01


@property_test
@given(tables(), st.integers(0, 99))
def test_what_is_excluded_is_no_negative_and_no_sample(interactions, table, seed):
    pairs, n_users, n_items = table
    rng = np.random.default_rng(seed)
    taken = {user: {item for owner, item in pairs if owner == user} for user in range(n_users)}
    held_out = [
        (user, int(rng.choice(sorted(set(range(n_items)) - items))))
        for user, items in taken.items()
        if len(items) < n_items - 1
    ]
    sampler = TripletSampler(interactions(pairs, n_users, n_items), exclude=[interactions(held_out, n_users, n_items)])
    epoch = joined(sampler.epoch(7, generator(seed)))
    assert len(epoch["row"]) == len(pairs)
    assert not set(zip(epoch["user"].tolist(), epoch["negative"].tolist(), strict=True)) & {*held_out, *pairs}


def test_a_user_with_every_item_is_named(interactions):
    pairs = [(0, 1), (1, 0), (1, 1), (1, 2)]
    with pytest.raises(DataError) as raised:
        TripletSampler(interactions(pairs, 2, 3))
    assert str(raised.value) == (
        "user 1 has an interaction with each of the 3 items, so there is no negative item to train against"
    )
    rest = interactions([(0, 0), (0, 2)], 2, 3)
    with pytest.raises(DataError, match="user 0 has an interaction with each of the 3 items"):
        TripletSampler(interactions(pairs[:2], 2, 3), exclude=[rest])


def test_tables_that_do_not_share_their_users_and_items_are_refused(interactions):
    with pytest.raises(DataError, match="must share their users and items"):
        TripletSampler(interactions([(0, 0)], 1, 3), exclude=[interactions([(0, 0)], 1, 4)])
