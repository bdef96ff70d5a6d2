"""Every sampler, for every semi-value, on every game whose values are known: standard errors, bias, convergence."""

from __future__ import annotations

import numpy as np
import pytest
from game_samples import SEMIVALUES, suits

from recval.games import (
    Antithetic,
    Banzhaf,
    Beta,
    MaxRounds,
    Owen,
    Permutation,
    Reuse,
    Shapley,
    Stratified,
    estimate,
)
from recval.games.samplers.base import PlainRounds
from recval.testing import oracle_games, z_scores

GAMES = oracle_games()
# A round of each costs another number of evaluations; 4,096 permutations of 7 players are 24,576.
ROUNDS = [
    (Permutation(), 4096),
    (Antithetic(), 2048),
    (Stratified(), 1024),
    (Owen(), 1024),
    (Owen(halving=True), 512),
    (Reuse(coalitions=16), 2048),
]
SAMPLERS = [sampler for sampler, _ in ROUNDS]
QUICK = "unanimity"


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize(
    "name", [QUICK, *(pytest.param(each, marks=pytest.mark.slow) for each in GAMES if each != QUICK)]
)
def test_values_are_within_their_standard_errors(name, semivalue):
    game = GAMES[name]
    for sampler, rounds in ROUNDS:
        if suits(sampler, semivalue):
            found = estimate(game, sampler, semivalue, MaxRounds(rounds=rounds), seed=0)
            assert found.evaluations == rounds * sampler.evaluations(game.n_players)
            assert z_scores(found.values, game.exact(semivalue)).max() < 4.5, sampler


@pytest.mark.parametrize("semivalue", [Shapley(), Beta(alpha=4, beta=1), Banzhaf()], ids=repr)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_estimates_are_unbiased(sampler, semivalue):
    """200 repeats of 64 permutations, or of 8 rounds of others; 4 is Bonferroni's bound of t for 120 comparisons."""
    if not suits(sampler, semivalue):
        pytest.skip("not made for this semi-value")
    game, repeats = GAMES["unanimity"], 200
    rounds = 64 if isinstance(sampler, Permutation) else 8
    made, _ = PlainRounds(sampler, game, semivalue).make(range(repeats * rounds), seed=1)
    means = made.reshape(repeats, rounds, -1).mean(axis=1)
    error = means.std(axis=0, ddof=1) / np.sqrt(repeats)
    t = (means.mean(axis=0) - game.exact(semivalue)) / error
    assert np.abs(t).max() < 4


def test_errors_fall_by_the_root_of_the_permutations():
    game, repeats, most = GAMES["unanimity"], 6, 2**13
    made, _ = PlainRounds(Permutation(), game, Shapley()).make(range(repeats * most), seed=3)
    errors = made - game.exact(Shapley())
    lengths = 2 ** np.arange(5, 14)
    rmse = [np.sqrt((errors.reshape(-1, length, 7).mean(axis=1) ** 2).mean()) for length in lengths]
    slope = np.polyfit(np.log(lengths), np.log(rmse), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.08)
