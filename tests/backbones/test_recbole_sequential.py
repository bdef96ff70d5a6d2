"""Sequential models of the RecBole bridge: histories, samples, scores by any histories."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole_samples import build_small, described, interactions, samples_of

from recval.backbones import Batch
from recval.backbones.recbole import build
from recval.backbones.recbole.dataset import TrainingSet
from recval.backbones.recbole.histories import Histories
from recval.data import Interactions, Vocabulary
from recval.errors import DataError, ModelError

USER_AWARE = ["Caser", "DIN", "FOSSIL", "FPMC", "HGN", "HRM", "NPE", "SHAN", "TransRec"]


def by_hand(data, length):
    """The history of each row, and of each user: items oldest first, those of one time in the order of the table."""
    times = data.column("time")
    before, of = [], []
    for row, user in enumerate(data.user):
        own = [other for other in range(len(data)) if data.user[other] == user]
        earlier = [o for o in own if (times[o], o) < (times[row], row)]
        before.append([data.item[o] for o in sorted(earlier, key=lambda o: (times[o], o))][-length:])
    for user in range(len(data.users)):
        own = [o for o in range(len(data)) if data.user[o] == user]
        of.append([data.item[o] for o in sorted(own, key=lambda o: (times[o], o))][-length:])
    return before, of


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(1, 6))
def test_histories_are_what_came_before(seed, n, length):
    times = np.random.default_rng(seed).integers(0, 5, n).astype(float)
    data = interactions(n=n, seed=seed, time=times)
    histories = Histories(data, length)
    before, of = by_hand(data, length)
    for found, expected in (
        (histories.before(torch.arange(n)), before),
        (histories.of(torch.arange(len(data.users))), of),
    ):
        for items, count, items_by_hand in zip(*found, expected, strict=True):
            assert items.tolist() == [item + 1 for item in items_by_hand] + [0] * (length - len(items_by_hand))
            assert count == max(1, len(items_by_hand))
    assert histories.rows.tolist() == [row for row, items in enumerate(before) if items]


def test_the_samples_are_those_of_recboles_own_data_set():
    from recbole.data.dataset.sequential_dataset import SequentialDataset
    from recbole.data.interaction import Interaction

    data = interactions(time=np.random.default_rng(5).permutation(30).astype(float))
    backbone = build("GRU4Rec", data, {"MAX_ITEM_LIST_LENGTH": 3})
    theirs = SequentialDataset.__new__(SequentialDataset)
    vars(theirs).update(
        vars(TrainingSet(backbone.settings, data)), max_item_list_len=3, item_list_length_field="item_length"
    )
    theirs.inter_feat = Interaction(
        {
            "user_id": torch.from_numpy(data.user + 1),
            "item_id": torch.from_numpy(data.item + 1),
            "timestamp": torch.tensor(data.column("time")),
        }
    )
    theirs.data_augmentation()
    expected = {
        (user, item): (history, length)
        for user, item, history, length in zip(
            *(theirs.inter_feat[name].tolist() for name in ("user_id", "item_id", "item_id_list", "item_length")),
            strict=True,
        )
    }
    rows = backbone._rows(samples_of(backbone, data))
    found = {
        (user, item): (history, length)
        for user, item, history, length in zip(
            *(rows[name].tolist() for name in ("user_id", "item_id", "item_id_list", "item_length")), strict=True
        )
    }
    assert found == expected


def test_without_times_the_column_is_asked_for():
    with pytest.raises(DataError, match=r"^a sequential model needs the times of interactions.*$"):
        build("SASRec", interactions())


@pytest.mark.parametrize("name", ["SASRecF", "FDSA", "S3Rec"])
def test_a_missing_side_field_is_named(name):
    with pytest.raises(DataError, match=r"^the items have no field 'class', which the model reads; they have .*year"):
        build(name, described())


def test_a_loss_by_pairs_reads_the_negative():
    data = described()
    backbone = build("SASRec", data, {"loss_type": "BPR", "hidden_size": 4}).eval()
    batch = samples_of(backbone, data)
    rows = backbone._rows(batch)
    with torch.no_grad():
        state = backbone.model(rows["item_id_list"], rows["item_length"])
        table = backbone.model.item_embedding.weight
        margin = (state * (table[batch.item + 1] - table[batch.negative + 1])).sum(1)
    expected = torch.nn.functional.softplus(-margin)
    torch.testing.assert_close(backbone.loss_per_sample(batch).detach(), expected)


@pytest.mark.parametrize("name", ["SASRec", "SHAN", "BERT4Rec", "DIN", "TransRec"])
def test_folding_in_the_training_interactions_changes_nothing(name):
    data = described()
    backbone = build_small(name, data).eval()
    users = torch.arange(7)
    assert backbone.reads_history
    torch.testing.assert_close(backbone.fold_in(data)(users), backbone.score(users))


@pytest.mark.parametrize("name", ["GRU4Rec", "SASRec", "NARM", "SRGNN"])
def test_new_users_are_scored_by_their_histories(name):
    data = described()
    backbone = build_small(name, data).eval()
    order = np.array([4, 2, 0])
    table = data.take(np.isin(data.user, order)).table
    place = np.full(7, -1)
    place[order] = np.arange(3)
    table = table.set_column(0, "user", pa.array(place[table["user"].to_numpy()]))
    strangers = Interactions(table, Vocabulary(pa.array(["x", "y", "z"])), data.items)
    scores = backbone.fold_in(strangers)(torch.arange(3))
    torch.testing.assert_close(scores, backbone.score(torch.from_numpy(order)))


@pytest.mark.parametrize("name", USER_AWARE)
def test_a_model_that_knows_its_users_scores_them_only(name):
    data = described()
    backbone = build_small(name, data).eval()
    strangers = Interactions(data.table, Vocabulary(pa.array([f"new {code}" for code in range(7)])), data.items)
    with pytest.raises(ModelError, match=f"^RecBole's {name} knows each user .* choose SASRec or GRU4Rec"):
        backbone.fold_in(strangers)
    later = data.take(np.arange(len(data)) % 3 > 0)
    assert not torch.equal(backbone.fold_in(later)(torch.arange(7)), backbone.score(torch.arange(7)))


def test_other_items_are_refused():
    data = described()
    with pytest.raises(DataError, match="must have the items that SASRec was built on: found 12 items, expected 11"):
        build_small("SASRec", data).fold_in(interactions(n_items=12, time=np.arange(30.0)))


def test_a_batch_without_a_masked_item_has_no_loss():
    data = described()
    backbone = build("BERT4Rec", data, {"mask_ratio": 0.0, "ft_ratio": 0.0, "hidden_size": 4})
    losses = backbone.loss_per_sample(samples_of(backbone, data))
    assert torch.equal(losses, torch.zeros(len(backbone.rows)))
    losses.mean().backward()


@pytest.mark.parametrize("name", ["SASRec", "DIN"])
def test_scores_do_not_depend_on_how_many_are_computed_at_once(name, monkeypatch):
    backbone = build_small(name, described()).eval()
    users = torch.tensor([6, 2, 2, 0, 5])
    expected = backbone.score(users)
    monkeypatch.setattr("recval.backbones.recbole.sequential._USERS_AT_ONCE", 2)
    monkeypatch.setattr("recval.backbones.recbole.sequential._PAIRS_AT_ONCE", 3)
    torch.testing.assert_close(backbone.score(users), expected)


@pytest.mark.parametrize("name", ["SASRec", "GRU4Rec", "TransRec"])
def test_a_sample_that_is_not_in_training_follows_all_that_its_user_did(name):
    """Its loss is that of the same interaction at the end of the training table, for the same parameters."""
    data = described()
    later = {"user": [3, 0], "item": [2, 7], "time": [1e9, 1e9]}
    columns = {**{column: data.table[column].to_pylist() for column in later}}
    table = pa.table({column: [*columns[column], *later[column]] for column in later})
    backbone, extended = build_small(name, data).eval(), build_small(name, Interactions(table, data.users, data.items))
    extended.eval().load_state_dict(backbone.state_dict())
    user, item, negative = (torch.tensor(each) for each in ([3, 0], [2, 7], [1, 4]))
    outside = Batch(torch.tensor([-1, -1]), user, item, negative)
    inside = Batch(torch.tensor([len(data), len(data) + 1]), user, item, negative)
    torch.testing.assert_close(backbone.loss_per_sample(outside), extended.loss_per_sample(inside))


def test_a_user_without_a_table_is_the_mean_of_the_items_that_were_met_last():
    data = described()
    backbone = build_small("SASRec", data).eval()
    items = by_hand(data, backbone._histories.length)[1]
    table = backbone.item_embeddings(torch.arange(len(data.items)))
    for user in range(len(data.users)):
        expected = table[items[user]].mean(0) if items[user] else torch.zeros(table.shape[1])
        torch.testing.assert_close(backbone.user_embeddings(torch.tensor([user, 0]))[0], expected)
    assert build_small("TransRec", data).user_embeddings(torch.tensor([0])).shape[1] > 0
