"""What a fitted model is worth on the customers of a file: those of a later campaign, say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recval.declarations import read, validate
from recval.errors import ConfigError, DataError
from recval.recipes.uplift.evaluating import evaluate, treated_at_random
from recval.recipes.uplift.evaluation import Evaluation
from recval.recipes.uplift.findings import Found
from recval.recipes.uplift.fitting import fingerprint
from recval.recipes.uplift.predicting import open_model, predictions, uplift_table
from recval.recipes.uplift.schema import UpliftRecipe
from recval.store.files import read_json
from recval.uplift.customers import Customers
from recval.uplift.tables import read_frame


@dataclass(frozen=True)
class Tested:
    """What was found on a file.

    Attributes:
        found: see `evaluate`.
        response: the column of the response.
        differences: a line for each difference to what the model was trained on.
    """

    found: Found
    response: str
    differences: tuple[str, ...]


def evaluate_file(
    model: str | Path,
    file: str | Path,
    *,
    treatment: str | None = None,
    response: str | None = None,
    metrics: Sequence[str] | None = None,
) -> Tested:
    """Find out what a model is worth on the customers of a file, who must be others than it was fitted to.

    Args:
        model: the folder of a run or of a model.
        file: a CSV or Parquet file with the model's features, a treatment and a response.
        treatment: the column that says who was treated; by default that of the run's recipe.
        response: the column of the response; by default that of the run's recipe.
        metrics: what to measure; by default as the run's recipe says.

    Raises:
        ConfigError: a column is not named, and no recipe tells it; or a metric is unknown.
        DataError: the file does not fit the model, or the customers are not what they must be.
        RunError: there is no model.
    """
    fitted, recipe = open_model(model), recipe_of(model)
    settings, plan = Evaluation(), None
    if recipe is not None:
        treatment, response = treatment or recipe.customers.columns[0], response or recipe.customers.columns[1]
        settings, plan = recipe.evaluation, recipe.targeting
    if metrics:
        settings = validate({**settings.model_dump(), "metrics": metrics}, Evaluation)
    if treatment is None or response is None:
        raise ConfigError(f"{model} has no recipe to tell the columns of treatment and response; name both")
    encoder = fitted.fitted_.encoder
    frame = read_frame(file, encoder.kinds)
    try:
        customers = Customers.from_frame(
            frame, treatment=treatment, response=response, features=list(encoder.kinds), arms=fitted.arms_
        )
        predicted = predictions(fitted, customers.features)
        differences = encoder.differences(frame.drop(columns=[treatment, response]))
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    found = evaluate(uplift_table(predicted), customers, settings, plan)
    found["warnings"] += treated_at_random(customers, settings)["warnings"] + _known_to(model, customers)
    return Tested(found, response, tuple(differences))


def _known_to(model: str | Path, customers: Customers) -> list[str]:
    """Return a line to warn of customers that are those of the model's own run; none where they are others."""
    path = Path(model) / "data.json"
    if not path.is_file() or read_json(path) != fingerprint(customers):
        return []
    return [
        f"these are the customers of the run {model}, so the model was fitted to most of them, and all figures flatter "
        "it; those of the report of that run do not"
    ]


def recipe_of(model: str | Path) -> UpliftRecipe | None:
    """Return the recipe of a run; None where the folder is that of a model alone."""
    path = Path(model) / "recipe.yaml"
    return read(path, UpliftRecipe) if path.is_file() else None
