"""The same values wherever the rounds are made, however many at a time, and whenever a run is interrupted."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from copy import copy

import numpy as np
import pyarrow as pa
import pytest
import torch
from game_samples import BatchGame

from recval.engine import Processes
from recval.errors import ConfigError, ModelError, RunError
from recval.games import (
    Antithetic,
    Banzhaf,
    FunctionGame,
    MaxEvaluations,
    MaxRounds,
    Owen,
    Permutation,
    Powerset,
    Reuse,
    Shapley,
    StandardError,
    TensorGame,
    estimate,
)
from recval.games.estimators.base import Estimator, Rounds
from recval.games.evaluating import in_batches
from recval.rng import numpy_generator
from recval.testing import oracle_games

GAME = oracle_games()["voting"]
STOP = MaxRounds(rounds=300) | StandardError(tolerance=0.02)


def assert_same(one, other):
    """Hold that two estimates are the same, bit for bit, also in what it takes to continue them."""
    assert one.values.to_table().equals(other.values.to_table())
    assert (one.rounds, one.evaluations, one.reason) == (other.rounds, other.evaluations, other.reason)
    for half in ("even", "odd"):
        found, expected = getattr(one.progress, half), getattr(other.progress, half)
        np.testing.assert_array_equal(found.mean, expected.mean)
        np.testing.assert_array_equal(found.squares, expected.squares)


class AnyOrder:
    """An executor that completes its tasks in a random order, five at a time."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.done, self.closed = 0, False

    def map(self, function, tasks, shared, on_progress):
        try:
            for start in range(0, len(tasks), 5):
                for position in self.rng.permutation(range(start, min(start + 5, len(tasks)))):
                    self.done += 1
                    yield int(position), function(shared, tasks[int(position)], lambda fraction: None)
        finally:
            self.closed = True


class Interrupted(Exception):
    """The run is interrupted."""


class InterruptedAfter:
    """An executor that is interrupted after some tasks."""

    def __init__(self, tasks):
        self.tasks = tasks

    def map(self, function, tasks, shared, on_progress):
        for position, task in enumerate(tasks):
            if position == self.tasks:
                raise Interrupted
            yield position, function(shared, task, lambda fraction: None)


class Costly(Estimator):
    """An estimator whose rounds cost between 0 and 10 evaluations, and 30 to get ready."""

    def prepare(self, game, semivalue, seed, executor):
        return CostlyRounds()


class CostlyRounds(Rounds):
    preparation = 30

    def most_evaluations(self):
        return 10

    def make(self, rounds, seed):
        drawn = [numpy_generator(seed, "round", index).integers(0, 11) for index in rounds]
        return np.tile(np.array(drawn, float)[:, None], 7), np.array(drawn)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 2048])
@pytest.mark.parametrize("sampler", [Permutation(), Antithetic(), Owen(), Reuse(coalitions=8)], ids=repr)
def test_values_do_not_depend_on_the_size_of_tasks_or_their_order(sampler, batch_size):
    game = copy(GAME)
    game.batch_size = batch_size
    executor = AnyOrder(batch_size)
    found = estimate(game, sampler, Banzhaf(), STOP, seed=3, executor=executor)
    assert_same(found, estimate(GAME, sampler, Banzhaf(), STOP, seed=3))
    assert executor.closed


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_values_do_not_depend_on_the_number_of_workers(workers):
    expected = estimate(BatchGame(), Permutation(), Shapley(), STOP, seed=3)
    found = estimate(BatchGame(), Permutation(), Shapley(), STOP, seed=3, executor=Processes(workers))
    assert_same(found, expected)


@pytest.mark.parametrize("stop", [STOP, MaxEvaluations(evaluations=1003)], ids=repr)
@pytest.mark.parametrize("tasks", [0, 1, 3])
def test_an_interrupted_run_ends_alike(tmp_path, tasks, stop):
    checkpoint = tmp_path / "estimate.safetensors"
    with pytest.raises(Interrupted):
        estimate(
            BatchGame(), Permutation(), Shapley(), stop, seed=3, executor=InterruptedAfter(tasks), checkpoint=checkpoint
        )
    assert checkpoint.exists()
    found = estimate(BatchGame(), Permutation(), Shapley(), stop, seed=3, checkpoint=checkpoint)
    assert_same(found, estimate(BatchGame(), Permutation(), Shapley(), stop, seed=3))


class SmallBatches(BatchGame):
    """One that takes fewer coalitions at a time than a round has."""

    batch_size = 4


