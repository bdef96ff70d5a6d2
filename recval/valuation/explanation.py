"""Why a sample has its value in a batch: by the company that it is in, and by what is observed of it.

Two questions, each answered by terms that sum to the value:

- *Company*: what the sample earns alone, and what with each other sample of the batch. The dividend of a set of samples
  is shared among its members, and a member's share is divided among its partners (`BatchGame.company`).
- *Inputs*: the exact Shapley values of the groups of numbers that are observed of the sample (user, item, loss, ...).
  An absent group is one whose numbers are those of the average sample of the batch; the other samples stay as they
  are. Nothing observed gives the value of an average sample, a term of its own.

Both are of the value that the network gives, computed in float64. When not to use: as causes. They say what the
network made of its inputs, not what would change in training.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recval.valuation.valuator import Valuator

_AT_ONCE = 16
"""Batches that are valued together."""


@dataclass(frozen=True)
class Partner:
    """Another sample of the batch.

    Attributes:
        position: where it stands in the batch.
        share: which part of the value is owed to its company.
    """

    position: int
    share: float


@dataclass(frozen=True)
class Explanation:
    """Why a sample has its value.

    value = alone + the shares of the partners + others_share = average + the sum of the inputs

    Attributes:
        value: the value.
        alone: what the sample is worth without the others.
        partners: the samples whose company changes the value most, whichever way, the foremost first.
        others: how many further samples there are in the batch.
        others_share: what is owed to the company of all of them.
        average: the value of an average sample in the same batch.
        inputs: what each group of inputs adds to that.
    """

    value: float
    alone: float
    partners: tuple[Partner, ...]
    others: int
    others_share: float
    average: float
    inputs: dict[str, float]


@torch.no_grad()
def explain(
    valuator: Valuator, observations: Tensor, position: int, widths: Mapping[str, int], top: int = 5
) -> Explanation:
    """Return why a sample has its value.

    The inputs take 2^g evaluations of the batch, g the number of groups.

    Args:
        valuator: what values the samples.
        observations: the samples of the batch, shape [B, F].
        position: the sample to explain.
        widths: the groups of inputs in their order, with how many of the F numbers each has.
        top: how many partners to name.
    """
    exact, observations = copy.deepcopy(valuator).double(), observations.double()
    encoded = exact.encode(observations)
    company = exact.game.company(encoded, position)
    foremost = company.abs().topk(min(top, len(company))).indices
    partners = [Partner(int(place), float(company[place])) for place in foremost if company[place] != 0]
    worths = _worths(exact, observations, position, list(widths.values()))
    return Explanation(
        value=float(exact.game.values(encoded)[position]),
        alone=float(exact.game.alone(encoded)[position]),
        partners=tuple(partners),
        others=len(observations) - 1 - len(partners),
        others_share=float(company.sum()) - sum(partner.share for partner in partners),
        average=float(worths[0]),
        inputs=dict(zip(widths, shapley_values(worths).tolist(), strict=True)),
    )


def shapley_values(worths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the Shapley values of the players of a game that is given in full, shape [n].

    Args:
        worths: what each coalition is worth, shape [2^n]; player i is in coalition c if bit i of c is set.
    """
    n = len(worths).bit_length() - 1
    coalitions = np.arange(len(worths))
    weights = np.array([1 / (n * comb(n - 1, size)) for size in range(n)])
    found = np.empty(n)
    for player in range(n):
        without = coalitions[(coalitions >> player) & 1 == 0]
        gains = worths[without | 1 << player] - worths[without]
        found[player] = weights[np.bitwise_count(without)] @ gains
    return found


def _worths(valuator: Valuator, observations: Tensor, position: int, widths: list[int]) -> npt.NDArray[np.float64]:
    """Return the value of the sample where only some groups of its inputs are its own, shape [2^g]."""
    coalitions = torch.arange(2 ** len(widths), device=observations.device)
    groups = torch.arange(len(widths), device=observations.device)
    is_own = (coalitions.unsqueeze(1) >> groups) & 1 == 1
    is_own = is_own.repeat_interleave(torch.tensor(widths, device=observations.device), dim=1)
    versions = valuator.encode(torch.where(is_own, observations[position], observations.mean(dim=0)))
    encoded = valuator.encode(observations)
    is_explained = (torch.arange(len(encoded), device=encoded.device) == position).unsqueeze(1)

    def value(version: Tensor) -> Tensor:
        return valuator.game.values(torch.where(is_explained, version, encoded))[position]

    return torch.vmap(value, chunk_size=_AT_ONCE)(versions).cpu().numpy()
