"""Randomness: every stream is derived from one seed and a path of names.

A derived stream depends on the seed and the path only, never on how many numbers were drawn elsewhere. So
results do not depend on the order of tasks or on the number of workers, and training resumes at epoch `e`
without any stored generator state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

RandomSource = int | np.random.SeedSequence | np.random.Generator
"""What an `rng=` argument accepts."""


def seed_of(rng: RandomSource) -> int:
    """Return the seed that `rng` stands for: an int for itself; a Generator is advanced by one draw of 63 bits.

    Raises:
        TypeError: `rng` is none of int, SeedSequence, Generator.
    """
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63))
    if isinstance(rng, np.random.SeedSequence):
        return int(rng.generate_state(1, np.uint64)[0]) >> 1
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        return int(rng)
    raise TypeError(f"rng must be an int, a SeedSequence or a Generator, got {type(rng).__name__}")


def derive(seed: int, *path: str | int) -> int:
    """Return the 63-bit seed of the stream named by `path` under `seed`."""
    names = [str(name).replace("\\", "\\\\").replace("/", "\\/") for name in path]
    text = "/".join([str(seed), *names])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def numpy_generator(seed: int, *path: str | int) -> np.random.Generator:
    """Return NumPy's generator of the stream named by `path` under `seed`."""
    return np.random.default_rng(derive(seed, *path))


def torch_generator(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return torch's generator, on `device`, of the stream named by `path` under `seed`."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *path))


@contextmanager
def isolated(seed: int, *path: str | int) -> Iterator[None]:
    """Seed the global generators of torch, NumPy and Python inside the block, and restore them after it.

    For foreign code, such as dropout layers and initialisers, that draws from the global generators.
    """
    import random

    import torch

    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    # torch.manual_seed would also queue a seed for devices that are not in use yet, which outlives the block.
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        derived = derive(seed, *path)
        for generator in (torch.default_generator, *(torch.cuda.default_generators[device] for device in devices)):
            generator.manual_seed(derived)
        np.random.seed(derived % 2**32)  # noqa: NPY002
        random.seed(derived)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
