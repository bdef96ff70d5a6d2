"""A study's folder: what was asked for, the runs, and the tables over all of them.

study.yaml           the resolved study
runs/NOISE/BACKBONE/ one ordinary run each; see `recval.store.run`
TABLE.parquet        one file a table
study.json           all tables; written once the study is finished
study.html           the report
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from recval.errors import RunError
from recval.recipes.study.schema import Cell, Study
from recval.store.files import write_json, write_table, write_text
from recval.store.run import Run, folder_name


@dataclass(frozen=True)
class StudyFolder:
    """The folder of a study.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, study: Study) -> StudyFolder:
        """Return the study in a new folder, or the one to continue in a folder that holds the same study.

        Raises:
            RunError: the folder cannot be written, or holds something else.
        """
        folder = cls(Path(path))
        text = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        if folder.study_path.is_file():
            if folder.study_path.read_text(encoding="utf8") != text:
                raise RunError(f"{path} holds another study; name another folder, or remove that one")
        elif folder.path.is_dir() and any(folder.path.iterdir()):
            raise RunError(f"{path} is not empty and holds no study; name another folder")
        else:
            write_text(folder.study_path, text)
        return folder

    def run_of(self, cell: Cell) -> Run:
        """Return the run of a cell."""
        return Run(self.path / "runs" / folder_name(cell.noise) / folder_name(cell.backbone))

    def keep(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write each table as Parquet, then all as JSON."""
        for name, table in tables.items():
            write_table(self.path / f"{name}.parquet", pa.Table.from_pandas(table, preserve_index=False))
        write_json(self.path / "study.json", {name: records(table) for name, table in tables.items()})

    @property
    def study_path(self) -> Path:
        """The resolved study."""
        return self.path / "study.yaml"

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.path / "study.html"


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table; what is not defined is None."""
    return [
        {
            str(name): None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]