@pytest.mark.parametrize("sampler", [Powerset(), Permutation()], ids=repr)
@pytest.mark.parametrize("tasks", [0, 1, 7])
def test_a_round_is_continued_in_its_midst(tmp_path, sampler, tasks):
    checkpoint = tmp_path / "estimate.safetensors"
    stop = MaxRounds(rounds=9)
    executor = InterruptedAfter(tasks)
    with pytest.raises(Interrupted):
        estimate(SmallBatches(), sampler, Shapley(), stop, seed=3, executor=executor, checkpoint=checkpoint)
    whole = estimate(SmallBatches(), sampler, Shapley(), stop, seed=3)
    pieces = math.ceil(sampler.evaluations(6) / 4) * whole.rounds
    shares = []
    executor = AnyOrder(1)
    found = estimate(
        SmallBatches(),
        sampler,
        Shapley(),
        stop,
        seed=3,
        executor=executor,
        checkpoint=checkpoint,
        report=shares.append,
    )
    assert_same(found, whole)
    assert executor.done == pieces - tasks
    assert shares == sorted(shares)
    assert len(set(shares)) == pieces - tasks
    game = copy(GAME)
    game.batch_size = 4
    in_pieces, at_once = (estimate(each, sampler, Shapley(), stop, seed=3) for each in (game, GAME))
    assert_same(in_pieces, at_once)


def test_pieces_of_another_size_are_made_again(tmp_path):
    checkpoint = tmp_path / "estimate.safetensors"
    game = copy(GAME)
    game.batch_size = 10
    with pytest.raises(Interrupted):
        estimate(game, Powerset(), Shapley(), STOP, seed=3, executor=InterruptedAfter(3), checkpoint=checkpoint)
    game.batch_size = 7
    found = estimate(game, Powerset(), Shapley(), STOP, seed=3, checkpoint=checkpoint)
    assert_same(found, estimate(GAME, Powerset(), Shapley(), STOP, seed=3))


SLOW_RUN = """
import sys, time
from pathlib import Path
import numpy as np
from recval.games import FunctionGame, MaxRounds, Permutation, Shapley, estimate

def slowly(coalitions):
    time.sleep(0.1)
    return np.sqrt(coalitions @ np.arange(1.0, 7))

game = FunctionGame(6, slowly, batch_size=5)
estimate(game, Permutation(), Shapley(), MaxRounds(rounds=100), seed=3, checkpoint=Path(sys.argv[1]))
print("ended")
"""


def test_a_killed_run_ends_alike(tmp_path):
    checkpoint = tmp_path / "estimate.safetensors"
    killed = subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(checkpoint)], stdout=subprocess.PIPE)
    until = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < until:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert killed.communicate()[0] == b"", "it ended before it was killed"
    game = FunctionGame(6, lambda coalitions: np.sqrt(coalitions @ np.arange(1.0, 7)))
    found = estimate(game, Permutation(), Shapley(), MaxRounds(rounds=100), seed=3, checkpoint=checkpoint)
    assert_same(found, estimate(game, Permutation(), Shapley(), MaxRounds(rounds=100), seed=3))


def test_an_estimate_is_continued_from_memory():
    first = estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=33), seed=3)
    kept = first.values.to_table()
    found = estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=101), seed=3, start=first)
    assert_same(found, estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=101), seed=3))
    assert first.values.to_table().equals(kept)
    assert_same(estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=20), seed=3, start=found), found)


def test_a_finished_estimate_is_read_without_evaluating_anything(tmp_path):
    checkpoint = tmp_path / "estimate.safetensors"
    for sampler in (Permutation(), Powerset()):
        checkpoint.unlink(missing_ok=True)
        whole = estimate(GAME, sampler, Shapley(), MaxRounds(rounds=1), seed=3, checkpoint=checkpoint)
        again = estimate(
            GAME, sampler, Shapley(), MaxRounds(rounds=1), seed=3, checkpoint=checkpoint, executor=InterruptedAfter(0)
        )
        assert again.values.to_table().equals(whole.values.to_table())


