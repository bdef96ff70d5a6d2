"""Coalition games: what each player is worth, exactly or by sampling."""

from recval.games.game import FunctionGame, Game, TensorGame
from recval.games.semivalues import AnySemiValue, Banzhaf, Beta, LeaveOneOut, SemiValue, Shapley
from recval.games.values import Values

__all__ = [
    "AnySemiValue",
    "Banzhaf",
    "Beta",
    "FunctionGame",
    "Game",
    "LeaveOneOut",
    "SemiValue",
    "Shapley",
    "TensorGame",
    "Values",
]
