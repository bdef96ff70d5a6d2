"""Balance: how far the representations of two groups of customers are apart, as a loss.

| function | distance | cost for n and m rows |
|---|---|---|
| `linear_mmd` | between the means | n + m |
| `rbf_mmd` | between the distributions, with a Gaussian kernel | (n + m)^2 |
| `wasserstein` | optimal transport with entropy, debiased | (n + m)^2 a sweep |

Each is a distance, zero for equal groups but for rounding. The first and the last scale as the rows do, so a network
can make them small by making all representations small; `rbf_mmd` does not scale where it finds its own bandwidth.

Choose the linear one to begin with: it is cheap, and has little noise. The other two see differences of spread and
shape; for them, give a few hundred rows of each group. Do not choose any for a randomised experiment: there is nothing
to balance, and the representation loses what tells responses apart.

Sources: Gretton et al., "A kernel two-sample test", Journal of Machine Learning Research 2012; Feydy et al.,
"Interpolating between optimal transport and MMD using Sinkhorn divergences", AISTATS 2019; Shalit, Johansson, Sontag,
"Estimating individual treatment effect: generalization bounds and algorithms", ICML 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

DistanceName = Literal["mmd", "rbf", "wasserstein"]


def linear_mmd(first: Tensor, second: Tensor) -> Tensor:
    """Return the Euclidean distance between the means of two groups.

    Args:
        first: shape [..., n, d], n >= 1.
        second: shape [..., m, d], m >= 1.

    Returns:
        Shape [...]. Code of CFR counts it twice: its weight of 1 is one of 2 here.
    """
    return torch.linalg.vector_norm(first.mean(-2) - second.mean(-2), dim=-1)


def rbf_mmd(first: Tensor, second: Tensor, bandwidth: float | None = None) -> Tensor:
    """Return the maximum mean discrepancy with the kernel exp(-|a - b|^2 / (2 bandwidth^2)).

    It is the estimate that counts each row with itself: never negative, and above zero by about sqrt(1 / n + 1 / m)
    for two samples of one distribution.

    Args:
        first: shape [..., n, d], n >= 1.
        second: shape [..., m, d], m >= 1.
        bandwidth: of the kernel; None for the median distance between rows of both groups.

    Returns:
        Shape [...], from 0 to sqrt(2).
    """
    across = _squared_distances(first, second)
    if bandwidth is None:
        twice_squared = 2 * across.flatten(-2).median(-1).values[..., None, None]
        twice_squared = twice_squared.clamp(min=torch.finfo(across.dtype).tiny)
    else:
        twice_squared = across.new_tensor(2 * bandwidth**2)

    def mean_kernel(squared: Tensor) -> Tensor:
        return (-squared / twice_squared).exp().mean((-2, -1))

    squared_mmd = (
        mean_kernel(_squared_distances(first, first))
        + mean_kernel(_squared_distances(second, second))
        - 2 * mean_kernel(across)
    )
    return _safe_root(squared_mmd)


def wasserstein(first: Tensor, second: Tensor, epsilon: float = 0.1, sweeps: int = 20) -> Tensor:
    """Return the Sinkhorn divergence of two groups with the Euclidean distance as cost.

    OT(first, second) - OT(first, first) / 2 - OT(second, second) / 2, where OT is the least transport cost plus epsilon
    times the entropy relative to independence. Once the sweeps have converged it is within epsilon log(max(n, m)), in
    the unit of epsilon, of Wasserstein's distance (of order 1), and its gradient, that of the transport plan, is exact.
    A smaller epsilon asks for more sweeps. No memory of them is kept for the backward pass.

    Args:
        first: shape [..., n, d], n >= 1.
        second: shape [..., m, d], m >= 1.
        epsilon: the weight of the entropy, in mean distances between a row of each group.
        sweeps: how often both potentials are updated.

    Returns:
        Shape [...].
    """
    across = torch.cdist(first, second)
    entropy = (epsilon * across.mean((-2, -1), keepdim=True)).clamp(min=torch.finfo(across.dtype).tiny)
    return (
        _transport(across, entropy, sweeps)
        - _transport_to_itself(torch.cdist(first, first), entropy, sweeps) / 2
        - _transport_to_itself(torch.cdist(second, second), entropy, sweeps) / 2
    )


DISTANCES: Mapping[DistanceName, Callable[[Tensor, Tensor], Tensor]] = {
    "mmd": linear_mmd,
    "rbf": rbf_mmd,
    "wasserstein": wasserstein,
}


def between_arms(
    representation: Tensor, arm: Tensor, n_arms: int, distance: DistanceName, sample: int | None = None
) -> Tensor:
    """Return the distance of each treated arm from the control, averaged over the treated arms.

    Args:
        representation: shape [B, d].
        arm: shape [B], 0 for the control.
        n_arms: arms, the control included.
        distance: which of `DISTANCES`.
        sample: how many rows of each arm to look at, the first ones: of a batch, whose rows stand in random order, they
            are drawn at random. None for all.

    Returns:
        A scalar. An arm without a row adds nothing.
    """
    control = representation[arm == 0][:sample]
    total = representation.new_zeros(())
    for treatment in range(1, n_arms):
        treated = representation[arm == treatment][:sample]
        if len(treated) and len(control):
            total = total + DISTANCES[distance](treated, control)
    return total / (n_arms - 1)


def _transport(cost: Tensor, entropy: Tensor, sweeps: int) -> Tensor:
    """Return the transport cost with entropy, shape [...], of `cost` [..., n, m] with equal masses."""
    with torch.no_grad():
        of_rows = torch.zeros_like(cost[..., :1])
        for _ in range(sweeps):
            of_columns = _soft_min(cost - of_rows, entropy, dim=-2)
            of_rows = _soft_min(cost - of_columns, entropy, dim=-1)
    # At the optimum the objective does not change with the potentials, so only the last update needs a gradient.
    of_columns = _soft_min(cost - of_rows, entropy, dim=-2)
    return (of_rows.mean(-2) + of_columns.mean(-1))[..., 0]


def _transport_to_itself(cost: Tensor, entropy: Tensor, sweeps: int) -> Tensor:
    """Return the same for a symmetric cost [..., n, n], where one potential serves rows and columns."""
    with torch.no_grad():
        potential = torch.zeros_like(cost[..., :1])
        for _ in range(sweeps):
            potential = (potential + _soft_min(cost - potential, entropy, dim=-2).mT) / 2
    return (potential.mean(-2) + _soft_min(cost - potential, entropy, dim=-2).mean(-1))[..., 0]


def _soft_min(cost: Tensor, entropy: Tensor, dim: int) -> Tensor:
    """Return -entropy log mean exp(-cost / entropy) over an axis, which is kept."""
    return entropy * (math.log(cost.shape[dim]) - torch.logsumexp(-cost / entropy, dim=dim, keepdim=True))


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Return squared Euclidean distances, shape [..., n, m]."""
    return torch.cdist(first, second).square()


def _safe_root(squared: Tensor) -> Tensor:
    """Return the square root with a gradient of 0 at 0, where rounding may have gone below."""
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, 1.0).sqrt(), 0.0)
