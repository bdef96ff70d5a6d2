"""What the oracle games have in common, and how far estimates are from the truth."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from recval.games import Game, SemiValue, Values
from recval.games.game import Floats


class OracleGame(Game):
    """Base of games with known semi-values."""

    batch_size = 2048

    @abstractmethod
    def exact(self, semivalue: SemiValue) -> Floats:
        """Return the semi-value of each player, shape [n]."""


def z_scores(values: Values, exact: Floats) -> Floats:
    """Return how many standard errors each value is from the exact one, shape [n]; 0 where they are equal to 1e-9."""
    difference = np.abs(values.value - exact)
    equal = difference <= 1e-9 * max(np.abs(exact).max(initial=0.0), 1.0)
    found = np.where(equal, 0.0, np.inf)
    return np.divide(difference, values.standard_error, where=~equal & (values.standard_error > 0), out=found)
