"""Everything that RecBole 1.2.1 needs mended with today's numpy, scipy and torch, each with its reason.

`mend_models` is what its models need; the bridge calls it when it builds one. `apply` is what a script needs that uses
RecBole's own configuration, data loaders and trainer; only such a script calls it, before anything else of RecBole::

    from recval.backbones.recbole import repairs
    repairs.apply()

Only names inside RecBole's own modules are rebound; numpy, scipy and torch stay as they are.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache, partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from scipy import sparse

from recval.backbones.recbole.catalogue import home
from recval.data import Interactions

_FILL_A_DOK_MATRIX = (
    "general_recommender.gcmc",
    "general_recommender.lightgcn",
    "general_recommender.ncl",
    "general_recommender.ngcf",
    "general_recommender.spectralcf",
)
_USE_OLD_NUMPY = ("data.dataset.dataset", "data.interaction", "evaluator.metrics", "trainer.hyper_tuning")
_OLD_NUMPY = {"float": float, "int": int, "str": str, "object": object, "bool": bool}


class _FillableMatrix(sparse.csr_matrix):
    """An empty matrix that takes its entries from a dict, which is all that RecBole does with a `dok_matrix`."""

    def _update(self, entries: Mapping[tuple[int, int], float]) -> None:
        row, column = np.array(list(entries)).T
        filled = sparse.csr_matrix((list(entries.values()), (row, column)), self.shape, self.dtype)
        self.data, self.indices, self.indptr = filled.data, filled.indices, filled.indptr


class _NoBoard:
    """Takes what a board is told and forgets it."""

    def add_scalar(self, *args: object, **kwargs: object) -> None:
        """Do nothing."""

    def add_hparams(self, *args: object, **kwargs: object) -> None:
        """Do nothing."""


@cache
def mend_models() -> None:
    """Mend the modules of RecBole's models; what is mended once stays so.

    The graph models fill their adjacency with `dok_matrix._update`, which SciPy removed in 1.13. Their name `sp` is
    bound to a copy of `scipy.sparse` whose `dok_matrix` still has it.
    """
    for name in _FILL_A_DOK_MATRIX:
        _rebind(f"model.{name}", "sp", dok_matrix=_FillableMatrix)


@cache
def apply() -> None:
    """Mend what a script of RecBole's own needs, besides its models; what is mended once stays so.

    - numpy has no `np.float_` since 2.0, which `Config` touches, nor the old names of Python's types, which data sets
      and metrics use: `Config` no longer touches it, and those modules get a copy of numpy with the names.
    - torch loads nothing but tensors by default since 2.6; a checkpoint of RecBole's holds its whole `Config`. The
      trainer loads it as it used to: load only checkpoints that you wrote yourself.
    - Each `Trainer` opens a TensorBoard writer, with a thread and a folder in the working directory; none is opened.
    - The trainer's gradient scaler is made by a name that torch calls deprecated; it is made by the new one.
    - The collector of item coverage, Gini and average popularity calls `.cpu()` on numbers; only tensors are moved.
    - `Config` reads the command line of whatever program it runs in; it no longer does.
    """
    from recbole.config import Config
    from recbole.evaluator.collector import Collector

    mend_models()
    for name in _USE_OLD_NUMPY:
        _rebind(name, "np", **_OLD_NUMPY)
    _rebind("trainer.trainer", "torch", load=partial(torch.load, weights_only=False))
    _rebind("trainer.trainer", "amp", GradScaler=partial(torch.amp.GradScaler, "cuda"))
    vars(import_module("recbole.trainer.trainer"))["get_tensorboard"] = lambda logger: _NoBoard()
    Config.compatibility_settings = lambda config: None
    Config._load_cmd_line = lambda config: {}
    Collector.get_data_struct = _collected


def _collected(collector: Any) -> Any:
    """Return what a collector of RecBole's has gathered, and let it forget what belongs to one evaluation."""
    from recbole.evaluator.collector import DataStruct

    gathered = collector.data_struct
    found = DataStruct()
    found._data_dict = {name: _to_cpu(gathered.get(name)) for name in gathered._data_dict}
    for name in ("rec.topk", "rec.meanrank", "rec.score", "rec.items", "data.label"):
        if name in gathered:
            del gathered[name]
    return found


def _to_cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, torch.Tensor) else value


def _rebind(module: str, name: str, **names: object) -> None:
    """Bind a name in a module of RecBole's to a copy of the module that it stands for, with some names replaced."""
    inside = vars(import_module(f"recbole.{module}"))
    copy = ModuleType(inside[name].__name__)
    vars(copy).update(vars(inside[name]), **names)
    inside[name] = copy


def complete(model: Any, train: Interactions) -> None:
    """Add what the constructors of some models leave out.

    - Pop counts in its `calculate_loss`, where an item that occurs twice in a batch counts once.
    - NCL keeps its clusters, which are older than the parameters between two clusterings, outside of its state.
    - RippleNet has no memory for a user without interactions; padding is what it has for one without triples.
    """
    name = type(model).__name__
    if name == "Pop":
        counts = torch.from_numpy(np.concatenate([[0], train.item_counts()]))
        model.item_cnt = counts.unsqueeze(1).to(model.device)
        model.max_cnt = model.item_cnt.amax(0)
    if any(base.__name__ == "NCL" for base in type(model).__mro__):
        for side in ("user", "item"):
            table = getattr(model, f"{side}_embedding").weight.detach()
            _keep(model, f"{side}_centroids", table.new_zeros(min(model.k, len(table)), table.shape[1]))
            _keep(model, f"{side}_2cluster", torch.zeros(len(table), dtype=torch.int64, device=table.device))
    if name == "RippleNet":
        padding = torch.zeros(model.n_memory, dtype=torch.int64, device=model.device)
        for user in np.flatnonzero(train.user_counts() == 0) + 1:
            model.ripple_set[user] = [(padding, padding, padding)] * model.n_hop


def _keep(model: Any, name: str, value: torch.Tensor) -> None:
    """Make an attribute of a model part of its state."""
    delattr(model, name)
    model.register_buffer(name, value)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what RecBole's modules warn of, log and print inside the block.

    They use constructors that torch calls deprecated, advise on RecBole's own command line, and print what they were
    debugged with (FEARec); none of it is something that a user of recval can act on.
    """
    root = logging.getLogger()
    root.addFilter(_is_foreign)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.filterwarnings("ignore", module=r"recbole\.")
            yield
    finally:
        root.removeFilter(_is_foreign)


def _is_foreign(record: logging.LogRecord) -> bool:
    return not Path(record.pathname).is_relative_to(home())
