"""Customers whose true uplift is known: real features, or simulated ones, with drawn treatments and responses.

What a customer spends under arm a follows from a chance to buy and a size of the purchase, both functions of the
features, and both moved by the treatment, for some customers more than for others and for some downwards:

- `ziln`: buys with probability p_a(x); the amount is lognormal(mu_a(x), 1). Heavy tail.
- `gamma`: buys with the same probability; the amount is gamma(shape 2) with mean exp(mu_a(x)). Light tail.
- `tweedie`: a Poisson number of purchases of exponential size (compound Poisson-gamma of power 1.5), so that chance and
  size move together: for a mean m_a(x), there are 2 sqrt(m_a) / phi purchases, each of phi sqrt(m_a) / 2, on average.

A method that is better on one family only owes it to its likelihood. The functions are random sums of the features and
their products, standardised over the rows given; so generate once and split afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field
from scipy.optimize import brentq
from scipy.special import expit, softmax

from recval.declarations import Declaration
from recval.rng import RandomSource, numpy_generator, seed_of
from recval.uplift.checks import Floats
from recval.uplift.customers import Customers
from recval.uplift.features import Encoded, FeatureEncoder, feature_frame
from recval.uplift.simulated import simulated_customers

Seed = Annotated[int, Field(ge=0, lt=2**63)]

_LOGNORMAL_SIGMA = 1.0
_GAMMA_SHAPE = 2.0
_PRODUCTS = 0.3
"""The weight of the products of features beside their sums."""
_RATE_SPREAD, _SIZE_SPREAD = 1.0, 0.8
_RATE_EFFECT, _SIZE_EFFECT = (0.4, 0.8), (0.1, 0.4)
"""Mean and standard deviation, over customers, of what a treatment adds to the log odds and to the log size."""


@dataclass(frozen=True)
class _Responses:
    """What customers would spend: the means under each arm [n, A + 1], and draws under given arms [n] -> [n]."""

    means: Floats
    draw: Callable[[npt.NDArray[np.int64], np.random.Generator], Floats]


class SemiSynthetic(Declaration):
    """How customers with a known uplift are made.

    Attributes:
        family: the distribution of responses; see the module.
        rows: how many customers; drawn with replacement where the features have fewer rows. By default all rows of the
            features, or 40,000 simulated customers.
        base_rate: the mean chance of a purchase under the control.
        size: the usual size of a purchase, in the unit of the response.
        effect: how much the treatments do; 0 for nothing, 1 for what is usual.
        treatments: how many there are beside the control; each has an effect of its own.
        selection: how much the treatment depends on the features, and with them on the response without treatment; 0
            for a randomised experiment with arms of equal shares, 1 for log odds with a standard deviation of 1.
        surface: which functions of the features are drawn.
    """

    family: Literal["ziln", "gamma", "tweedie"] = "ziln"
    rows: Annotated[int, Field(ge=2)] | None = None
    base_rate: Annotated[float, Field(gt=0, lt=1)] = 0.08
    size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 50.0
    effect: Annotated[float, Field(ge=0, le=5)] = 1.0
    treatments: Annotated[int, Field(ge=1, le=100)] = 1
    selection: Annotated[float, Field(ge=0, le=5)] = 0.0
    surface: Seed = 0

    def generate(self, features: pd.DataFrame | npt.ArrayLike | None = None, rng: RandomSource = 0) -> Customers:
        """Return customers with their true uplift and propensity.

        Args:
            features: [n, columns] real customers; simulated ones where it is None.
            rng: the seed of customers, treatments and responses; that of the functions is `surface`.

        Raises:
            DataError: the features cannot be encoded.
        """
        seed = seed_of(rng)
        frame = self._customers(features, seed)
        encoded = FeatureEncoder.fit(frame).encode(frame)
        base, of_size, *others = _surfaces(encoded, 2 + 3 * self.treatments, numpy_generator(self.surface, "surfaces"))
        on_rate, on_size, chosen_for = np.array(others).reshape(3, self.treatments, len(frame))
        propensity = self._propensity(base, chosen_for)
        arm = _drawn(propensity, numpy_generator(seed, "arms"))
        log_odds = _RATE_SPREAD * base[:, None] + self._effects(on_rate, *_RATE_EFFECT)
        log_size = np.log(self.size) + _SIZE_SPREAD * of_size[:, None] + self._effects(on_size, *_SIZE_EFFECT)
        responses = _FAMILIES[self.family](log_odds, log_size, self.base_rate)
        return Customers(
            features=frame,
            arm=arm,
            response=responses.draw(arm, numpy_generator(seed, "responses")),
            arms=("control", *(f"treatment {number}" for number in range(1, self.treatments + 1))),
            truth=responses.means[:, 1:] - responses.means[:, :1],
            propensity=propensity,
        )

    def _customers(self, features: pd.DataFrame | npt.ArrayLike | None, seed: int) -> pd.DataFrame:
        if features is None:
            return simulated_customers(self.rows or 40_000, seed)
        frame = feature_frame(features)
        if self.rows is None:
            return frame.reset_index(drop=True)
        rng = numpy_generator(seed, "rows")
        return frame.iloc[rng.choice(len(frame), self.rows, replace=self.rows > len(frame))].reset_index(drop=True)

    def _effects(self, surfaces: Floats, mean: float, spread: float) -> Floats:
        """Return what each arm adds: [n, A + 1], 0 for the control."""
        added = self.effect * (mean + spread * surfaces.T)
        return np.column_stack([np.zeros(len(added)), added])

    def _propensity(self, base: Floats, chosen_for: Floats) -> Floats:
        """Return the chance of each arm, [n, A + 1]; half of its variation is that of the response's."""
        log_odds = self.selection * (base + chosen_for).T / np.sqrt(2)
        return softmax(np.column_stack([np.zeros(len(base)), log_odds]), axis=1)


