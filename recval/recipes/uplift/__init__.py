"""Uplift recipes: an experiment with customers, from a file of YAML to a model, predictions, a report and a plan.

    run = fit(read(find("configs", "uplift-hillstrom-mens"), UpliftRecipe), "runs/mens")
    score(run.path, ["customers.parquet"], "scored.parquet")

Without a file: `recval.uplift.UpliftModel` fits, and `evaluate` tells what predictions for other customers are worth.
"""

from recval.recipes.uplift.evaluating import evaluate
from recval.recipes.uplift.evaluation import Evaluation
from recval.recipes.uplift.files import Tested, evaluate_file
from recval.recipes.uplift.fitting import check, fit
from recval.recipes.uplift.folder import UpliftRun
from recval.recipes.uplift.predicting import open_model, predictions
from recval.recipes.uplift.schema import UpliftRecipe
from recval.recipes.uplift.scoring import Scored, score

__all__ = [
    "Evaluation",
    "Scored",
    "Tested",
    "UpliftRecipe",
    "UpliftRun",
    "check",
    "evaluate",
    "evaluate_file",
    "fit",
    "open_model",
    "predictions",
    "score",
]
