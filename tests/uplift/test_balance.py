from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel

from recval.uplift.losses import between_arms, linear_mmd, rbf_mmd, wasserstein

DISTANCES = [linear_mmd, rbf_mmd, wasserstein]
every_distance = pytest.mark.parametrize("distance", DISTANCES)


def rows(n, d, seed, shift=0.0, requires_grad=False):
    values = np.random.default_rng(seed).normal(shift, 1, (n, d))
    return torch.tensor(values, dtype=torch.float64, requires_grad=requires_grad)


def exact_transport(first, second):
    """Wasserstein's distance of order 1 by linear programming, for equal masses of n and of m rows."""
    cost = cdist(first, second)
    n, m = cost.shape
    of_rows, of_columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    masses = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    return optimize.linprog(cost.ravel(), A_eq=np.vstack([of_rows, of_columns]), b_eq=masses).fun


def test_linear_mmd_is_the_distance_of_the_means():
    first, second = rows(30, 4, 0), rows(50, 4, 1, shift=1)
    expected = np.linalg.norm(first.numpy().mean(0) - second.numpy().mean(0))
    assert float(linear_mmd(first, second)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bandwidth", [0.5, 3.0, None])
def test_rbf_mmd_is_that_of_the_kernel_matrices(bandwidth):
    first, second = rows(30, 4, 2), rows(45, 4, 3, shift=0.5)
    used = bandwidth or np.sort(cdist(first, second).ravel())[(30 * 45 - 1) // 2]

    def kernel(one, other):
        return rbf_kernel(one, other, gamma=1 / (2 * used**2)).mean()

    squared = kernel(first, first) + kernel(second, second) - 2 * kernel(first, second)
    assert float(rbf_mmd(first, second, bandwidth)) == pytest.approx(np.sqrt(squared), rel=1e-9)


def test_rbf_mmd_of_two_points_and_of_normal_samples():
    one, other = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    assert float(rbf_mmd(one, other, bandwidth=2.0)) == pytest.approx(np.sqrt(2 - 2 * np.exp(-25 / 8)), rel=1e-12)
    # For N(0, 1) and N(s, 1) and bandwidth 1 the squared discrepancy is 2 (1 - exp(-s^2 / 6)) / sqrt(3).
    squared = float(rbf_mmd(rows(1500, 1, 4), rows(1500, 1, 5, shift=1.5), bandwidth=1.0)) ** 2
    assert squared == pytest.approx(2 * (1 - np.exp(-(1.5**2) / 6)) / np.sqrt(3), abs=0.04)


@pytest.mark.parametrize(("n", "m", "d"), [(8, 8, 3), (7, 12, 2), (1, 9, 4), (15, 15, 1)])
def test_wasserstein_tends_to_exact_transport_as_entropy_falls(n, m, d):
    first, second = rows(n, d, 6), rows(m, d, 7, shift=0.7)
    exact = exact_transport(first, second)
    errors = [abs(float(wasserstein(first, second, epsilon, sweeps=600)) - exact) for epsilon in (0.3, 0.03, 0.003)]
    bounds = np.array([0.3, 0.03, 0.003]) * cdist(first, second).mean() * np.log(max(n, m))
    assert (np.array(errors) < bounds).all()
    assert errors[0] > errors[1] > errors[2]
    if d == 1:
        assert exact == pytest.approx(stats.wasserstein_distance(first[:, 0], second[:, 0]), rel=1e-9)


def test_wasserstein_of_a_shift_is_its_length():
    first = rows(12, 3, 8)
    shift = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    assert float(wasserstein(first, first + shift, epsilon=0.001, sweeps=300)) == pytest.approx(5, rel=1e-3)
    assert float(wasserstein(first[:1], first[:1] + shift)) == pytest.approx(5, rel=1e-12)


@every_distance
def test_it_is_a_distance(distance):
    first, second = rows(40, 3, 9), rows(30, 3, 10, shift=1)
    near = rows(30, 3, 10, shift=0.3)
    assert float(distance(first, first)) == pytest.approx(0, abs=1e-4)
    assert float(distance(first, second)) == pytest.approx(float(distance(second, first)), rel=1e-3)
    assert 0 < float(distance(first, near)) < float(distance(first, second))
    order = torch.tensor(np.random.default_rng(11).permutation(40))
    assert float(distance(first[order], second)) == pytest.approx(float(distance(first, second)), rel=1e-9)
    scaled = float(distance(10 * first, 10 * second)) / float(distance(first, second))
    assert scaled == pytest.approx(1 if distance is rbf_mmd else 10, rel=1e-6)


@every_distance
def test_leading_axes(distance):
    first, second = rows(60, 3, 12).reshape(2, 3, 10, 3), rows(48, 3, 13, shift=1).reshape(2, 3, 8, 3)
    distances = distance(first, second)
    assert distances.shape == (2, 3)
    assert float(distances[1, 2]) == pytest.approx(float(distance(first[1, 2], second[1, 2])), rel=1e-9)


@every_distance
def test_gradients(distance):
    first, second = rows(6, 2, 14, requires_grad=True), rows(5, 2, 15, shift=1, requires_grad=True)
    keywords = {"epsilon": 0.5, "sweeps": 60} if distance is wasserstein else {}
    assert torch.autograd.gradcheck(lambda one, other: distance(one, other, **keywords), (first, second))


@every_distance
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1.0, 1e4])
def test_gradients_are_finite_for_equal_and_for_extreme_rows(distance, spread):
    values = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    for first, second in ((values, values), (values, values + 1), (values[:1], values[:1])):
        one, other = (spread * first).requires_grad_(), (spread * second).requires_grad_()
        result = distance(one, other)
        result.backward()
        assert result.isfinite()
        assert one.grad.isfinite().all()
        assert other.grad.isfinite().all()


