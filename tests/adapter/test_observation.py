"""What is observed of a sample is what is known of its user, its item and the pair."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from recval.adapter import Observer, observation
from recval.adapter.leave_one_out import cosine_support
from recval.adapter.observation import check_input, check_observable
from recval.backbones import Batch, build
from recval.data import Interactions, Split, Vocabulary
from recval.errors import ConfigError, DataError
from recval.testing import planted

USERS = Vocabulary(pa.array(["a", "b", "c"]), pa.table({"gender": ["F", None, "M"]}))
ITEMS = Vocabulary(pa.array(["w", "x", "y", "z"]), pa.table({"class": ["Drama War", "War", None, "Comedy"]}))


def pairs(*found):
    user, item = np.array(found).T
    return Interactions(pa.table({"user": user, "item": item}), USERS, ITEMS)


TRAIN = pairs((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 3), (2, 0))
VALID = pairs((0, 3), (1, 2), (1, 3))


def observe(inputs, of=TRAIN, **given):
    backbone = build("BPR", TRAIN, {"embedding_size": 4}, seed=0)
    batch = Batch(torch.arange(len(of)), *(torch.tensor(codes) for codes in (of.user, of.item, of.item)))
    return Observer(backbone, TRAIN, inputs, **given)(batch, torch.zeros(len(of))), backbone


def test_fields_are_zeros_and_ones_and_nothing_where_they_are_unknown():
    found, _ = observe(["user[gender]", "item[class]"])
    gender = {0: [1, 0], 1: [0, 0], 2: [0, 1]}
    classes = {0: [1, 1, 0], 1: [0, 1, 0], 2: [0, 0, 0], 3: [0, 0, 1]}
    expected = [gender[user] + classes[item] for user, item in zip(TRAIN.user, TRAIN.item, strict=True)]
    assert found.tolist() == expected


def test_embeddings_are_the_backbones():
    found, backbone = observe(["item", "user"])
    user, item = torch.tensor(TRAIN.user), torch.tensor(TRAIN.item)
    torch.testing.assert_close(
        found, torch.cat([backbone.item_embeddings(item), backbone.user_embeddings(user)], 1).detach()
    )


@pytest.mark.parametrize("name", ["activity", "popularity", "cosine", "ease", "held-out"])
def test_numbers_are_standardised_over_the_training_interactions(name):
    found, _ = observe([name], valid=VALID)
    np.testing.assert_allclose([found.mean(), found.std(correction=0)], [0, 1], atol=1e-6)


def test_counts_and_rates_are_ordered_as_they_are():
    found, _ = observe(["activity", "popularity", "held-out"], valid=VALID)
    rates = (VALID.user_counts() + 20 * 3 / 7) / (TRAIN.user_counts() + 20)
    for column, known in zip(
        found.T, (TRAIN.user_counts()[TRAIN.user], TRAIN.item_counts()[TRAIN.item], rates[TRAIN.user]), strict=True
    ):
        assert np.all(
            np.sign(np.subtract.outer(column.numpy(), column.numpy()).round(5))
            == np.sign(np.subtract.outer(known, known))
        )


def test_other_pairs_are_on_the_scale_of_the_training_interactions():
    found, _ = observe(["cosine"], of=VALID, pairs=VALID)
    seen, asked = (np.log(np.maximum(cosine_support(TRAIN, of.user, of.item), 1e-2)) for of in (TRAIN, VALID))
    np.testing.assert_allclose(found[:, 0], (asked - seen.mean()) / seen.std(), rtol=1e-5)


@pytest.mark.parametrize("name", ["cosine", "ease"])
def test_support_does_not_tell_what_was_trained_on(name):
    """Held-out and training interactions of a kind have the same mean support, though only one was trained on."""
    split, _ = planted(n_users=240)
    backbone = build("BPR", split.train, {"embedding_size": 4}, seed=0)
    mean = {}
    for part in (split.train, split.valid):
        batch = Batch(torch.arange(len(part)), *(torch.tensor(codes) for codes in (part.user, part.item, part.item)))
        mean[id(part)] = Observer(backbone, split.train, [name], pairs=part)(batch, torch.zeros(len(part))).mean()
    assert abs(mean[id(split.valid)] - mean[id(split.train)]) < 0.1


def test_what_cannot_be_observed_is_told():
    with pytest.raises(ConfigError, match="unknown input 'popularty', did you mean 'popularity'"):
        check_input("popularty")
    with pytest.raises(ConfigError, match="unknown user field 'gendr'"):
        observe(["user[gendr]"])
    with pytest.raises(ConfigError, match=r"no entry may stand twice, got \['user', 'user'\]"):
        observe(["user", "user"])


@pytest.mark.parametrize("valid", [None, VALID.take(np.arange(0))])
def test_what_is_held_out_needs_validation_interactions(valid):
    with pytest.raises(DataError, match="held-out counts validation interactions, and there are none; split some off"):
        observe(["held-out"], valid=valid)


def test_what_can_be_observed_is_checked_without_the_work(monkeypatch):
    backbone, split = build("BPR", TRAIN, {"embedding_size": 4}, seed=0), Split(TRAIN, VALID, VALID)
    monkeypatch.setattr(observation, "cosine_support", None)
    monkeypatch.setattr(observation, "ease_support", None)
    check_observable(["user", "cosine", "ease", "held-out", "item[class]"], backbone, split)
    check_observable(["cosine"], backbone, split)
    with pytest.raises(ConfigError, match="unknown item field 'clas', did you mean 'class'"):
        check_observable(["cosine", "item[clas]"], backbone, split)
    monkeypatch.setattr("recval.adapter.leave_one_out.EASE_ITEMS", 3)
    with pytest.raises(DataError, match="for up to 3 items; found 4; use cosine"):
        check_observable(["ease"], backbone, split)
