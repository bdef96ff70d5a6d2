"""One training from Python: the result, and the recommendations that come out of it."""

import numpy as np
import pytest
import torch

import recval
from recval.backbones.recbole import build
from recval.errors import ConfigError, DataError
from recval.ranking import Evaluator, ItemSets
from recval.testing import planted
from recval.training import Loop

SPLIT, _ = planted()
TRAINING = recval.Training(epochs=4, batch_size=256, learning_rate=0.02, monitor="ndcg@5")


@pytest.fixture(scope="module")
def result():
    return recval.fit(
        SPLIT,
        "BPR",
        recval.DVR(reward="bpr", interval=2),
        parameters={"embedding_size": 8},
        training=TRAINING,
        metrics=["ndcg@5"],
        rng=1,
    )


def test_metrics_are_those_of_the_test_part(result):
    evaluate = Evaluator(SPLIT.test, ItemSets.of(SPLIT.train, SPLIT.valid), ["ndcg@5"])
    assert result.metrics == evaluate(result.backbone.score).means
    assert len(result.values) == len(SPLIT.train)


def test_recommendations_are_the_best_unseen_items(result):
    found = result.recommend(users=[3, 0], k=7)
    assert found.columns.tolist() == ["user", "item", "rank", "score"]
    assert found["user"].tolist() == [3] * 7 + [0] * 7
    known = {(u, i) for part in (SPLIT.train, SPLIT.valid) for u, i in zip(part.user, part.item, strict=True)}
    with torch.no_grad():
        scores = result.backbone.score(torch.tensor([3]))[0].numpy()
    unseen = [item for item in np.argsort(-scores, kind="stable") if (3, item) not in known]
    assert found[found.user == 3]["item"].tolist() == unseen[:7]
    everything = result.recommend(users=[3], k=80, exclude_seen=False)
    assert sorted(everything["item"]) == list(range(80))
    assert len(result.recommend(k=2)) == 2 * len(SPLIT.users)


def test_an_unknown_user_is_told(result):
    with pytest.raises(DataError, match="unknown id 777"):
        result.recommend(users=[777])


def test_interactions_are_split_and_a_backbone_may_be_given():
    interactions = SPLIT.train
    backbone = build("BPR", interactions, {"embedding_size": 4})
    result = recval.fit(interactions, backbone, training=TRAINING, rng=2)
    assert result.backbone is backbone
    assert result.values is None
    assert len(result.split.train) + len(result.split.valid) + len(result.split.test) == len(interactions)


def test_a_model_without_training_is_evaluated_as_it_is():
    """EASE against its closed form (Steck, WWW 2019)."""
    result = recval.fit(SPLIT, "EASE", parameters={"reg_weight": 10.0}, training=TRAINING, metrics=["ndcg@5"])
    assert result.progress.epoch == 0
    matrix = np.zeros((len(SPLIT.users), len(SPLIT.items)))
    matrix[SPLIT.train.user, SPLIT.train.item] = 1
    inverse = np.linalg.inv(matrix.T @ matrix + 10.0 * np.eye(matrix.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    scores = torch.from_numpy(matrix @ weights)
    expected = Evaluator(SPLIT.test, ItemSets.of(SPLIT.train, SPLIT.valid), ["ndcg@5"])(lambda users: scores[users])
    assert result.metrics["ndcg@5"] == pytest.approx(expected.means["ndcg@5"], abs=1e-3)


def test_a_valuator_needs_training():
    with pytest.raises(ConfigError, match="no samples for a valuator"):
        recval.fit(SPLIT, "EASE", recval.DVR(), training=TRAINING, metrics=["ndcg@5"])


def test_refit_trains_on_both_parts_for_as_many_epochs_as_were_best(tmp_path):
    chosen = recval.fit(SPLIT, "BPR", parameters={"embedding_size": 8}, training=TRAINING, metrics=["ndcg@5"], rng=3)
    refit = TRAINING.model_copy(update={"refit": True})
    checkpoint = tmp_path / "checkpoint.safetensors"
    found = recval.fit(
        SPLIT,
        "BPR",
        parameters={"embedding_size": 8},
        training=refit,
        metrics=["ndcg@5"],
        rng=3,
        checkpoint=checkpoint,
    )
    assert found.progress == chosen.progress
    joined = SPLIT.with_validation()
    backbone = build("BPR", joined.train, {"embedding_size": 8}, seed=3)
    once = TRAINING.model_copy(update={"epochs": chosen.progress.best_epoch})
    progress = Loop(backbone, joined, once, seed=3).fit()
    assert (progress.epoch, progress.best_epoch) == (chosen.progress.best_epoch, 0)
    expected, state = backbone.state_dict(), found.backbone.state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_refit_builds_a_model_without_training_on_both_parts():
    refit = TRAINING.model_copy(update={"refit": True})
    found = recval.fit(SPLIT, "Pop", training=refit, metrics=["ndcg@5"])
    counts = np.bincount(np.concatenate([SPLIT.train.item, SPLIT.valid.item]), minlength=len(SPLIT.items))
    scores = found.backbone.score(torch.tensor([0]))[0].numpy()
    assert np.array_equal(np.argsort(-scores, kind="stable"), np.argsort(-counts, kind="stable"))


def test_refit_needs_a_name_and_no_valuator():
    refit = TRAINING.model_copy(update={"refit": True})
    with pytest.raises(ConfigError, match="name the model"):
        recval.fit(SPLIT, build("BPR", SPLIT.train), training=refit)
    with pytest.raises(ConfigError, match="valuators and weights are chosen by"):
        recval.fit(SPLIT, "BPR", recval.DVR(), training=refit)


def test_refit_needs_a_validation_part_to_count_epochs_by():
    refit = TRAINING.model_copy(update={"refit": True})
    with pytest.raises(DataError, match="nothing is held out to validate on"):
        recval.fit(SPLIT.with_validation(), "BPR", training=refit)
    assert recval.fit(SPLIT.with_validation(), "Pop", training=refit).progress.epoch == 0


def test_new_users_are_served_by_what_they_did():
    result = recval.fit(SPLIT, "EASE", parameters={"reg_weight": 10.0}, training=TRAINING, metrics=["ndcg@5"])
    mine = SPLIT.train.take(SPLIT.train.user == 7).to_frame().assign(user="someone new")
    found = result.recommend_to_new(mine[["user", "item"]], k=5)
    known = result.backbone.score(torch.tensor([7]))[0].numpy().astype(float)
    known[SPLIT.train.item[SPLIT.train.user == 7]] = -np.inf
    assert found["item"].tolist() == np.argsort(-known, kind="stable")[:5].tolist()
    assert found["user"].unique().tolist() == ["someone new"]
