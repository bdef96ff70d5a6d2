"""What to try next, and what mattered: Optuna's samplers, asked a generation at a time.

Reference:
    Akiba et al. "Optuna. A Next-generation Hyperparameter Optimization Framework." KDD 2019.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from recval.errors import ConfigError
from recval.ranking import parse
from recval.recipes.search.folder import SearchTrial
from recval.recipes.search.schema import Choices, Range, Search
from recval.rng import derive, numpy_generator

if TYPE_CHECKING:
    import optuna

_DIGITS = 3
"""Significant digits of a real number that is drawn: what is tried is what a model card can show."""

_ENOUGH_TO_WEIGH = 10
"""Trials from which on the importance of parameters is worth a look."""


def check_optuna() -> None:
    """Check that Optuna is installed.

    Raises:
        ConfigError: it is not.
    """
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigError("a search needs Optuna; install it with `pip install 'recval[tune]'`") from None


def planned(search: Search) -> int:
    """Return the number of trials: those asked for, or all that a grid has."""
    return min(search.trials, math.prod(_grid_shape(search))) if search.sampler == "grid" else search.trials


def propose(search: Search, generation: int, earlier: Sequence[SearchTrial]) -> list[dict[str, Any]]:
    """Return what the trials of a generation are to try, each by dotted key.

    Args:
        search: what is searched.
        generation: from 0.
        earlier: the trials of all earlier generations.
    """
    first = generation * search.parallel
    count = min(search.parallel, planned(search) - first)
    if search.sampler == "grid":
        return _grid_cells(search, first, count)
    with _quiet_optuna() as optuna:
        seed = derive(search.seed, "search", generation) % 2**32
        sampler = (
            optuna.samplers.RandomSampler(seed)
            if search.sampler == "random"
            else optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        )
        study = _study(search, earlier, sampler)
        asked = [study.ask(_distributions(search)) for _ in range(count)]
    return [_decoded(search, trial.params) for trial in asked]


def importances(search: Search, trials: Sequence[SearchTrial]) -> dict[str, float]:
    """Return how much each searched key mattered among the better trials, in [0, 1], adding up to 1, highest first.

    Nothing is returned where too few trials ended, or all ended alike.

    Source: PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023).
    """
    values = [trial.value for trial in trials if trial.value is not None]
    if len(values) < _ENOUGH_TO_WEIGH or min(values) == max(values):
        return {}
    with _quiet_optuna() as optuna:
        study = _study(search, trials, optuna.samplers.RandomSampler(0))
        return optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())


def _study(search: Search, trials: Sequence[SearchTrial], sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """Return a study in memory that holds the trials; one that failed counts as worse than all that did not."""
    import optuna

    lower_is_better = parse(search.training.monitor)[0].lower_is_better
    study = optuna.create_study(direction="minimize" if lower_is_better else "maximize", sampler=sampler)
    distributions = _distributions(search)
    states = optuna.trial.TrialState
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                state=states.PRUNED if trial.value is None else states.COMPLETE,
                value=trial.value,
                params=_encoded(search, trial.chosen),
                distributions=distributions,
            )
        )
    return study


def _distributions(search: Search) -> dict[str, optuna.distributions.BaseDistribution]:
    return {key: _distribution(candidates) for key, candidates in search.space.candidates.items()}


def _distribution(candidates: Choices | Range) -> optuna.distributions.BaseDistribution:
    from optuna import distributions

    if isinstance(candidates, Choices):
        return distributions.CategoricalDistribution(range(len(candidates.choices)))
    low, high, log, step = candidates.low, candidates.high, candidates.log, candidates.step
    if candidates.is_whole:
        return distributions.IntDistribution(int(low), int(high), log=log, step=int(step or 1))
    return distributions.FloatDistribution(low, high, log=log, step=step)


def _decoded(search: Search, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return the values that Optuna's stand for: choices by their place, real numbers rounded within their range."""
    decoded = {}
    for key, candidates in search.space.candidates.items():
        value = drawn[key]
        if isinstance(candidates, Choices):
            value = candidates.choices[value]
        elif not candidates.is_whole:
            digits = 12 if candidates.step else _DIGITS
            value = min(max(float(f"{value:.{digits}g}"), float(candidates.low)), float(candidates.high))
        decoded[key] = value
    return decoded


def _encoded(search: Search, chosen: dict[str, Any]) -> dict[str, Any]:
    return {
        key: candidates.choices.index(chosen[key]) if isinstance(candidates, Choices) else chosen[key]
        for key, candidates in search.space.candidates.items()
    }


def _grid_shape(search: Search) -> tuple[int, ...]:
    return tuple(len(candidates.listed()) for candidates in search.space.candidates.values())


def _grid_cells(search: Search, first: int, count: int) -> list[dict[str, Any]]:
    """Return cells of the grid, in an order that the seed shuffles."""
    shape = _grid_shape(search)
    order = numpy_generator(search.seed, "grid").permutation(math.prod(shape))[first : first + count]
    places = np.stack(np.unravel_index(order, shape), axis=1).tolist()
    candidates = search.space.candidates.items()
    return [
        {key: values.listed()[place] for (key, values), place in zip(candidates, cell, strict=True)} for cell in places
    ]


@contextmanager
def _quiet_optuna() -> Iterator[Any]:
    """Give Optuna, without its log and without its warnings of what is experimental, and restore both."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(verbosity)
