"""Arms of an experiment from the treatments as they were written: labels of customers become codes, the control 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import DataError, unknown

_CONTROLS = ("0", "control")
"""Names of arms, in lower case, that say of themselves that they are the control."""


def arms_of(
    labels: pd.Series, control: object, arms: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the arm of each row, [n], and the names of the arms, the control first.

    Args:
        labels: the treatments as they were written, [n].
        control: as in `Customers.of`.
        arms: as in `Customers.of`.

    Raises:
        DataError: a treatment is missing, or no arm; none is the control; or an arm has no customer.
    """
    missing = np.flatnonzero(labels.isna())
    if len(missing):
        raise DataError(f"the treatment, row {missing[0]}: it is missing{and_more(missing)}; say 0 for the control")
    places, distinct = pd.factorize(labels)
    texts = [_name(label) for label in distinct]
    found = _sorted_names(texts)
    names = tuple(arms) if arms is not None else _control_first(found, control)
    code = {name: arm for arm, name in enumerate(names)}
    for place, text in enumerate(texts):
        if text not in code:
            row = int(np.flatnonzero(places == place)[0])
            raise DataError(f"the treatment, row {row}: {unknown('arm', text, names)}")
    known = set(texts)
    if absent := [name for name in names if name not in known]:
        raise DataError(f"the arm {absent[0]!r} has no customer (found: {', '.join(found)})")
    if len(names) < 2:
        raise DataError(f"every customer is in the arm {names[0]!r}; a control and a treated arm are needed")
    return np.array([code[text] for text in texts], np.int64)[places], names


def _control_first(found: list[str], control: object) -> tuple[str, ...]:
    """Return the names of the arms with the control first; which is named, or says so itself."""
    if control is not None:
        first = _name(control)
        if first not in found:
            raise DataError(f"no customer is in the control: {unknown('arm', first, found)}")
    else:
        candidates = [name for name in found if name.casefold() in _CONTROLS]
        if len(candidates) != 1:
            shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
            raise DataError(
                f"{len(candidates) or 'none'} of the arms {shown} is called 0 or control; name the one that is the "
                f"control, such as control: {found[0]!r}, or say 0 for it and 1 for the treated"
            )
        (first,) = candidates
    return (first, *(name for name in found if name != first))


def _name(label: object) -> str:
    """Return the name of an arm: whole numbers without a point, False and True as 0 and 1."""
    if isinstance(label, str):
        return label
    if isinstance(label, bool | np.bool_ | int | np.integer):
        return str(int(label))
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    raise DataError(f"a treatment must be 0, 1, … or the name of an arm, got {label!r}")


def _sorted_names(names: Iterable[str]) -> list[str]:
    distinct = sorted(set(names))
    with suppress(ValueError):
        distinct.sort(key=float)
    return distinct


def and_more(rows: npt.NDArray[np.integer]) -> str:
    """Return how many rows there are beyond the first, to stand at the end of a message."""
    return f" (and {len(rows) - 1:,} more rows)" if len(rows) > 1 else ""
