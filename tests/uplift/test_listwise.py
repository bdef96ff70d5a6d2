from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import log_softmax

from recval.uplift.losses import ListwiseUplift

FORMS = ["joint", "per-group"]
BOUNDS = ["none", "clip", "positive", "standardised"]

every_form = pytest.mark.parametrize("form", FORMS)
every_bound = pytest.mark.parametrize("bound", BOUNDS)


def tensor(values, requires_grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=requires_grad)


def of_uplift(uplift):
    """Return expected responses of two arms, [n, 2], with these uplifts."""
    return torch.stack([torch.full_like(uplift, 2.0), uplift + 2], dim=-1)


def customers(rows, arms=2, seed=0, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    means = torch.tensor(rng.exponential(1.5, (rows, arms)), dtype=dtype)
    response = np.where(rng.random(rows) < 0.4, rng.exponential(4, rows), 0.0)
    return means, torch.tensor(rng.integers(0, arms, rows)), torch.tensor(response, dtype=dtype)


def explicit(uplift, treated, response, form, bound="none", limit=1.0):
    """The loss of two arms in NumPy, from equation 20; all in standard deviations."""
    if bound == "clip":
        uplift = np.clip(uplift, -limit, limit)
    if bound == "standardised":
        uplift = limit * (uplift - uplift.mean()) / np.sqrt(uplift.var() + 1e-4)
    log_p = np.empty(len(uplift))
    if form == "joint":
        log_p = log_softmax(uplift)
    else:
        log_p[treated], log_p[~treated] = log_softmax(uplift[treated]), log_softmax(uplift[~treated])
    earned, spared = (response * log_p)[treated].mean(), (response * log_p)[~treated].mean()
    return -(earned - (bound != "positive") * spared)


def test_golden_numbers():
    means = of_uplift(tensor([0.5, -0.2, 1, 0.1, -0.4]))
    arm, response = torch.tensor([1, 1, 1, 0, 0]), tensor([0, 5, 2, 2, 0])
    joint = ListwiseUplift(weight=1, bound="none").loss(means, arm, response, 1.0)
    per_group = ListwiseUplift(weight=1, form="per-group", bound="none").loss(means, arm, response, 1.0)
    assert abs(float(joint) - 2.3538072509655805) < 1e-8
    assert abs(float(per_group) - 3.0330495350096847) < 1e-8
    assert abs(5 * float(per_group) - 15.165247675048423) < 1e-8


@every_form
@every_bound
def test_it_is_the_explicit_softmax(form, bound):
    means, arm, response = customers(60, seed=1)
    loss = ListwiseUplift(weight=0.3, form=form, bound=bound, limit=0.5).loss(means, arm, response, 2.0)
    uplift = (means[:, 1] - means[:, 0]).numpy() / 2
    expected = explicit(uplift, arm.numpy() == 1, response.numpy() / 2, form, bound, limit=0.5)
    assert float(loss) == pytest.approx(0.3 * expected, rel=1e-12)


@every_form
@every_bound
def test_several_arms_are_each_compared_with_the_control(form, bound):
    means, arm, response = customers(90, arms=4, seed=2)
    declared = ListwiseUplift(form=form, bound=bound, limit=0.5)
    apart = []
    for a in (1, 2, 3):
        rows = (arm == 0) | (arm == a)
        apart.append(declared.loss(means[rows][:, [0, a]], (arm[rows] == a).long(), response[rows], 2.0))
    torch.testing.assert_close(declared.loss(means, arm, response, 2.0), torch.stack(apart).mean())


def test_over_all_ways_to_randomise_the_mean_is_the_cross_entropy_with_the_true_uplifts():
    rng = np.random.default_rng(3)
    if_treated, if_not, uplift = rng.exponential(3, 7), rng.exponential(2, 7), rng.normal(size=7)
    declared, losses = ListwiseUplift(weight=1, bound="none"), []
    for treated in combinations(range(7), 3):
        arm = np.isin(np.arange(7), treated)
        response = tensor(np.where(arm, if_treated, if_not))
        losses.append(float(declared.loss(of_uplift(tensor(uplift)), torch.tensor(arm).long(), response, 1)))
    assert np.mean(losses) == pytest.approx(-np.mean((if_treated - if_not) * log_softmax(uplift)), rel=1e-12)


@every_form
def test_where_control_spends_nothing_the_best_ranking_is_that_of_the_treated_responses(form):
    response = tensor([1.0, 4.0, 2.0, 0.0, 0.0])
    arm = torch.tensor([1, 1, 1, 0, 0])
    # A softmax over both groups would rather have no mass on the control at all.
    uplift = tensor([0.0, np.log(4), np.log(2), -50, -50], requires_grad=True)
    ListwiseUplift(form=form, bound="none").loss(of_uplift(uplift), arm, response, 1.0).backward()
    np.testing.assert_allclose(uplift.grad, 0, atol=1e-12)


@every_form
def test_only_the_bounded_variants_are_bounded(form):
    arm, response = torch.tensor([1, 1, 0, 0, 0]), tensor([0.0, 5.0, 0.0, 2.0, 4.0])
    spared = 2.0

    def loss(bound, lowest):
        means = of_uplift(tensor([0.3, 0.1, 0.2, lowest, -0.1]))
        return float(ListwiseUplift(weight=1, form=form, bound=bound, limit=3).loss(means, arm, response, 1))

    assert loss("none", -1e6) < -6e5
    assert loss("none", -1e5) > loss("none", -1e6)
    assert loss("clip", -1e6) >= -spared * (2 * 3 + np.log(5))
    assert loss("clip", -1e6) == loss("clip", -3)
    assert loss("positive", -1e6) >= 0
    assert loss("standardised", -1e6) >= -spared * (2 * 3 * np.sqrt(5) + np.log(5))


@pytest.mark.parametrize("lowest", [0.1, -1, -10, -100, -1000])
def test_the_unbounded_loss_falls_with_the_uplift_of_a_control_buyer(lowest):
    arm, response = torch.tensor([1, 1, 1, 0, 0]), tensor([0, 5, 2, 2, 0])
    loss = ListwiseUplift(weight=1, bound="none").loss(
        of_uplift(tensor([0.5, -0.2, 1, lowest, -0.4])), arm, response, 1.0
    )
    expected = {0.1: 2.35, -1: 1.10, -10: -7.98, -100: -97.98, -1000: -998}
    assert float(loss) == pytest.approx(expected[lowest], abs=0.05)


@every_form
def test_the_standardised_variant_pulls_at_neither_level_nor_spread(form):
    means, arm, response = customers(80, seed=4)
    uplift = (means[:, 1] - means[:, 0]).requires_grad_()
    ListwiseUplift(form=form, bound="standardised").loss(of_uplift(uplift), arm, response, 1.0).backward()
    assert float(uplift.grad.abs().sum()) > 1e-3
    assert abs(float(uplift.grad.sum())) < 1e-12
    centred = uplift.detach() - uplift.detach().mean()
    # But for the small number that keeps the variance from zero.
    assert abs(float(uplift.grad @ centred)) < 1e-3 * float(uplift.grad.abs() @ centred.abs())


@every_form
@every_bound
def test_groups_without_rows_add_nothing(form, bound):
    declared = ListwiseUplift(weight=1, form=form, bound=bound)
    means, _, response = customers(30, arms=3, seed=5)
    means.requires_grad_()
    for arm in (0, 1, 2):
        loss = declared.loss(means, torch.full((30,), arm), response, 2.0)
        (gradient,) = torch.autograd.grad(loss, means)
        assert loss.isfinite()
        assert gradient.isfinite().all()
    # The control's own term stays with a treatment that nobody had, so let the control spend nothing.
    arm = torch.tensor([0, 1] * 15)
    response = torch.where(arm == 0, 0.0, response)
    alone = declared.loss(means[:, :2], arm, response, 2.0)
    torch.testing.assert_close(declared.loss(means, arm, response, 2.0), alone / 2)


@every_form
@every_bound
def test_extreme_predictions_have_finite_gradients(form, bound):
    means, arm, response = customers(100, arms=3, seed=6, dtype=torch.float32)
    means[::7, 1] = 1e4
    means[::11] = -1e4
    means.requires_grad_()
    loss = ListwiseUplift(form=form, bound=bound).loss(means, arm, response, 2.0)
    loss.backward()
    assert loss.isfinite()
    assert means.grad.isfinite().all()


@every_bound
def test_equal_uplifts_have_finite_gradients(bound):
    means, arm, response = customers(50, seed=7)
    equal = torch.ones_like(means).requires_grad_()
    ListwiseUplift(bound=bound).loss(equal, arm, response, 2.0).backward()
    assert equal.grad.isfinite().all()


@every_form
@every_bound
def test_leading_axes_units_and_order_of_rows(form, bound):
    declared = ListwiseUplift(form=form, bound=bound)
    parts = [customers(40, arms=3, seed=seed) for seed in range(6)]
    means, arm, response = (torch.stack(part).reshape(2, 3, *part[0].shape) for part in zip(*parts, strict=True))
    loss = declared.loss(means, arm, response, 2.0)
    torch.testing.assert_close(loss.flatten(), torch.stack([declared.loss(*part, 2.0) for part in parts]))
    torch.testing.assert_close(declared.loss(5 * means, arm, 5 * response, 10.0), loss)
    order = torch.tensor(np.random.default_rng(8).permutation(40))
    torch.testing.assert_close(declared.loss(means[..., order, :], arm[..., order], response[..., order], 2.0), loss)


@every_form
@every_bound
def test_gradients(form, bound):
    means, arm, response = customers(12, arms=3, seed=9)
    declared = ListwiseUplift(form=form, bound=bound, limit=0.5)
    assert torch.autograd.gradcheck(lambda at: declared.loss(at, arm, response, 1.5), means.requires_grad_())


@every_form
@every_bound
def test_the_device_is_that_of_the_tensors(form, bound):
    means = torch.empty(80, 3, device="meta", requires_grad=True)
    arm, response = torch.empty(80, dtype=torch.int64, device="meta"), torch.empty(80, device="meta")
    ListwiseUplift(form=form, bound=bound).loss(means, arm, response, 2.0).backward()
    assert means.grad.is_meta


def test_one_graph():
    means, arm, response = customers(30, arms=3, seed=10)
    declared = ListwiseUplift(bound="standardised")
    compiled = torch.compile(declared.loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(means, arm, response, 2.0), declared.loss(means, arm, response, 2.0))


@pytest.mark.parametrize("wrong", [{"weight": -1}, {"form": "both"}, {"bound": "tanh"}, {"limit": 0}, {"sample": 3}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        ListwiseUplift(**wrong)
