"""The table of values: pooling, ranks, and what is kept on disk."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import DataError, RunError
from recval.games import Values

PLAYERS = pa.table({"user": ["a", "b", "c"], "item": [1, 2, 3]})
numbers = st.floats(-1e3, 1e3)


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=2, max_size=12), st.integers(1, 11))
@settings(deadline=None, derandomize=True)
def test_two_partial_results_add_up_to_the_whole(estimates, cut):
    estimates = np.array(estimates)
    cut = min(cut, len(estimates) - 1)
    parts = Values.from_estimates(PLAYERS, estimates[:cut]) + Values.from_estimates(PLAYERS, estimates[cut:])
    whole = Values.from_estimates(PLAYERS, estimates)
    np.testing.assert_allclose(parts.value, whole.value, atol=1e-9)
    np.testing.assert_allclose(parts.variance, whole.variance, atol=1e-6, rtol=1e-9)
    assert (parts.count == len(estimates)).all()


def test_standard_error_is_that_of_the_mean():
    values = Values.from_estimates(PLAYERS, [[1, 0, 5], [3, 0, 5]])
    np.testing.assert_allclose(values.standard_error, [1.0, 0, 0])
    assert np.isinf(Values.from_estimates(PLAYERS, [[1, 2, 3]]).standard_error).all()


def test_exact_values_have_no_error(tmp_path):
    values = Values.exact(PLAYERS, [3, 1, 2])
    assert values.standard_error.tolist() == [0, 0, 0]
    values.save(tmp_path / "values.parquet")
    assert Values.read(tmp_path / "values.parquet").to_table().equals(values.to_table())
    twice = values + values
    assert (twice.value.tolist(), twice.standard_error.tolist()) == ([3, 1, 2], [0, 0, 0])


@pytest.mark.filterwarnings("error")
def test_values_without_estimates_are_unknown_and_add_nothing(tmp_path):
    nothing = Values.from_estimates(PLAYERS, np.zeros((0, 3)))
    assert np.isnan(nothing.value).all()
    assert np.isinf(nothing.standard_error).all()
    nothing.save(tmp_path / "values.parquet")
    again = Values.read(tmp_path / "values.parquet")
    assert again.to_frame().equals(nothing.to_frame())
    assert again.count.tolist() == [0, 0, 0]
    for values in (Values.from_estimates(PLAYERS, [[1.0, 2, 3]]), Values.exact(PLAYERS, [1.0, 2, 3]), nothing):
        for both in (again + values, values + again):
            assert both.to_frame().equals(values.to_frame())


@pytest.mark.filterwarnings("error")
def test_some_players_may_have_no_estimates():
    some = Values(PLAYERS, np.array([np.nan, 1, 4]), np.array([np.inf, np.inf, 2]), np.array([0, 1, 2]))
    assert some.rank.tolist() == [3, 2, 1]
    np.testing.assert_array_equal(some.standard_error, [np.inf, np.inf, 1])
    both = some + Values(PLAYERS, np.array([5.0, np.nan, 1]), np.array([np.inf, np.inf, np.inf]), np.array([1, 0, 1]))
    assert both.value.tolist() == [5, 1, 3]
    assert both.count.tolist() == [1, 1, 3]
    np.testing.assert_array_equal(both.variance, [np.inf, np.inf, 4])


def test_nobody_has_values(tmp_path):
    nobody = Values.from_estimates(PLAYERS.slice(0, 0), np.zeros((4, 0)))
    nobody.save(tmp_path / "values.parquet")
    assert len(Values.read(tmp_path / "values.parquet") + nobody) == 0


@pytest.mark.parametrize(
    "identity",
    [
        {"player": [0, 1, 2]},
        {"cluster": ["x", "y", "z"]},
        {"user": [1.5, 2.5, 3.5]},
        {"user": [0, 0, 1], "negative": [1, 2, 2]},
    ],
)
def test_all_columns_but_explaining_numbers_say_who_a_player_is(identity):
    players = pa.table(identity)

    def values(players, alone):
        return Values.from_estimates(players.append_column("alone", pa.array([alone] * 3)), [[1.0, 2, 3]])

    pooled = values(players, 0.0) + values(players, 1.0)
    assert pooled.players.select(players.column_names).equals(players)
    assert pooled.players["alone"].to_pylist() == [0.5] * 3
    name = players.column_names[-1]
    others = players.set_column(players.num_columns - 1, name, players[name].take([1, 0, 2]))
    with pytest.raises(DataError, match="different players"):
        values(players, 0.0) + values(others, 0.0)


def test_rank_1_is_the_most_valuable_and_ties_keep_their_order():
    assert Values.from_estimates(PLAYERS, [[2.0, 5.0, 2.0]]).rank.tolist() == [2, 1, 3]


def test_mean_of_runs_takes_each_run_as_one_estimate():
    runs = [Values.from_estimates(PLAYERS, np.full((50, 3), level)) for level in (1.0, 3.0)]
    mean = Values.mean_of(runs)
    assert mean.value.tolist() == [2, 2, 2]
    assert mean.count.tolist() == [2, 2, 2]
    np.testing.assert_allclose(mean.standard_error, 1.0)


def test_mean_of_runs_leaves_out_what_a_run_knows_nothing_of():
    some = Values(PLAYERS, np.array([np.nan, 1, 4]), np.array([np.inf, np.inf, 2]), np.array([0, 1, 2]))
    mean = Values.mean_of([some, Values.exact(PLAYERS, [3.0, 3, 8])])
    assert mean.value.tolist() == [3, 2, 6]
    assert mean.count.tolist() == [1, 2, 2]
    np.testing.assert_allclose(mean.standard_error, [np.inf, 1, 2])


def test_other_players_cannot_be_added():
    other = PLAYERS.set_column(0, "user", pa.array(["a", "b", "x"]))
    with pytest.raises(DataError, match="different players"):
        Values.from_estimates(PLAYERS, [[1, 2, 3]]) + Values.from_estimates(other, [[1, 2, 3]])


def test_saved_values_come_back(tmp_path):
    values = Values.from_estimates(PLAYERS, np.random.default_rng(0).normal(size=(4, 3)))
    values.save(tmp_path / "values.parquet")
    again = Values.read(tmp_path / "values.parquet")
    assert again.to_frame().equals(values.to_frame())
    single = Values.from_estimates(PLAYERS, [[1, 2, 3]])
    single.save(tmp_path / "single.parquet")
    assert (Values.read(tmp_path / "single.parquet") + single).count.tolist() == [2, 2, 2]


def test_a_file_without_values_is_refused(tmp_path):
    import pyarrow.parquet as pq

    with pytest.raises(RunError, match="there is no file"):
        Values.read(tmp_path / "nothing.parquet")
    pq.write_table(PLAYERS, tmp_path / "players.parquet")
    with pytest.raises(DataError, match="holds no values: the column 'value' is missing"):
        Values.read(tmp_path / "players.parquet")


def test_lengths_must_agree():
    with pytest.raises(DataError, match="one length"):
        Values(PLAYERS, np.zeros(2), np.zeros(3), np.ones(3, np.int64))


def test_numbers_that_explain_a_value_are_averaged_as_it_is():
    def estimate(value, alone):
        return Values.from_estimates(PLAYERS.append_column("alone", pa.array([float(alone)] * 3)), [[value] * 3])

    mean = Values.mean_of([estimate(1, 1), estimate(3, 5)])
    assert mean.players["alone"].to_pylist() == [3, 3, 3]
    pooled = estimate(0, 0) + (estimate(3, 6) + estimate(3, 3))
    np.testing.assert_allclose(pooled.players["alone"].to_numpy(), 3.0)
    np.testing.assert_allclose(pooled.value, 2.0)


def test_what_was_not_met_has_the_means_of_the_others_and_no_certainty():
    estimates = [[1.0, 9.0, 3.0], [2.0, 9.0, 6.0]]
    alone = PLAYERS.append_column("alone", pa.array([0.5, 9.0, 1.0]))
    values = Values.from_estimates(alone, estimates)
    assert values.unmet_as_mean(np.ones(3, bool)) is values
    found = values.unmet_as_mean(np.array([True, False, True]))
    assert found.value.tolist() == [1.5, 3.0, 4.5]
    assert found.count.tolist() == [2, 1, 2]
    np.testing.assert_array_equal(found.standard_error, [0.5, np.inf, 1.5])
    assert found.players["alone"].to_pylist() == [0.5, 0.75, 1.0]
    assert found.players.select(["user", "item"]).equals(PLAYERS.select(["user", "item"]))
    nobody = values.unmet_as_mean(np.zeros(3, bool))
    assert nobody.value.tolist() == [0, 0, 0]
    assert np.isinf(nobody.standard_error).all()
