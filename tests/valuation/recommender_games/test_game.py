"""What every utility's game must keep to, and each against the model that it stands for."""

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from recval.backbones import build
from recval.data import Split
from recval.errors import ConfigError, DataError, ModelError
from recval.games import Banzhaf, Shapley
from recval.ranking import Evaluator, ItemSets
from recval.testing.planted import planted
from recval.training import Loop, Training
from recval.valuation.recommender_games import (
    Als,
    Ease,
    FineTune,
    Neighbours,
    OneEach,
    Players,
    Problem,
    RecommenderGame,
    Retrain,
)
from recval.valuation.recommender_games.utilities import neighbours

UTILITIES = [
    Ease(regularisation=20.0),
    Als(n_factors=4, sweeps=2),
    Neighbours(k=10),
    Retrain(),
    Retrain(seeds="own"),
    FineTune(steps=6, rows_a_step=64),
    FineTune(steps=3, start="trained"),
]
named = pytest.mark.parametrize(
    "utility", UTILITIES, ids=lambda utility: f"{utility.kind}-{len(utility.model_fields_set)}"
)


@pytest.fixture(scope="module")
def problem():
    split, _ = planted(n_users=16, n_items=24, per_user=11)
    return Problem(
        split.train,
        split.valid,
        "BPR",
        {"embedding_size": 4},
        Training(epochs=3, batch_size=64, learning_rate=0.05),
        seed=3,
    )


def users_of(problem):
    return OneEach(kind="users").players(problem.train, 0)


def coalitions_of(n, count=6):
    return np.random.default_rng(0).random((count, n)) < np.linspace(0.1, 0.9, count)[:, None]


def scores_of(game, kept):
    """Return the scores behind a coalition's value, as the judge is given them."""
    return game._scorer(kept, game._learner.learn(kept))(torch.arange(len(game.problem.train.users)))


@named
@pytest.mark.parametrize("metric", ["ndcg@5", "bpr"])
def test_a_coalition_is_worth_the_same_in_any_company(problem, utility, metric):
    game = RecommenderGame(problem, users_of(problem), utility, metric)
    coalitions = coalitions_of(game.n_players)
    together = game.value(coalitions)
    np.testing.assert_allclose(game.value(coalitions[::-1])[::-1], together, atol=1e-9, rtol=0)
    alone = [game.value(coalition[None])[0] for coalition in coalitions]
    np.testing.assert_allclose(alone, together, atol=1e-9, rtol=0)
    assert len(set(together)) > 1


@named
def test_a_game_travels(problem, utility):
    game = RecommenderGame(problem, users_of(problem), utility)
    coalitions = coalitions_of(game.n_players, 3)
    values, ends = game.value(coalitions), (game.null_value, game.grand_value)
    copy = pickle.loads(pickle.dumps(game))
    assert vars(copy)["null_value"] == ends[0]
    assert copy.value(coalitions).tolist() == values.tolist()
    assert (copy.null_value, copy.grand_value) == ends


@named
def test_a_player_without_rows_is_worth_nothing(problem, utility):
    players = users_of(problem)
    table = pa.concat_tables([players.table, pa.table({"user": [99]})])
    game = RecommenderGame(problem, Players(table, players.of_row), utility)
    coalitions = coalitions_of(game.n_players)
    coalitions[0], coalitions[:, -1] = False, False
    joined = coalitions.copy()
    joined[:, -1] = True
    np.testing.assert_allclose(game.value(joined), game.value(coalitions), atol=1e-9, rtol=0)
    assert game.value(joined[:1])[0] == game.null_value


@named
def test_nobody_is_worth_what_ties_are(problem, utility):
    ends = {RecommenderGame(problem, users_of(problem), each).null_value for each in (utility, Neighbours())}
    assert len(ends) == 1
    other = RecommenderGame(replace(problem, seed=4), users_of(problem), utility)
    assert other.null_value not in ends


