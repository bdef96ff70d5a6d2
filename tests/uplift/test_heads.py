from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import integrate, stats
from sklearn.metrics import mean_tweedie_deviance

from recval.errors import DataError
from recval.uplift.heads import MSE, ZILN, AnyHead, Hurdle, Limits, Tweedie
from recval.uplift.heads.base import KNEE, exp_then_line

HEADS = [MSE(), ZILN(), Hurdle(), Tweedie(), Tweedie(power=1.2)]
WIDE = Limits(scale=1.0, log_ceiling=200.0)
MIXTURES = [
    (ZILN(), [-1.0, 2.0, 0.5]),
    (ZILN(), [2.0, -1.0, -1.0]),
    (ZILN(), [0.0, 0.5, 1.5]),
    (Hurdle(), [-1.0, 2.0, 0.5]),
    (Hurdle(), [2.0, -1.0, 3.0]),
    (Hurdle(), [0.0, 0.5, -0.5]),
]

every_head = pytest.mark.parametrize("head", HEADS, ids=repr)


def tensor(values, requires_grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=requires_grad)


def revenue(rows, rng, rate=0.3):
    return np.where(rng.random(rows) < rate, rng.lognormal(2, 0.8, rows), 0.0)


def softplus(value):
    return np.log1p(np.exp(value))


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def minimise(function, at):
    """Move `at` to the minimum."""
    optimizer = torch.optim.LBFGS(
        [at], max_iter=200, tolerance_grad=1e-10, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def step():
        optimizer.zero_grad()
        loss = function(at)
        loss.backward()
        return loss

    optimizer.step(step)


def density(head, raw):
    return lambda y: float(torch.exp(-head.loss(tensor(raw), tensor(y), WIDE)))


def test_ziln_golden_numbers():
    raw = tensor([[-1, 2, 0.5], [0.3, 2.1, 0], [1.2, 4, -0.4], [-2, 1, 1]])
    loss = ZILN().loss(raw, tensor([0, 10, 120.5, 0]), WIDE)
    expected = [0.3132616875182228, 3.4520763907681262, 6.497047733120247, 0.1269280110429727]
    np.testing.assert_allclose(loss, expected, rtol=0, atol=1e-12)
    assert abs(float(loss.mean()) - 2.597328455612392) < 1e-12
    means = [3.193607954952859, 5.964774568661139, 47.86142504214922, 0.7675129850044206]
    np.testing.assert_allclose(ZILN().mean(raw, WIDE), means, rtol=0, atol=1e-12)


def test_ziln_and_hurdle_equal_scipy():
    rng = np.random.default_rng(0)
    raw, response = rng.normal(0, 1.5, (200, 3)), revenue(200, rng, rate=0.6)
    chance, spread, bought = sigmoid(raw[:, 0]), softplus(raw[:, 2]), response > 0
    safe = np.where(bought, response, 1.0)
    spending = {
        ZILN(): stats.lognorm.logpdf(safe, s=spread, scale=np.exp(raw[:, 1])),
        Hurdle(): stats.gamma.logpdf(safe, a=spread, scale=np.exp(raw[:, 1]) / spread),
    }
    for head, log_density in spending.items():
        expected = np.where(bought, np.log(chance) + log_density, np.log1p(-chance))
        np.testing.assert_allclose(-head.loss(tensor(raw), tensor(response), WIDE), expected, rtol=1e-9, atol=1e-9)


def test_mse_is_a_normal_likelihood_but_for_a_constant():
    rng = np.random.default_rng(1)
    raw, response = rng.normal(size=(50, 1)), rng.normal(3, 2, 50)
    loss = MSE().loss(tensor(raw), tensor(response), Limits(scale=2.5, log_ceiling=9))
    difference = loss.numpy() + stats.norm.logpdf(response, raw[:, 0] * 2.5, 2.5)
    np.testing.assert_allclose(difference, -np.log(2.5 * np.sqrt(2 * np.pi)), atol=1e-12)


@pytest.mark.parametrize("power", [1.1, 1.5, 1.9])
def test_tweedie_is_half_the_deviance_but_for_a_term_without_the_mean(power):
    rng = np.random.default_rng(2)
    limits, head, response = Limits(scale=7.0, log_ceiling=50.0), Tweedie(power=power), revenue(40, rng)
    differences = []
    for log_mean in (-2.0, 0.0, 1.5):
        raw = tensor(np.full((40, 1), log_mean))
        mean = np.full(40, np.exp(log_mean))
        np.testing.assert_allclose(head.mean(raw, limits), 7 * mean, rtol=1e-12)
        deviance = mean_tweedie_deviance(response / 7, mean, power=power)
        differences.append(float(head.loss(raw, tensor(response), limits).mean()) - deviance / 2)
    np.testing.assert_allclose(differences, differences[0], rtol=1e-9)


@pytest.mark.parametrize(("head", "raw"), MIXTURES)
def test_likelihoods_integrate_to_one(head, raw):
    of_buyers, _ = integrate.quad(lambda log: density(head, raw)(np.exp(log)) * np.exp(log), -40, 12, limit=500)
    assert density(head, raw)(0.0) + of_buyers == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(("head", "raw"), MIXTURES)
def test_the_mean_is_that_of_the_likelihood(head, raw):
    integral, _ = integrate.quad(lambda log: density(head, raw)(np.exp(log)) * np.exp(2 * log), -40, 25, limit=500)
    assert float(head.mean(tensor(raw), WIDE)) == pytest.approx(integral, rel=1e-7)


@pytest.mark.parametrize("head", [ZILN(), Hurdle()], ids=repr)
def test_parameters_are_recovered_from_draws(head):
    rng = np.random.default_rng(3)
    truth = tensor([-1.5, 3.0, 0.4])
    chance, spread = sigmoid(-1.5), softplus(0.4)
    if head.kind == "ziln":
        spent = rng.lognormal(3.0, spread, 100_000)
    else:
        spent = rng.gamma(spread, np.exp(3.0) / spread, 100_000)
    response = np.where(rng.random(100_000) < chance, spent, 0.0)
    y = tensor(response)
    raw = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    minimise(lambda at: head.loss(at.expand(len(y), 3), y, WIDE).mean(), raw)
    assert raw.grad.abs().max() < 1e-6
    information = torch.autograd.functional.hessian(
        lambda at: head.loss(at.expand(len(y), 3), y, WIDE).sum(), raw.detach()
    )
    error = torch.linalg.inv(information).diagonal().sqrt()
    assert ((raw.detach() - truth).abs() < 4 * error).all()
    assert (error < 0.05).all()


@pytest.mark.parametrize("head", [MSE(), Hurdle(), Tweedie(), Tweedie(power=1.9)], ids=repr)
def test_the_best_constant_expects_the_mean_response_whatever_the_distribution(head):
    response = np.random.default_rng(4).exponential(3, 500) ** 2 + 0.01
    response[::3] = 0
    limits = head.limits(response)
    raw = head.start(response).double().requires_grad_()
    minimise(lambda at: head.loss(at.expand(500, -1), tensor(response), limits).mean(), raw)
    assert float(head.mean(raw.detach(), limits)) == pytest.approx(response.mean(), rel=1e-6)


@every_head
def test_training_begins_at_the_best_constant(head):
    response = revenue(20_000, np.random.default_rng(5))
    raw = head.start(response).double()
    limits = head.limits(response)
    assert raw.shape == (head.size,)

    def loss(at):
        return float(head.loss(at.expand(len(response), -1), tensor(response), limits).mean())

    # The hurdle's shape begins at its moments' estimate, near the likelihood's; the others at their optimum.
    free = head.size - (head.kind == "hurdle")
    for place in range(free):
        step = torch.zeros_like(raw)
        step[place] = 0.02
        assert loss(raw) < min(loss(raw + step), loss(raw - step))


@every_head
@pytest.mark.parametrize(
    "response", [[0.0], [7.5], [0.0, 0.0, 0.0], [2.0, 2.0], [9.99] * 3 + [0.0], [1e-30, 0.0], [0.1, 0.1, 0.1], [3e6, 0]]
)
def test_poor_responses_still_give_a_finite_start(head, response):
    response = np.array(response)
    raw, limits = head.start(response), head.limits(response)
    assert raw.dtype == torch.float32
    assert limits.scale > 1e-31
    y = torch.tensor(response, dtype=torch.float32)
    assert head.loss(raw.expand(len(y), -1), y, limits).isfinite().all()
    assert raw.isfinite().all()
    assert 0 <= float(head.mean(raw, limits)) <= np.exp(limits.log_ceiling)


@every_head
@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_gradients_are_finite_however_extreme_the_raw_numbers(head, data):
    number = st.sampled_from([-1e4, -300.0, -1.0, 0.0, 1.0, 300.0, 1e4])
    rows = data.draw(st.lists(st.tuples(*[number] * head.size), min_size=1, max_size=6))
    response = data.draw(st.lists(st.sampled_from([0.0, 1e-6, 1.0, 499.0]), min_size=len(rows), max_size=len(rows)))
    raw = torch.tensor(rows, dtype=torch.float32, requires_grad=True)
    limits = Limits(scale=15.0, log_ceiling=float(np.log(499) + 3))
    loss, mean = head.loss(raw, torch.tensor(response), limits), head.mean(raw, limits)
    (gradient,) = torch.autograd.grad(loss.sum(), raw, retain_graph=True)
    (of_mean,) = torch.autograd.grad(mean.sum(), raw)
    for result in (loss, mean, gradient, of_mean):
        assert result.isfinite().all()
    assert mean.abs().max() <= 499 * np.exp(3) * (1 + 1e-5)


@every_head
def test_the_mean_is_finite_at_the_ends_of_float32(head):
    ends = torch.finfo(torch.float32).max * torch.tensor([1.0, -1.0])
    raw = torch.cartesian_prod(*[ends] * head.size).reshape(-1, head.size)
    assert head.mean(raw, Limits(scale=15.0, log_ceiling=9.2)).isfinite().all()


def test_the_loss_pulls_back_what_is_beyond_the_ceiling():
    limits = Limits(scale=1.0, log_ceiling=5.0)
    for head, place, too_high in ((Tweedie(), 0, 300.0), (Hurdle(), 1, 300.0), (ZILN(), 1, 300.0)):
        raw = torch.zeros(head.size)
        raw[place] = too_high
        raw.requires_grad_()
        head.loss(raw, torch.tensor(3.0), limits).backward()
        assert raw.grad[place] > 0


def test_the_line_beyond_the_knee_is_the_tangent():
    at = tensor([-3.0, 0.0, KNEE - 1e-9, KNEE, KNEE + 1e-9, KNEE + 10], requires_grad=True)
    value = exp_then_line(at)
    (slope,) = torch.autograd.grad(value.sum(), at)
    np.testing.assert_allclose(value[:4].detach(), at[:4].detach().exp(), rtol=1e-12)
    np.testing.assert_allclose(slope[:4], at[:4].detach().exp(), rtol=1e-8)
    np.testing.assert_allclose(slope[4:], np.exp(KNEE), rtol=1e-8)
    assert float(value[-1].detach()) == pytest.approx(11 * np.exp(KNEE))


@every_head
def test_leading_axes_are_rows_of_their_own(head):
    rng = np.random.default_rng(6)
    raw, response = tensor(rng.normal(size=(2, 3, 4, head.size))), tensor(revenue(24, rng).reshape(2, 3, 4))
    loss, mean = head.loss(raw, response, WIDE), head.mean(raw, WIDE)
    assert loss.shape == mean.shape == (2, 3, 4)
    flat = head.loss(raw.reshape(24, -1), response.reshape(24), WIDE)
    np.testing.assert_array_equal(loss.reshape(24), flat)
    assert float(mean[1, 2, 3]) == pytest.approx(float(head.mean(raw[1, 2, 3], WIDE)), rel=1e-12)
    # A number of the network's for every arm, and one response: the response belongs to each arm.
    assert head.loss(raw, response[..., :1], WIDE).shape == (2, 3, 4)


@every_head
def test_gradients(head):
    rng = np.random.default_rng(7)
    raw, response = tensor(rng.normal(size=(6, head.size)), True), tensor([0.0, 2.0, 0.5, 0.0, 30.0, 1.0])
    assert torch.autograd.gradcheck(lambda at: head.loss(at, response, WIDE), raw)
    assert torch.autograd.gradcheck(lambda at: head.mean(at, WIDE), raw)


@pytest.mark.parametrize("head", [ZILN(), Hurdle()], ids=repr)
def test_who_did_not_buy_says_nothing_about_the_size_of_purchases(head):
    raw = tensor([[0.3, 1.0, 0.2], [0.3, 1.0, 0.2]], requires_grad=True)
    head.loss(raw, tensor([0.0, 4.0]), WIDE).sum().backward()
    assert (raw.grad[0, 1:] == 0).all()
    assert (raw.grad != 0).all(dim=1).tolist() == [False, True]


@every_head
def test_negative_responses_are_refused_by_the_heads_of_revenue(head):
    response = np.array([0.0, 3.0, -2.5, -1.0])
    if head.kind == "mse":
        head.check(response)
    else:
        with pytest.raises(
            DataError, match=rf"^2 of 4 responses are negative, the first is -2.5 in row 2; the {head.kind}"
        ):
            head.check(response)
        head.check(np.array([0.0, 3.0]))


def test_limits():
    limits = ZILN().limits(np.array([0.0, 0.0, 6.0]))
    assert limits.scale == pytest.approx(np.sqrt(8))
    assert limits.log_ceiling == pytest.approx(np.log(6) + 3)
    assert MSE().limits(np.array([-8.0, 2.0])).log_ceiling == pytest.approx(np.log(8) + 3)
    assert ZILN().limits(np.zeros(4)) == Limits(scale=1.0, log_ceiling=3.0)


def test_heads_are_declared_by_kind():
    adapter = TypeAdapter(AnyHead)
    assert [adapter.validate_python({"kind": head.kind}).kind for head in HEADS] == [head.kind for head in HEADS]
    assert adapter.validate_python({"kind": "tweedie", "power": 1.3}) == Tweedie(power=1.3)
    for wrong in (
        {"kind": "tweedie", "power": 2},
        {"kind": "tweedie", "power": 1},
        {"kind": "zip"},
        {"kind": "ziln", "p": 1},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


@every_head
def test_the_device_is_that_of_the_tensors(head):
    raw, response = torch.empty(5, 2, head.size, device="meta"), torch.empty(5, 1, device="meta")
    assert head.loss(raw, response, WIDE).is_meta
    assert head.mean(raw, WIDE).is_meta


@every_head
def test_one_graph(head):
    raw, response = torch.randn(5, head.size), torch.tensor([0.0, 1.0, 0.0, 2.0, 8.0])
    limits = head.limits(response.double().numpy())
    for function in (lambda at: head.loss(at, response, limits), lambda at: head.mean(at, limits)):
        compiled = torch.compile(function, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(raw), function(raw))
