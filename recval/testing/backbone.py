"""What recval relies on in a model."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from torch import Tensor

from recval.backbones import Backbone, Batch, SelfTraining
from recval.data import Interactions, Split
from recval.errors import ModelError
from recval.ranking import Evaluator, ItemSets, Scorer
from recval.rng import isolated, torch_generator
from recval.store.files import read_tensors, write_tensors
from recval.testing.interrupting import Interrupted, InterruptedAfter
from recval.testing.planted import planted
from recval.training import Loop, Training, TripletSampler

_BETTER_THAN_CHANCE = 1.5


class BackboneContract:
    """Tests that a model must pass.

    Attributes:
        training: how the model learns the planted data.
        tolerance: how far scores and losses may differ that should be equal but for rounding, relative to the largest.
        personal: whether the model tells users apart; False for one such as popularity, which cannot learn the data.
    """

    training = Training(epochs=30, batch_size=256, learning_rate=0.02, patience=30)
    tolerance = 1e-5
    personal = True

    def build(self, train: Interactions, seed: int) -> Backbone:
        """Return the model, built on the training interactions and not trained.

        Args:
            train: the interactions.
            seed: what the initial weights derive from.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how its model is made: def build(self, train, seed)")

    def split(self) -> Split:
        """Return the data; override it for a model that needs more than users and items."""
        return planted()[0]

    def test_it_knows_how_many_users_and_items_there_are(self) -> None:
        split = self.split()
        backbone = self.build(split.train, 0)
        assert isinstance(backbone, Backbone)
        assert (backbone.n_users, backbone.n_items) == (len(split.users), len(split.items))

    def test_the_same_seed_gives_the_same_model(self) -> None:
        one, other = (self.build(self.split().train, 3) for _ in range(2))
        assert _same(one.state_dict(), other.state_dict())

    def test_scores_are_a_row_a_user_and_a_column_an_item(self) -> None:
        backbone = self._built()
        for users in (torch.arange(backbone.n_users), torch.tensor([2, 0, 2])):
            scores = backbone.score(users)
            assert scores.shape == (len(users), backbone.n_items)
            assert scores.is_floating_point()

    def test_scores_can_be_ordered(self) -> None:
        backbone = self._built()
        scores = backbone.score(torch.arange(backbone.n_users))
        assert not scores.isnan().any(), "a score is NaN"
        assert not scores.isposinf().any(), "a score is +inf"

    def test_the_scores_of_a_user_do_not_depend_on_who_else_is_scored(self) -> None:
        backbone = self._built()
        together = backbone.score(torch.arange(backbone.n_users))
        for user in (0, 1, backbone.n_users - 1):
            self._assert_close(backbone.score(torch.tensor([user]))[0], together[user])
        mixed = torch.tensor([3, 0, 3, 1])
        self._assert_close(backbone.score(mixed), together[mixed])

    def test_scoring_twice_gives_the_same(self) -> None:
        backbone = self._built()
        users = torch.arange(backbone.n_users)
        found = []
        for seed in (1, 2):
            with isolated(seed):
                found.append(backbone.score(users).clone())
        assert torch.equal(*found), "scores in evaluation mode are random"

    def test_attached_scores_are_the_scores_with_a_gradient(self) -> None:
        backbone, _ = self._trainable()
        users = torch.tensor([2, 0, 2])
        expected = backbone.score(users).detach().clone()
        attached = backbone.attached_score(users)
        if not attached.requires_grad:
            pytest.skip("the model's scores have no gradient")
        self._assert_close(attached.detach(), expected)
        slopes = torch.autograd.grad(attached.sum(), list(backbone.parameters()), allow_unused=True)
        assert any(slope is not None and slope.abs().max() > 0 for slope in slopes), "all gradients are zero"
        assert torch.equal(backbone.score(users).detach(), expected), "scoring with a gradient changed the scores"

    def test_scoring_changes_nothing(self) -> None:
        backbone = self._built()
        before = _copied(backbone.state_dict())
        backbone.score(torch.arange(backbone.n_users))
        assert _same(backbone.state_dict(), before)
        assert not backbone.training

    def test_losses_are_one_a_sample_and_finite(self) -> None:
        backbone, batch = self._trainable()
        for part in (batch, batch[:1]):
            losses = backbone.loss_per_sample(part)
            assert losses.shape == (len(part),)
            assert losses.isfinite().all()

    def test_a_gradient_reaches_the_parameters(self) -> None:
        backbone, batch = self._trainable()
        backbone.train().loss_per_sample(batch).mean().backward()
        gradients = [parameter.grad for parameter in backbone.parameters() if parameter.grad is not None]
        assert gradients, "no parameter has a gradient"
        assert any(gradient.abs().max() > 0 for gradient in gradients), "all gradients are zero"
        assert all(gradient.isfinite().all() for gradient in gradients)

    def test_the_order_of_samples_orders_their_losses(self) -> None:
        backbone, batch = self._trainable()
        if not backbone.has_sample_losses:
            pytest.skip("the model's loss is one of the whole batch")
        losses = self._losses(backbone, batch, seed=0)
        if not torch.equal(losses, self._losses(backbone, batch, seed=1)):
            pytest.skip("the model's loss is random")
        order = torch.arange(len(batch)).flip(0)
        self._assert_close(self._losses(backbone, batch[order], seed=0), losses[order])
        assert len(losses.unique()) > 1, "all samples have the same loss"

    def test_rows_to_train_on_are_rows_of_the_table(self) -> None:
        train = self.split().train
        rows = self.build(train, 0).rows
        if rows is None:
            pytest.skip("the model is trained on all rows")
        assert rows.dtype == torch.int64
        assert rows.ndim == 1
        assert len(rows) == len(rows.unique()) > 0
        assert rows.min() >= 0
        assert rows.max() < len(train)

    def test_its_own_step_tells_the_losses_before_it(self) -> None:
        backbone, batch = self._trainable()
        if not isinstance(backbone, SelfTraining):
            pytest.skip("the model leaves its steps to the loop")
        expected = backbone.loss_per_sample(batch).detach()
        losses = backbone.train().step(batch, lambda losses: None, 0.01, 0.0)
        assert not losses.requires_grad
        self._assert_close(losses, expected)

    def test_training_lifts_the_ranking_above_chance(self) -> None:
        if not self.personal:
            pytest.skip("the model does not tell users apart")
        split = self.split()
        backbone = self.build(split.train, 0)
        if backbone.needs_training:
            Loop(backbone, split, self.training).fit()
        seen = ItemSets.of(split.train, split.valid)
        evaluate = Evaluator(split.test, seen, ["ndcg@10"])
        chance = np.mean([evaluate(_random_scorer(len(split.items), seed)).means["ndcg@10"] for seed in range(20)])
        found = evaluate(backbone.eval().score).means["ndcg@10"]
        assert found > _BETTER_THAN_CHANCE * chance, f"ndcg@10 is {found:.4f}, by chance it is {chance:.4f}"

    def test_training_with_the_same_seed_gives_the_same_parameters(self) -> None:
        states = []
        for outside in (1, 2):
            with isolated(outside):
                states.append(_copied(self._fitted(epochs=2).backbone.state_dict()))
        assert _same(*states), "training draws from something else than the loop's seed"

    def test_training_that_was_interrupted_ends_with_the_same_parameters(self) -> None:
        whole = self._fitted(epochs=4)
        with TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "checkpoint.safetensors"
            with pytest.raises(Interrupted):
                self._fitted(epochs=4, interrupted=2, checkpoint=checkpoint)
            resumed = self._fitted(epochs=4, checkpoint=checkpoint)
        told = "something that training changes is not in the state dict"
        assert resumed.progress == whole.progress, told
        assert _same(resumed.backbone.state_dict(), whole.backbone.state_dict()), told

    def test_its_state_can_be_kept_and_restored(self) -> None:
        split = self.split()
        backbone = self.build(split.train, 0)
        if backbone.needs_training:
            Loop(backbone, split, self.training.model_copy(update={"epochs": 1})).fit()
        users = torch.arange(backbone.n_users)
        with TemporaryDirectory() as folder:
            write_tensors(Path(folder) / "model.safetensors", backbone.state_dict())
            state, _ = read_tensors(Path(folder) / "model.safetensors")
        restored = self.build(split.train, 1).eval()
        restored.score(users)
        restored.load_state_dict(state)
        self._assert_close(restored.score(users), backbone.eval().score(users))

    def test_users_can_be_folded_in_by_their_interactions(self) -> None:
        train, backbone = self.split().train, self._built()
        try:
            score = backbone.fold_in(train)
        except ModelError as error:
            pytest.skip(str(error))
        scores = score(torch.tensor([1, 0]))
        assert scores.shape == (2, backbone.n_items)
        assert not scores.isnan().any()
        some = train.take(train.user < 2)
        self._assert_close(backbone.fold_in(some)(torch.tensor([1, 0])), scores)

    def test_embeddings_are_a_row_each(self) -> None:
        backbone = self._built()
        codes = torch.tensor([2, 0, 2])
        for embed in (backbone.user_embeddings, backbone.item_embeddings):
            try:
                found = embed(codes)
            except ModelError as error:
                pytest.skip(str(error))
            assert found.ndim == 2
            assert len(found) == 3
            self._assert_close(found[0], found[2])

    def test_it_can_be_moved_to_a_gpu_and_scores_alike(self) -> None:
        if not torch.cuda.is_available():
            pytest.skip("there is no GPU")
        backbone = self._built()
        users = torch.arange(backbone.n_users)
        expected = backbone.score(users)
        backbone.to("cuda")
        assert all(tensor.is_cuda for tensor in backbone.state_dict().values())
        self._assert_close(backbone.score(users.to("cuda")).cpu(), expected, tolerance=1e-4)

    def _built(self) -> Backbone:
        return self.build(self.split().train, 0).eval()

    def _trainable(self) -> tuple[Backbone, Batch]:
        """Return the model in evaluation mode, so without dropout, and samples; skip where nothing is trained."""
        train = self.split().train
        backbone = self._built()
        if not backbone.needs_training:
            pytest.skip("the model is complete as it is built")
        backbone.start_epoch(0)
        generator = torch_generator(0, "contract")
        return backbone, next(iter(TripletSampler(train).epoch(32, generator, backbone.rows)))

    def _losses(self, backbone: Backbone, batch: Batch, seed: int) -> Tensor:
        with isolated(seed):
            return backbone.loss_per_sample(batch).detach()

    def _fitted(self, epochs: int, interrupted: int | None = None, checkpoint: Path | None = None) -> Loop:
        split = self.split()
        backbone = self.build(split.train, 0)
        if not backbone.needs_training:
            pytest.skip("the model is complete as it is built")
        settings = self.training.model_copy(update={"epochs": epochs})
        loop = Loop(backbone, split, settings, callbacks=[InterruptedAfter(interrupted)], seed=5)
        loop.fit(checkpoint)
        return loop

    def _assert_close(self, found: Tensor, expected: Tensor, tolerance: float | None = None) -> None:
        finite = expected.detach()[expected.isfinite()].abs()
        scale = float(finite.max()) if len(finite) else 1.0
        torch.testing.assert_close(found, expected, rtol=0, atol=(tolerance or self.tolerance) * scale)


def _random_scorer(n_items: int, seed: int) -> Scorer:
    generator = torch_generator(seed, "chance")
    return lambda users: torch.rand(len(users), n_items, generator=generator)


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.items()}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
