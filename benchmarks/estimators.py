"""How many evaluations does each estimator of Shapley's value take for the same error, beside plain permutations?

Every estimator is given the same number of evaluations, what it takes to get ready included, on games of 30 players
whose values are known. Reported is the mean squared error times the evaluations, which is a number without timing
noise: where one estimator has a third of another's, it takes a third of the evaluations for the same error. In the
details, `gain` is that of permutations over that of the estimator: 1 is as good, 2 twice as good. The comparison itself
is of control variates as they are by default.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from harness import Comparison, main

from recval.games import (
    Antithetic,
    Estimator,
    FunctionGame,
    Game,
    MaxEvaluations,
    Owen,
    Permutation,
    Shapley,
    Stratified,
    estimate,
)
from recval.games.estimators import ControlVariates, KernelSHAP, Truncated
from recval.games.game import Floats
from recval.games.surrogates import Quadratic, QuadraticGame, Sizes, Tree, TreeGame
from recval.testing import VotingGame

N_PLAYERS = 30
BUDGET = 8_000
PLAIN = "permutation"
OURS = "control variates (quadratic)"


def games() -> dict[str, tuple[Game, Floats]]:
    """Return the games and their exact values, by name."""
    rng = np.random.default_rng(0)
    linear, pairs = rng.normal(size=N_PLAYERS), rng.normal(size=(N_PLAYERS, N_PLAYERS)) / 3
    quadratic = QuadraticGame(0.0, linear, pairs)
    rough = conjunctions(rng, n_leaves=400, n_players_each=8, weight=0.3)
    trees = conjunctions(rng, n_leaves=150, n_players_each=3, weight=1.0)
    voting = VotingGame(rng.integers(1, 20, N_PLAYERS).tolist(), quota=170)
    both = FunctionGame(N_PLAYERS, lambda coalitions: quadratic.value(coalitions) + rough.value(coalitions))
    return {
        "saturating": saturating(rng.uniform(0.05, 0.6, N_PLAYERS)),
        "quadratic and rough": (both, quadratic.values_of(Shapley()) + rough.values_of(Shapley())),
        "conjunctions of 3": (trees, trees.values_of(Shapley())),
        "voting": (voting, voting.exact(Shapley())),
    }


def saturating(chances: Floats) -> tuple[Game, Floats]:
    """Return the game of how likely anyone of a coalition succeeds, and its values.

    A value is the mean over q of the player's chance times that of all others' failing, each in with probability q: a
    polynomial, which Gauss's quadrature integrates exactly.
    """
    game = FunctionGame(N_PLAYERS, lambda coalitions: 1 - np.where(coalitions, 1 - chances, 1.0).prod(1))
    nodes, weights = np.polynomial.legendre.leggauss(N_PLAYERS)
    fail = 1 - chances[:, None] * (nodes + 1) / 2
    return game, chances * ((fail.prod(0) / fail) @ weights) / 2


def conjunctions(rng: np.random.Generator, n_leaves: int, n_players_each: int, weight: float) -> TreeGame:
    """Return a sum of random conjunctions, each of some players in and some out."""
    chosen = rng.permuted(np.tile(np.arange(N_PLAYERS), (n_leaves, 1)), axis=1) < n_players_each
    present = chosen & (rng.random(chosen.shape) < 0.5)
    return TreeGame(0.0, weight * rng.normal(size=n_leaves), present, chosen & ~present)


def estimators() -> dict[str, Estimator]:
    """Return the estimators, by name."""
    unbiased = KernelSHAP(form="unbiased", pairs=N_PLAYERS // 2)
    return {
        PLAIN: Permutation(),
        "antithetic": Antithetic(),
        "stratified": Stratified(),
        "Owen": Owen(),
        "truncated": Truncated(tolerance=0.01),
        "truncated, audited": Truncated(tolerance=0.01, audit=0.2),
        "KernelSHAP, unbiased": unbiased,
        "KernelSHAP, rounds of 4 pairs a player": KernelSHAP(),
        "KernelSHAP, one round": KernelSHAP(pairs=BUDGET // 2),
        OURS: ControlVariates(),
        "control variates (quadratic, jackknife)": ControlVariates(beta="jackknife"),
        "control variates (quadratic, beta 1)": ControlVariates(beta="one"),
        "control variates (trees)": ControlVariates(surrogate=Tree(coalitions=2000)),
        "control variates (sizes)": ControlVariates(surrogate=Sizes()),
        "control variates (quadratic of 2,000 coalitions)": ControlVariates(surrogate=Quadratic(coalitions=2000)),
        "control variates (unbiased KernelSHAP, quadratic)": ControlVariates(sampler=unbiased),
    }


def cost_of_error(game: Game, exact: Floats, estimator: Estimator, n_repeats: int) -> float:
    """Return the mean squared error over repeats, times the mean number of evaluations."""
    stop = MaxEvaluations(evaluations=BUDGET)
    found = [estimate(game, estimator, Shapley(), stop, seed=seed) for seed in range(n_repeats)]
    error = np.mean([(each.values.value - exact) ** 2 for each in found])
    return float(error * np.mean([each.evaluations for each in found]))


def measure(quick: bool) -> Comparison:
    """Return the cost of an error in each game, on both sides, and those of all estimators in the details."""
    n_repeats = 3 if quick else 20
    costs: dict[str, Mapping[str, float]] = {}
    for name, (game, exact) in games().items():
        costs[name] = {label: cost_of_error(game, exact, each, n_repeats) for label, each in estimators().items()}
        print(name, *(f"{label}: {costs[name][PLAIN] / cost:.2f}" for label, cost in costs[name].items()), sep="\n  ")
    gain = {name: {label: each[PLAIN] / cost for label, cost in each.items()} for name, each in costs.items()}
    return Comparison(
        question="How many evaluations do control variates take for the same error, beside plain permutations?",
        ours=[each[OURS] for each in costs.values()],
        peer=[each[PLAIN] for each in costs.values()],
        peer_name="one random order a round (permutation)",
        goal=1.0,
        unit="mean squared error times evaluations",
        size=f"{len(costs)} games of {N_PLAYERS} players, {BUDGET:,} evaluations, {n_repeats} repeats",
        details={"gain": gain},
    )


if __name__ == "__main__":
    main(measure)