def test_estimates_of_two_seeds_add_up():
    one, other = (estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=r), seed=r).values for r in (60, 40))
    both = one + other
    assert set(both.count) == {100}
    np.testing.assert_allclose(both.value, (60 * one.value + 40 * other.value) / 100, rtol=1e-13)
    nothing = estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=0), seed=9).values
    assert (one + nothing).to_table().equals(one.to_table())
    assert (nothing + one).to_table().equals(one.to_table())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 4}, "its seed is 3, not 4"),
        ({"semivalue": Banzhaf()}, "its semivalue is {'kind': 'shapley'}, not {'kind': 'banzhaf', 'probability': 0.5}"),
        ({"estimator": Antithetic()}, "its estimator is {'kind': 'permutation'}, not {'kind': 'antithetic'}"),
        ({"game": oracle_games()["glove"]}, "its game is {'kind': 'VotingGame', 'players': 7, 'nobody': 0.0, 'all'"),
    ],
)
def test_a_checkpoint_or_estimate_of_something_else_is_refused(tmp_path, changes, message):
    checkpoint = tmp_path / "estimate.safetensors"
    told = {"game": GAME, "estimator": Permutation(), "semivalue": Shapley(), "stop": MaxRounds(rounds=2), "seed": 3}
    first = estimate(**told, checkpoint=checkpoint)
    with pytest.raises(RunError) as caught:
        estimate(**told | changes, checkpoint=checkpoint)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="the estimate to start from is another one"):
        estimate(**told | changes, start=first)


def test_another_file_is_no_checkpoint(tmp_path):
    from recval.store.state import write_state

    write_state(tmp_path / "other", {"epoch": 3})
    for content, message in (("other", "is no checkpoint of an estimate"), ("text", "is not a safetensors file")):
        if content == "text":
            (tmp_path / "text").write_text("something")
        with pytest.raises(RunError, match=message):
            estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=2), seed=3, checkpoint=tmp_path / content)


def test_what_getting_ready_costs_is_counted_once(tmp_path):
    for executor in (None, AnyOrder(0)):
        found = estimate(GAME, Costly(), Shapley(), MaxEvaluations(evaluations=500), seed=3, executor=executor)
        drawn = [numpy_generator(3, "round", index).integers(0, 11) for index in range(300)]
        rounds = int(np.argmax(30 + np.cumsum(drawn) + 10 > 500)) + 1
        assert (found.rounds, found.evaluations) == (rounds, 30 + sum(drawn[:rounds]))
    first = estimate(GAME, Costly(), Shapley(), MaxEvaluations(evaluations=90), seed=3)
    assert_same(estimate(GAME, Costly(), Shapley(), MaxEvaluations(evaluations=500), seed=3, start=first), found)
    assert estimate(GAME, Costly(), Shapley(), MaxEvaluations(evaluations=39), seed=3).rounds == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("size", [0, 3, 6])
def test_values_that_are_not_finite_are_refused(bad, size):
    game = FunctionGame(6, lambda coalitions: np.where(coalitions.sum(axis=1) == size, bad, 1.0))
    with pytest.raises(ModelError, match="finite number") as caught:
        estimate(game, Permutation(), Shapley(), MaxRounds(rounds=2), seed=0)
    assert "\n" not in str(caught.value)


def test_players_are_named():
    players = pa.table({"user": list("abcdefg")})
    values = estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=2), seed=0, players=players).values
    assert values.to_table().column_names == ["user", "value", "standard_error", "count", "rank"]
    values = estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=2), seed=0).values
    assert values.players["player"].to_pylist() == list(range(7))


def test_no_more_coalitions_than_a_batch_are_evaluated_in_a_call():
    given = []

    def value(coalitions):
        given.append(len(coalitions))
        return coalitions.sum(axis=1)

    game = FunctionGame(9, value, batch_size=20)
    estimate(game, Permutation(), Shapley(), MaxRounds(rounds=30), seed=0)
    estimate(game, Powerset(), Shapley(), MaxRounds(rounds=1), seed=0)
    assert max(given) <= 20
    assert sum(given) == 2 + 30 * 8 + 2**9 - 2
    assert in_batches(game, np.zeros((0, 9), bool)).shape == (0,)


def test_a_game_on_tensors_is_that_on_arrays():
    weights = np.arange(1.0, 7)
    numpy_game = FunctionGame(6, lambda coalitions: (coalitions @ weights) ** 2)
    tensor_game = TensorGame(6, lambda coalitions: (coalitions.double() @ torch.from_numpy(weights)) ** 2)
    for game in (numpy_game, tensor_game):
        assert (game.null_value, game.grand_value) == (0, 441)
    found, expected = (
        estimate(game, Owen(), Shapley(), MaxRounds(rounds=50), seed=1).values for game in (tensor_game, numpy_game)
    )
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-13)
