"""Pairs that two rankings order differently: exact sums over all of them in O(n log^2 n), for any number of ties.

D_ij = 1 where (first_i - first_j)(second_i - second_j) < 0, else 0; a pair that is tied in either is not discordant.
`discordance_product` gives D @ values without ever forming D:

1. Sort the rows by second, and by first where second is tied. Then rows i before j are discordant exactly if
   first_i > first_j: second_i <= second_j holds by the order, and where it is tied, first_i <= first_j holds too.
2. So each pair is one of a left and a right half at one level of a binary tree over the sorted rows. At a level, sort
   each half by first: the discordant partners of a row in the other half are then an end of it, found by bisection, and
   the sum of their values is a difference of running sums. The lowest levels are small blocks of all pairs.

The sum of squares (q_i - q_j)^2 over discordant pairs, with q = first - second, is a quadratic form of D's Laplacian:

    sum_ij D_ij (q_i - q_j)^2 = 2 q' (diag(D 1) - D) q,        with gradient 4 (diag(D 1) - D) q

because D is constant almost everywhere. So nothing is kept for a backward pass but one number a row.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

BLOCK = 32
"""Rows whose pairs are all compared; a power of two."""


def discordance_product(first: Tensor, second: Tensor, values: Tensor) -> Tensor:
    """Return the sum of the values of all rows that are discordant with a row, for each row.

    Args:
        first: shape [..., n].
        second: shape [..., n].
        values: shape [..., C, n].

    Returns:
        Shape [..., C, n], float64: running sums of float32 would lose what small values add to large ones.
    """
    n_rows = first.shape[-1]
    by_first = first.argsort(dim=-1, stable=True)
    order = by_first.gather(-1, second.gather(-1, by_first).argsort(dim=-1, stable=True))
    size = BLOCK
    while size < n_rows:
        size *= 2
    # Rows of infinity at the end are discordant with none, and their values are zero.
    ranks = pad(first.gather(-1, order), (0, size - n_rows), value=torch.inf)
    columns = order[..., None, :].expand(values.shape)
    values = pad(values.double().gather(-1, columns), (0, size - n_rows))
    product = _all_pairs(ranks.unflatten(-1, (-1, BLOCK)), values.unflatten(-1, (-1, BLOCK))).flatten(-2)
    width = BLOCK
    while width < size:
        halves = (-1, 2, width)
        product = product + _between_halves(ranks.unflatten(-1, halves), values.unflatten(-1, halves)).flatten(-3)
        width *= 2
    product = product[..., :n_rows]
    return torch.empty_like(product).scatter(-1, columns, product)


def discordance_loss(first: Tensor, second: Tensor, member: Tensor, weight: Tensor) -> Tensor:
    """Return the sum of w_ij ((first_i - first_j) - (second_i - second_j))^2 over all ordered discordant pairs.

    Args:
        first: shape [..., n].
        second: shape [..., n].
        member: shape [..., G, n], 1 where a row belongs to a group, else 0; a row of no group counts for nothing.
        weight: shape [..., G, G], symmetric: w_ij of a row of one group with a row of another.

    Returns:
        Shape [...], of the dtype of `first`; differentiable once in `first` and `second`.
    """
    residual = (first - second).double()
    with torch.no_grad():
        member, weight = member.double(), weight.double()
        pulls = torch.cat([member, member * residual[..., None, :]], dim=-2)
        degree, neighbours = discordance_product(first, second, pulls).chunk(2, dim=-2)
        # Row i's weights with each group, by the group of i: zero for a row of no group.
        weight_of_row = weight.mT @ member
        laplacian = (weight_of_row * (degree * residual[..., None, :] - neighbours)).sum(-2)
    energy = residual * laplacian
    return (4 * energy - 2 * energy.detach()).sum(-1).to(first.dtype)


def _all_pairs(ranks: Tensor, values: Tensor) -> Tensor:
    """Return D @ values of each block; `ranks` [..., m, b], `values` [..., C, m, b]."""
    above = (ranks[..., :, None] > ranks[..., None, :]).triu(1).to(values.dtype)
    values = values.movedim(-3, -2)
    return (values @ (above + above.mT)).movedim(-2, -3)


def _between_halves(ranks: Tensor, values: Tensor) -> Tensor:
    """Return D @ values for pairs of a left and a right half; `ranks` [..., m, 2, b], `values` [..., C, m, 2, b]."""
    ordered, order = ranks.sort(dim=-1)
    order = order[..., None, :, :, :].expand(values.shape)
    running = pad(values.gather(-1, order).cumsum(-1), (1, 0))
    smaller = torch.searchsorted(ordered[..., 1, :].contiguous(), ranks[..., 0, :].contiguous())
    not_larger = torch.searchsorted(ordered[..., 0, :].contiguous(), ranks[..., 1, :].contiguous(), right=True)
    for_left = running[..., 1, :].gather(-1, smaller[..., None, :, :].expand(values[..., 0, :].shape))
    for_right = running[..., 0, :].gather(-1, not_larger[..., None, :, :].expand(values[..., 1, :].shape))
    return torch.stack([for_left, running[..., 0, -1:] - for_right], dim=-2)
