"""Known tables of customers, by the names of their cards."""

from __future__ import annotations

from recval.data import CustomersCard, known_card
from recval.errors import ConfigError, DataError, unknown
from recval.uplift.customers import Customers
from recval.uplift.tables import read_frame


def load(name: str, response: str | None = None) -> Customers:
    """Return the customers of a known data set, once its file and its sizes are verified.

    Args:
        name: the name of a card ("hillstrom"), or the path of one's own card (`.yaml`).
        response: which of the responses on the card; by default its first.

    Raises:
        ConfigError: there is no such card or no such response, or the card is one of interactions.
        DataError: the file is missing, or is not the one that the card describes.
    """
    return read_customers(customers_card(name), response)


def read_customers(card: CustomersCard, response: str | None = None) -> Customers:
    """Return the customers of a card; arguments and errors as in `load`."""
    chosen = card.responses[0] if response is None else response
    if chosen not in card.responses:
        raise ConfigError(f"{card.name}: {unknown('response', chosen, card.responses)}")
    frame = read_frame(card.file())
    features = [column for column in frame.columns if column not in (card.treatment, *card.responses)]
    try:
        customers = Customers.from_frame(
            frame, treatment=card.treatment, response=chosen, features=features, arms=tuple(card.arms)
        )
    except DataError as error:
        raise DataError(f"{card.name}: {error}") from None
    if customers.sizes != card.arms:
        raise DataError(f"{card.name}: read the arms {customers.sizes}, but its card says {card.arms}")
    return customers


def customers_card(name: str) -> CustomersCard:
    """Return the card of a table of customers by its name, or by the path of one's own card.

    Raises:
        ConfigError: there is no such card, it is malformed, or it is that of interactions.
    """
    card = known_card(name)
    if not isinstance(card, CustomersCard):
        raise ConfigError(f"{card.name} holds interactions, not customers; read it with recval.load({str(name)!r})")
    return card
