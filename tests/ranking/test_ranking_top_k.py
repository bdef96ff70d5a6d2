from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from recval.errors import ConfigError, DataError, ModelError
from recval.ranking import ItemSets, top_k

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
LARGE = float(np.finfo(np.float32).max)
TIED = st.sampled_from([-np.inf, -LARGE, -1.0, -0.0, 0.0, 1.0, 2.0, LARGE])
ANY = st.floats(max_value=LARGE, width=32, allow_nan=False)


def scorer(matrix):
    return lambda users: matrix.to(users.device)[users]


def brute_force(scores, seen, k):
    """The first k unseen items above -inf, by falling score and then by rising code."""
    order = [int(i) for i in np.lexsort((np.arange(len(scores)), -scores)) if i not in seen and scores[i] > -np.inf]
    return (order + [-1] * k)[:k]


@st.composite
def cases(draw, elements):
    n_users, n_items = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    scores = draw(npst.arrays(np.float32, (n_users, n_items), elements=elements))
    seen = draw(npst.arrays(np.bool_, (n_users, n_items)))
    return scores, seen, draw(st.integers(1, 11)), draw(st.integers(1, 24 * 9 * 6))


@pytest.mark.parametrize("device", DEVICES)
@given(case=st.one_of(cases(TIED), cases(ANY)), dtype=st.sampled_from([torch.float32, torch.float64]))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_equals_a_full_sort_for_any_budget(interactions, device, case, dtype):
    scores, seen, k, budget = case
    sets = ItemSets.of(interactions(np.argwhere(seen), *seen.shape))
    users = np.arange(len(scores))
    found = top_k(scorer(torch.from_numpy(scores).to(dtype)), users, sets, k, budget_bytes=budget, device=device)
    expected = [brute_force(scores[u], set(np.flatnonzero(seen[u])), k) for u in users]
    assert found.items.tolist() == expected
    picked = np.take_along_axis(scores.astype(float), found.items.clip(0), axis=1)
    np.testing.assert_array_equal(found.scores, np.where(found.items >= 0, picked, -np.inf))


@given(case=cases(st.floats(-LARGE, LARGE, width=32)))
@settings(deadline=None, derandomize=True)
def test_seen_items_are_never_recommended_and_all_others_are(interactions, case):
    scores, seen, _, budget = case
    sets = ItemSets.of(interactions(np.argwhere(seen), *seen.shape))
    found = top_k(scorer(torch.from_numpy(scores)), np.arange(len(scores)), sets, seen.shape[1], budget_bytes=budget)
    for items, mask in zip(found.items, seen, strict=True):
        assert sorted(items[items >= 0]) == np.flatnonzero(~mask).tolist()
        assert (items[(~mask).sum() :] == -1).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_ties_of_a_long_catalogue_go_to_the_lower_code(interactions, device, dtype):
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 30, (64, 3000)).astype(np.float32)
    seen = ItemSets.of(interactions(np.argwhere(rng.random(scores.shape) < 0.02), *scores.shape))
    found = top_k(scorer(torch.from_numpy(scores).to(dtype)), np.arange(64), seen, 200, device=device)
    rows, columns = seen.cells(np.arange(64))
    scores[rows, columns] = -np.inf
    np.testing.assert_array_equal(found.items, np.argsort(-scores, axis=1, kind="stable")[:, :200])


def test_double_precision_is_not_lost(interactions):
    scores = torch.tensor([[1.0, 1.0 + 1e-12, 1.0]], dtype=torch.float64)
    found = top_k(scorer(scores), [0], ItemSets.of(interactions([], 1, 3)), 3)
    assert found.items.tolist() == [[1, 0, 2]]
    assert found.scores.tolist() == [[1.0 + 1e-12, 1.0, 1.0]]


@pytest.mark.filterwarnings("error")
def test_users_may_be_a_column_of_the_interactions(interactions):
    table = interactions([(1, 2), (0, 0)], 2, 3)
    assert top_k(scorer(torch.zeros(2, 3)), table.user, ItemSets.of(table), 2).items.tolist() == [[0, 1], [1, 2]]


def test_users_may_come_in_any_order_and_repeat(interactions):
    scores = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    seen = ItemSets.of(interactions([(1, 2)], 2, 3))
    found = top_k(scorer(scores), [1, 0, 1], seen, 2, budget_bytes=1)
    assert found.users.tolist() == [1, 0, 1]
    assert found.items.tolist() == [[1, 0], [0, 1], [1, 0]]


def test_no_users_give_no_lists(interactions):
    found = top_k(scorer(torch.zeros(2, 3)), [], ItemSets.of(interactions([], 2, 3)), 4)
    assert found.items.shape == found.scores.shape == (0, 4)


def test_the_scorers_own_tensor_is_left_as_it_was(interactions):
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    before = scores.clone()
    top_k(lambda users: scores, np.arange(3), ItemSets.of(interactions([(0, 0), (2, 3)], 3, 4)), 2)
    assert torch.equal(scores, before)


def test_blocks_keep_to_the_budget(interactions):
    sizes = []

    def score(users):
        assert not torch.is_grad_enabled()
        sizes.append(len(users))
        return torch.zeros(len(users), 10)

    top_k(score, np.arange(20), ItemSets.of(interactions([], 20, 10)), 3, budget_bytes=24 * 10 * 8)
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_diverged_model_is_named_with_the_first_user_even_if_the_item_is_masked(interactions, value):
    scores = torch.zeros(6, 3)
    scores[4, 1] = scores[5, 0] = float(value)
    seen = ItemSets.of(interactions([(4, 1)], 6, 3))
    with pytest.raises(ModelError, match=f"user 4 is {value}: the model diverged"):
        top_k(scorer(scores), [3, 4, 5], seen, 2, budget_bytes=1)


@pytest.mark.parametrize("scores", [torch.zeros(2, 4), torch.zeros(3), torch.zeros(2, 3, dtype=torch.int64)])
def test_scores_of_a_wrong_shape_or_type_are_refused(interactions, scores):
    with pytest.raises(ModelError, match=r"floats of the shape \(users, items\) = \(2, 3\), got torch"):
        top_k(lambda users: scores, [0, 1], ItemSets.of(interactions([], 2, 3)), 1)


def test_scores_that_are_no_tensor_are_refused(interactions):
    with pytest.raises(ModelError, match=r"tensor of the shape \(users, items\) = \(2, 3\), got .*ndarray"):
        top_k(lambda users: np.zeros((2, 3)), [0, 1], ItemSets.of(interactions([], 2, 3)), 1)


@pytest.mark.parametrize("users", [[2], [-1, 0]])
def test_unknown_users_are_refused(interactions, users):
    with pytest.raises(DataError, match="codes from 0 to 1"):
        top_k(scorer(torch.zeros(2, 3)), users, ItemSets.of(interactions([], 2, 3)), 1)


def test_k_must_be_positive(interactions):
    with pytest.raises(ConfigError, match="k must be at least 1, got 0"):
        top_k(scorer(torch.zeros(2, 3)), [0], ItemSets.of(interactions([], 2, 3)), 0)
