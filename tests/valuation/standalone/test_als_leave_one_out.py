"""Closed-form leave-one-out of ALS equals solving for the user anew without the interaction."""

import math

import numpy as np
import pytest
from valuation.standalone.small import random_split, split_of

from recval.backbones import build
from recval.errors import ConfigError, DataError
from recval.valuation.standalone import AlsLeaveOneOut, Valuing
from recval.valuation.standalone.margins import Margins

PARAMETERS = {"n_factors": 4, "alpha": 3.0, "regularisation": 0.5, "sweeps": 4}


def solved(items, factors):
    mine = factors[items]
    system = factors.T @ factors + 0.5 * np.eye(4) + 3.0 * mine.T @ mine
    return np.linalg.solve(system, 4.0 * mine.sum(axis=0))


@pytest.mark.parametrize(
    "split",
    [
        random_split(0, (9, 8), density=0.5),
        random_split(1, (12, 10), density=0.2),
        split_of([(0, 0), (1, 1), (2, 1), (2, 2)], [(0, 1), (0, 2), (2, 0), (3, 0)], (4, 5)),
    ],
    ids=["random", "sparse", "alone"],
)
def test_leaving_out_each_interaction_equals_solving_anew(split):
    found = AlsLeaveOneOut(parameters=PARAMETERS, unwanted=3).value(Valuing(split, seed=6)).values
    factors = build("ALS", split.train, PARAMETERS, seed=6).of_items.numpy()
    margins = Margins.drawn(split, 3, 6)
    place = {user: position for position, user in enumerate(margins.users)}
    for row, (user, item) in enumerate(zip(split.train.user, split.train.item, strict=True)):
        if user not in place:
            assert (found.value[row], found.standard_error[row]) == (0, 0)
            continue
        items = split.train.item[split.train.user == user]
        moved = solved(items, factors) - solved(items[items != item], factors)
        pairs = range(margins.indptr[place[user]], margins.indptr[place[user] + 1])
        each = [(factors[margins.wanted[p]] - factors[margins.unwanted[p]].mean(axis=0)) @ moved for p in pairs]
        np.testing.assert_allclose(found.value[row], np.mean(each) / len(place), rtol=0, atol=1e-10)
        if len(each) > 1:
            error = np.std(each, ddof=1) / math.sqrt(len(each)) / len(place)
            np.testing.assert_allclose(found.standard_error[row], error, rtol=0, atol=1e-9)
        else:
            assert np.isinf(found.standard_error[row])


def test_a_repeated_interaction_is_worth_nothing():
    train = [(0, 0), (0, 1), (1, 1), (2, 0), (0, 1), (2, 2)]
    split = split_of(train, [(0, 2), (2, 1)], (3, 4))
    found = AlsLeaveOneOut(parameters=PARAMETERS).value(Valuing(split)).values
    assert found.value[1] == found.value[4] == found.standard_error[1] == 0
    assert (found.value[[0, 3, 5]] != 0).all()


def test_what_cannot_work_is_told():
    split = split_of([(0, 0)], [], (1, 2))
    with pytest.raises(DataError, match="judged by validation interactions, and there are none"):
        AlsLeaveOneOut().check(split)
    with pytest.raises(ConfigError, match="n_factor"):
        AlsLeaveOneOut(parameters={"factors": 3}).check(split)
