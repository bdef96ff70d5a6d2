"""Coalition games: what each player is worth, exactly or by sampling."""

from recval.games.any_estimator import AnyEstimator
from recval.games.estimating import Estimate, estimate
from recval.games.estimators import ControlVariates, Estimator, KernelSHAP, Truncated
from recval.games.game import FunctionGame, Game, TensorGame
from recval.games.samplers import (
    Antithetic,
    AnySampler,
    LeaveOneOutSampler,
    Owen,
    Permutation,
    Powerset,
    Reuse,
    Stratified,
)
from recval.games.samplers.base import Sampler
from recval.games.semivalues import AnySemiValue, Banzhaf, Beta, LeaveOneOut, SemiValue, Shapley
from recval.games.stopping import MaxEvaluations, MaxRounds, RankStability, StandardError, Stop, StoppingRule
from recval.games.values import Values

__all__ = [
    "Antithetic",
    "AnyEstimator",
    "AnySampler",
    "AnySemiValue",
    "Banzhaf",
    "Beta",
    "ControlVariates",
    "Estimate",
    "Estimator",
    "FunctionGame",
    "Game",
    "KernelSHAP",
    "LeaveOneOut",
    "LeaveOneOutSampler",
    "MaxEvaluations",
    "MaxRounds",
    "Owen",
    "Permutation",
    "Powerset",
    "RankStability",
    "Reuse",
    "Sampler",
    "SemiValue",
    "Shapley",
    "StandardError",
    "Stop",
    "StoppingRule",
    "Stratified",
    "TensorGame",
    "Truncated",
    "Values",
    "estimate",
]
