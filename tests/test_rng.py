from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recval.rng import derive, isolated, numpy_generator, seed_of, torch_generator

GOLDEN = {
    (0,): 4761921975702974394,
    (0, "split"): 1947725093899964015,
    (42, "epoch", 0): 2131211689690215551,
    (42, "epoch", 1): 6757608495650121341,
    (-1, "ä", 2**70): 2403191861137879949,
}


def test_derived_seeds_are_the_same_for_ever():
    assert {path: derive(*path) for path in GOLDEN} == GOLDEN


def test_streams_are_the_same_for_ever():
    assert numpy_generator(42, "split").integers(1000, size=5).tolist() == [950, 547, 45, 338, 206]
    assert torch.randint(1000, (5,), generator=torch_generator(42, "epoch", 3)).tolist() == [329, 655, 482, 882, 156]


def test_derived_seeds_do_not_depend_on_the_process():
    code = "from recval.rng import derive; print([derive(7, 'task', n) for n in range(5)])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{[derive(7, 'task', n) for n in range(5)]}\n"}


paths = st.lists(st.text("ab/\\1", max_size=3) | st.integers(0, 20), max_size=4).map(tuple)


@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.integers(0, 2), paths, st.integers(0, 2), paths)
@example(1, ("a/b",), 1, ("a", "b"))
@example(1, ("a\\", "b"), 1, ("a\\/b",))
@example(1, ("",), 1, ())
@example(1, ("1",), 11, ())
def test_another_seed_or_path_is_another_stream(first, path, second, other):
    assert 0 <= derive(first, *path) < 2**63
    same = (first, *map(str, path)) == (second, *map(str, other))
    assert (derive(first, *path) == derive(second, *other)) is same


def test_what_an_rng_may_be():
    assert seed_of(5) == seed_of(np.int32(5)) == 5
    sequence = np.random.SeedSequence(5)
    assert seed_of(sequence) == seed_of(np.random.SeedSequence(5)) != seed_of(np.random.SeedSequence(6))
    assert seed_of(sequence.spawn(1)[0]) != seed_of(sequence)
    generator = np.random.default_rng(5)
    first, second = seed_of(generator), seed_of(generator)
    assert (first, second) == tuple(int(np.random.default_rng(5).integers(2**63, size=2)[place]) for place in (0, 1))
    for rng in (sequence, generator):
        assert isinstance(seed_of(rng), int)
        assert 0 <= seed_of(rng) < 2**63


@pytest.mark.parametrize("rng", [None, True, 1.0, "1", np.random.RandomState(1), torch.Generator()])
def test_what_an_rng_may_not_be(rng):
    with pytest.raises(TypeError, match="rng must be an int, a SeedSequence or a Generator, got "):
        seed_of(rng)


def draws():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]


@pytest.mark.parametrize("fails", [False, True])
def test_the_global_generators_go_on_as_if_the_block_had_not_been(fails):
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = draws(), draws()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    before = draws()
    try:
        with isolated(3, "block"):
            draws()
            if fails:
                raise KeyError("within the block")
    except KeyError:
        assert fails
    assert (before, draws()) == expected


def test_the_block_itself_depends_on_seed_and_path_alone():
    def inside(*path):
        with isolated(*path):
            return draws()

    first = inside(3, "a")
    draws()
    assert inside(3, "a") == first
    for other in (inside(3, "b"), inside(4, "a")):
        assert all(mine != theirs for mine, theirs in zip(first, other, strict=True))


def test_blocks_may_lie_in_each_other():
    with isolated(1):
        expected = draws(), draws()
    with isolated(1):
        first = draws()
        with isolated(2):
            draws()
        assert (first, draws()) == expected
