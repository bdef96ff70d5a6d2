"""The networks of an uplift model: each trained with a seed and held-out rows of its own, all predicting together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recval.engine.executor import Report
from recval.rng import derive, isolated, numpy_generator
from recval.uplift.features import Encoded
from recval.uplift.networks import Outputs, Task, UpliftModule
from recval.uplift.settings import UpliftSettings
from recval.uplift.training.batches import Rows, held_out_rows
from recval.uplift.training.loop import History, train

CHUNK = 4096
"""Rows that are scored at once: their layers fit into a core's cache."""


@dataclass(frozen=True)
class Member:
    """A trained network.

    Attributes:
        module: the network, in evaluation mode.
        history: one entry an epoch, see `recval.uplift.training.loop.train`.
    """

    module: UpliftModule
    history: History


def build(settings: UpliftSettings, task: Task, seed: int) -> UpliftModule:
    """Return a new network on the device of the settings; its parameters derive from the seed."""
    with isolated(seed, "parameters"):
        return settings.network.build(task).to(settings.training.device)


def train_member(
    settings: UpliftSettings, task: Task, rows: Rows, seed: int, report: Report
) -> tuple[Member, NDArray[np.bool_]]:
    """Train one network on rows, less those that it holds out; return it, and which these are, shape [n]."""
    arm, response = rows.arm.cpu().numpy(), rows.response.cpu().numpy()
    held_out = held_out_rows(arm, response, settings.training.validation, numpy_generator(seed, "held-out"))
    module = build(settings, task, seed)
    mask = torch.from_numpy(held_out).to(rows.arm.device)
    training, rest = rows.take(~mask), rows.take(mask)
    history = train(module, training, rest, settings.training, ranking=settings.ranking, seed=seed, report=report)
    return Member(module, history), held_out


def train_members(
    settings: UpliftSettings, task: Task, rows: Rows, seed: int, report: Report
) -> tuple[list[Member], NDArray[np.bool_]]:
    """Train all networks, one after the other; a network does not depend on how many there are.

    Returns:
        The networks, and which rows each held out, shape [members, n].
    """

    def of_member(place: int) -> Report:
        return lambda fraction: report((place + fraction) / settings.members)

    seeds = [derive(seed, "member", place) for place in range(settings.members)]
    trained = [train_member(settings, task, rows, own, of_member(place)) for place, own in enumerate(seeds)]
    return [member for member, _ in trained], np.stack([held_out for _, held_out in trained])


def raw_numbers(member: Member, encoded: Encoded) -> NDArray[np.float32]:
    """Return the head's raw numbers for every arm, shape [n, A + 1, P]."""
    return _in_chunks(member.module, encoded, lambda outputs: outputs.parameters).numpy()


def expected_responses(members: Sequence[Member], encoded: Encoded) -> NDArray[np.float64]:
    """Return what each network expects under every arm, shape [members, n, A + 1]."""
    return np.stack([_in_chunks(each.module, encoded, each.module.means).double().numpy() for each in members])


def cross_fitted_responses(
    members: Sequence[Member], held_out: NDArray[np.bool_], encoded: Encoded
) -> NDArray[np.float64]:
    """Return what is expected of rows by the networks that held them out, or by all where none did, [n, A + 1].

    Args:
        members: the networks.
        held_out: which rows each held out, shape [members, n].
        encoded: all rows.
    """
    asked = held_out | ~held_out.any(axis=0)
    expected = np.where(asked[:, :, None], expected_responses(members, encoded), 0.0)
    return expected.sum(axis=0) / asked.sum(axis=0)[:, None]


@torch.inference_mode()
def _in_chunks(module: UpliftModule, encoded: Encoded, read: Callable[[Outputs], Tensor]) -> Tensor:
    """Return what `read` reads from the outputs for all rows, on the CPU."""
    device = next(module.parameters()).device
    numeric, codes = torch.from_numpy(encoded.numeric), torch.from_numpy(encoded.codes)
    read_out = [
        read(module(some_numeric.to(device), some_codes.to(device))).cpu()
        for some_numeric, some_codes in zip(numeric.split(CHUNK), codes.split(CHUNK), strict=True)
    ]
    return torch.cat(read_out)
