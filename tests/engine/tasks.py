"""What the executors are given to do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from recval.rng import numpy_generator

SEED = 7


def ignore(position, fraction):
    pass


def draw(shared, task, report):
    """Draws from the task's own stream; the answer is exact to the last bit only where threads and streams are."""
    report(0.5)
    numbers = numpy_generator(SEED, "task", str(task)).normal(size=300)
    total = torch.from_numpy(numbers).square().sum().item()
    report(1.0)
    return float.hex(total), torch.get_num_threads()


def die_once(folder, task, report):
    """Kills its own process the first time that it meets the task 3."""
    marker = Path(folder) / str(task)
    if task == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(None, task, report)


def die(shared, task, report):
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def fail(shared, task, report):
    """Raises at the task 1, and counts how often."""
    if task == 1:
        with (Path(shared["folder"]) / "raised").open("a") as file:
            file.write("x")
        raise shared["error"]
    return task


def stall(shared, task, report):
    """Ends at once for the first task, and never for the others."""
    while task:
        time.sleep(0.05)
    return task


def echo(shared, task, report):
    return task


def size_of(shared, task, report):
    return shared.array.sum(), os.getpid()


class Counted:
    """A few MB that note each process that they arrive in."""

    def __init__(self, file, array):
        self.file, self.array = file, array

    def __reduce__(self):
        return arrive, (self.file, self.array)


def arrive(file, array):
    with Path(file).open("a") as arrivals:
        arrivals.write(f"{os.getpid()}\n")
    return Counted(file, array)


class Watched(Sequence):
    """Ten million tasks, which note how many were asked for."""

    asked = 0

    def __len__(self):
        return 10**7

    def __getitem__(self, position):
        self.asked += 1
        return position


MANY = np.ones(400_000)
