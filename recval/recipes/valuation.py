"""What a run says of its values: over seeds, and of each method what they cost, how sure they are, and how good.

The seconds are those of the log, so they are wall seconds of this machine with whatever else ran on it; a valuation
that stands alone may have all workers to itself, a training has one. `relative` are they in units of one plain training
of the recipe's model, where a method is that, otherwise of one with the first method that was trained. What the quality
means: `recval.recipes.quality`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.data import Split
from recval.data.interactions import Codes
from recval.games import Values
from recval.recipes.quality import auprc, auroc, noise_of, pairwise_spearman
from recval.recipes.schema import Recipe
from recval.recipes.summary import spread
from recval.recipes.trials import MethodTrial
from recval.store.files import read_json, read_table
from recval.store.run import Run

_VALUES, _PLAYERS, _PLAYER_OF = "values.parquet", "players.parquet", "player_of.parquet"


def values_of_seed(run: Run, method: str, seed: int) -> Values:
    """Return the values of one trial."""
    return Values.read(_folder(run, method, seed) / _VALUES)


def values_over_seeds(run: Run, recipe: Recipe, method: str) -> Values:
    """Return a method's values: over several seeds, each is one estimate; of one valuation that stands alone, its own.

    One training gives values without a standard error: how they vary within it does not say how trainings differ.
    """
    found = [values_of_seed(run, method, seed) for seed in recipe.seeds_of(method)]
    return found[0] if len(found) == 1 and recipe.methods[method].stands_alone else Values.mean_of(found)


def players_of_run(run: Run, recipe: Recipe, method: str) -> tuple[Values, Codes] | None:
    """Return the values of a method's players over seeds, and the player of each interaction, shape [n].

    None where the players are the interactions. Where each seed has players of its own, such as clusters, they are
    those of the first seed.
    """
    folders = [_folder(run, method, seed) for seed in recipe.seeds_of(method)]
    if not (folders[0] / _PLAYERS).exists():
        return None
    player_of = [read_table(folder / _PLAYER_OF)["player"].to_numpy() for folder in folders]
    found = [Values.read(folder / _PLAYERS) for folder in folders]
    if len(found) > 1 and all(np.array_equal(each, player_of[0]) for each in player_of):
        return Values.from_estimates(found[0].players, np.stack([each.value for each in found])), player_of[0]
    return found[0], player_of[0]


def facts_by_seed(run: Run, recipe: Recipe, method: str) -> dict[str, dict[str, Any]]:
    """Return what a valuation that stands alone said of itself, by seed; nothing of a training."""
    if not recipe.methods[method].stands_alone:
        return {}
    folders = {str(seed): _folder(run, method, seed) for seed in recipe.seeds_of(method)}
    return {seed: read_json(folder / "metrics.json")["facts"] for seed, folder in folders.items()}


def summarise_values(run: Run, recipe: Recipe, split: Split) -> dict[str, Any]:
    """Return what is to be said of the values of every method that gives any.

    Args:
        run: where the trials are kept.
        recipe: its recipe.
        split: its data; labels of the training part tell which interactions are noise.

    Returns:
        `valuator`: the method whose values are the run's; `unit`: the method whose training is the unit of cost, if a
        training was timed; `noise`: the share of noise, if it is known; `methods`: by name, see `_summary`.
    """
    seconds, noise = run.seconds(), noise_of(split)
    first = [] if recipe.plain is None else [recipe.plain]
    candidates = (name for name in [*first, *recipe.trained] if _seconds(run, recipe, name, seconds) is not None)
    unit = next(candidates, None)
    training = None if unit is None else _seconds(run, recipe, unit, seconds)
    return {
        "valuator": recipe.valuator,
        "unit": unit,
        "noise": None if noise is None else float(noise.mean()),
        "methods": {
            name: _summary(run, recipe, name, noise, _seconds(run, recipe, name, seconds), training)
            for name in recipe.valuators
        },
    }


def _summary(
    run: Run,
    recipe: Recipe,
    method: str,
    noise: npt.NDArray[np.bool_] | None,
    seconds: float | None,
    training: float | None,
) -> dict[str, Any]:
    """Return what is to be said of a method's values; None where it is not known.

    `seconds` are a trial's, `standard_error` is the mean over the interactions that have one, `auroc` and `auprc` have
    a value a seed, `stability` is the mean of Spearman's correlation over all pairs of seeds.
    """
    seeds = recipe.seeds_of(method)
    by_seed = np.stack([values_of_seed(run, method, seed).value for seed in seeds])
    players, facts = players_of_run(run, recipe, method), facts_by_seed(run, recipe, method)
    return {
        "kind": recipe.methods[method].kind,
        "seeds": list(seeds),
        "interactions": by_seed.shape[1],
        "players": by_seed.shape[1] if players is None else len(players[0]),
        "seconds": seconds,
        "relative": None if seconds is None or not training else seconds / training,
        "evaluations": _mean(told["evaluations"] for told in facts.values() if "evaluations" in told),
        "standard_error": _mean(values_over_seeds(run, recipe, method).standard_error),
        **({} if noise is None else _detection(noise, by_seed, seeds)),
        "stability": _mean(pairwise_spearman(by_seed)) if len(seeds) > 1 else None,
        "facts": facts,
    }


def _detection(noise: npt.NDArray[np.bool_], by_seed: npt.NDArray[np.float64], seeds: Sequence[int]) -> dict[str, Any]:
    found = {"auroc": [auroc(noise, each) for each in by_seed], "auprc": [auprc(noise, each) for each in by_seed]}
    return spread(pd.DataFrame(found, index=pd.Index(seeds)))


def _mean(numbers: Iterable[float]) -> float | None:
    """Return the mean of what is finite; None where nothing is."""
    found = np.fromiter(numbers, float)
    found = found[np.isfinite(found)]
    return float(found.mean()) if len(found) else None


def _seconds(run: Run, recipe: Recipe, method: str, seconds: Mapping[str, float]) -> float | None:
    """Return the mean seconds of a method's trials that were not interrupted."""
    folders = (str(_folder(run, method, seed).relative_to(run.path)) for seed in recipe.seeds_of(method))
    return _mean(seconds[folder] for folder in folders if folder in seconds)


def _folder(run: Run, method: str, seed: int) -> Path:
    return MethodTrial(method, seed).folder(run)
