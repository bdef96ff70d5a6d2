"""Simulated customers of a shop, for where there are no real ones: numbers, true and false, and categories."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recval.errors import ConfigError
from recval.rng import RandomSource, numpy_generator, seed_of

_REGIONS = ("north", "east", "south", "west", "coast", "capital", "islands", "abroad")
_DEPARTMENTS = ("women", "men", "children", "shoes", "home", "sports")
_CHANNELS = ("shop", "web", "app")


def simulated_customers(rows: int, rng: RandomSource = 0, missing: float = 0.0) -> pd.DataFrame:
    """Return features of customers who have bought before.

    Columns: `age` (years), `tenure` and `recency` (months), `orders` and `spend` (of the last year; those who order
    more spend more), `returns` (share of orders), `newsletter` (bool), and `region`, `department` and `channel`
    (categories, of unequal sizes).

    Args:
        rows: how many customers.
        rng: the seed.
        missing: the share of values that are missing in each of age, returns, region and department.

    Raises:
        ConfigError: there is less than one row, or the share is not between 0 and 1.
    """
    if rows < 1:
        raise ConfigError(f"rows must be at least 1, got {rows}")
    if not 0 <= missing <= 1:
        raise ConfigError(f"missing must be a share from 0 to 1, got {missing}")
    generator = numpy_generator(seed_of(rng), "customers")
    tenure = 1 + generator.gamma(1.5, 20, rows).astype(np.int64)
    orders = 1 + generator.negative_binomial(1, 0.25, rows)
    frame = pd.DataFrame(
        {
            "age": np.clip(generator.normal(43, 14, rows), 18, 95).round(),
            "tenure": tenure,
            "recency": np.minimum(tenure, 1 + generator.geometric(0.15, rows)),
            "orders": orders,
            "spend": (orders * generator.lognormal(3.6, 0.6, rows)).round(2),
            "returns": generator.beta(1, 6, rows).round(3),
            "newsletter": generator.random(rows) < 0.6,
            "region": _categories(_REGIONS, rows, generator),
            "department": _categories(_DEPARTMENTS, rows, generator),
            "channel": _categories(_CHANNELS, rows, generator),
        }
    )
    for name in ("age", "returns", "region", "department"):
        frame.loc[generator.random(rows) < missing, name] = None
    return frame


def _categories(names: tuple[str, ...], rows: int, rng: np.random.Generator) -> pd.Categorical:
    """Return categories of which the first is the commonest: the k-th has a share in proportion to 1 / k."""
    shares = 1 / np.arange(1, len(names) + 1)
    return pd.Categorical(rng.choice(names, rows, p=shares / shares.sum()), list(names))
