"""k-NN Shapley of interactions equals the definition over all coalitions of interactions."""

import itertools
import math

import numpy as np
import pytest
from valuation.standalone.small import Backwards, random_split, split_of

from recval.errors import DataError
from recval.training import Training
from recval.valuation.standalone import KNNShapley, Valuing, neighbours


def matrix_of(part):
    found = np.zeros((len(part.users), len(part.items)))
    np.add.at(found, (part.user, part.item), 1)
    return found


def utility(split, k, similarity=None):
    """Return what a coalition of rows is worth, each user for itself, shape [validation users]."""
    train, held = matrix_of(split.train) > 0, matrix_of(split.valid) > 0
    wanted, unwanted = held & ~train, ~held & ~train
    sizes = train.sum(axis=1)

    def alike(user, other):
        if similarity is not None:
            return similarity[user, other]
        return (train[user] & train[other]).sum() / math.sqrt(max(sizes[user], 1) * max(sizes[other] - 1, 1))

    def score(user, item, rows):
        votes = sorted(alike(user, split.train.user[row]) for row in rows if split.train.item[row] == item)[::-1]
        return sum(max(vote, 0) for vote in votes[:k]) / k

    def worth(rows):
        found = []
        for user in np.flatnonzero(wanted.any(axis=1)):
            for_wanted = [score(user, item, rows) for item in np.flatnonzero(wanted[user])]
            for_unwanted = [score(user, item, rows) for item in np.flatnonzero(unwanted[user])]
            found.append(np.mean(for_wanted) - (np.mean(for_unwanted) if for_unwanted else 0))
        return np.array(found)

    return worth


def by_definition(n, worth):
    """Return Shapley values by the sum over all coalitions, shape [validation users, n]."""
    worths = {rows: worth(rows) for size in range(n + 1) for rows in itertools.combinations(range(n), size)}
    values = np.zeros((len(worths[()]), n))
    for rows, before in worths.items():
        for player in set(range(n)) - set(rows):
            weight = math.factorial(len(rows)) * math.factorial(n - len(rows) - 1) / math.factorial(n)
            values[:, player] += weight * (worths[tuple(sorted((*rows, player)))] - before)
    return values


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("seed", [1, 3, 11])
def test_values_equal_the_definition(k, seed):
    split = random_split(seed, (5, 4), density=0.5, valid=0.3)
    assert 5 <= len(split.train) <= 9
    each = by_definition(len(split.train), utility(split, k))
    found = KNNShapley(k=k).value(Valuing(split)).values
    np.testing.assert_allclose(found.value, each.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.standard_error, each.std(axis=0, ddof=1) / math.sqrt(len(each)), atol=1e-9)


def test_repeated_interactions_are_votes_of_their_own():
    """Also a user that wants what it has, one that has all but what it wants, and one without neighbours."""
    train = [(0, 0), (1, 0), (1, 1), (1, 1), (2, 0), (2, 2), (3, 3)]
    split = split_of(train, [(0, 1), (0, 0), (0, 1), (2, 1), (2, 3), (3, 0)], (5, 4))
    expected = by_definition(len(train), utility(split, 2)).mean(axis=0)
    found = KNNShapley(k=2).value(Valuing(split)).values
    np.testing.assert_allclose(found.value, expected, atol=1e-12)
    assert found.value[2] == found.value[3] > 0
    assert found.value[6] == 0


def test_embeddings_of_a_model_tell_who_is_alike():
    split = random_split(3, (5, 4), density=0.5, valid=0.3)
    training = Training(epochs=2, batch_size=4, monitor="ndcg@2")
    valuing = Valuing(split, parameters={"embedding_size": 2}, training=training, seed=3)
    vectors = neighbours._embeddings(valuing)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    assert (vectors @ vectors.T < 0).any()
    expected = by_definition(len(split.train), utility(split, 2, vectors @ vectors.T)).mean(axis=0)
    found = KNNShapley(k=2, similarity="embeddings").value(valuing).values
    np.testing.assert_allclose(found.value, expected, atol=1e-12)


def test_values_are_the_same_in_any_blocks_and_order_of_completion(monkeypatch):
    split = random_split(4, (40, 30), density=0.2)
    expected = KNNShapley(k=3).value(Valuing(split)).values
    monkeypatch.setattr(neighbours, "_USERS_A_BLOCK", 3)
    monkeypatch.setattr(neighbours, "_USERS_A_TASK", 7)
    reports = []
    found = KNNShapley(k=3).value(Valuing(split, report=reports.append)).values
    np.testing.assert_allclose(found.value, expected.value, atol=1e-15)
    backwards = KNNShapley(k=3).value(Valuing(split, executor=Backwards())).values
    np.testing.assert_array_equal(backwards.value, found.value)
    np.testing.assert_array_equal(backwards.standard_error, found.standard_error)
    assert reports == sorted(reports)
    assert reports[-1] == 1


def test_values_sum_up_to_the_utility_of_all():
    split = random_split(5, (30, 20), density=0.3)
    whole = utility(split, 4)(range(len(split.train))).mean()
    np.testing.assert_allclose(KNNShapley(k=4).value(Valuing(split)).values.value.sum(), whole, atol=1e-12)


def test_votes_for_what_like_users_want_are_worth_more_than_noise():
    rng = np.random.default_rng(0)
    taste = np.arange(60) % 2
    train = [(user, item) for user in range(60) for item in range(40) if item % 2 == taste[user] and rng.random() < 0.4]
    noise = [(user, int(rng.integers(20)) * 2 + 1 - taste[user]) for user in range(60)]
    valid = [(user, int(rng.integers(20)) * 2 + taste[user]) for user in range(60)]
    valid = [pair for pair in valid if pair not in set(train)]
    found = KNNShapley(k=20).value(Valuing(split_of(train + noise, valid, (60, 40)))).values.value
    assert found[: len(train)].mean() > 0 > found[len(train) :].mean()


def test_no_validation_part_is_told():
    split = split_of([(0, 0), (1, 0)], [], (2, 1))
    with pytest.raises(DataError, match="judged by validation interactions, and there are none"):
        KNNShapley().check(split)
    with pytest.raises(DataError, match="nothing judges votes"):
        KNNShapley().value(Valuing(split_of([(0, 0), (1, 0)], [(0, 0)], (2, 1))))
