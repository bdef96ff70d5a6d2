"""Control variates: a cheap game close to the one at hand, sampled on the same coalitions, tells most of a draw's luck.

    phi - beta (psi_hat - psi)

phi is a sampler's estimate, psi_hat the same estimate of a surrogate game on the very same coalitions, and psi the
surrogate's semi-values, known in closed form. As psi_hat has the mean psi, the difference takes nothing from a
sampler's unbiasedness; with the correlation rho of phi and psi_hat, the best beta leaves 1 - rho^2 of the variance.

The surrogate is fitted on coalitions of its own (`quadratic`, `tree`, `sizes`), or is given in Python, as a Taylor
expansion of a loss is. How to choose beta:

- `pilot`: estimated for each player on draws made for that beforehand; without bias. A player's own ratio of covariance
  to variance is noisy on few draws, so it is drawn towards that of all players, by as much as noise explains.
- `jackknife`: every round is several draws, each with the beta that the others of its round tell; without bias, and
  nothing is evaluated for beta alone. For the same cost there are fewer rounds to tell the standard error from.
- `one`: regression-adjusted Monte Carlo (Witter, Liu, Musco, arXiv 2506.11849): what is left of v beyond the surrogate
  is sampled. Best where the surrogate is fitted well, worse than nothing where it is not.
- a number.

For Shapley's value every round's values are made to add up to v(all) - v(nobody) by equal parts, which takes nothing
from unbiasedness either; other semi-values do not add up.

When not to use it: an additive surrogate does nothing with permutations, since a player then adds the same wherever it
comes, and psi_hat = psi in every draw; it helps samplers of coalitions. And the evaluations that fit the surrogate and
beta (`preparation`) must be few beside those that they save.

Sources: Goldwasser & Hooker, "Stabilizing estimates of Shapley values with control variates", arXiv 2310.07672;
Owen, "Monte Carlo theory, methods and examples", section 8.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, FiniteFloat, InstanceOf, PlainSerializer

from recval.engine import Executor
from recval.engine.executor import Report
from recval.errors import ConfigError
from recval.games.estimators.base import Estimator, Made, Rounds
from recval.games.estimators.kernel_shap import KernelSHAP
from recval.games.estimators.slopes import jackknife_slopes, shrunk_slopes, sums_of
from recval.games.game import Floats, Game
from recval.games.samplers import AnySampler, Permutation
from recval.games.samplers.base import Sampler, draws_of, estimates_of, sizes_of
from recval.games.semivalues import SemiValue, Shapley
from recval.games.surrogates import AnySurrogateModel, Quadratic, Surrogate, SurrogateModel
from recval.rng import derive, numpy_generator


def _identity(surrogate: Surrogate) -> dict[str, str | int | float]:
    """Return what tells a given surrogate from another one, in a checkpoint."""
    ends = {"nobody": surrogate.null_value, "all": surrogate.grand_value}
    return {"kind": type(surrogate).__name__, "players": surrogate.n_players, **ends}


Given = Annotated[InstanceOf[Surrogate], PlainSerializer(_identity)]
"""A surrogate that is given in Python."""


class ControlVariates(Estimator):
    """A sampler whose draws are corrected by a surrogate.

    Attributes:
        sampler: draws the coalitions.
        surrogate: how the surrogate is fitted, or a surrogate.
        beta: how much of the surrogate's luck is taken off.
        draws: how many draws beta is estimated on: before the rounds for `pilot`, in each round for `jackknife`.
    """

    kind: Literal["control-variates"] = "control-variates"
    sampler: Annotated[AnySampler | KernelSHAP, Field(discriminator="kind")] = Permutation()
    surrogate: AnySurrogateModel | Given = Quadratic()
    beta: Literal["pilot", "jackknife", "one"] | FiniteFloat = "pilot"
    draws: int = Field(16, ge=4)

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse what the sampler does, an exact one, and a surrogate that cannot be fitted or is of another game."""
        self.sampler.check(n_players, semivalue)
        if self.sampler.exact:
            raise ConfigError(
                f"the sampler {self.sampler.kind!r} is exact: there is nothing for control variates to do"
            )
        if isinstance(self.surrogate, Surrogate):
            if self.surrogate.n_players != n_players:
                raise ConfigError(f"the surrogate has {self.surrogate.n_players} players, the game {n_players}")
        elif not semivalue.moment(1, 1):
            raise ConfigError(
                f"no surrogate can be fitted for {type(semivalue).__name__}, which looks at one coalition for each "
                "player: give a surrogate, or evaluate them all"
            )

    def prepare(self, game: Game, semivalue: SemiValue, seed: int, executor: Executor) -> Rounds:
        """Fit the surrogate, and beta."""
        surrogate, preparation = self.surrogate, 0
        if isinstance(surrogate, SurrogateModel):
            preparation += surrogate.evaluations(game.n_players)
            surrogate = surrogate.fitted(game, semivalue, derive(seed, "surrogate"), executor)
        beta: Floats | None = np.full(game.n_players, 1.0 if isinstance(self.beta, str) else self.beta)
        if self.beta == "jackknife":
            beta = None
        if self.beta == "pilot":
            beta = self._pilot_beta(game, surrogate, semivalue, derive(seed, "pilot"), executor)
            preparation += self.draws * self.sampler.evaluations(game.n_players)
        return ControlledRounds(self, game, surrogate, semivalue, beta, preparation)

    def _pilot_beta(
        self, game: Game, surrogate: Surrogate, semivalue: SemiValue, seed: int, executor: Executor
    ) -> Floats:
        shared = (self.sampler, game, surrogate, semivalue, seed)
        found = dict(executor.map(_pilot, range(self.draws), shared, lambda position, fraction: None))
        phi, psi = np.stack([found[position] for position in range(self.draws)], axis=1)
        return shrunk_slopes(*sums_of(phi, psi), self.draws)


