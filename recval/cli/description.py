"""What `recval data describe` says of a data set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from recval.data import CustomersCard, DatasetCard, DataSource
from recval.data.text import checksum

_DISTINCT_RATINGS = 20


def describe(source: DatasetCard | CustomersCard | DataSource) -> dict[str, Any]:
    """Return sizes, spread and checksums of a data set.

    Args:
        source: a card, whose sizes and checksums are verified; or a file.

    Raises:
        DataError: the data is not what it must be.
    """
    if isinstance(source, CustomersCard):
        return _customers(source)
    interactions = source.load()
    users, items = len(interactions.users), len(interactions.items)
    columns = interactions.table.column_names
    found: dict[str, Any] = {
        "users": users,
        "items": items,
        "interactions": len(interactions),
        "density": len(interactions) / (users * items),
        "per_user": _spread(interactions.user_counts()),
        "per_item": _spread(interactions.item_counts()),
        "columns": columns,
        "sha256": _checksum(source),
    }
    if isinstance(source, DatasetCard) and source.split is not None:
        split = source.load_split()
        found["split"] = {"train": len(split.train), "validation": len(split.valid), "test": len(split.test)}
    if (graph := interactions.knowledge) is not None:
        linked = int((graph.entity_of_item >= 0).sum())
        sizes = {"triples": len(graph), "entities": len(graph.entities), "relations": len(graph.relations)}
        found["knowledge"] = {**sizes, "linked items": linked}
    if "time" in columns:
        time = interactions.column("time")
        found["time"] = {"first": _moment(time.min()), "last": _moment(time.max())}
    if "rating" in columns:
        found["rating"] = _ratings(interactions.column("rating"))
    return found


def _customers(card: CustomersCard) -> dict[str, Any]:
    """Return the arms and the features of a table of customers, and the mean of each response in each arm."""
    from recval.uplift.catalogue import read_customers

    responses = {}
    for name in card.responses:
        customers = read_customers(card, name)
        by_arm = {arm: float(customers.response[customers.arm == place].mean()) for place, arm in enumerate(card.arms)}
        responses[name] = {"positive": float((customers.response > 0).mean()), "mean": by_arm}
    return {
        "customers": len(customers),
        "arms": customers.sizes,
        "responses": responses,
        "features": list(customers.features.columns),
        "sha256": _checksum(card),
    }


def _spread(counts: npt.NDArray[np.integer]) -> dict[str, float]:
    return {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())}


def _ratings(ratings: npt.NDArray[np.floating]) -> dict[str, float]:
    """Return how often each rating occurs; where there are many different ones, their quartiles."""
    distinct, counts = np.unique(ratings, return_counts=True)
    if len(distinct) <= _DISTINCT_RATINGS:
        return {f"{rating:g}": int(count) for rating, count in zip(distinct, counts, strict=True)}
    names = ("min", "lower quartile", "median", "upper quartile", "max")
    return {
        name: float(value) for name, value in zip(names, np.quantile(ratings, [0, 0.25, 0.5, 0.75, 1]), strict=True)
    }


def _moment(seconds: float) -> str:
    """Return a time as a date, counted in seconds since 1970, or as the number that it is where that is no date."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g}"


def _checksum(source: DatasetCard | CustomersCard | DataSource) -> str:
    """Return the checksum of a file's content, as a card has it; a card's were verified when it was loaded."""
    if isinstance(source, DatasetCard | CustomersCard):
        return f"verified for {', '.join(source.sha256)}" if source.sha256 else "none on the card"
    path = source.location()
    return checksum(path) if path.is_file() else "none, for it is a folder"
