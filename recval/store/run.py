"""A run's folder: what was asked for, what came out, and what it takes to continue.

recipe.yaml          the resolved recipe
data.json            sizes of the parts, and a digest of them
environment.json     versions and machine
metrics.json         mean and standard deviation of each method, and comparisons
per_user.parquet     method, seed, user and every metric
values.parquet       the values of the training interactions, over seeds
valuation.json       of each method that gives values: its cost, errors, noise detection, stability
explanations.json    why the most and the least valuable interaction have their values
removal.parquet      the metric after dropping interactions by value
report.html          the report
log.jsonl            what was done, and when
trials/…/            one training each: metrics.json (written last), per_user, history and values as Parquet,
                     model.safetensors with model.json, valuator.safetensors where there is one;
                     players.parquet, and player_of.parquet with the player of each interaction, where a valuation's
                     players are not the interactions;
                     checkpoint.safetensors while it is at work
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd
import yaml

from recval.errors import RunError
from recval.store.files import read_json, read_table, write_json, write_text
from recval.yaml_file import parse


@dataclass(frozen=True)
class Run:
    """The folder of a run.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, recipe: dict[str, Any], data: dict[str, Any]) -> Self:
        """Return the run in a new folder, or the one to continue in a folder that holds the same recipe and data.

        A run of which no trial was begun, because of a mistake in its recipe for example, makes way for another.

        Args:
            path: the folder.
            recipe: the resolved recipe.
            data: what tells the data from other data.

        Raises:
            RunError: the folder cannot be written, or holds something else.
        """
        run = cls(Path(path))
        text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
        if run.recipe_path.is_file() and not run._is_unbegun:
            if run.recipe_path.read_text(encoding="utf8") != text:
                raise RunError(f"{path} holds a run of another recipe; name another folder, or remove that one")
            if read_json(run.data_path) != data:
                raise RunError(f"{path} holds a run on other data; name another folder, or remove that one")
        elif run.path.is_dir() and not run._is_unbegun and any(file != run.data_path for file in run.path.iterdir()):
            raise RunError(f"{path} is not empty and holds no run; name another folder")
        else:
            write_json(run.data_path, data)
            write_text(run.recipe_path, text)
        return run

    @property
    def _is_unbegun(self) -> bool:
        """Whether it was prepared and no trial was begun."""
        return all(path.is_file() for path in (self.data_path, self.recipe_path, self.log_path)) and not (
            (self.path / "trials").exists() or self.metrics_path.exists()
        )

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the finished run in a folder.

        Raises:
            RunError: there is no run, or it is not finished.
        """
        run = cls(Path(path))
        if not run.recipe_path.is_file():
            raise RunError(f"{path} holds no run (there is no recipe.yaml in it)")
        if run.is_uplift:
            raise RunError(f"the run in {path} is one of uplift; recval uplift and recval report take it")
        if run.valuation_path.is_file() and not run.metrics_path.is_file():
            raise RunError(f"the run in {path} was valued only; recval run tests what its recipe trains, if anything")
        if not run.metrics_path.is_file():
            raise RunError(f"the run in {path} is not finished; continue it with recval run")
        return run

    @classmethod
    def open_valued(cls, path: str | Path) -> Self:
        """Return the run in a folder, whose valuations at least are finished.

        Raises:
            RunError: there is no run, or they are not finished.
        """
        valued = cls(Path(path))
        return valued if valued.recipe_path.is_file() and valued.valuation_path.is_file() else cls.open(path)

    @property
    def is_uplift(self) -> bool:
        """Whether the recipe is one of customers and uplift, not of methods."""
        return self.recipe_path.is_file() and "customers" in self.recipe()

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def data_path(self) -> Path:
        """The sizes and the digest of the data."""
        return self.path / "data.json"

    @property
    def environment_path(self) -> Path:
        """The environment."""
        return self.path / "environment.json"

    @property
    def metrics_path(self) -> Path:
        """The summary of the metrics; there once the run is finished."""
        return self.path / "metrics.json"

    @property
    def per_user_path(self) -> Path:
        """The metrics of each user."""
        return self.path / "per_user.parquet"

    @property
    def values_path(self) -> Path:
        """The values of the training interactions."""
        return self.path / "values.parquet"

    @property
    def valuation_path(self) -> Path:
        """What is to be said of the methods that give values; there once these are finished."""
        return self.path / "valuation.json"

    @property
    def explanations_path(self) -> Path:
        """Why the most and the least valuable interaction have their values."""
        return self.path / "explanations.json"

    @property
    def removal_path(self) -> Path:
        """The removal curve."""
        return self.path / "removal.parquet"

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def log_path(self) -> Path:
        """What was done, and when: one JSON object a line."""
        return self.path / "log.jsonl"

    def log(self, event: str, **details: object) -> None:
        """Append an event to the log, with the time."""
        entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **details}
        with self.log_path.open("a", encoding="utf8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def seconds(self) -> dict[str, float]:
        """Return how long each trial took, by its folder in the run; without those that an interruption cut in two."""
        events = [json.loads(line) for line in self.log_path.read_text(encoding="utf8").splitlines()]
        trials = [event for event in events if event["event"] == "trial" and "seconds" in event]
        return {event["folder"]: event["seconds"] for event in trials if not event["continued"]}

    def trial_path(self, *names: str | int) -> Path:
        """Return the folder of one training."""
        return self.path.joinpath("trials", *(folder_name(str(name)) for name in names))

    def recipe(self) -> dict[str, Any]:
        """Return the resolved recipe.

        Raises:
            ConfigError: the file is damaged.
        """
        return parse(self.recipe_path)[1]

    def environment(self) -> dict[str, Any]:
        """Return the environment that the run was started in."""
        return read_json(self.environment_path)

    def metrics(self) -> dict[str, Any]:
        """Return the summary of the metrics.

        Raises:
            RunError: the file is damaged.
        """
        summary = read_json(self.metrics_path)
        if not (isinstance(summary, dict) and "methods" in summary):
            raise RunError(f"{self.metrics_path} is damaged; write it anew with recval run")
        return summary

    def valuation(self) -> dict[str, Any]:
        """Return what is to be said of the methods that give values.

        Raises:
            RunError: the file is missing or damaged.
        """
        return read_json(self.valuation_path)

    def per_user(self) -> pd.DataFrame:
        """Return one row a method, seed and user, with a column a metric."""
        return read_table(self.per_user_path).to_pandas()

    def removal(self) -> pd.DataFrame | None:
        """Return the removal curve: columns order, fraction, seed and a column a metric; None if there is none."""
        return read_table(self.removal_path).to_pandas() if self.removal_path.exists() else None


def folder_name(name: str) -> str:
    """Return a name that is safe in any file system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "unnamed"
