"""When to stop making rounds: rules, joined by `|` (the first that is met) and `&` (all of them).

    MaxRounds(rounds=5000) | StandardError(tolerance=0.01)

In a recipe, `Stop` says the same: every key is a rule, and the first that is met ends the estimate.

    stop:
      rounds: 5000
      standard_error: 0.01

Which one? `MaxEvaluations` where each takes long, for it is the price; `StandardError` where the values themselves are
wanted, `RankStability` where only their order is. The last two look at the estimates, so they may never be met: join
one that counts by `|`. Stopping when the estimates look good favours, a little, those that look good by chance; a large
`least_rounds` is the remedy.

A rule is asked after every round, in the order of the rounds, and sees nothing but the rounds made so far.
"""

from recval.games.stopping.base import AllOf, FirstOf, StoppingRule, check_bounded
from recval.games.stopping.counts import MaxEvaluations, MaxRounds
from recval.games.stopping.precision import RankStability, StandardError
from recval.games.stopping.recipe import Stop

__all__ = [
    "AllOf",
    "FirstOf",
    "MaxEvaluations",
    "MaxRounds",
    "RankStability",
    "StandardError",
    "Stop",
    "StoppingRule",
    "check_bounded",
]
