"""The cells of a study: one method, fitted to and tested on one repeat of some customers, each a task of its own.

A cell is done when its file exists. A training that broke down is a result, too: the file then says why.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recval.engine.executor import Report
from recval.errors import DataError, ModelError
from recval.recipes.uplift.customers import MadeUpCustomers
from recval.recipes.uplift.splits import CustomerSplit
from recval.recipes.uplift.study.measuring import measured
from recval.recipes.uplift.study.schema import UpliftStudy
from recval.rng import derive
from recval.store.files import write_json
from recval.store.run import folder_name
from recval.uplift.customers import Customers


@dataclass(frozen=True)
class Cell:
    """One method on one repeat, from 0, of some customers."""

    customers: str
    method: str
    repeat: int

    def file(self, folder: Path) -> Path:
        """Return where what was found is kept, in the folder of the study."""
        return folder / "cells" / folder_name(self.customers) / folder_name(self.method) / f"{self.repeat}.json"


@dataclass(frozen=True)
class Work:
    """What every cell of a study shares; it goes to a worker once.

    Attributes:
        study: what is asked.
        folder: that of the study.
        real: the customers that are not made up, by their names in the study.
    """

    study: UpliftStudy
    folder: Path
    real: Mapping[str, Customers]


def cells_of(study: UpliftStudy) -> list[Cell]:
    """Return all cells, those of one data set one after the other."""
    return [
        Cell(customers, method, repeat)
        for customers in study.customers
        for repeat in range(study.repeats)
        for method in study.methods
    ]


def loaded(study: UpliftStudy, name: str, repeat: int = 0) -> Customers:
    """Return the customers of a repeat, those to train on and to test on together.

    Raises:
        DataError: they are not what they must be.
    """
    source = study.customers[name]
    if isinstance(source, MadeUpCustomers):
        generator = source.generator.model_copy(update={"surface": source.generator.surface + repeat})
        source = source.model_copy(update={"seed": source.seed + repeat, "generator": generator})
    try:
        return source.load()
    except DataError as error:
        raise DataError(f"customers {name}: {error}") from None


def parts(
    study: UpliftStudy, name: str, repeat: int, real: Mapping[str, Customers] | None = None
) -> tuple[Customers, Customers]:
    """Return the customers to fit to, and those to test on, of a repeat.

    Args:
        study: the study.
        name: that of the customers.
        repeat: which, from 0.
        real: customers that have been loaded, by name.

    Raises:
        DataError: they are not what they must be, or too few.
    """
    customers = (real or {}).get(name)
    if customers is None:
        customers = loaded(study, name, repeat)
    return CustomerSplit(test=study.test, seed=study.seed).hold_out(customers, repeat)


def run_cell(work: Work, cell: Cell, report: Report) -> None:
    """Fit and test the method of a cell, and keep what was found.

    Raises:
        DataError: the customers are not what they must be.
    """
    study, method = work.study, work.study.methods[cell.method]
    rest, test = parts(study, cell.customers, cell.repeat, work.real)
    started, used = time.perf_counter(), time.process_time()
    found: dict[str, Any] = {"arms": {}, "failed": None, "seconds": None, "processor_seconds": None}
    try:
        predict = method.fit(rest, derive(study.seed, "model", cell.repeat), report)
        found |= {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - used}
        score = predict(test.features)
        found["arms"] = measured(study.metrics, score, test, in_money=method.in_money, rankings=study.rankings)
    except ModelError as error:
        found["failed"] = str(error)
    write_json(cell.file(work.folder), found)
