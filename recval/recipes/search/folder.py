"""A search's folder: what was asked for, and every trial that has ended.

search.yaml          the resolved search
data.json            sizes of the parts that are used, and a digest of them
environment.json     versions and machine
trials/0007.json     a trial that ended; 0007.safetensors while it trains
best.json            the best trial
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from recval.errors import RunError
from recval.recipes.search.schema import Search
from recval.store.environment import environment
from recval.store.files import read_json, write_json, write_text
from recval.yaml_file import parse


@dataclass(frozen=True)
class SearchTrial:
    """A trial that has ended.

    Attributes:
        number: its place among all, from 0.
        chosen: what was searched, by dotted key.
        value: the validation metric, unrounded; None where the trial failed.
        reason: why it failed; empty where it did not.
        epochs: epochs trained; 0 for a model that needs no training.
        best_epoch: the epoch that the value is of, from 1.
        seconds: how long it took.
    """

    number: int
    chosen: dict[str, Any]
    value: float | None
    reason: str = ""
    epochs: int = 0
    best_epoch: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class SearchFolder:
    """The folder of a search.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, search: Search, data: dict[str, Any]) -> SearchFolder:
        """Return the search in a new folder, or the one to continue in a folder that holds the same search and data.

        A search that differs only in the number of trials is the same.

        Args:
            path: the folder.
            search: what is searched.
            data: what tells the data from other data.

        Raises:
            RunError: the folder cannot be written, or holds something else.
        """
        folder = cls(Path(path))
        asked, kept = search.model_dump(mode="json"), folder._kept()
        if kept is not None:
            if {**kept, "trials": search.trials} != asked:
                raise RunError(f"{path} holds another search; name another folder, or remove that one")
            if read_json(folder._data_path) != data:
                raise RunError(f"{path} holds a search on other data; name another folder, or remove that one")
        elif folder.path.is_dir() and any(file != folder._data_path for file in folder.path.iterdir()):
            raise RunError(f"{path} is not empty and holds no search; name another folder")
        if kept is None:
            write_json(folder._data_path, data)
        if kept != asked:
            write_text(folder._search_path, yaml.safe_dump(asked, sort_keys=False, allow_unicode=True))
        if not (folder.path / "environment.json").exists():
            write_json(folder.path / "environment.json", environment())
        return folder

    def keep(self, trial: SearchTrial) -> None:
        """Write a trial that has ended; its checkpoint goes first, so that no kill leaves one behind."""
        self.checkpoint(trial.number).unlink(missing_ok=True)
        write_json(self._trial_path(trial.number), asdict(trial))

    def has(self, number: int) -> bool:
        """Return whether the trial of this number has ended."""
        return self._trial_path(number).exists()

    def trial(self, number: int) -> SearchTrial:
        """Return a trial that has ended.

        Raises:
            RunError: the file is missing or damaged.
        """
        path = self._trial_path(number)
        try:
            return SearchTrial(**read_json(path))
        except TypeError:
            raise RunError(f"{path} is damaged; remove it to run the trial again") from None

    def checkpoint(self, number: int) -> Path:
        """Return the file that a trial that was interrupted continues from."""
        return self._trial_path(number).with_suffix(".safetensors")

    @property
    def best_path(self) -> Path:
        """The best trial; there once the search is finished."""
        return self.path / "best.json"

    @property
    def _search_path(self) -> Path:
        return self.path / "search.yaml"

    @property
    def _data_path(self) -> Path:
        return self.path / "data.json"

    def _trial_path(self, number: int) -> Path:
        return self.path / "trials" / f"{number:04}.json"

    def _kept(self) -> dict[str, Any] | None:
        return parse(self._search_path)[1] if self._search_path.is_file() else None