@every_distance
def test_descent_brings_groups_together(distance):
    first, second = rows(30, 2, 16, shift=2), rows(30, 2, 17)
    moved = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([moved], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        distance(first + moved, second).backward()
        optimizer.step()
    assert linear_mmd(first + moved.detach(), second) < 0.35 < linear_mmd(first, second)


@every_distance
def test_the_device_is_that_of_the_tensors(distance):
    assert distance(torch.empty(9, 3, device="meta"), torch.empty(7, 3, device="meta")).is_meta


def test_between_arms_is_the_mean_over_treatments():
    representation = rows(60, 3, 18)
    arm = torch.tensor(np.random.default_rng(19).integers(0, 3, 60))
    parts = [linear_mmd(representation[arm == a], representation[arm == 0]) for a in (1, 2)]
    torch.testing.assert_close(between_arms(representation, arm, 3, "mmd"), (parts[0] + parts[1]) / 2)
    # A fourth arm that nobody is in adds nothing.
    torch.testing.assert_close(between_arms(representation, arm, 4, "mmd"), (parts[0] + parts[1]) / 3)
    for name, distance in (("rbf", rbf_mmd), ("wasserstein", wasserstein)):
        expected = distance(representation[arm == 1], representation[arm == 0])
        keep = arm < 2
        torch.testing.assert_close(between_arms(representation[keep], arm[keep], 2, name), expected)
    assert float(between_arms(representation, torch.ones(60, dtype=torch.int64), 3, "rbf")) == 0


@pytest.mark.parametrize(("name", "distance"), [("rbf", rbf_mmd), ("wasserstein", wasserstein)])
def test_a_sample_is_the_first_rows_of_each_arm(name, distance):
    representation, arm = rows(60, 3, 18), torch.arange(60) % 3
    parts = [distance(representation[arm == a][:7], representation[arm == 0][:7]) for a in (1, 2)]
    torch.testing.assert_close(between_arms(representation, arm, 3, name, 7), sum(parts) / 2)
    torch.testing.assert_close(
        between_arms(representation, arm, 3, name, 20), between_arms(representation, arm, 3, name)
    )
