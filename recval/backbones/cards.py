"""Model cards: what a model is, parameters that suit it, and the figures that others and we have found with it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from recval.declarations import Declaration, read, shipped


class Figures(Declaration):
    """Figures of a model on a data set.

    Attributes:
        dataset: the data set, and its split where there are several.
        setting: how the model was trained, as far as it is known.
        metrics: the value of each metric.
    """

    dataset: str
    setting: str = ""
    metrics: dict[str, float] = Field(min_length=1)


class PublishedFigures(Figures):
    """Figures that others found.

    Attributes:
        source: who, and where they are published.
    """

    source: str


class MeasuredFigures(Figures):
    """Figures that recval found.

    Attributes:
        command: what gives them again.
    """

    command: str


class ModelCard(Declaration):
    """What is known of a model.

    Attributes:
        name: RecBole's name of it.
        family: what kind of model it is ("matrix factorisation", "graph", …).
        title: its full name.
        paper: where it was proposed; empty for what is older than papers.
        description: what it does, and when to use it.
        parameters: parameters by the name of the data set that they were tuned on, on validation data.
        training: settings of `recval.Training` that were tuned with them, by the name of the data set.
        published: figures of others.
        measured: figures of recval's.
    """

    name: str
    family: str
    title: str
    paper: str = ""
    description: str
    parameters: dict[str, dict[str, Any]] = Field(default={})
    training: dict[str, dict[str, Any]] = Field(default={})
    published: tuple[PublishedFigures, ...] = ()
    measured: tuple[MeasuredFigures, ...] = ()


def model_cards() -> dict[str, ModelCard]:
    """Return the cards of the models that recval describes, by name."""
    return {name: read(path, ModelCard) for name, path in shipped("models").items()}


def tuned(model: str, dataset: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters and the training settings of a model's card that were tuned on a data set.

    Args:
        model: the name of a model.
        dataset: the name of a data set.

    Returns:
        Copies of both; empty where the model has no card, or the card does not know the data set.
    """
    card = model_cards().get(model)
    if card is None:
        return {}, {}
    return dict(card.parameters.get(dataset, {})), dict(card.training.get(dataset, {}))
