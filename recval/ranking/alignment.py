"""Systems on common ground: the users and metrics that all have, and what had to be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import ConfigError, DataError, unknown
from recval.ranking.significance import Floats
from recval.ranking.systems import System


@dataclass(frozen=True, eq=False)
class Aligned:
    """The metrics of k systems on the same users.

    Attributes:
        systems: the systems.
        metrics: the metrics that all of them have.
        users: the users that all of them have, as text where any system has text, ascending.
        values: each user's mean over the system's seeds, shape [metrics, users, k]; NaN where not defined.
        by_seed: the values of each system, shape [seeds, users, metrics].
        defined: for which users a metric is defined in every system, shape [metrics, users].
        seed_means: for each metric and system the mean of each seed over those users.
        notes: what was left out, in sentences.
    """

    systems: tuple[System, ...]
    metrics: tuple[str, ...]
    users: pd.Index
    values: Floats
    by_seed: tuple[Floats, ...]
    defined: npt.NDArray[np.bool_]
    seed_means: tuple[tuple[Floats, ...], ...]
    notes: tuple[str, ...]

    def over(self, seeds: int) -> Floats:
        """Return each user's mean over the first seeds of each system, shape [metrics, users, k].

        Ranks are taken of means over as many seeds. A mean over more is smoother, and where most values are 0 it
        ranks above the others more often than not although it is no better.
        """
        return np.stack([part[:seeds].mean(axis=0) for part in self.by_seed], axis=-1).swapaxes(0, 1)


def align(systems: Sequence[System], metrics: Sequence[str] | None = None) -> Aligned:
    """Bring systems to common users and metrics.

    Args:
        systems: at least two.
        metrics: the metrics; by default every one that all systems have.

    Raises:
        ConfigError: no metric is asked for, or a system lacks one that is.
        DataError: the systems are not of the same data and split, or have too few users or no metric in common.
    """
    _check_same_data(systems)
    names, skipped = _metrics_in_common(systems, metrics)
    users, left_out = _users_in_common(systems)
    parts = [_values(system, users, names) for system in systems]
    values = np.stack([part.mean(axis=0) for part in parts], axis=-1).swapaxes(0, 1)
    defined = _defined(values, names)
    seed_means = tuple(
        tuple(part[:, rows, metric].mean(axis=1) for part in parts) for metric, rows in enumerate(defined)
    )
    notes = (*left_out, *skipped, *_undefined(names, defined), *_uneven_seeds(parts))
    return Aligned(tuple(systems), tuple(names), users, values, tuple(parts), defined, seed_means, notes)


def _check_same_data(systems: Sequence[System]) -> None:
    known = [system for system in systems if system.data is not None]
    for other in known[1:]:
        if other.data != known[0].data:
            raise DataError(
                f"{known[0].source} and {other.source} are of different data or splits (data.json differs), so a user "
                "was not tested on the same items in both; compare runs of one data set and split"
            )
    coded = [system.name for system in systems if system.coded]
    if 0 < len(coded) < len(systems):
        raise DataError(
            f"the users of {coded[0]} are codes, those of other systems their own ids; "
            "name them: per_user.set_axis(split.users.names(per_user.index)).rename_axis('user')"
        )


def _metrics_in_common(systems: Sequence[System], wanted: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return the metrics to compare by, and a note on those that not all systems have."""
    if wanted is not None:
        if len(wanted) == 0:
            raise ConfigError("no metric is named to compare by; leave metrics out to compare by every shared one")
        for system in systems:
            for name in wanted:
                if name not in system.metrics:
                    raise ConfigError(f"{system.name}: {unknown('metric', name, system.metrics)}")
        return list(dict.fromkeys(wanted)), []
    everywhere = list(dict.fromkeys(name for system in systems for name in system.metrics))
    common = [name for name in everywhere if all(name in system.metrics for system in systems)]
    if not common:
        listed = "; ".join(f"{system.name} has {', '.join(system.metrics)}" for system in systems)
        raise DataError(f"the systems have no metric in common: {listed}")
    rest = [name for name in everywhere if name not in common]
    return common, [f"not compared, because not all systems have it: {', '.join(rest)}"] if rest else []


def _users_in_common(systems: Sequence[System]) -> tuple[pd.Index, list[str]]:
    """Return the users that all systems have, ascending, and a note on each system that has more."""
    ids = [_ids(system, systems) for system in systems]
    users = ids[0]
    for other in ids[1:]:
        users = users.intersection(other)
    if len(users) < 2:
        listed = ", ".join(system.name for system in systems)
        raise DataError(f"{listed} have {len(users)} users in common; a paired test needs at least two")
    more = [(system.name, len(own)) for system, own in zip(systems, ids, strict=True) if len(own) > len(users)]
    notes = [f"{own - len(users):,} of the {own:,} users of {name} are not in all systems" for name, own in more]
    return users.sort_values(), notes


def _ids(system: System, systems: Sequence[System]) -> pd.Index:
    """Return the users' ids as text where any system has text."""
    has_text = any(other.users.dtype == object for other in systems)
    return system.users.astype(str) if has_text else system.users


def _values(system: System, users: pd.Index, metrics: Sequence[str]) -> Floats:
    """Return the values of the users in common, shape [seeds, users, metrics]."""
    own = system.users if system.users.dtype == users.dtype else system.users.astype(str)
    rows, columns = own.get_indexer(users), [system.metrics.index(name) for name in metrics]
    return system.values[:, rows][:, :, columns]


def _defined(values: Floats, metrics: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return for which users each metric is defined in every system, shape [metrics, users].

    Args:
        values: shape [metrics, users, systems].
        metrics: their names.
    """
    kept: npt.NDArray[np.bool_] = np.logical_not(np.isnan(values).any(axis=2))
    for name, part, rows in zip(metrics, values, kept, strict=True):
        if np.isinf(part).any():
            raise DataError(f"{name}: a value is infinite; expected a finite number, or NaN where it is not defined")
        if rows.sum() < 2:
            found = f"{name} is defined in all systems for {rows.sum()} users"
            raise DataError(f"{found}; a paired test needs at least two")
    return kept


def _undefined(metrics: Sequence[str], kept: npt.NDArray[np.bool_]) -> list[str]:
    missing = dict(zip(metrics, (~kept).sum(axis=1), strict=True))
    return [f"{name} is not defined for {count:,} users in all systems" for name, count in missing.items() if count]


def _uneven_seeds(parts: Sequence[Floats]) -> list[str]:
    fewest, most = min(map(len, parts)), max(map(len, parts))
    if fewest == most:
        return []
    return [f"the systems have {fewest} to {most} seeds; ranks are taken of as many of each, the first ones"]
