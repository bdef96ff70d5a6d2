"""How trials are run, continued and kept.

A trial is done when its `metrics.json` exists, which is written last. A trial that was interrupted continues from its
checkpoint; what it ends with is what it would have ended with. A training whose values alone were asked for is done
without having met the test part; it is tested when that is asked for, by the model that it kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa

from recval.data import Split
from recval.engine import Executor
from recval.engine.executor import Report
from recval.recipes.fitting import Result, evaluated, evaluator_of
from recval.recipes.method import naming
from recval.recipes.models import ModelRecipe
from recval.recipes.trained import backbone_of
from recval.recipes.trials import Experiment, MethodTrial, TrainingTrial, Trial, ValuationTrial
from recval.store.files import read_json, write_json, write_table, write_tensors
from recval.store.run import Run

Took = dict[str, float | bool]
"""What the log says of a trial: how many `seconds` it took, and whether it `continued` what was interrupted."""


def run_trial(experiment: Experiment, trial: TrainingTrial, report: Report) -> Took:
    """Train, and keep what it gave in the trial's folder."""
    with _continuable(experiment.run, trial) as (checkpoint, took):
        result = trial.execute(experiment, checkpoint, report)
        _keep(result, trial.model_of(experiment.recipe), trial.folder(experiment.run))
    return took


def value_trial(experiment: Experiment, trial: ValuationTrial, executor: Executor, report: Report) -> Took:
    """Value, and keep what it gave in the trial's folder.

    Raises:
        RecvalError: what the valuator refused, with the name of the method.
    """
    with _continuable(experiment.run, trial) as (checkpoint, took), naming(trial.method):
        valued, folder = trial.execute(experiment, executor, checkpoint, report), trial.folder(experiment.run)
        valued.values.save(folder / "values.parquet")
        if valued.by_player is not None:
            valued.by_player.save(folder / "players.parquet")
            write_table(folder / "player_of.parquet", pa.table({"player": valued.player_of}))
        write_json(folder / "metrics.json", {"facts": dict(valued.facts)})
    return took


def evaluate_trial(experiment: Experiment, trial: MethodTrial, report: Report) -> Took:
    """Evaluate the model of a training that has not met the test part."""
    started, recipe, folder = time.perf_counter(), experiment.recipe, trial.folder(experiment.run)
    split, training = experiment.split, trial.training_of(recipe)
    backbone = backbone_of(experiment.run, recipe, trial, split, training.device)
    per_user, metrics = evaluated(backbone, split, evaluator_of(split, experiment.metrics, training))
    write_json(folder / "metrics.json", read_json(folder / "metrics.json") | {"metrics": _defined(metrics)})
    _keep_tested(folder, per_user)
    return {"seconds": round(time.perf_counter() - started, 3)}


@contextmanager
def _continuable(run: Run, trial: Trial) -> Iterator[tuple[Path, Took]]:
    """Give the checkpoint that a trial continues from, and what is filled in once it is done and needs none."""
    checkpoint, took = checkpoint_path(run, trial), Took()
    continued, started = checkpoint.exists(), time.perf_counter()
    yield checkpoint, took
    checkpoint.unlink(missing_ok=True)
    took.update(seconds=round(time.perf_counter() - started, 3), continued=continued)


def checkpoint_path(run: Run, trial: Trial) -> Path:
    """Return where a trial keeps what it takes to continue, until it is done."""
    return trial.folder(run) / "checkpoint.safetensors"


def is_done(run: Run, trial: Trial) -> bool:
    """Return whether a trial has been run to its end."""
    return (trial.folder(run) / "metrics.json").exists()


def is_tested(run: Run, trial: TrainingTrial) -> bool:
    """Return whether what a trial trained has been evaluated."""
    return (trial.folder(run) / "per_user.parquet").exists()


def _keep_tested(folder: Path, per_user: pd.DataFrame) -> None:
    """Write the test metrics of each user; see `Result`."""
    write_table(folder / "per_user.parquet", pa.Table.from_pandas(per_user.reset_index()))


def _keep(result: Result, model: ModelRecipe, folder: Path) -> None:
    if result.metrics:
        _keep_tested(folder, result.per_user)
    if result.progress.history:
        write_table(folder / "history.parquet", pa.Table.from_pylist(_padded(result.progress.history)))
    if result.values is not None:
        result.values.save(folder / "values.parquet")
    if result.explainer_state is not None:
        write_tensors(folder / "valuator.safetensors", result.explainer_state)
    write_tensors(folder / "model.safetensors", result.backbone.state_dict())
    write_json(folder / "model.json", {"model": model.model_dump(mode="json"), **_sizes(result.split)})
    progress = result.progress
    best = progress.history[progress.best_epoch - 1] if progress.best_epoch else {}
    validation = {name: value for name, value in best.items() if name not in ("epoch", "loss")}
    found = {"metrics": _defined(result.metrics), "validation": validation}
    write_json(folder / "metrics.json", {**found, "epochs": progress.epoch, "best_epoch": progress.best_epoch})


def _defined(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return metrics as JSON has them: None where one is not defined."""
    return {name: None if math.isnan(metric) else metric for name, metric in metrics.items()}


def _sizes(split: Split) -> dict[str, int]:
    return {"users": len(split.users), "items": len(split.items), "training_interactions": len(split.train)}


def _padded(history: list[dict[str, float]]) -> list[dict[str, float | None]]:
    """Return the epochs with the same keys in each, None where an epoch had no validation."""
    keys = dict.fromkeys(key for entry in history for key in entry)
    return [{key: entry.get(key) for key in keys} for entry in history]