@named
def test_no_coalitions_have_no_values(problem, utility):
    game = RecommenderGame(problem, users_of(problem), utility)
    assert game.value(np.zeros((0, game.n_players), bool)).shape == (0,)


@pytest.mark.parametrize("metric", ["ndcg@5", "auc", "average-popularity@5"])
def test_the_value_of_all_is_the_metric_of_the_plain_model(problem, metric):
    found = RecommenderGame(problem, users_of(problem), Retrain(), metric).grand_value
    backbone = build("BPR", problem.train, problem.parameters, seed=problem.seed)
    split = Split(problem.train, problem.valid, problem.valid.take(np.arange(0)))
    Loop(backbone, split, problem.training, seed=problem.seed).fit()
    evaluate = Evaluator(problem.valid, ItemSets.of(problem.train), [metric], train=problem.train)
    plain = evaluate(backbone.eval().score).means[metric]
    assert found == pytest.approx(-plain if metric.startswith("average") else plain, abs=1e-6)


@pytest.mark.parametrize(
    ("utility", "model", "parameters"),
    [
        (Ease(regularisation=7.0), "EASE", {"reg_weight": 7.0}),
        (Neighbours(k=24, shrink=2.0), "ItemKNN", {"k": 24, "shrink": 2.0}),
        (
            Als(n_factors=3, alpha=4.0, regularisation=0.5, sweeps=2),
            "ALS",
            {"n_factors": 3, "alpha": 4.0, "regularisation": 0.5, "sweeps": 2},
        ),
    ],
)
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_scores_are_those_of_the_model_on_the_kept_rows(problem, utility, model, parameters, share):
    game = RecommenderGame(problem, users_of(problem), utility)
    kept = np.random.default_rng(5).random(len(problem.train)) < share
    plain = build(model, problem.train.take(kept), parameters, seed=problem.seed)
    users = torch.from_numpy(np.unique(problem.train.user[kept]))
    np.testing.assert_allclose(scores_of(game, kept)[users], plain.score(users), atol=2e-5)


def test_similarities_do_not_depend_on_the_size_of_a_block(problem, monkeypatch):
    matrix = Neighbours().prepare(problem)._cells.matrix(np.ones(len(problem.train), bool))
    whole = neighbours.similarities(matrix, 5, 0.0)
    monkeypatch.setattr(neighbours, "_ITEMS_A_BLOCK", 5)
    assert (neighbours.similarities(matrix, 5, 0.0) != whole).nnz == 0
    assert np.diff(whole.tocsc().indptr).max() == 5


def test_strangers_are_scored_by_the_popularity_of_the_kept_rows(problem):
    game = RecommenderGame(problem, users_of(problem), Ease())
    kept = problem.train.user < 5
    scores = scores_of(game, kept)
    counts = np.bincount(problem.train.item[kept], minlength=24) / 5
    np.testing.assert_allclose(scores[5:], np.broadcast_to(counts, (11, 24)), atol=1e-7)
    own = scores_of(game, np.ones(len(kept), bool))[5:] - scores[5:]
    assert own.abs().max() > 0.1


def test_ties_have_orders_that_users_share_but_few_do(problem):
    game = RecommenderGame(problem, users_of(problem), Ease())
    orders = game._scorer(np.zeros(len(problem.train), bool), None)(torch.arange(16)).argsort().tolist()
    assert all(sorted(order) == list(range(24)) for order in orders)
    assert len(set(map(tuple, orders))) == 16


def test_items_of_equal_scores_are_not_in_the_order_of_their_codes(interactions):
    train, valid = interactions([(0, 0), (1, 1)], 2, 60), interactions([(0, 2), (1, 2)], 2, 60)
    values = [
        RecommenderGame(Problem(train, valid, seed=seed), OneEach(kind="users").players(train, 0), Ease(), "mrr@60")
        for seed in range(12)
    ]
    assert np.mean([game.grand_value for game in values]) < 0.4


