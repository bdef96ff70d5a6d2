"""The layers that the networks are made of: features in, dense layers, dense layers of all arms at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from recval.uplift.networks.base import Network, Task

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "elu": nn.ELU, "silu": nn.SiLU}

QUIET = 0.1
"""What the outputs' weights are multiplied by at the beginning: all predictions begin near the mean response."""


class Embeddings(nn.Module):
    """Vectors of categories, all features in one table.

    The code 0, unseen or missing, begins as the zero vector, and stays it where no training row has it. On simulated
    customers of unseen categories the mean of the learnt vectors predicted no better.
    """

    starts: Tensor

    def __init__(self, cardinalities: Sequence[int], size: int) -> None:
        super().__init__()
        starts = torch.tensor([0, *cardinalities]).cumsum(0)
        self.register_buffer("starts", starts[:-1], persistent=False)
        self.table = nn.Parameter(torch.randn(int(starts[-1]), size).index_fill(0, starts[:-1], 0.0))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the vectors, shape [B, C, size], of codes of shape [B, C]."""
        return nn.functional.embedding(codes + self.starts, self.table)


class Features(nn.Module):
    """Numeric features and embedded categories side by side, shape [B, width]."""

    def __init__(self, task: Task, embedding: int) -> None:
        super().__init__()
        self.embeddings = Embeddings(task.cardinalities, embedding) if len(task.cardinalities) else None
        self.width = task.n_numeric + len(task.cardinalities) * embedding

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """Return the features, shape [B, width]."""
        if self.embeddings is None:
            return numeric
        return torch.cat([numeric, self.embeddings(codes).flatten(1)], dim=1)


class Tower(nn.Module):
    """Features and the dense layers of the representation; output [B, width]."""

    def __init__(self, task: Task, settings: Network) -> None:
        super().__init__()
        self.features = Features(task, settings.embedding)
        self.dense = Dense(self.features.width, settings.representation, settings)
        self.width = self.dense.width

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """Return the representation, shape [B, width]."""
        return self.dense(self.features(numeric, codes))


class Dense(nn.Sequential):
    """Linear layers, each followed by the activation and dropout of the settings."""

    def __init__(self, width: int, sizes: Sequence[int], style: Network) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise([width, *sizes]):
            layers += [nn.Linear(before, after), *_between(style)]
        super().__init__(*layers)
        self.width = sizes[-1] if sizes else width


class ArmDense(nn.Module):
    """Dense layers that K arms have each for itself, then a linear output; one batched product a layer.

    Args:
        arms: K.
        width: of the input.
        sizes: of the layers before the output.
        start: the outputs' biases at the beginning, shape [P].
        style: activation and dropout.
    """

    def __init__(self, arms: int, width: int, sizes: Sequence[int], start: Tensor, style: Network) -> None:
        super().__init__()
        widths = [width, *sizes, len(start)]
        self.weights = nn.ParameterList(uniform(arms, before, after) for before, after in pairwise(widths))
        self.weights[-1].data.mul_(QUIET)
        self.biases = nn.ParameterList(torch.zeros(arms, size) for size in widths[1:-1])
        self.biases.append(start.to(torch.float32).repeat(arms, 1))
        self.between = nn.Sequential(*_between(style))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs, shape [B, K, P], of inputs of shape [B, width], or [K, B, width] with one a arm."""
        hidden = inputs.expand(len(self.weights[0]), *inputs.shape[-2:])
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = self.between(torch.baddbmm(bias[:, None], hidden, weight))
        return torch.baddbmm(self.biases[-1][:, None], hidden, self.weights[-1]).transpose(0, 1)


def output_layer(width: int, start: Tensor) -> nn.Linear:
    """Return a linear layer whose biases begin at `start`, shape [P]."""
    layer = nn.Linear(width, len(start))
    with torch.no_grad():
        layer.weight.mul_(QUIET)
        layer.bias.copy_(start)
    return layer


def uniform(*shape: int) -> Tensor:
    """Return weights of shape [..., inputs, outputs], uniform within 1 / sqrt(inputs), as those of `nn.Linear`."""
    return (torch.rand(prod(shape)).view(shape) * 2 - 1) / max(shape[-2], 1) ** 0.5


def _between(style: Network) -> list[nn.Module]:
    dropout = [nn.Dropout(style.dropout)] if style.dropout else []
    return [ACTIVATIONS[style.activation](), *dropout]