@dataclass(frozen=True)
class ControlledRounds(Rounds):
    """The rounds of a sampler with control variates.

    Attributes:
        settings: the settings.
        game: the game.
        surrogate: the surrogate.
        semivalue: what is estimated.
        beta: of each player, shape [n]; None: by jackknife within each round.
        preparation: how many coalitions were evaluated to get ready.
    """

    settings: ControlVariates
    game: Game
    surrogate: Surrogate
    semivalue: SemiValue
    beta: Floats | None
    preparation: int

    def most_evaluations(self) -> int:
        """Return what the sampler's draws of a round take."""
        return self._draws_a_round() * self.settings.sampler.evaluations(self.game.n_players)

    def make(self, rounds: Sequence[int], seed: int) -> Made:
        """Draw all rounds, and evaluate their coalitions in one call of each game."""
        n, each = self.game.n_players, self._draws_a_round()
        generators = (numpy_generator(seed, "round", index) for index in rounds)
        draws = [self.settings.sampler.draw(n, self.semivalue, one) for one in generators for _ in range(each)]
        phi, psi = (estimates_of(draws, game).reshape(len(rounds), each, n) for game in (self.game, self.surrogate))
        beta = jackknife_slopes(phi, psi) if self.beta is None else self.beta
        estimates = (phi - beta * (psi - self.surrogate.values_of(self.semivalue))).mean(1)
        if isinstance(self.semivalue, Shapley):
            owed = self.game.grand_value - self.game.null_value - estimates.sum(1, keepdims=True)
            estimates = estimates + owed / n
        return estimates, sizes_of(draws).reshape(len(rounds), each).sum(1)

    def _draws_a_round(self) -> int:
        return self.settings.draws if self.beta is None else 1


def _pilot(
    shared: tuple[Sampler, Game, Surrogate, SemiValue, int], position: int, report: Report
) -> npt.NDArray[np.float64]:
    """Return a draw's estimates of the game and the surrogate, shape [2, n]."""
    sampler, game, surrogate, semivalue, seed = shared
    draws = draws_of(sampler, game.n_players, semivalue, [position], seed)
    return np.concatenate([estimates_of(draws, game), estimates_of(draws, surrogate)])
