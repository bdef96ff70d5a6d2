"""Compiled BPR: its step against a slow one in float64, its weights, and its place in the loop."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from interrupting import Interrupt, Interrupted

from recval.backbones import Batch, build
from recval.errors import ModelError
from recval.ranking import Evaluator, ItemSets
from recval.testing import planted
from recval.training import Loop, Training
from recval.valuation import DVR, TruncatedLoss, Uniform

SPLIT, _ = planted()
SETTINGS = Training(epochs=6, batch_size=256, learning_rate=0.1, weight_decay=0.01, monitor="ndcg@5", patience=6)


def model(seed=0, size=8):
    return build("CompiledBPR", SPLIT.train, {"embedding_size": size}, seed=seed)


def loop(callbacks=(), seed=3, settings=SETTINGS):
    return Loop(model(seed), SPLIT, settings, callbacks=callbacks, seed=seed)


def state(backbone):
    return {name: tensor.clone() for name, tensor in backbone.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def samples(size, seed, users=60, items=80):
    """Samples drawn from few users and items, so that these come again within a batch."""
    generator = np.random.default_rng(seed)
    drawn = [generator.integers(high, size=size) for high in (users, items, items)]
    return Batch(torch.arange(size), *map(torch.from_numpy, drawn))


def slow_step(tables, squares, batch, weights, rate, decay):
    """The same step in float64: the gradient by torch's autograd, the rule of the docstring row by row in NumPy."""
    users, items = (torch.tensor(table, requires_grad=True) for table in tables)
    p, q, r = users[batch.user], items[batch.item], items[batch.negative]
    losses = -torch.nn.functional.logsigmoid((p * (q - r)).sum(1))
    norms = p.square().sum(1) + q.square().sum(1) + r.square().sum(1)
    (torch.as_tensor(weights).double() * (losses + decay / 2 * norms)).mean().backward()
    for table, square, slope in zip(tables, squares, (users.grad, items.grad), strict=True):
        for row, gradient in enumerate(slope.numpy()):
            if gradient.any():
                square[row] += np.mean(gradient**2)
                table[row] -= rate / np.sqrt(square[row]) * gradient
    return losses.detach().numpy()


@pytest.mark.parametrize("size", [1, 3, 16, 64])
@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_are_those_of_a_slow_reference(size, decay, weighted):
    """Over several steps whose batches grow and shrink, with repeated users and items, and samples that weigh 0."""
    backbone = model(size=size)
    tables = [backbone.user_embedding.weight, backbone.item_embedding.weight]
    with torch.no_grad():
        for table in tables:
            table.mul_(20)
    expected = [table.detach().double().numpy().copy() for table in tables]
    squares = [np.zeros(len(table)) for table in tables]
    for seed, length in enumerate((5, 200, 1, 40, 300)):
        batch = samples(length, seed, users=9, items=30)
        weights = np.random.default_rng(seed).choice([0, 0.5, 1, 3], length) if weighted else np.ones(length)
        losses = backbone.step(batch, lambda _: torch.from_numpy(weights) if weighted else None, 0.05, decay)  # noqa: B023
        np.testing.assert_allclose(losses, slow_step(expected, squares, batch, weights, 0.05, decay), atol=1e-6)
        for table, reference in zip(tables, expected, strict=True):
            np.testing.assert_allclose(table.detach(), reference, atol=1e-6)
    np.testing.assert_allclose(backbone.user_squares, squares[0], rtol=1e-4)
    np.testing.assert_allclose(backbone.item_squares, squares[1], rtol=1e-4)


def test_an_item_that_is_its_own_negative_is_only_shrunk():
    backbone = model()
    batch = Batch(*(torch.tensor([code]) for code in (0, 5, 7, 7)))
    before = state(backbone)
    backbone.step(batch, lambda losses: None, 0.1, 0.0)
    assert torch.equal(backbone.item_embedding.weight, before["item_embedding.weight"])
    backbone.step(batch, lambda losses: None, 0.001, 0.5)
    assert backbone.item_embedding.weight[7].norm() < before["item_embedding.weight"][7].norm()


def test_the_weighing_sees_the_losses_and_the_model_sees_the_step():
    backbone, seen = model(), []
    batch = samples(50, 1)
    expected = backbone.loss_per_sample(batch).detach()
    returned = backbone.step(batch, seen.append, 0.1, 0.0)
    assert torch.allclose(seen[0], expected, atol=1e-6)
    assert torch.equal(returned, seen[0])
    assert not returned.requires_grad
    assert backbone.loss_per_sample(batch).mean() < expected.mean() - 0.01


def test_samples_of_weight_zero_leave_their_rows_alone():
    backbone = model()
    backbone.step(samples(300, 0), lambda losses: None, 0.1, 0.05)
    before = state(backbone)
    batch = Batch(*(torch.tensor(codes) for codes in ([0, 1], [1, 2], [3, 4], [5, 6])))
    backbone.step(batch, lambda losses: torch.tensor([0.0, 1.0]), 0.1, 0.05)
    after = state(backbone)
    moved = {name: (before[name] != after[name]).reshape(len(before[name]), -1).any(1).nonzero() for name in after}
    for table, rows in (("user", [2]), ("item", [4, 6])):
        assert moved[f"{table}_embedding.weight"].squeeze(1).tolist() == rows
        assert moved[f"{table}_squares"].squeeze(1).tolist() == rows


