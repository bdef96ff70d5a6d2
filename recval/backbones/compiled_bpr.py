"""BPR with matrix factorisation, trained by compiled code: the same model as BPR, several times faster on a CPU.

Choose it wherever plain matrix factorisation on a CPU is wanted: as a baseline, for many seeds or many retrainings, for
tables of millions of interactions. Choose `BPR` on a GPU, or where Adam is wanted.

Its steps are row-wise Adagrad's (`recval.backbones.bpr_kernels`), so its settings differ from those of BPR:

- `learning_rate` is about how far a number moves in its first step: 0.05 is a good start, Adam's 0.001 far too small.
- `weight_decay` belongs to the samples, as in the paper: a sample's penalty is weight_decay / 2 times the squares of
  its three vectors, and it is weighted as the sample's loss is. About 0.01 is a good start.

The first step of a process waits a second or two for the compiler.

Reference:
    Rendle et al. "BPR: Bayesian Personalized Ranking from Implicit Feedback." UAI 2009 (arXiv 1205.2618).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from recval.backbones.base import Batch, SelfTraining, Weigh
from recval.backbones.bpr_kernels import add_gradients, losses_and_slopes, move
from recval.backbones.margin_slopes import margin_slopes
from recval.backbones.matrix_factorisation import MatrixFactorisation
from recval.backbones.registry import model
from recval.data import Interactions
from recval.errors import ModelError

_INITIAL_DEVIATION = 0.02

Workspace = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int32]]
"""See `of_users` of `add_gradients`."""


@model("CompiledBPR")
class CompiledBPR(MatrixFactorisation, SelfTraining):
    """A vector for each user and item; the score of a pair is their product.

    Args:
        train: the interactions, of which only the numbers of users and items are looked at.
        embedding_size: the length of a vector.
    """

    user_squares: Tensor
    item_squares: Tensor

    def __init__(self, train: Interactions, *, embedding_size: Annotated[int, Field(ge=1)] = 64) -> None:
        super().__init__(train, embedding_size, _INITIAL_DEVIATION)
        self.register_buffer("user_squares", torch.zeros(self.n_users))
        self.register_buffer("item_squares", torch.zeros(self.n_items))
        self._workspaces: tuple[Workspace, Workspace] | None = None

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return -log sigmoid(score of the item - score of the negative), shape [B]."""
        user, item = self.user_embedding(batch.user), self.item_embedding(batch.item)
        return softplus((user * (self.item_embedding(batch.negative) - item)).sum(1))

    def slopes_along(self, direction: Sequence[Tensor]) -> Callable[[Batch], Tensor]:
        """Return what gives how each sample's loss changes along a direction of the two tables, shape [B]."""
        return margin_slopes((self.user_embedding.weight, self.item_embedding.weight), direction)

    def step(self, batch: Batch, weigh: Weigh, learning_rate: float, weight_decay: float) -> Tensor:
        """Take a step of row-wise Adagrad, and return the losses before it, shape [B].

        Raises:
            ModelError: the model is not on the CPU, or not of float32.
        """
        users, items = _array(self.user_embedding.weight), _array(self.item_embedding.weight)
        samples = batch.user.numpy(), batch.item.numpy(), batch.negative.numpy()
        losses, slopes = np.empty(len(batch), np.float32), np.empty(len(batch), np.float32)
        losses_and_slopes(users, items, *samples, losses, slopes)
        weights = weigh(torch.from_numpy(losses))
        weights = torch.ones(1) if weights is None else weights.float()
        weighing = weights.broadcast_to(losses.shape).contiguous().numpy()
        of_users, of_items = self._workspace(len(batch))
        decay, rate = np.float32(weight_decay), np.float32(learning_rate)
        n_users, n_items = add_gradients(users, items, *samples, slopes, weighing, decay, of_users, of_items)
        move(users, self.user_squares.numpy(), of_users, n_users, rate)
        move(items, self.item_squares.numpy(), of_items, n_items, rate)
        return torch.from_numpy(losses)

    def _workspace(self, size: int) -> tuple[Workspace, Workspace]:
        """Memory for the gradients of a batch, kept from step to step."""
        if self._workspaces is None or len(self._workspaces[0][1]) < size:
            width = self.user_embedding.embedding_dim
            self._workspaces = _workspace(self.n_users, size, width), _workspace(self.n_items, 2 * size, width)
        return self._workspaces


def _workspace(n_rows: int, most: int, width: int) -> Workspace:
    sums = np.zeros((min(n_rows, most), width), np.float32)
    return sums, np.empty(most, np.int64), np.full(n_rows, -1, np.int32)


def _array(table: Tensor) -> npt.NDArray[np.float32]:
    """The table's memory as an array."""
    if table.device.type != "cpu" or table.dtype != torch.float32:
        raise ModelError(
            f"CompiledBPR trains float32 tables on the CPU, found {table.dtype} on {table.device}; "
            "set the device to cpu, or choose BPR"
        )
    return table.detach().numpy()
