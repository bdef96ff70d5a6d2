from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from recval.uplift.losses import ResponseRanking, cross, within
from recval.uplift.losses.discordance import discordance_product


def tensor(values, requires_grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=requires_grad)


def paper_within(predicted, response):
    """Equation 10 for all pairs, [n, n]."""
    apart, truly = predicted[:, None] - predicted, response[:, None] - response
    return torch.where(apart * truly >= 0, 0.0, (apart - truly).square())


def paper_cross(predicted_i, response_i, predicted_j, response_j):
    """Equation 12 for all pairs, [n, m]."""
    one, other = predicted_i[:, None] - response_j, response_i[:, None] - predicted_j
    return torch.where(one * other >= 0, 0.0, (one - other).square())


def customers(rows, arms=2, seed=0, rate=0.2, dtype=torch.float64):
    """Return expected responses [rows, arms], arms and responses with many zeros and ties."""
    rng = np.random.default_rng(seed)
    means = torch.tensor(np.round(rng.exponential(1.5, (rows, arms)), 1), dtype=dtype)
    response = np.where(rng.random(rows) < rate, np.round(rng.exponential(4, rows)), 0.0)
    return means, torch.tensor(rng.integers(0, arms, rows)), torch.tensor(response, dtype=dtype)


@st.composite
def groups(draw):
    """Predictions and responses of a group: of few values, so tied, or of many; some mostly zero; some empty."""
    rows = draw(st.sampled_from([0, 1, 2, 3, 17, 32, 33, 65, 150]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    levels = draw(st.sampled_from([1, 3, 1000]))
    rate = draw(st.sampled_from([0.0, 1 / max(rows, 1), 0.1, 1.0]))
    lowest = draw(st.sampled_from([0, -levels]))
    predicted = rng.integers(lowest, levels + 1, rows) / 4
    response = np.where(rng.random(rows) < rate, rng.integers(lowest, levels + 1, rows) / 3, 0.0)
    return tensor(predicted, True), tensor(response)


def assert_equal_with_gradients(ours, theirs, inputs):
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    mine = torch.autograd.grad(ours, inputs)
    for gradient, expected in zip(mine, torch.autograd.grad(theirs, inputs), strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-9)


def test_golden_numbers():
    treated, control = (tensor([3, 1, 2]), tensor([0, 5, 2])), (tensor([1, 4]), tensor([2, 0]))
    assert abs(float(within(*treated)) - 148) < 1e-8
    assert abs(float(within(*control)) - 50) < 1e-8
    assert abs(float(cross(*treated, *control)) - 94) < 1e-8
    assert abs(float(cross(*control, *treated)) - 94) < 1e-8


@settings(deadline=None, derandomize=True, max_examples=150)
@given(groups())
def test_within_is_the_sum_over_all_pairs(group):
    predicted, response = group
    assert_equal_with_gradients(within(predicted, response), paper_within(predicted, response).sum(), [predicted])


@settings(deadline=None, derandomize=True, max_examples=150)
@given(groups(), groups())
def test_cross_is_the_sum_over_all_pairs_from_either_side(treated, control):
    ours = cross(*treated, *control)
    assert_equal_with_gradients(ours, paper_cross(*treated, *control).sum(), [treated[0], control[0]])
    torch.testing.assert_close(ours, cross(*control, *treated), rtol=1e-12, atol=1e-12)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(groups(), groups())
def test_pairs_are_symmetric_and_cost_the_sum_of_residuals(treated, control):
    pairs = paper_cross(*treated, *control)
    torch.testing.assert_close(pairs, paper_cross(*control, *treated).T)
    residual_sum = (treated[0] - treated[1])[:, None] + (control[0] - control[1])
    torch.testing.assert_close(pairs, torch.where(pairs > 0, residual_sum.square(), 0.0))


def test_many_rows():
    rng = np.random.default_rng(1)
    predicted = torch.tensor(rng.exponential(2, 3000), dtype=torch.float32)
    response = torch.tensor(np.where(rng.random(3000) < 0.1, rng.lognormal(1, 1, 3000), 0), dtype=torch.float32)
    expected = paper_within(predicted.double(), response.double()).sum()
    assert float(within(predicted, response)) == pytest.approx(float(expected), rel=1e-6)
    expected = paper_cross(
        *(part.double() for part in (predicted[:1800], response[:1800])),
        *(part.double() for part in (predicted[1800:], response[1800:])),
    ).sum()
    ours = cross(predicted[:1800], response[:1800], predicted[1800:], response[1800:])
    assert float(ours) == pytest.approx(float(expected), rel=1e-6)


def test_the_product_with_the_matrix_of_discordance():
    rng = np.random.default_rng(2)
    first, second = tensor(rng.integers(0, 9, (2, 200))), tensor(rng.integers(0, 5, (2, 200)))
    values = tensor(rng.normal(size=(2, 3, 200)))
    discordant = (first[:, :, None] - first[:, None]) * (second[:, :, None] - second[:, None]) < 0
    expected = values @ discordant.double()
    torch.testing.assert_close(discordance_product(first, second, values), expected)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.floats(-50, 50), min_size=8, max_size=8))
