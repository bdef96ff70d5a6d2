"""What a model predicts, as columns by the names of the arms; the form of every table of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import RunError
from recval.uplift.model import UpliftModel

UPLIFT, EXPECTED, DEVIATION, BEST = "uplift_", "expected_", "sd_", "best_arm"
"""What the names of columns begin with, before that of an arm; and the column of the arm with the highest uplift."""


def predictions(model: UpliftModel, features: pd.DataFrame) -> pd.DataFrame:
    """Return a model's predictions, one row a customer.

    Args:
        model: the model.
        features: its features, [n rows]; others are ignored.

    Returns:
        `expected_ARM`, the expected response, of every arm; `uplift_ARM` of every treatment; `sd_ARM`, the standard
        deviation of that over the members of the model, where there are several; `best_arm`: the treatment with the
        highest uplift, or the control where none is above 0.

    Raises:
        DataError: a feature is missing, or holds text where it held numbers in training.
    """
    treatments = model.arms_[1:]
    found = model.predict_all(features)
    columns = {f"{EXPECTED}{arm}": found.responses[:, place] for place, arm in enumerate(model.arms_)}
    columns |= {f"{UPLIFT}{arm}": found.uplift[:, place] for place, arm in enumerate(treatments)}
    if found.std is not None:
        columns |= {f"{DEVIATION}{arm}": found.std[:, place] for place, arm in enumerate(treatments)}
    best = np.where(found.uplift.max(axis=1) > 0, 1 + found.uplift.argmax(axis=1), 0)
    frame = pd.DataFrame({name: column.astype(np.float32) for name, column in columns.items()})
    return frame.assign(**{BEST: names_of(best, model.arms_)})


def names_of(arm: npt.NDArray[np.int64], arms: Sequence[str]) -> pd.Categorical:
    """Return the names of arms that are given by their places."""
    return pd.Categorical.from_codes(arm.tolist(), pd.Index(arms))


def uplift_table(predicted: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the uplift in a table of predictions, shape [n, A]."""
    return predicted[[name for name in predicted if str(name).startswith(UPLIFT)]].to_numpy(np.float64)


def open_model(path: str | Path) -> UpliftModel:
    """Return the model in a folder, or that of a finished run.

    Raises:
        RunError: there is none.
    """
    folder = Path(path)
    if (folder / "recipe.yaml").is_file():
        folder = folder / "model"
    if not folder.is_dir():
        raise RunError(f"{path} holds no uplift model; name the folder of a finished run of recval uplift fit")
    return UpliftModel.load(folder)


def refused_names(columns: Sequence[str], model: UpliftModel) -> list[str]:
    """Return the columns of a table whose names predictions are to have."""
    prefixes = (UPLIFT, EXPECTED, DEVIATION)
    features = model.fitted_.encoder.kinds
    return [name for name in columns if name not in features and (name.startswith(prefixes) or name == BEST)]
