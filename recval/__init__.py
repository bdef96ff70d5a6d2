"""recval: what the data and the models of a recommender are worth, and how to make both better.

    import recval

    data = recval.load("ml-100k")
    result = recval.fit(data, model="BPR", valuator=recval.DVR(reward="bpr"), rng=42)
    result.metrics, result.values.to_frame(), result.recommend(users=[1, 2], k=10)

Names are loaded when they are first used, so that importing recval costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from recval.data import Interactions, Split, from_frame, load
    from recval.errors import RecvalError
    from recval.games import Values
    from recval.ranking.comparing import compare
    from recval.recipes import Recipe, Result, fit, run, value
    from recval.training import Callback, Training
    from recval.uplift import Customers, UpliftModel
    from recval.valuation import DVR

_HOME = {
    "Callback": "recval.training",
    "Customers": "recval.uplift",
    "DVR": "recval.valuation",
    "Interactions": "recval.data",
    "Recipe": "recval.recipes",
    "RecvalError": "recval.errors",
    "Result": "recval.recipes",
    "Split": "recval.data",
    "Training": "recval.training",
    "UpliftModel": "recval.uplift",
    "Values": "recval.games",
    "compare": "recval.ranking.comparing",
    "fit": "recval.recipes",
    "from_frame": "recval.data",
    "load": "recval.data",
    "run": "recval.recipes",
    "value": "recval.recipes",
}

__all__ = [
    "DVR",
    "Callback",
    "Customers",
    "Interactions",
    "Recipe",
    "RecvalError",
    "Result",
    "Split",
    "Training",
    "UpliftModel",
    "Values",
    "compare",
    "fit",
    "from_frame",
    "load",
    "run",
    "value",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'recval' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
