"""Everything that RecBole 1.2.1 needs mended before its general recommenders run, each with its reason.

Only names inside RecBole's own modules are rebound; SciPy, NumPy and torch stay as they are.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from scipy import sparse

from recval.backbones.recbole.catalogue import home
from recval.data import Interactions

_FILLS_A_DOK_MATRIX = ("gcmc", "lightgcn", "ncl", "ngcf", "spectralcf")


class _FillableMatrix(sparse.csr_matrix):
    """An empty matrix that takes its entries from a dict, which is all that RecBole does with a `dok_matrix`."""

    def _update(self, entries: Mapping[tuple[int, int], float]) -> None:
        row, column = np.array(list(entries)).T
        filled = sparse.csr_matrix((list(entries.values()), (row, column)), self.shape, self.dtype)
        self.data, self.indices, self.indptr = filled.data, filled.indices, filled.indptr


@cache
def apply() -> None:
    """Mend RecBole's modules; what is mended once stays so.

    The graph models fill their adjacency with `dok_matrix._update`, which SciPy removed in 1.13. Their name `sp` is
    bound to a copy of `scipy.sparse` whose `dok_matrix` still has it.
    """
    copy = ModuleType(sparse.__name__)
    vars(copy).update(vars(sparse), dok_matrix=_FillableMatrix)
    for name in _FILLS_A_DOK_MATRIX:
        vars(import_module(f"recbole.model.general_recommender.{name}"))["sp"] = copy


def count_popularity(model: Any, train: Interactions) -> None:
    """Give Pop its counts, which its constructor leaves out.

    RecBole counts in Pop's `calculate_loss`, where an item that occurs twice in a batch counts once.
    """
    if type(model).__name__ == "Pop":
        counts = torch.from_numpy(np.concatenate([[0], train.item_counts()]))
        model.item_cnt = counts.unsqueeze(1).to(model.device)
        model.max_cnt = model.item_cnt.amax(0)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what RecBole's modules warn of inside the block.

    They use constructors that torch calls deprecated, and advise on RecBole's own command line; neither is something
    that a user of recval can act on.
    """
    root = logging.getLogger()
    root.addFilter(_is_foreign)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"recbole\.")
            yield
    finally:
        root.removeFilter(_is_foreign)


def _is_foreign(record: logging.LogRecord) -> bool:
    return not Path(record.pathname).is_relative_to(home())