def _surfaces(encoded: Encoded, count: int, rng: np.random.Generator) -> Floats:
    """Return random functions of the features, [count, n], each with mean 0 and standard deviation 1."""
    linear, first, second = (_linear(encoded, count, rng) for _ in range(3))
    return _standardised(linear + _PRODUCTS * _standardised(first * second))


def _linear(encoded: Encoded, count: int, rng: np.random.Generator) -> Floats:
    """Return random sums of the numbers, squashed so that no outlier rules, and of an effect of each category."""
    sums = np.tanh(encoded.numeric.astype(np.float64)) @ rng.standard_normal((encoded.numeric.shape[1], count))
    for codes in encoded.codes.T:
        sums += rng.standard_normal((codes.max(initial=0) + 1, count))[codes]
    return _standardised(sums.T)


def _standardised(rows: Floats) -> Floats:
    deviation = rows.std(axis=1, keepdims=True)
    return (rows - rows.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1)


def _drawn(chances: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return an arm for each row by its chances."""
    below = rng.random((len(chances), 1)) > np.cumsum(chances, axis=1)[:, :-1]
    return below.sum(axis=1, dtype=np.int64)


def _with_rate(log_odds: Floats, base_rate: float) -> Floats:
    """Return chances with a mean of `base_rate` under the control."""
    level = brentq(lambda level: expit(level + log_odds[:, 0]).mean() - base_rate, -50, 50)
    return expit(level + log_odds)


def _of(values: Floats, arm: npt.NDArray[np.int64]) -> Floats:
    return values[np.arange(len(arm)), arm]


def _ziln(log_odds: Floats, log_size: Floats, base_rate: float) -> _Responses:
    chances = _with_rate(log_odds, base_rate)
    mu = log_size - _LOGNORMAL_SIGMA**2 / 2

    def draw(arm: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
        buys = rng.random(len(arm)) < _of(chances, arm)
        return buys * rng.lognormal(_of(mu, arm), _LOGNORMAL_SIGMA)

    return _Responses(chances * np.exp(log_size), draw)


def _gamma(log_odds: Floats, log_size: Floats, base_rate: float) -> _Responses:
    chances, sizes = _with_rate(log_odds, base_rate), np.exp(log_size)

    def draw(arm: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
        buys = rng.random(len(arm)) < _of(chances, arm)
        return buys * rng.gamma(_GAMMA_SHAPE, _of(sizes, arm) / _GAMMA_SHAPE)

    return _Responses(chances * sizes, draw)


def _tweedie(log_odds: Floats, log_size: Floats, base_rate: float) -> _Responses:
    """Return responses of the variance phi m^1.5; phi is such that the chance of a purchase is the base rate."""
    means = base_rate * np.exp(log_odds + log_size)
    roots = 2 * np.sqrt(means)
    phi = brentq(lambda phi: -np.expm1(-roots[:, 0] / phi).mean() - base_rate, 1e-9 * roots.min(), 1e9 * roots.max())
    purchases = roots / phi

    def draw(arm: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
        numbers = rng.poisson(_of(purchases, arm))
        return rng.gamma(numbers, _of(means / purchases, arm))

    return _Responses(means, draw)


_FAMILIES = {"ziln": _ziln, "gamma": _gamma, "tweedie": _tweedie}
