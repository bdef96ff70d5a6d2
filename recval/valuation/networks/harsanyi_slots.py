"""The paper's valuator: a HarsanyiNet over the positions of a batch, with exact Shapley values of the samples.

Source: HarsanyiNet (Chen et al., ICML 2023, arXiv 2304.01811) as DVR (SDM 2025, arXiv 2502.08685) uses it. The input x
is the whole batch: the feature vectors of its samples side by side, each in a slot. Two layers of units follow; unit k
of a layer has children among the layer's inputs z,

    tau_k = 1[v_k > 0]                                        which inputs are its children; v is learnt
    gate_k = prod over children j of tanh(gamma |z_j|)        AND: exactly 0 if any child is 0
    z'_k = relu(gate_k * sum_j tau_kj W_kj z_j)

and the worth of the batch is a weighted sum of all units of both layers, without any bias. So unit k is a dividend: it
is what it is if all samples of its receptive field are present, and exactly 0 if one of them is absent. The receptive
field is the set of samples that any child depends on, the *union* of the children's fields; what unit k carries is
shared equally among them. That is exact whatever the gates are.

The derivative of tau by v is taken as beta * sigmoid'(v) (straight through). The output weights start at 0: until it
has learnt something, the valuator values all samples alike.

How to choose: to compare with the paper. When not to use: a sample's value depends on the slot in which it stands, and
batches are shuffled; and there are `units` weights for every feature of every slot, in time and memory
O(units * slots * features). `HarsanyiESP` has neither trouble.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from recval.errors import ConfigError
from recval.valuation.networks.base import BatchGame

BETA = 10.0
"""The slope of the straight-through derivative of a child mask."""
GAMMA = 1000.0
"""How soon a gate opens: tanh(GAMMA |z|) is nearly 1 unless z is nearly 0."""


class HarsanyiSlots(BatchGame):
    """The game of a HarsanyiNet whose inputs are the slots of a batch.

    Args:
        features: length of a sample's feature vector.
        slots: the most samples that a batch may have; fewer fill the first slots, the others are absent.
        units: units of each of the two layers.
        active: the share of a layer's inputs that are a unit's children at first; at least one is.
    """

    def __init__(self, features: int, slots: int, units: int = 100, active: float = 0.01) -> None:
        super().__init__()
        self.slots = slots
        widths = (slots * features, units)
        self.switches = nn.ParameterList(_switches(units, width, active) for width in widths)
        self.connections = nn.ParameterList(
            torch.randn(units, width) / _children(width, active) ** 0.5 for width in widths
        )
        self.weight = nn.Parameter(torch.zeros(2, units))
        self.scale = _children(widths[0], active)

    def worth(self, features: Tensor) -> Tensor:
        """Return what the samples present are worth together, a scalar."""
        return self._dividends(features)[0].sum()

    def values(self, features: Tensor) -> Tensor:
        """Return the Shapley value of each sample, shape [B]."""
        dividends, fields, sizes = self._dividends(features)
        return ((dividends / sizes) @ fields)[: len(features)]

    def alone(self, features: Tensor) -> Tensor:
        """Return what each sample is worth without the others, shape [B]."""
        dividends, fields, sizes = self._dividends(features)
        return ((dividends * (sizes == 1)) @ fields)[: len(features)]

    def company(self, features: Tensor, position: int) -> Tensor:
        """Return which part of one sample's value is owed to each other sample, shape [B]."""
        dividends, fields, sizes = self._dividends(features)
        shares = dividends * fields[:, position] / (sizes * (sizes - 1)).clamp(min=1)
        found = (shares * (sizes > 1)) @ fields
        itself = torch.tensor([position], device=found.device)
        return found.index_fill(0, itself, 0.0)[: len(features)]

    def _dividends(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the units' dividends and their receptive fields, those of the first layer first.

        Returns:
            What each unit carries, shape [2 units]; its field, 1 for a sample in it, shape [2 units, slots]; and the
            number of samples in its field, at least 1, shape [2 units].
        """
        masks = [_mask(switches) for switches in self.switches]
        hidden = _units(self._in_slots(features), masks[0], self.connections[0])
        second = _units(hidden, masks[1], self.connections[1])
        direct = masks[0].detach().view(len(masks[0]), self.slots, -1).amax(dim=2)
        united = (masks[1].detach() @ direct > 0).to(direct)
        fields = torch.cat([direct, united])
        dividends = torch.cat([hidden, second]) * self.weight.flatten() * self.scale
        return dividends, fields, fields.sum(dim=1).clamp(min=1)

    def _in_slots(self, features: Tensor) -> Tensor:
        """Return the samples side by side, then zeros, shape [slots * F]."""
        if len(features) > self.slots:
            raise ConfigError(
                f"a batch of {len(features):,} samples does not fit into the {self.slots:,} slots of the valuator; "
                "take smaller batches, or the valuator 'harsanyi_esp', which takes any"
            )
        return functional.pad(features, (0, 0, 0, self.slots - len(features))).flatten()


class _StraightThrough(torch.autograd.Function):
    """1 where the switch is above 0, else 0; differentiated as BETA * sigmoid."""

    generate_vmap_rule = True

    @staticmethod
    def forward(switches: Tensor) -> Tensor:
        return (switches > 0).to(switches)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        open_ = ctx.saved_tensors[0].sigmoid()
        return gradients[0] * BETA * open_ * (1 - open_)


def _mask(switches: Tensor) -> Tensor:
    found: Tensor = _StraightThrough.apply(switches)
    return found


def _units(inputs: Tensor, mask: Tensor, connections: Tensor) -> Tensor:
    """Return the units of a layer, shape [units], from its inputs, shape [n], and masks and weights, [units, n]."""
    absent = inputs == 0
    openness = torch.tanh(GAMMA * inputs.abs()).masked_fill(absent, 1.0)
    closed = mask.detach() @ absent.to(mask) > 0
    gate = (mask @ openness.log()).exp().masked_fill(closed, 0.0)
    return torch.relu(gate * ((mask * connections) @ inputs))


def _children(width: int, active: float) -> int:
    """Return how many children a unit starts with."""
    return max(1, int(active * width))


def _switches(units: int, width: int, active: float) -> Tensor:
    """Return v at the start: 1 for a unit's children, drawn at random, and -1 for the other inputs."""
    children = torch.rand(units, width).topk(_children(width, active), dim=1).indices
    return torch.full((units, width), -1.0).scatter_(1, children, 1.0)
