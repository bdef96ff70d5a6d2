"""The folder of an uplift run: what was asked for, the models, what they predict for customers held out.

recipe.yaml          the resolved recipe
data.json            how many customers and arms there are, and a digest of them
environment.json     versions and machine
randomness.json      whether treatment looks random, by all customers
metrics.json         over all models: mean and deviation of each metric, by arm
evaluation.json      of the first model, what it does on its test customers: metrics, curves, calibration, plan
scored.parquet       its test customers: features, arm, response, predicted uplift and responses
model/               the first model: what `recval uplift score` takes
report.html          the report
log.jsonl            what was done, and when
trials/SPLIT/SEED/   one model each: model/, scored.parquet, and evaluation.json, which is written last
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from recval.errors import RunError
from recval.store.files import read_json
from recval.store.run import Run


@dataclass(frozen=True)
class UpliftRun(Run):
    """The folder of an uplift run."""

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the finished run in a folder.

        Raises:
            RunError: there is no uplift run, or it is not finished.
        """
        run = cls(Path(path))
        if not run.recipe_path.is_file():
            raise RunError(f"{path} holds no run (there is no recipe.yaml in it)")
        if not run.is_uplift:
            raise RunError(f"the run in {path} is one of methods, not of uplift")
        if not (run.metrics_path.is_file() and run.evaluation_path.is_file()):
            raise RunError(f"the run in {path} is not finished; continue it with recval uplift fit")
        return run

    @property
    def evaluation_path(self) -> Path:
        """What the first model does on its test customers."""
        return self.path / "evaluation.json"

    @property
    def randomness_path(self) -> Path:
        """Whether treatment looks random."""
        return self.path / "randomness.json"

    @property
    def scored_path(self) -> Path:
        """The test customers of the first model, with its predictions."""
        return self.path / "scored.parquet"

    @property
    def model_path(self) -> Path:
        """The folder of the first model."""
        return self.path / "model"

    def metrics(self) -> dict[str, Any]:
        """Return mean and deviation over all models of each metric, by arm.

        Raises:
            RunError: the file is damaged.
        """
        return read_json(self.metrics_path)

    def evaluation(self) -> dict[str, Any]:
        """Return what the first model does on its test customers, with what is to be warned of.

        Raises:
            RunError: a file is damaged.
        """
        found, random = read_json(self.evaluation_path), read_json(self.randomness_path)
        return {**found, "warnings": [*random["warnings"], *found["warnings"]]}
