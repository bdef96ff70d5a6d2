"""Likeness estimates how much more frequent a sample is in validation data than in the contrast."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from recval.backbones import build
from recval.data import Split
from recval.errors import ConfigError, DataError
from recval.testing import planted
from recval.training import Loop, Training
from recval.valuation import DVR
from recval.valuation.dvr_settings import DVRSettings
from recval.valuation.learner import ValuatorLearner
from recval.valuation.likeness import contrast_of, contrast_pairs, unseen_pairs


def test_values_become_the_logarithm_of_the_density_ratio():
    """Two kinds of samples, in shares .8 and .2 against .5 and .5: logarithms of 1.6 and 0.4."""
    settings = DVRSettings(order=1, learning_rate=0.02, averaging=0.9)
    learner = ValuatorLearner(2, settings, seed=0, device="cpu", slots=10)
    one, other = torch.eye(2)
    alike, others = torch.stack([one] * 8 + [other] * 2), torch.stack([one] * 5 + [other] * 5)
    for _ in range(2000):
        learner.tell_apart(alike, others)
    with torch.no_grad():
        values = learner.valuator(torch.eye(2))
    np.testing.assert_allclose(values, [math.log(1.6), math.log(0.4)], atol=0.02)


@pytest.mark.parametrize("popular", [False, True])
def test_unseen_pairs_are_in_no_part(popular):
    split, _ = planted(n_users=20, n_items=30, per_user=14)
    found = unseen_pairs(split, torch.Generator().manual_seed(0), popular=popular)
    known = {pair for part in (split.train, split.valid) for pair in zip(part.user, part.item, strict=True)}
    drawn = list(zip(found.user, found.item, strict=True))
    assert len(drawn) > 0.3 * len(split.train)
    assert not known & set(drawn)
    if not popular:
        assert (found.user == split.train.user).all()


def test_popular_pairs_are_of_popular_items():
    """Every item but one is in one interaction; that one is in half of all."""
    split, _ = planted(n_users=60, n_items=200, per_user=8)
    table = split.train.table
    item = np.where(np.arange(len(split.train)) % 2, 0, table["item"].to_numpy())
    train = replace(split.train, table=table.set_column(1, "item", [item]))
    keep = train.user % 4 != 0  # Users who have not met the popular item: there it can be drawn.
    train = replace(train, table=train.take(keep | (item != 0)).table)
    share = {}
    for popular in (False, True):
        found = unseen_pairs(replace(split, train=train), torch.Generator().manual_seed(0), popular=popular)
        share[popular] = (found.item == 0).mean()
    assert share[True] > 5 * share[False]


def trained(split, **settings):
    valuator = DVR(**settings)
    loop = Loop(
        build("LightGCN", split.train, {"embedding_size": 8, "n_layers": 1}, seed=0),
        split,
        Training(epochs=15, batch_size=256, learning_rate=0.01),
        callbacks=[valuator],
    )
    loop.fit()
    return valuator.values


def auroc(values, noisy):
    return mannwhitneyu(values[~noisy], values[noisy]).statistic / (noisy.sum() * (~noisy).sum())


@pytest.mark.parametrize("contrast", ["training", "unseen", "popular"])
def test_planted_noise_is_unlike_clean_validation_data(contrast):
    split, noisy = planted(noise=0.25, n_users=240)
    inputs = ["cosine", "ease"]
    values = trained(split, reward=f"likeness[{contrast}]", inputs=inputs, order=1, interval=1, temperature=1.0)
    assert auroc(values.value, noisy) > 0.9


def test_there_is_nothing_to_find_between_data_and_itself():
    """The validation part is a random part of the training data: users and items say nothing."""
    split, noisy = planted(noise=0.25, n_users=200)
    rows = np.random.default_rng(0).permutation(len(split.train))
    held = rows[: len(rows) // 4]
    part = replace(split, train=split.train, valid=split.train.take(held))
    values = trained(part, reward="likeness[training]", inputs=["popularity"], order=1, interval=1, temperature=1.0)
    assert abs(values.value).mean() < 0.1
    assert abs(auroc(values.value, noisy) - 0.5) < 0.1


def test_what_likeness_cannot_use_is_told():
    assert contrast_of("likeness[unseen]") == "unseen"
    assert contrast_of("ndcg@10") is contrast_of({"ndcg@10": 1.0}) is contrast_of(len) is None
    with pytest.raises(ConfigError, match=r"unknown reward 'likeness\[clean\]'"):
        DVR(reward="likeness[clean]")
    with pytest.raises(ConfigError, match=r"'likeness\[training\]' is no reward of a model.*not in a sum"):
        DVR(reward={"likeness[training]": 1})
    with pytest.raises(ConfigError, match=r"inputs: no entry may stand twice, got \['user', 'user'\]"):
        DVR(reward="likeness[training]", inputs=["user", "user"])
    with pytest.raises(ConfigError, match="the input loss tells training samples from all others"):
        DVR(reward="likeness[training]", inputs=["user", "loss"])
    with pytest.raises(ConfigError, match="computed on the validation data of recval's loop"):
        DVR(reward="likeness[training]").weigh(torch.zeros(3, 2), torch.zeros(3))


@pytest.mark.parametrize(("contrast", "found"), [("unseen", "user 0 has an interaction"), ("popular", "all of the 12")])
def test_where_all_is_known_there_is_no_contrast(interactions, contrast, found):
    """Every user has met every item, in one part or the other."""
    pairs = [(user, item) for user in range(4) for item in range(4)]
    parts = [[pair for pair in pairs if (pair[0] == pair[1]) == held] for held in (False, True)]
    train, valid = (interactions(part, 4, 4) for part in parts)
    split = Split(train, valid, valid)
    assert contrast_pairs("training", split, seed=0) is None
    expected = rf"^likeness\[{contrast}\] needs items that users have not met: {found}.*; take likeness\[training\]$"
    with pytest.raises(DataError, match=expected):
        contrast_pairs(contrast, split, seed=0)
