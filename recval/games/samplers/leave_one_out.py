"""Leave one out: the coalitions of all but one, for the exact `LeaveOneOut` value."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from recval.errors import ConfigError
from recval.games.samplers.base import Draw, Sampler
from recval.games.semivalues import LeaveOneOut, SemiValue


class LeaveOneOutSampler(Sampler):
    """All coalitions that one player is not in, in one round; exact."""

    kind: Literal["leave-one-out"] = "leave-one-out"
    exact: ClassVar[bool] = True

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse other semi-values.

        Raises:
            ConfigError: the semi-value is another one, or there are too many players.
        """
        super().check(n_players, semivalue)
        if not isinstance(semivalue, LeaveOneOut):
            raise ConfigError(
                f"the estimator leave-one-out is for the semi-value leave-one-out alone, got {semivalue!r}: take "
                "another estimator"
            )

    def evaluations(self, n_players: int) -> int:
        """Return n."""
        return n_players

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return the coalitions of all but one."""
        return Draw(~np.eye(n_players, dtype=np.bool_), lambda values, null, grand: grand - values)
