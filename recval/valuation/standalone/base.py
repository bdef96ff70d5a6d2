"""What every valuator that stands alone has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recval.data import Split
from recval.data.interactions import Codes
from recval.declarations import Declaration
from recval.engine import Executor, Serial
from recval.engine.executor import Report
from recval.games.values import Values
from recval.training import Training


def _silent(fraction: float) -> None:
    """Tell nobody of the progress."""


@dataclass(frozen=True)
class Valuing:
    """What a valuator is given.

    Attributes:
        split: the data; nothing looks at its test part.
        model: the name of the backbone, for valuators that train one.
        parameters: parameters that replace the backbone's defaults.
        training: how the backbone is trained.
        seed: all randomness derives from it.
        executor: where the work runs.
        checkpoint: a file to continue from, and to keep what it takes to continue.
        report: called with the share of the work that is done.
    """

    split: Split
    model: str = "BPR"
    parameters: Mapping[str, object] = field(default_factory=dict)
    training: Training = field(default_factory=Training)
    seed: int = 0
    executor: Executor = field(default_factory=Serial)
    checkpoint: Path | None = None
    report: Report = _silent


@dataclass(frozen=True, eq=False)
class Valued:
    """What a valuator returns.

    Attributes:
        values: the values of the training interactions, in their order.
        by_player: the values of the players, where these are not the interactions: each interaction's value is then
            its player's, in equal parts, so that the sum is the same.
        player_of: the position of each training interaction's player, shape [n], where there are values of players.
        facts: what else there is to say, such as the number of evaluations.
    """

    values: Values
    by_player: Values | None = None
    player_of: Codes | None = None
    facts: Mapping[str, float | int | str] = field(default_factory=dict)


class StandaloneValuator(Declaration, ABC):
    """Base of valuators that take no part in a training: settings, and what is done with them."""

    def check(self, split: Split) -> None:
        """Refuse by a `RecvalError` what cannot work on this data; it must be quick."""

    @abstractmethod
    def value(self, valuing: Valuing) -> Valued:
        """Return the values of the training interactions.

        Raises:
            DataError: the data cannot be valued so.
            ModelError: the backbone cannot.
        """
