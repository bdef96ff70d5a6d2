"""From an uplift recipe to a finished run: every model, what they are worth together, and the report.

Whatever is in the run's folder already is kept: a run that was interrupted is continued by running it again, and ends
with the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from recval.declarations import read
from recval.engine import Executor, Serial
from recval.errors import DataError
from recval.recipes.stages import Stage, silent
from recval.recipes.uplift.customers import like_ids
from recval.recipes.uplift.evaluating import treated_at_random
from recval.recipes.uplift.folder import UpliftRun
from recval.recipes.uplift.schema import UpliftRecipe
from recval.recipes.uplift.summary import summarise
from recval.recipes.uplift.trials import Experiment, UpliftTrial, run_trial, trials_of
from recval.report.uplift import write_uplift
from recval.store.environment import environment
from recval.store.files import read_json, replacing, write_json
from recval.uplift.customers import Customers
from recval.uplift.features import FeatureEncoder


def fit(
    recipe: UpliftRecipe, path: str | Path, executor: Executor | None = None, stage: Stage | None = None
) -> UpliftRun:
    """Run an uplift recipe in a folder, or continue it there.

    Args:
        recipe: what to fit.
        path: the folder; made if need be.
        executor: where the models are fitted; by default one after the other in this process.
        stage: what to tell of the progress.

    Raises:
        ConfigError: the recipe names something that there is not.
        DataError: the customers are not what they must be.
        ModelError: a model cannot be trained so.
        RunError: the folder holds another run, or cannot be written.
    """
    customers = check(recipe)
    run = UpliftRun.create(path, recipe.model_dump(mode="json"), fingerprint(customers))
    if not run.environment_path.exists():
        write_json(run.environment_path, environment())
    if not run.randomness_path.exists():
        random = treated_at_random(customers, recipe.evaluation)
        write_json(run.randomness_path, {**random, "warnings": [*like_ids(customers), *random["warnings"]]})
    trials = trials_of(recipe)
    left = [trial for trial in trials if not trial.is_done(run)]
    _run_trials(Experiment(recipe, customers, run), left, executor or Serial(threads=1), stage or silent)
    _publish(run, trials[0])
    evaluations = [read_json(trial.evaluation_path(run)) for trial in trials]
    write_json(run.metrics_path, summarise(evaluations))
    write_report(run)
    run.log("finished")
    return run


def write_report(run: UpliftRun) -> None:
    """Write the report of a finished run.

    Raises:
        RunError: a file of the run is missing or damaged, or the folder cannot be written.
    """
    recipe = read(run.recipe_path, UpliftRecipe)
    write_uplift(
        run.report_path,
        run.evaluation(),
        recipe.customers.columns[1],
        run.environment(),
        lead=recipe.description,
        models=run.metrics(),
        recipe_text=run.recipe_path.read_text(encoding="utf8"),
    )


def check(recipe: UpliftRecipe) -> Customers:
    """Check all that can be checked without training, and return the customers.

    Raises:
        ConfigError: the recipe names something that there is not.
        DataError: the customers are not what they must be.
    """
    try:
        customers = recipe.customers.load()
        FeatureEncoder.fit(customers.features)
    except DataError as error:
        raise DataError(f"customers: {error}") from None
    recipe.model.head.check(customers.response)
    recipe.split.hold_out(customers)
    if recipe.targeting is not None:
        recipe.targeting.costs(customers.arms[1:])
    return customers


def _run_trials(experiment: Experiment, trials: list[UpliftTrial], executor: Executor, stage: Stage) -> None:
    if not trials:
        return
    run = experiment.run
    run.log("stage", name="fitting", trials=len(trials))
    with stage("fitting", len(trials)) as on_progress:
        for position, seconds in executor.map(run_trial, trials, experiment, on_progress):
            folder = trials[position].folder(run).relative_to(run.path)
            run.log("trial", folder=str(folder), seconds=seconds, continued=False)
            on_progress(position, 1.0)


def _publish(run: UpliftRun, trial: UpliftTrial) -> None:
    """Copy what the first trial gave to the run's own folder."""
    folder = trial.folder(run)
    for source in [*sorted((folder / "model").iterdir()), folder / "scored.parquet", folder / "evaluation.json"]:
        with replacing(run.path / source.relative_to(folder)) as temporary:
            shutil.copyfile(source, temporary)


def fingerprint(customers: Customers) -> dict[str, Any]:
    """Return sizes of the customers, and a digest of all that is known of them."""
    known = pd.util.hash_pandas_object(customers.features, index=False).to_numpy()
    digest = hashlib.sha256()
    for part in (known, customers.arm, customers.response):
        digest.update(part.tobytes())
    return {"customers": len(customers), "arms": customers.sizes, "sha256": digest.hexdigest()}
