"""Whom to treat of the customers in a scored file, written beside their predictions, chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recval.errors import ConfigError, DataError
from recval.recipes.uplift.predicting import DEVIATION, EXPECTED, UPLIFT, names_of
from recval.uplift.features import held
from recval.uplift.tables import Kinds, read_chunks, writing
from recval.uplift.targeting import Budget, Targeting, target

TREAT = "treat_with"
"""The column that says which arm a customer is given."""


@dataclass(frozen=True)
class Plan:
    """A plan whom to treat.

    Attributes:
        arms: the names of the arms, the control first.
        targeting: which arm each customer is given, what that costs and promises.
    """

    arms: tuple[str, ...]
    targeting: Targeting

    @property
    def sizes(self) -> dict[str, int]:
        """How many customers each arm is given to, by its name."""
        counts = np.bincount(self.targeting.arm, minlength=len(self.arms))
        return dict(zip(self.arms, counts.tolist(), strict=True))


def plan_file(scored: str | Path, budget: Budget, out: str | Path | None = None) -> Plan:
    """Choose whom to treat of the customers that `recval.recipes.uplift.score` has scored.

    Args:
        scored: the file with their predictions.
        budget: costs by treatment, limit and margin.
        out: where to write them with the column `treat_with`; None: nowhere.

    Raises:
        ConfigError: a cost is missing or of an unknown treatment, or the plan would replace the scored file.
        DataError: the file is missing or damaged, has no predictions, or has such a column already.
        RunError: the plan cannot be written.
    """
    scored = Path(scored)
    if out is not None and scored.resolve() == Path(out).resolve():
        raise ConfigError(f"{scored} would be replaced by the plan; name another --out")
    columns, kinds = _header(scored)
    treatments = [name.removeprefix(UPLIFT) for name in columns if name.startswith(UPLIFT)]
    if not treatments:
        raise DataError(f"{scored}: there is no column {UPLIFT}ARM; name a file that recval uplift score wrote")
    arms = (_control(columns, treatments), *treatments)
    uplift, spread = ([f"{prefix}{name}" for name in treatments] for prefix in (UPLIFT, DEVIATION))
    known = [name for name in (*uplift, *spread) if name in columns]
    table = pd.concat([chunk[known] for chunk in read_chunks(scored, kinds)])
    if table.empty:
        raise DataError(f"{scored}: there is no customer in it")
    for name in known:
        if held(table[name]) not in ("numbers", "nothing"):
            raise DataError(f"{scored}: the column {name!r} must hold numbers, found {table[name].dropna().iloc[0]!r}")
    deviations = table[spread].to_numpy(np.float64) if set(spread) <= set(columns) else None
    try:
        found = target(table[uplift].to_numpy(np.float64), budget, arms=arms, std=deviations)
    except DataError as error:
        raise DataError(f"{scored}: {error}") from None
    plan = Plan(arms, found)
    if out is not None:
        _write(scored, kinds, plan, Path(out))
    return plan


def _header(scored: Path) -> tuple[list[str], Kinds]:
    """Return the columns, and what they hold: predictions numbers, all others as they are written."""
    columns = list(next(iter(read_chunks(scored, rows=1))).columns)
    if TREAT in columns:
        raise DataError(f"{scored}: there is a column {TREAT!r} already; name the file that score wrote")
    numbers = (UPLIFT, EXPECTED, DEVIATION)
    return columns, {name: "number" if name.startswith(numbers) else "category" for name in columns}


def _control(columns: list[str], treatments: list[str]) -> str:
    """Return the name of the control: the arm that has an expected response and no uplift."""
    expected = [name.removeprefix(EXPECTED) for name in columns if name.startswith(EXPECTED)]
    others = [name for name in expected if name not in treatments]
    return others[0] if others else "control"


def _write(scored: Path, kinds: Kinds, plan: Plan, out: Path) -> None:
    """Write the scored file with the plan's column."""
    start = 0
    with writing(out) as write:
        for chunk in read_chunks(scored, kinds):
            arm = plan.targeting.arm[start : start + len(chunk)]
            write(chunk.assign(**{TREAT: names_of(arm, plan.arms)}))
            start += len(chunk)
