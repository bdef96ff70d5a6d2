"""Contract tests for plug-ins: subclass one in a test file of your own, say how your plug-in is made, and run pytest.

    from recval.backbones import build
    from recval.testing import BackboneContract

    class TestMine(BackboneContract):
        def build(self, train, seed):
            return build("Mine", train, seed=seed)

A model passes `BackboneContract`, a metric `MetricContract`, a callback or valuator `CallbackContract`. Each test says
in its name what recval relies on; one that does not apply to a plug-in is skipped with the reason. They are no proof of
a good model: they hold that it can be trained, evaluated, kept and continued like any other.

Games with known semi-values, `oracle_games()`, are there to test an estimator of one's own on.

pytest is imported here and nowhere else in recval.
"""

import pytest

pytest.register_assert_rewrite("recval.testing.backbone", "recval.testing.callback", "recval.testing.metric")

from recval.testing.backbone import BackboneContract
from recval.testing.callback import CallbackContract
from recval.testing.games import (
    AdditiveGame,
    AirportGame,
    GloveGame,
    OracleGame,
    SpanningTreeGame,
    SymmetricGame,
    UnanimityGame,
    VotingGame,
    oracle_games,
    z_scores,
)
from recval.testing.metric import MetricContract
from recval.testing.planted import planted

__all__ = [
    "AdditiveGame",
    "AirportGame",
    "BackboneContract",
    "CallbackContract",
    "GloveGame",
    "MetricContract",
    "OracleGame",
    "SpanningTreeGame",
    "SymmetricGame",
    "UnanimityGame",
    "VotingGame",
    "oracle_games",
    "planted",
    "z_scores",
]
