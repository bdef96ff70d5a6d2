"""Noise detection: how well low values tell labelled noise from true interactions, beside what comes for free.

How it is measured: `recval.recipes.quality`. What was fitted to the labels themselves says how much the free scores
hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.data import Split
from recval.ranking import holm
from recval.recipes.quality import auprc, auroc, noise_of
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.free import fitted_to_labels, free_scores
from recval.recipes.study.schema import Cell
from recval.recipes.summary import seed_test
from recval.recipes.valuation import values_of_seed
from recval.report.study_sentences import FREE, LABELS

_LOSS = "loss"
_TEST = ("difference", "ci_low", "ci_high", "p_value", "p_value_holm")
_SUMMARY = ("noise", "backbone", "method", "seeds", "share", "auroc", "auroc_sd", "auprc", "auprc_sd", *_TEST)


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
                    for seed in cell.recipe.seeds_of(method):
                        values = values_of_seed(folder.run_of(cell), method, seed).value
                        rows.append((noise, cell.backbone, method, seed, *_found(false, values)))
    return pd.DataFrame(rows, columns=["noise", "backbone", "method", "seed", "share", "auroc", "auprc"])


def detection_summary(detection: pd.DataFrame, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a noise setting, backbone and method: mean and deviation over seeds, and the difference from loss.

    The difference in AUROC from the backbone's method of kind `loss` is paired over seeds: Student's interval, and the
    p-value of a t-test with Holm's adjustment over the methods of the backbone. NaN where there is no such method, or
    one seed. A method that gives the same for every seed has one row, which stands for all of them.
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
    once = wide.columns[wide.notna().sum() == 1]
    wide = wide.fillna(wide[once].max())
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


def _found(false: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    return float(false.mean()), auroc(false, values), auprc(false, values)


def _loss_method(cells: Sequence[Cell], backbone: str) -> str | None:
    """Return the method whose values are minus the losses of the backbone, if the study has one."""
    methods = next((cell.recipe.methods for cell in cells if cell.backbone == backbone), {})
    return next((name for name, method in methods.items() if method.kind == _LOSS), None)