def test_bpr_is_the_mean_over_users_of_their_loss(problem):
    game = RecommenderGame(problem, users_of(problem), Ease(), "bpr")
    kept = np.ones(len(problem.train), bool)
    judge, scores = game._judge, scores_of(game, kept)
    users = judge._users[judge._place]
    losses = torch.nn.functional.softplus(scores[users, judge._negative] - scores[users, judge._item])
    by_user = [losses[users == user].mean() for user in range(16)]
    assert game.grand_value == pytest.approx(-float(sum(by_user)) / 16, abs=1e-12)
    known = ItemSets.of(problem.train, problem.valid)
    assert not known.contains(users.numpy(), judge._negative.numpy()[:, None]).any()


def test_what_is_dropped_stays_masked(problem):
    """A user whose only missing row would be its best recommendation does not get it back."""
    game = RecommenderGame(problem, OneEach(kind="interactions").players(problem.train, 0), Ease(), "recall@24")
    assert game.value(coalitions_of(game.n_players)) == pytest.approx(1.0)


@pytest.mark.parametrize("semivalue", [Shapley(), Banzhaf()])
def test_the_share_of_popularity_is_that_of_coalitions_drawn(problem, semivalue):
    players = OneEach(kind="interactions").players(problem.train, 0)
    game = RecommenderGame(problem, Players(players.table, players.of_row // 3), Ease())
    generator = np.random.default_rng(0)
    q = semivalue.quantile(generator.random(20_000))
    coalitions = generator.random((20_000, game.n_players)) < q[:, None]
    known = np.zeros((20_000, 16), bool)
    for user in range(16):
        known[:, user] = coalitions[:, np.unique(game.players.of_row[problem.train.user == user])].any(axis=1)
    assert game.fallback_share(semivalue) == pytest.approx(1 - known.mean(), abs=0.01)


def test_a_start_from_the_trained_model_has_seen_what_is_absent(problem):
    """One user's rows are all that is kept, and yet what the other users have in the absent rows is scored high."""
    problem, lead = replace(problem, training=Training(epochs=20, batch_size=16, learning_rate=0.05)), {}
    kept, users = problem.train.user == 0, torch.arange(16)
    absent = problem.train.user[~kept], problem.train.item[~kept]
    for start in ("initial", "trained"):
        learner = FineTune(steps=1, learning_rate=1e-4, start=start).prepare(problem)
        scores = learner.learn(kept)(users).detach()
        lead[start] = float(scores[absent].mean() - scores.mean())
    assert lead["trained"] > 10 * abs(lead["initial"])


def test_a_model_that_needs_no_training_cannot_be_tuned(problem):
    game = RecommenderGame(replace(problem, model="EASE", parameters={}), users_of(problem), FineTune())
    with pytest.raises(ModelError, match="take the utility 'retrain'"):
        assert game.grand_value


def test_retraining_serves_models_that_need_no_training(problem):
    retrained = RecommenderGame(replace(problem, model="EASE", parameters={}), users_of(problem), Retrain())
    assert retrained.grand_value == pytest.approx(RecommenderGame(problem, users_of(problem), Ease()).grand_value)


def test_a_backbone_that_steps_itself_is_tuned(problem):
    game = RecommenderGame(replace(problem, model="CompiledBPR"), users_of(problem), FineTune(steps=20))
    values = game.value(coalitions_of(16, 3))
    assert game.value(coalitions_of(16, 3)).tolist() == values.tolist()
    assert len(set(values)) == 3


def test_without_validation_there_is_nothing_to_judge_by(problem):
    game = RecommenderGame(replace(problem, valid=problem.valid.take(np.arange(0))), users_of(problem), Ease())
    with pytest.raises(DataError, match="there are none; split some off"):
        assert game.null_value


def test_an_unknown_metric_is_refused(problem):
    with pytest.raises(ConfigError, match="did you mean 'ndcg'"):
        assert RecommenderGame(problem, users_of(problem), Ease(), "ndgc@10").null_value
