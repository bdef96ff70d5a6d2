"""Slopes of losses along a direction against one gradient a sample; curvature against a dense Hessian; in float64."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from recval.adapter.derivatives import gradient_and_curvature, sample_slopes
from recval.backbones import Batch, build
from recval.backbones.margin_slopes import _gathered, margin_slopes
from recval.data import Interactions
from recval.testing import planted
from recval.training import TripletSampler

MODELS = {
    "BPR": {"embedding_size": 8},
    "CompiledBPR": {"embedding_size": 8},
    "LightGCN": {"embedding_size": 8, "n_layers": 2, "reg_weight": 0.1},
    "NeuMF": {"mf_embedding_size": 8, "mlp_embedding_size": 8, "mlp_hidden_size": [8], "dropout_prob": 0.2},
    "SASRec": {"hidden_size": 8, "inner_size": 16, "n_layers": 1, "n_heads": 1, "MAX_ITEM_LIST_LENGTH": 6},
}


def timed():
    train = planted(20, 30, 14)[0].train
    times = pa.array(np.random.default_rng(0).permutation(len(train)).astype(float))
    return Interactions(train.table.append_column("time", times), train.users, train.items)


def problem(name):
    """A model in float64, a batch in which users and items stand several times, and a direction."""
    train = timed()
    backbone = build(name, train, MODELS[name], seed=1).double()
    rows = torch.arange(0, len(train), 3) if backbone.rows is None else backbone.rows[::3]
    batch = TripletSampler(train).triplets(rows, torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(3)
    return (
        backbone,
        batch,
        [torch.randn(part.shape, generator=generator, dtype=part.dtype) for part in backbone.parameters()],
    )


def one_by_one(losses, backbone, direction):
    found = []
    for loss in losses:
        slopes = torch.autograd.grad(loss, list(backbone.parameters()), retain_graph=True, allow_unused=True)
        pairs = zip(slopes, direction, strict=True)
        found.append(sum((slope * aim).sum() for slope, aim in pairs if slope is not None))
    return torch.stack(found)


@pytest.mark.parametrize("name", MODELS)
def test_slopes_are_those_of_one_gradient_a_sample(name):
    backbone, batch, direction = problem(name)
    backbone.eval()
    found = sample_slopes(backbone, batch, direction)
    expected = one_by_one(backbone.loss_per_sample(batch), backbone, direction)
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ["NeuMF", "SASRec"])
def test_slopes_are_those_of_the_losses_that_training_has_dropout_included(name):
    backbone, batch, direction = problem(name)
    backbone.train()
    losses = backbone.loss_per_sample(batch)
    found = sample_slopes(backbone, batch, direction, losses)
    torch.testing.assert_close(found, one_by_one(losses, backbone, direction), rtol=1e-6, atol=1e-12)
    losses.mean().backward()


def tables(scale, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    sizes = (5, 3), (7, 3), (5, 3), (7, 3)
    return [scale * torch.randn(size, generator=generator, dtype=torch.float64).to(dtype) for size in sizes]


BATCH = Batch(*(torch.tensor(column) for column in ([0, 1, 2, 3], [0, 4, 4, 1], [6, 0, 0, 3], [1, 2, 2, 5])))


@pytest.mark.parametrize("gamma", [0.0, 1e-10, 0.1])
def test_compiled_and_gathered_slopes_agree(gamma):
    users, items, *direction = tables(1.0)
    expected = _gathered([users, items, *direction], gamma, BATCH)
    found = margin_slopes((users, items), direction, gamma=gamma)(BATCH)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)
    many = BATCH[torch.arange(64) % 4]  # More than the direction has rows, so that it is read through first.
    torch.testing.assert_close(margin_slopes((users, items), direction, gamma=gamma)(many), expected.repeat(16))
    padded = [
        torch.cat([torch.full((1, 3), torch.nan, dtype=torch.float64), each]) for each in (users, items, *direction)
    ]
    found = margin_slopes(padded[:2], padded[2:], gamma=gamma, padding=1)(BATCH)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


def test_slopes_follow_the_tables_and_the_direction_as_these_change():
    users, items, *direction = tables(1.0)
    given = margin_slopes((users, items), direction)
    for number in (users, items, *direction):
        number.mul_(0.7)
    expected = _gathered([users, items, *direction], 0.0, BATCH)
    torch.testing.assert_close(given(BATCH), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("gamma", [0.0, 1e-10])
def test_margins_of_any_size_have_finite_slopes(gamma):
    users, items, *direction = tables(30.0, torch.float32)
    found = margin_slopes((users, items), direction, gamma=gamma)(BATCH)
    assert found.isfinite().all()
    torch.testing.assert_close(found, _gathered([users, items, *direction], gamma, BATCH), rtol=1e-4, atol=1e-4)


def test_a_code_without_a_row_is_an_error_and_no_sample_is_no_slope():
    users, items, *direction = tables(1.0)
    wrong = Batch(BATCH.row, BATCH.user, BATCH.item, BATCH.negative + 2)
    with pytest.raises(IndexError, match="not one that the model was built for"):
        margin_slopes((users, items), direction)(wrong)
    assert margin_slopes((users, items), direction)(BATCH[:0]).shape == (0,)


def test_curvature_is_the_dense_hessian_times_the_direction():
    generator = torch.Generator().manual_seed(0)
    first, second, unused = (
        torch.randn(size, generator=generator, dtype=torch.float64, requires_grad=True) for size in (4, 3, 2)
    )

    def value(x, y):
        return torch.tanh(x.outer(y)).square().sum() + y.sum()

    aims = [torch.randn(size, generator=generator, dtype=torch.float64) for size in (4, 3, 2)]
    slopes, curved = gradient_and_curvature(value(first, second), [first, second, unused], aims)
    blocks = torch.autograd.functional.hessian(value, (first, second))
    for place, part in enumerate((first, second)):
        expected = sum(block @ aim for block, aim in zip(blocks[place], aims, strict=False))
        torch.testing.assert_close(curved[place], expected, rtol=1e-10, atol=1e-12)
        (alone,) = torch.autograd.grad(value(first, second), part)
        torch.testing.assert_close(slopes[place], alone)
    assert not any(part.requires_grad for part in (*slopes, *curved))
    assert slopes[2].tolist() == curved[2].tolist() == [0, 0]


def test_what_is_linear_has_no_curvature():
    weight = torch.tensor([2.0, 3.0], requires_grad=True)
    slopes, curved = gradient_and_curvature(weight.sum(), [weight], [torch.ones(2)])
    assert (slopes[0].tolist(), curved[0].tolist()) == ([1, 1], [0, 0])
