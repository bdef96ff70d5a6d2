"""Light graph convolution: the mean of K + 1 layers, each the normalised sum over the neighbours in the last one.

The rows of users and items form one table E. With A the adjacency of the user-item graph, D its degrees and
A_hat = D^-1/2 A D^-1/2, the propagated table is (E + A_hat E + … + A_hat^K E) / (K + 1). Three things make it fast:

- It is evaluated by Horner's rule, E + A_hat (E + A_hat (…)), so no layer is kept, and on D^-1/2 times the table, so
  that the matrix is binary and only rows are scaled.
- A_hat is symmetric, so the gradient is the same polynomial applied to the gradient.
- Only the nodes of a batch are asked for. The last product forward and the first one backward touch the edges of these
  nodes and no others. That is exact, not sampling.

Reference:
    He et al. "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation." SIGIR 2020.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recval.backbones.graph import UserItemGraph


class Propagation(torch.nn.Module):
    """Propagates tables of users and items over a graph, with gradients, and gradients of these.

    A node without edges passes nothing on: its row is its own divided by K + 1.

    Args:
        graph: the graph; its precision holds forward and backward.
        n_layers: K.
    """

    def __init__(self, graph: UserItemGraph, n_layers: int) -> None:
        super().__init__()
        self.graph = graph
        self.n_layers = n_layers

    def forward(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the propagated tables, shapes [n_users, d] and [n_items, d]."""
        propagated, _ = self.at(torch.arange(len(self.graph), device=users.device), users, items)
        return propagated[: self.graph.n_users], propagated[self.graph.n_users :]

    def at(self, nodes: Tensor, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of some nodes: propagated, and as they were given; shapes [S, d].

        Args:
            nodes: distinct nodes of the graph, shape [S], int64.
            users: the table of users, shape [n_users, d].
            items: the table of items, shape [n_items, d].
        """
        propagated, given = _Gather.apply(self, nodes, users, items)
        return propagated, given


class _Gather(torch.autograd.Function):
    """From tables to rows, a linear map; its gradient is `_Spread`."""

    @staticmethod
    def forward(
        ctx: Any, propagation: Propagation, nodes: Tensor, users: Tensor, items: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.propagation = propagation
        ctx.save_for_backward(nodes)
        graph, n_layers = propagation.graph, propagation.n_layers
        base = torch.cat([users, items])
        given = base[nodes]
        propagated = given.clone()
        if n_layers > 0:
            everywhere = torch.arange(len(graph), device=nodes.device)
            table = base.mul_(graph.scale[:, None])
            for _ in range(n_layers - 1):
                following = base.clone()
                graph.add_product(following, everywhere, table, graph.scale.square())
                table = following
            graph.add_product(propagated, nodes, table, graph.scale[nodes])
        return propagated.div_(n_layers + 1), given

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor, Tensor]:
        (nodes,) = ctx.saved_tensors
        return None, None, *_Spread.apply(ctx.propagation, nodes, *gradients)


class _Spread(torch.autograd.Function):
    """From rows to tables, the transpose of `_Gather`, which is its gradient."""

    @staticmethod
    def forward(
        ctx: Any, propagation: Propagation, nodes: Tensor, propagated: Tensor, given: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.propagation = propagation
        ctx.save_for_backward(nodes)
        graph, n_layers = propagation.graph, propagation.n_layers
        rows = propagated / (n_layers + 1)
        table = rows.new_zeros(len(graph), rows.shape[1])
        if n_layers > 0:
            everywhere = torch.arange(len(graph), device=nodes.device)
            scaled = rows * graph.scale[nodes, None]
            graph.add_transposed_product(table, nodes, scaled)
            scale = graph.scale.square()
            table.mul_((scale if n_layers > 1 else graph.scale)[:, None])
            for layers_left in range(n_layers - 1, 0, -1):
                table[nodes] += scaled
                following = torch.zeros_like(table)
                graph.add_product(following, everywhere, table, scale if layers_left > 1 else graph.scale)
                table = following
        table[nodes] += rows + given
        return table[: graph.n_users], table[graph.n_users :]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor, Tensor]:
        (nodes,) = ctx.saved_tensors
        return None, None, *_Gather.apply(ctx.propagation, nodes, *gradients)
