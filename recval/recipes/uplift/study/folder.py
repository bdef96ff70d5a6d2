"""The folder of an uplift study: what was asked for, what each cell gave, and the table over all of them.

study.yaml                            the resolved study
data.json                             sizes and digests of the customers that are not made up
environment.json                      versions and machine
cells/CUSTOMERS/METHOD/REPEAT.json    one fit each: metrics by treatment, seconds, or why the training failed
study.json                            the table of all methods; written once the study is finished
seconds.json                          how long the methods took to be fitted
study.html                            the report
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from recval.errors import RunError
from recval.recipes.uplift.study.schema import UpliftStudy
from recval.store.files import read_json, write_json, write_text


@dataclass(frozen=True)
class UpliftStudyFolder:
    """The folder of an uplift study.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, study: UpliftStudy, data: Mapping[str, Any]) -> UpliftStudyFolder:
        """Return the study in a new folder, or the one to continue in a folder that holds the same study.

        A study of which no cell is done, because of a mistake in it for example, makes way for another.

        Raises:
            RunError: the folder cannot be written, or holds something else.
        """
        folder = cls(Path(path))
        text = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        if (folder.path / "cells").is_dir() and folder.study_path.is_file():
            if folder.study_path.read_text(encoding="utf8") != text:
                raise RunError(f"{path} holds another study; name another folder, or remove that one")
            if read_json(folder.path / "data.json") != data:
                raise RunError(f"{path} holds a study of other customers; name another folder, or remove that one")
        elif folder.path.is_dir() and not folder.study_path.is_file() and any(folder.path.iterdir()):
            raise RunError(f"{path} is not empty and holds no study; name another folder")
        else:
            write_json(folder.path / "data.json", data)
            write_text(folder.study_path, text)
        return folder

    @property
    def study_path(self) -> Path:
        """The resolved study."""
        return self.path / "study.yaml"

    @property
    def table_path(self) -> Path:
        """The table of all methods."""
        return self.path / "study.json"

    @property
    def seconds_path(self) -> Path:
        """How long the methods took."""
        return self.path / "seconds.json"

    @property
    def environment_path(self) -> Path:
        """Versions and machine."""
        return self.path / "environment.json"

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.path / "study.html"

    def table(self) -> list[dict[str, Any]]:
        """Return the table of a finished study, a row a data set, treatment, metric and method.

        Raises:
            RunError: the study is not finished, or the file is damaged.
        """
        return read_json(self.table_path)

    def seconds(self) -> list[dict[str, Any]]:
        """Return how long the methods of a finished study took, a row a data set and method.

        Raises:
            RunError: the study is not finished, or the file is damaged.
        """
        return read_json(self.seconds_path)
