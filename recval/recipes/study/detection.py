"""Noise detection: how well low values tell labelled noise from true interactions, beside what comes for free.

AUROC is the chance that a random true interaction is valued above a random false one, ties counting half: 0.5 is
chance, below it the order is the wrong way about. AUPRC is the average precision of calling the lowest values noise;
its chance level is the share of noise. What was fitted to the labels themselves says how much the free scores hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.data import Split
from recval.games import Values
from recval.ranking import holm
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.free import fitted_to_labels, free_scores
from recval.recipes.study.schema import Cell
from recval.recipes.summary import seed_test
from recval.recipes.trials import MethodTrial
from recval.report.study_sentences import FREE, LABELS

_LOSS = "loss"
_TEST = ("difference", "ci_low", "ci_high", "p_value", "p_value_holm")
_SUMMARY = ("noise", "backbone", "method", "seeds", "share", "auroc", "auroc_sd", "auprc", "auprc_sd", *_TEST)


def auroc(noise: npt.NDArray[np.bool_], values: npt.ArrayLike) -> float:
    """Return the area under the receiver operating characteristic, in [0, 1]; noise is positive, and low its sign."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(noise, -np.asarray(values)))


def auprc(noise: npt.NDArray[np.bool_], values: npt.ArrayLike) -> float:
    """Return the average precision, in (0, 1]; noise is positive, and low its sign; equal values are found at once."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(noise, -np.asarray(values)))


def detection_table(folder: StudyFolder, cells: Sequence[Cell], splits: Mapping[str, Split]) -> pd.DataFrame:
    """Return one row a noise setting, backbone, method and seed: share of noise, auroc, auprc.

    Noise settings without labels, or with labels of one kind only, are left out.
    """
    rows = []
    for noise, split in splits.items():
        false = noise_of(split)
        if false is None:
            continue
        for method, seed, scores in free_scores(split, cells[0].recipe.seeds):
            rows.append((noise, FREE, method, seed, *_found(false, scores)))
        seed = cells[0].recipe.seeds[0]
        rows.append((noise, LABELS, "free scores added up", seed, *_found(false, fitted_to_labels(split, seed, false))))
        for cell in cells:
            if cell.noise == noise:
                for method in cell.recipe.valuators:
                    for seed in cell.recipe.seeds:
                        path = MethodTrial(method, seed).folder(folder.run_of(cell)) / "values.parquet"
                        rows.append((noise, cell.backbone, method, seed, *_found(false, Values.read(path).value)))
    return pd.DataFrame(rows, columns=["noise", "backbone", "method", "seed", "share", "auroc", "auprc"])


def detection_summary(detection: pd.DataFrame, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a noise setting, backbone and method: mean and deviation over seeds, and the difference from loss.

    The difference in AUROC from the backbone's method of kind `loss` is paired over seeds: Student's interval, and the
    p-value of a t-test with Holm's adjustment over the methods of the backbone. NaN where there is no such method, or
    one seed.
    """
    frames = []
    for (_, backbone), of_cell in detection.groupby(["noise", "backbone"], sort=False):
        groups = of_cell.groupby(["noise", "backbone", "method"], sort=False)
        found = groups.agg(
            seeds=("seed", "size"),
            share=("share", "first"),
            auroc=("auroc", "mean"),
            auroc_sd=("auroc", "std"),
            auprc=("auprc", "mean"),
            auprc_sd=("auprc", "std"),
        )
        frames.append(found.reset_index().join(_against(of_cell, _loss_method(cells, str(backbone))), on="method"))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_SUMMARY)


def _against(of_cell: pd.DataFrame, loss: str | None) -> pd.DataFrame:
    """Return the test of each method's AUROC against that of the loss, paired over seeds."""
    wide = of_cell.pivot(index="seed", columns="method", values="auroc")
    tests = {}
    if loss in wide and len(wide) > 1:
        others = [name for name in wide if name != loss]
        tests = {name: seed_test(wide[name], wide[loss]) for name in others}
    corrected = holm([test.t_p_value for test in tests.values()])
    rows = [
        (name, test.difference, test.ci_low, test.ci_high, test.t_p_value, p)
        for (name, test), p in zip(tests.items(), corrected, strict=True)
    ]
    return pd.DataFrame(rows, columns=["method", *_TEST]).set_index("method").astype(float)


def noise_of(split: Split) -> npt.NDArray[np.bool_] | None:
    """Return which training interactions are labelled noise; None where none are, or all, or there are no labels."""
    if "label" not in split.train.table.column_names:
        return None
    false = split.train.column("label") == 0
    return false if 0 < false.sum() < len(false) else None


def _found(false: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return float(false.mean()), auroc(false, values), auprc(false, values)


def _loss_method(cells: Sequence[Cell], backbone: str) -> str | None:
    """Return the method whose values are minus the losses of the backbone, if the study has one."""
    methods = next((cell.recipe.methods for cell in cells if cell.backbone == backbone), {})
    return next((name for name, method in methods.items() if method.kind == _LOSS), None)