def test_the_bounds_hold_before_discordant_pairs_are_picked_and_squares_taken(numbers):
    g1_i, g1_j, g0_i, g0_j, y1_i, y1_j, y0_i, y0_j = numbers
    error = abs(((g1_i - g0_i) - (g1_j - g0_j)) - ((y1_i - y0_i) - (y1_j - y0_j)))
    by_within = abs((g1_i - g1_j) - (y1_i - y1_j)) + abs((g0_i - g0_j) - (y0_i - y0_j))
    by_cross = abs((g1_i - y0_j) - (y1_i - g0_j)) + abs((g0_i - y1_j) - (y0_i - g1_j))
    plain = abs(g1_i - y1_i) + abs(g1_j - y1_j) + abs(g0_i - y0_i) + abs(g0_j - y0_j)
    assert error <= by_within + 1e-9 <= plain + 2e-9
    assert error <= by_cross + 1e-9 <= plain + 2e-9
    # A discordant pair costs the square of its share of the bound, twice as it is counted in both orders.
    loss = float(within(tensor([g1_i, g1_j]), tensor([y1_i, y1_j])))
    assert loss == pytest.approx(0) or loss == pytest.approx(2 * ((g1_i - g1_j) - (y1_i - y1_j)) ** 2)
    loss = float(cross(tensor([g1_i]), tensor([y1_i]), tensor([g0_j]), tensor([y0_j])))
    assert loss == pytest.approx(0) or loss == pytest.approx(((g1_i - y0_j) - (y1_i - g0_j)) ** 2)


def test_a_loss_of_zero_does_not_bound_the_error_of_uplifts():
    # Order and signs are right in both groups, so no pair costs anything; predicted uplifts are off by a hundred.
    predicted_t, response_t = tensor([101.0, 102.0]), tensor([1.0, 2.0])
    assert float(within(predicted_t, response_t)) == 0


def test_customers_who_spent_nothing_cost_across_groups_but_not_within():
    predicted = tensor([1.0, 2.0])
    assert float(within(predicted, tensor([0.0, 0.0]))) == 0
    assert float(cross(predicted[:1], tensor([0.0]), predicted[1:], tensor([0.0]))) == 9
    assert float(cross(predicted[:1], tensor([0.0]), -predicted[1:], tensor([0.0]))) == 0


def brute_term(means, arm, response, scale, use_within=True, use_cross=True):
    """The documented mean over pairs, by all pairs, for two arms or more."""
    group = [(means[arm == a, a] / scale, response[arm == a] / scale) for a in range(means.shape[1])]

    def mean_within(a):
        n = len(group[a][0])
        return paper_within(*group[a]).sum() / max(n * (n - 1), 1)

    def mean_cross(a):
        return 2 * paper_cross(*group[a], *group[0]).sum() / max(len(group[a][0]) * len(group[0][0]), 1)

    treated = range(1, means.shape[1])
    parts = [use_within * (mean_within(0) + mean_within(a)) + use_cross * mean_cross(a) for a in treated]
    return sum(parts) / len(parts)


@pytest.mark.parametrize("arms", [2, 3, 4])
@pytest.mark.parametrize("kinds", [(True, True), (True, False), (False, True)])
def test_the_term_is_a_mean_over_pairs(arms, kinds):
    means, arm, response = customers(300, arms, seed=arms)
    means.requires_grad_()
    declared = ResponseRanking(weight=0.7, within=kinds[0], cross=kinds[1])
    expected = 0.7 * brute_term(means, arm, response, 3.0, *kinds)
    assert_equal_with_gradients(declared.loss(means, arm, response, 3.0), expected, [means])


def test_the_sampled_term_is_unbiased():
    means, arm, response = customers(120, 3, seed=3)
    # Arms differ, so that a pair taken for one of other arms would show.
    means, response = means * tensor([1.0, 3.0, 0.2]), response * tensor([1.0, 0.2, 4.0])[arm]
    declared = ResponseRanking(weight=1.0, sample=9)
    generator = torch.Generator().manual_seed(4)
    stacked = (part.expand(4000, *part.shape) for part in (means, arm, response))
    draws = declared.loss(*stacked, 2.0, generator)
    exact = ResponseRanking(weight=1.0).loss(means, arm, response, 2.0)
    error = draws.std() / len(draws) ** 0.5
    assert abs(draws.mean() - exact) < 4 * error
    assert error < 0.02 * exact
    assert draws.unique().numel() > 3900


