"""One valuation from data to values, by a valuator that takes no part in a training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recval.adapter.rewards.validation import without_test
from recval.data import Interactions, Split
from recval.engine import BeginHere, Executor, Serial
from recval.engine.executor import Report
from recval.errors import ConfigError
from recval.recipes.fitting import split_of
from recval.rng import RandomSource, seed_of
from recval.training import Training
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing


def value(
    data: Interactions | Split | str | Path,
    valuator: StandaloneValuator,
    *,
    model: str = "BPR",
    parameters: Mapping[str, object] | None = None,
    training: Training | None = None,
    rng: RandomSource = 0,
    executor: Executor | None = None,
    checkpoint: str | Path | None = None,
    report: Report = lambda fraction: None,
) -> Valued:
    """Value the training interactions by a valuator that stands alone; the test part is not looked at.

    Args:
        data: a split; or interactions, or the name of a data set, of which 10 % a user are tested and 10 % validated.
        valuator: what values, such as `recval.valuation.standalone.KNNShapley()`.
        model: the name of the model, for valuators that train one.
        parameters: parameters that replace the model's defaults.
        training: how the model is trained.
        rng: all randomness derives from it.
        executor: where the work runs that takes more than a few seconds; by default in this process.
        checkpoint: a file to continue from, and to keep what it takes to continue.
        report: called with the share of the work that is done.

    Raises:
        ConfigError: the valuator values while a model trains, or names something that there is not.
        DataError: the data cannot be valued so.
        ModelError: the model cannot be trained so.
    """
    if not isinstance(valuator, StandaloneValuator):
        raise ConfigError(f"{type(valuator).__name__} does not stand alone; give it to recval.fit(data, valuator=…)")
    seed = seed_of(rng)
    split = without_test(split_of(data, seed))
    valuator.check(split)
    return valuator.value(
        Valuing(
            split,
            model,
            parameters or {},
            training or Training(),
            seed,
            BeginHere(executor or Serial(threads=1)),
            None if checkpoint is None else Path(checkpoint),
            report,
        )
    )
