"""Every metric of recval keeps the contract, and one that breaks it is found out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recval.errors import ConfigError
from recval.ranking.metrics import METRICS, metric
from recval.testing import MetricContract


def contract(name, **attributes):
    return type(f"Test_{name}", (MetricContract,), {"name": name, **attributes})


ACCURACY = {"hit", "map", "mrr", "ndcg", "precision", "recall", "auc", "gauc", "worst-group[ndcg,group]"}
BEYOND = {
    "average-popularity": math.inf,
    "category-coverage[genre]": 1,
    "entropy": math.inf,
    "equal-opportunity[genre]": math.inf,
    "exposure-parity[genre]": 1,
    "gini": 1,
    "group-gap[recall,group]": 1,
    "intra-list-distance[vector]": 2,
    "intra-list-distance[genre]": 1,
    "item-coverage": 1,
    "novelty": math.inf,
    "statistical-parity[genre]": math.inf,
    "tail-share": 1,
}
for _name in ACCURACY:
    globals()[f"Test_{_name}"] = contract(_name)
for _name, _high in BEYOND.items():
    globals()[f"Test_{_name}"] = contract(_name, high=_high, rewards_hits=False)


def test_every_metric_of_recval_is_held_to_the_contract():
    ours = {name for name in METRICS if METRICS[name].function.__module__.startswith("recval.")}
    assert {name.partition("[")[0] for name in ACCURACY | set(BEYOND)} == ours


@pytest.fixture
def registered(monkeypatch):
    """Forgets what a test registers."""
    monkeypatch.setattr(METRICS, "_plugins", dict(METRICS._plugins))


def hits(lists):
    return lists.hits.any(axis=1).astype(float)


def writing(lists):
    lists.hits[:] = False
    return hits(lists)


def uncut(lists):
    """The share of hits in the array that the lists were cut from, which a metric must not look at."""
    return (lists.hits if lists.hits.base is None else lists.hits.base).mean(axis=1)


def inverse(lists):
    with np.errstate(divide="ignore"):
        return 1 / lists.lengths


BREAKAGES = {
    "test_values_are_one_a_user_or_one_for_all": lambda lists: np.full(len(lists.users), np.nan),
    "test_values_are_within_bounds": lambda lists: lists.hits.sum(axis=1),
    "test_the_order_of_users_does_not_matter": lambda lists: hits(lists) * np.linspace(0, 1, len(lists.users)),
    "test_the_value_of_a_user_does_not_depend_on_the_others": lambda lists: hits(lists) / len(lists.users),
    "test_no_list_is_better_than_a_perfect_one": lambda lists: 1 - hits(lists),
    "test_only_items_up_to_the_cut_off_count": uncut,
    "test_lists_that_end_early_or_are_empty_have_a_value_or_none": inverse,
    "test_lists_are_left_as_they_are": writing,
}


def broken(function, **declared):
    metric("broken", **declared)(function)
    return contract("broken")()


@pytest.mark.parametrize("test", BREAKAGES)
def test_a_broken_metric_is_found_out(registered, test):
    with pytest.raises(AssertionError):
        getattr(broken(BREAKAGES[test]), test)()


def test_a_metric_that_fails_on_one_user_is_found_out(registered):
    with pytest.raises(ConfigError, match="one value a user"):
        broken(lambda lists: hits(lists).squeeze()).test_one_user_is_enough()


def test_a_metric_that_has_no_name_is_found_out():
    with pytest.raises(ConfigError, match="unknown metric 'unheard'"):
        contract("unheard")().test_a_name_with_a_cut_off_names_it()


def test_a_direction_that_is_turned_is_found_out(registered):
    with pytest.raises(AssertionError, match="better than the held-out items"):
        broken(hits, lower_is_better=True).test_no_list_is_better_than_a_perfect_one()


def test_each_test_of_the_contract_finds_something_out():
    elsewhere = {"test_one_user_is_enough", "test_a_name_with_a_cut_off_names_it"}
    assert {name for name in vars(MetricContract) if name.startswith("test_")} - elsewhere == set(BREAKAGES)
