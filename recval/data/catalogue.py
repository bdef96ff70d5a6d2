"""The catalogue of data sets: the cards that recval knows, and the interactions behind them."""

from __future__ import annotations

from pathlib import Path

from recval.data.cards import CustomersCard, DatasetCard
from recval.data.interactions import Interactions, Split
from recval.data.sources import ending, source_of
from recval.declarations import find, read, shipped
from recval.errors import ConfigError
from recval.yaml_file import parse


def known_cards() -> dict[str, DatasetCard | CustomersCard]:
    """Return the cards of all data sets that recval knows, by name."""
    return {name: _read(path) for name, path in shipped("datasets").items()}


def known_card(name: str) -> DatasetCard | CustomersCard:
    """Return the card of a data set of any kind by its name, or by the path of one's own card.

    Raises:
        ConfigError: there is no such card, or it is malformed.
    """
    return _read(find("datasets", name))


def datasets() -> dict[str, DatasetCard]:
    """Return the cards of the data sets of interactions that recval knows, by name."""
    return {name: card for name, card in known_cards().items() if isinstance(card, DatasetCard)}


def dataset_card(name: str) -> DatasetCard:
    """Return the card of a data set of interactions by its name, or by the path of one's own card.

    Raises:
        ConfigError: there is no such card, it is malformed, or it is that of a table of customers.
    """
    card = known_card(name)
    if isinstance(card, CustomersCard):
        raise ConfigError(
            f"{card.name} is a table of customers, not of interactions; read it with recval.uplift.load({str(name)!r})"
        )
    return card


def load(name: str | Path) -> Interactions:
    """Return the interactions of a known data set, those of all its parts; or of a file.

    Args:
        name: the name of a card ("ml-100k"), or the path of a `.csv`, `.tsv`, `.parquet` or `.inter` file whose
            columns bear the default names; text may be compressed (`.csv.gz`).

    Raises:
        ConfigError: there is no such data set.
        DataError: the file is missing or malformed.
    """
    if ending(name):
        return source_of(name).load()
    return dataset_card(str(name)).load()


def load_split(name: str | Path) -> Split:
    """Return a known data set in the parts that it was published with.

    Args:
        name: the name of a card ("gowalla"), or the path of one's own.

    Raises:
        ConfigError: there is no such data set, or it was published without a split.
        DataError: a file is missing or malformed, or the parts overlap.
    """
    return dataset_card(str(name)).load_split()


def _read(path: Path) -> DatasetCard | CustomersCard:
    _, values = parse(path)
    of_customers = isinstance(values, dict) and values.get("kind") == "customers"
    return read(path, CustomersCard) if of_customers else read(path, DatasetCard)
