"""From a search to the best trial: generations of trials, each trained and validated, and kept as soon as it ended."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recval.backbones import build
from recval.data import Split
from recval.engine import Executor, Serial
from recval.engine.executor import OnProgress, Report
from recval.errors import ConfigError, DataError, ModelError, RunError
from recval.ranking import Evaluator, ItemSets, parse
from recval.recipes.search.folder import SearchFolder, SearchTrial
from recval.recipes.search.proposals import check_optuna, importances, planned, propose
from recval.recipes.search.schema import Search
from recval.recipes.stages import Stage, silent
from recval.store.files import write_json
from recval.training import Loop, Progress, Training

_FAILURES = (ModelError, np.linalg.LinAlgError, torch.linalg.LinAlgError, torch.OutOfMemoryError)
"""What ends a trial and not the search."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """What a search found.

    Attributes:
        search: what was searched.
        trials: every trial, by number.
    """

    search: Search
    trials: tuple[SearchTrial, ...]

    @cached_property
    def ranked(self) -> list[SearchTrial]:
        """The trials that did not fail, best first; among equals the earlier one."""
        sign = 1.0 if parse(self.search.training.monitor)[0].lower_is_better else -1.0
        ended = [(trial.value, trial) for trial in self.trials if trial.value is not None]
        return [trial for _, trial in sorted(ended, key=lambda pair: sign * pair[0])]

    @property
    def best(self) -> SearchTrial:
        """The best trial."""
        return self.ranked[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """The model's parameters in the best trial, without those that were left at their defaults."""
        return self.search.settings(self.best.chosen)[0]

    @property
    def training(self) -> dict[str, Any]:
        """The settings of training in the best trial, but for the device; none where nothing was trained."""
        settings = self.search.settings(self.best.chosen)[1].model_dump(mode="json", exclude={"device"})
        return settings if self.best.epochs else {}

    @property
    def importances(self) -> dict[str, float]:
        """How much each searched key mattered; see `recval.recipes.search.proposals.importances`."""
        return importances(self.search, self.trials)


@dataclass(frozen=True)
class _Shared:
    """What every trial of a search shares; it goes to a worker once."""

    search: Search
    split: Split
    folder: SearchFolder


@dataclass(frozen=True)
class _Proposal:
    """A trial to be run."""

    number: int
    chosen: dict[str, Any]


def tune(search: Search, path: str | Path, executor: Executor | None = None, stage: Stage | None = None) -> Tuned:
    """Search in a folder, or continue there; what is kept there is not tried again.

    Args:
        search: what to search.
        path: the folder; made if need be.
        executor: where the trials run; by default one after the other in this process.
        stage: what to tell of the progress.

    Raises:
        ConfigError: the search names something that there is not, or Optuna is not installed.
        DataError: the data is not what it must be.
        RunError: the folder holds another search, or cannot be written, or every trial failed.
    """
    split = check(search)
    shared = _Shared(search, split, SearchFolder.create(path, search, split.fingerprint()))
    _run_trials(shared, executor or Serial(threads=1), stage or silent)
    tuned = Tuned(search, tuple(shared.folder.trial(number) for number in range(planned(search))))
    if not tuned.ranked:
        raise RunError(
            f"each of the {len(tuned.trials)} trials failed, the first because: {tuned.trials[0].reason}; "
            f"mend it, remove {path} and search again"
        )
    write_json(shared.folder.best_path, _summary(tuned))
    return tuned


def check(search: Search) -> Split:
    """Check all that can be checked without training, and return the data, without the test part.

    Raises:
        ConfigError: the search names something that there is not, or Optuna is not installed.
        DataError: the data is not what it must be.
        ModelError: the model cannot be built.
    """
    check_optuna()
    split = search.split_data()
    if len(split.valid) == 0:
        raise DataError("split: no interactions are left to validate on")
    parameters, _ = search.settings(propose(search, 0, [])[0])
    backbone = build(search.model.name, split.train.take(np.arange(1)), parameters)
    if search.space.training and not backbone.needs_training:
        key = next(iter(search.space.training))
        raise ConfigError(
            f"space.training.{key}: {search.model.name} is complete as it is built, so nothing follows from it"
        )
    return Split(split.train, split.valid, split.test.take(np.arange(0)))


def _run_trials(shared: _Shared, executor: Executor, stage: Stage) -> None:
    """Run the trials that have not ended yet, one generation after the other."""
    search, folder = shared.search, shared.folder
    left = [number for number in range(planned(search)) if not folder.has(number)]
    if not left:
        return
    with stage("search", len(left)) as on_progress:
        for generation in sorted({number // search.parallel for number in left}):
            first = generation * search.parallel
            earlier = [folder.trial(number) for number in range(first)]
            tasks = [
                _Proposal(number, chosen)
                for number, chosen in enumerate(propose(search, generation, earlier), first)
                if not folder.has(number)
            ]
            told = _shifted(on_progress, left.index(tasks[0].number))
            for position, _ in executor.map(_run_trial, tasks, shared, told):
                told(position, 1.0)


def _shifted(on_progress: OnProgress, offset: int) -> OnProgress:
    return lambda position, fraction: on_progress(offset + position, fraction)


def _run_trial(shared: _Shared, proposal: _Proposal, report: Report) -> None:
    """Run a trial and keep it in the folder, whether it ended well or failed."""
    started = time.perf_counter()
    parameters, training = shared.search.settings(proposal.chosen)
    checkpoint = shared.folder.checkpoint(proposal.number)
    try:
        value, progress = _validated(shared, parameters, training, checkpoint, report)
        found: dict[str, Any] = {"value": value, "epochs": progress.epoch, "best_epoch": progress.best_epoch}
    except _FAILURES as error:
        found = {"value": None, "reason": " ".join(str(error).split())}
    seconds = round(time.perf_counter() - started, 3)
    shared.folder.keep(SearchTrial(proposal.number, proposal.chosen, **found, seconds=seconds))


def _validated(
    shared: _Shared, parameters: dict[str, Any], training: Training, checkpoint: Path, report: Report
) -> tuple[float, Progress]:
    """Return the validation metric of a model at its best epoch, and the course of its training."""
    search, split, monitor = shared.search, shared.split, training.monitor
    backbone = build(search.model.name, split.train, parameters, device=training.device, seed=search.seed)
    if backbone.needs_training:
        progress = Loop(backbone, split, training, seed=search.seed).fit(checkpoint, report)
        value = progress.history[progress.best_epoch - 1][monitor]
    else:
        progress, seen = Progress(), ItemSets.of(split.train)
        evaluate = Evaluator(split.valid, seen, [monitor], train=split.train, device=training.device)
        value = evaluate(backbone.eval().score).means[monitor]
    if not math.isfinite(value):
        raise ModelError(f"the validation metric {monitor} is {value}")
    return value, progress


def _summary(tuned: Tuned) -> dict[str, Any]:
    return {
        "data": tuned.search.dataset,
        "model": tuned.search.model.name,
        "trial": tuned.best.number,
        "validation": {tuned.search.training.monitor: tuned.best.value},
        "best_epoch": tuned.best.best_epoch,
        "parameters": tuned.parameters,
        "training": tuned.training,
    }