def test_a_sample_of_all_is_exact_and_one_seed_gives_one_sample():
    means, arm, response = customers(90, 2, seed=5)

    def term(sample, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return ResponseRanking(sample=sample).loss(means, arm, response, 2.0, generator)

    torch.testing.assert_close(term(1000), term(None))
    assert term(10, seed=1) == term(10, seed=1) != term(10, seed=2)


def test_arms_of_too_few_rows_add_nothing():
    means, _, response = customers(40, 3, seed=6)
    means.requires_grad_()
    one_treated = torch.tensor([2] + [0] * 39)
    for declared in (ResponseRanking(weight=1.0), ResponseRanking(weight=1.0, sample=5)):
        for arm in (torch.zeros(40, dtype=torch.int64), torch.ones(40, dtype=torch.int64), one_treated):
            loss = declared.loss(means, arm, response, 2.0)
            assert torch.isfinite(loss)
            assert torch.isfinite(torch.autograd.grad(loss, means)[0]).all()
    arm = torch.zeros(40, dtype=torch.int64)
    expected = paper_within(means[:, 0] / 2, response / 2).sum() / (40 * 39)
    torch.testing.assert_close(ResponseRanking(weight=1.0).loss(means, arm, response, 2.0), expected)
    single = ResponseRanking().loss(means[:1], arm[:1], response[:1], 2.0)
    assert float(single.detach()) == 0


def test_only_the_arm_that_a_customer_was_in_gets_a_gradient():
    means, arm, response = customers(200, 3, seed=7)
    means.requires_grad_()
    ResponseRanking().loss(means, arm, response, 2.0).backward()
    own = torch.nn.functional.one_hot(arm, 3).bool()
    assert (means.grad[~own] == 0).all()
    for a in range(3):
        assert (means.grad[:, a][arm == a] != 0).any()


def test_invariances():
    means, arm, response = customers(150, 3, seed=8)
    declared = ResponseRanking()
    loss = declared.loss(means, arm, response, 2.0)
    order = torch.tensor(np.random.default_rng(9).permutation(150))
    torch.testing.assert_close(declared.loss(means[order], arm[order], response[order], 2.0), loss)
    torch.testing.assert_close(declared.loss(5 * means, arm, 5 * response, 10.0), loss)
    # Which number a treatment has does not matter.
    swapped = torch.tensor([0, 2, 1])
    torch.testing.assert_close(declared.loss(means[:, swapped], swapped[arm], response, 2.0), loss)


def test_leading_axes_are_batches_of_their_own():
    parts = [customers(70, 3, seed=seed) for seed in range(6)]
    means, arm, response = (torch.stack(part).reshape(2, 3, *part[0].shape) for part in zip(*parts, strict=True))
    loss = ResponseRanking().loss(means, arm, response, 2.0)
    assert loss.shape == (2, 3)
    expected = torch.stack([ResponseRanking().loss(*part, 2.0) for part in parts]).reshape(2, 3)
    torch.testing.assert_close(loss, expected)
    assert ResponseRanking(sample=8).loss(means, arm, response, 2.0).shape == (2, 3)
    assert within(means[..., 0], response).shape == (2, 3)


def test_extreme_predictions_have_finite_gradients_and_nan_is_not_hidden():
    means, arm, response = customers(100, 2, seed=10, dtype=torch.float32)
    means[::7] = 1e4
    means[::11] = -1e4
    means.requires_grad_()
    loss = ResponseRanking().loss(means, arm, response, 2.0)
    loss.backward()
    assert loss.isfinite()
    assert means.grad.isfinite().all()
    broken = means.detach().clone()
    broken[3, arm[3]] = torch.nan
    assert ResponseRanking().loss(broken, arm, response, 2.0).isnan()


def test_gradients():
    rng = np.random.default_rng(11)
    means = tensor(rng.normal(size=(40, 3)), True)
    arm = torch.tensor(rng.integers(0, 3, 40))
    response = tensor(np.where(rng.random(40) < 0.5, rng.exponential(2, 40), 0.0))
    assert torch.autograd.gradcheck(lambda at: ResponseRanking().loss(at, arm, response, 1.5), means)


@pytest.mark.parametrize("sample", [None, 5])
def test_the_device_is_that_of_the_tensors(sample):
    means = torch.empty(80, 3, device="meta", requires_grad=True)
    arm, response = torch.empty(80, dtype=torch.int64, device="meta"), torch.empty(80, device="meta")
    ResponseRanking(sample=sample).loss(means, arm, response, 2.0).backward()
    assert means.grad.is_meta
    assert cross(means[:, 0], response, means[:50, 1], response[:50]).is_meta


def test_one_graph():
    means, arm, response = customers(100, 3, seed=12)
    compiled = torch.compile(ResponseRanking().loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(means, arm, response, 2.0), ResponseRanking().loss(means, arm, response, 2.0))


@pytest.mark.parametrize(
    "wrong", [{"weight": -1}, {"weight": float("nan")}, {"sample": 1}, {"pairs": 3}, {"within": False, "cross": False}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        ResponseRanking(**wrong)