def test_uniform_weights_train_what_plain_training_trains_bit_for_bit():
    plain, uniform = loop(), loop([Uniform()])
    plain.fit()
    uniform.fit()
    assert same(state(plain.backbone), state(uniform.backbone))
    assert plain.progress == uniform.progress


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_the_same_seed_gives_the_same_bits_with_one_thread_and_two(threads):
    found = []
    for number in (1, 2, 2):
        threads(number)
        trained = loop([TruncatedLoss(rate=0.3, steps=10)])
        trained.fit()
        found.append(state(trained.backbone))
    assert same(found[0], found[1])
    assert same(found[1], found[2])
    other = loop([TruncatedLoss(rate=0.3, steps=10)], seed=4)
    other.fit()
    assert not same(found[0], state(other.backbone))


@pytest.mark.parametrize(
    "callbacks",
    [list, lambda: [TruncatedLoss(rate=0.3, steps=10)], lambda: [DVR(reward="ndcg@5", interval=2, users=20)]],
    ids=["plain", "t-ce", "dvr"],
)
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path, callbacks):
    whole = loop([*callbacks(), Interrupt(99)])
    whole.fit()
    checkpoint = tmp_path / "checkpoint.safetensors"
    for epoch in (2, 4):
        with pytest.raises(Interrupted):
            loop([*callbacks(), Interrupt(epoch)]).fit(checkpoint)
    resumed = loop([*callbacks(), Interrupt(99)])
    resumed.fit(checkpoint)
    assert resumed.progress == whole.progress
    assert same(state(resumed.backbone), state(whole.backbone))


def test_it_learns_what_was_planted():
    evaluate = Evaluator(SPLIT.test, ItemSets.of(SPLIT.train, SPLIT.valid), ["ndcg@5"])
    trained = loop(settings=SETTINGS.model_copy(update={"epochs": 40, "patience": 40}))
    before = evaluate(trained.backbone.score).means["ndcg@5"]
    progress = trained.fit()
    after = evaluate(trained.backbone.score).means["ndcg@5"]
    assert after > 1.8 * before, "knowing a user's half of the items doubles what chance finds"
    assert progress.history[-1]["loss"] < progress.history[0]["loss"] / 2


@pytest.mark.parametrize("margin", [30.0, 200.0, 1e15])
def test_huge_margins_are_no_overflow(margin):
    """A hopeless sample pulls with slope 1, a settled one not at all; neither loss nor table leaves float32."""
    backbone = model(size=1)
    with torch.no_grad():
        backbone.user_embedding.weight.fill_(1)
        backbone.item_embedding.weight.fill_(0)
        backbone.item_embedding.weight[1] = margin
    batch = Batch(*(torch.tensor(codes) for codes in ([0, 1], [0, 1], [1, 2], [2, 1])))
    losses = backbone.step(batch, lambda losses: None, 0.1, 0.0)
    assert losses[0] == pytest.approx(np.exp(-margin), rel=1e-5, abs=1e-38)
    assert losses[1] == pytest.approx(margin)
    assert backbone.user_embedding.weight[1].item() == pytest.approx(0.9)
    assert all(torch.isfinite(tensor).all() for tensor in backbone.state_dict().values())


@pytest.mark.parametrize(("vector", "found"), [(3e38, "inf"), (float("nan"), "nan")])
def test_a_loss_that_is_no_number_is_told(vector, found):
    trained = loop()
    with torch.no_grad():
        trained.backbone.user_embedding.weight[0] = vector
        trained.backbone.item_embedding.weight[:40] = -3e38 if found == "inf" else 1
    with pytest.raises(ModelError, match=r"training loss became (inf|nan) in epoch 1; lower the learning rate"):
        trained.fit()


@pytest.mark.parametrize(("user", "item", "negative"), [(60, 0, 0), (0, 80, 0), (0, 0, 80), (-1, 0, 0), (0, -1, 0)])
def test_codes_without_a_row_are_refused(user, item, negative):
    batch = Batch(*(torch.tensor([code]) for code in (0, user, item, negative)))
    with pytest.raises(IndexError, match="not one that the model was built for"):
        model().step(batch, lambda losses: None, 0.1, 0.0)


def test_columns_and_weights_of_other_lengths_are_refused():
    """Compiled code would read past their ends."""
    batch = samples(5, 0)
    before = model()
    with pytest.raises(IndexError, match="must have one length"):
        before.step(Batch(batch.row, batch.user, batch.item[:4], batch.negative), lambda losses: None, 0.1, 0.0)
    with pytest.raises(RuntimeError, match="broadcast|expand"):
        before.step(batch, lambda losses: torch.ones(4), 0.1, 0.0)
    assert same(state(before), state(model()))


def test_a_reward_that_needs_the_optimiser_is_refused_in_one_line():
    with pytest.raises(ModelError) as raised:
        loop([DVR(reward="bpr")]).fit()
    assert str(raised.value) == (
        "CompiledBPR takes its training steps itself, so there is no optimiser to look at; choose another model, or a "
        "valuator that needs none, such as DVR with a metric as its reward"
    )


@pytest.mark.parametrize("elsewhere", ["meta", torch.float64])
def test_tables_elsewhere_are_refused_in_one_line(elsewhere):
    with pytest.raises(ModelError, match=r"CompiledBPR trains float32 tables on the CPU, found torch\.float.. on"):
        model().to(elsewhere).step(samples(3, 0), lambda losses: None, 0.1, 0.0)


def test_the_compiler_is_loaded_with_the_model_only():
    code = (
        "import sys, recval.training, recval.backbones as backbones\n"
        "assert 'CompiledBPR' in backbones.models() and 'numba' not in sys.modules\n"
        "backbones.default_parameters('CompiledBPR')\n"
        "assert 'numba' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
