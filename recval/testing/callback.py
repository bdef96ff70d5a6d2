"""What recval relies on in a callback, and so in a valuator that works inside training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from recval.backbones import Backbone, Batch, build
from recval.data import Split
from recval.games import Values
from recval.ranking import ItemSets
from recval.rng import isolated
from recval.store.state import read_state, write_state
from recval.testing.interrupting import Interrupted, InterruptedAfter
from recval.testing.planted import planted
from recval.training import Callback, Loop, Training

_HOOKS = (
    "before_fit",
    "before_epoch",
    "resample",
    "weigh",
    "after_step",
    "after_epoch",
    "after_validation",
    "after_fit",
)


class CallbackContract:
    """Tests that a callback must pass.

    Attributes:
        training: how the model is trained that the callback looks at; at least 3 epochs, each with a validation.
    """

    training = Training(epochs=4, batch_size=256, learning_rate=0.02)

    def make(self) -> Callback:
        """Return the callback, new and unused."""
        raise NotImplementedError(f"{type(self).__name__} must say how its callback is made: def make(self)")

    def split(self) -> Split:
        """Return the data."""
        return planted()[0]

    def backbone(self, split: Split) -> Backbone:
        """Return the model that is trained; override it for a callback that needs another."""
        return build("LightGCN", split.train, {"embedding_size": 8, "n_layers": 1}, seed=1)

    def test_its_hooks_are_called_in_order(self) -> None:
        """Nobody but the loop calls them, and as often as the loop does."""
        callback, calls = self.make(), list[str]()
        for hook in _HOOKS:
            setattr(callback, hook, _recorded(hook, getattr(callback, hook), calls))
        loop = self._fitted(callback)
        assert loop.progress.epoch == self.training.epochs
        steps = -(-len(loop.split.train) // self.training.batch_size)
        epoch = ["before_epoch", *["resample", "weigh", "after_step"] * steps, "after_epoch", "after_validation"]
        assert calls == ["before_fit", *epoch * self.training.epochs, "after_fit"]

    def test_samples_are_of_training_interactions_with_negatives(self) -> None:
        """A sample's row, user and item are one interaction's, and its negative is none of its user's."""
        callback, found = self.make(), list[Batch]()
        resample = callback.resample

        def watched(batch: Batch) -> Batch:
            before = _copied(loop.backbone.state_dict())
            found.append(resample(batch))
            assert _same(loop.backbone.state_dict(), before), "it writes to the model"
            return found[-1]

        callback.resample = watched  # type: ignore[method-assign]
        loop = self._loop(callback)
        loop.fit()
        sampler, positives = loop.sampler, ItemSets.of(loop.split.train)
        for batch in found:
            assert len(batch), "it leaves no samples"
            assert torch.equal(batch.user, sampler.user[batch.row]), "a sample's user is not that of its row"
            assert torch.equal(batch.item, sampler.item[batch.row]), "a sample's item is not that of its row"
            wrong = positives.contains(batch.user.numpy(), batch.negative.numpy()[:, None])
            assert not wrong.any(), "a negative is a positive of its user"

    def test_weights_are_one_a_sample_finite_and_without_a_graph(self) -> None:
        callback, found = self.make(), list[tuple[Batch, Tensor | None]]()
        weigh = callback.weigh

        def watched(batch: Batch, losses: Tensor) -> Tensor | None:
            found.append((batch, weigh(batch, losses)))
            return found[-1][1]

        callback.weigh = watched  # type: ignore[method-assign]
        self._fitted(callback)
        for batch, weights in found:
            if weights is not None:
                assert weights.shape == (len(batch),)
                assert weights.isfinite().all()
                assert not weights.requires_grad, "the weights are attached to a graph"

    def test_weighing_leaves_losses_and_parameters_as_they_are(self) -> None:
        callback = self.make()
        weigh = callback.weigh

        def watched(batch: Batch, losses: Tensor) -> Tensor | None:
            before = losses.detach().clone(), _copied(loop.backbone.state_dict())
            weights = weigh(batch, losses)
            assert torch.equal(losses.detach(), before[0]), "it writes to the losses"
            assert _same(loop.backbone.state_dict(), before[1]), "it writes to the model"
            return weights

        callback.weigh = watched  # type: ignore[method-assign]
        loop = self._loop(callback)
        loop.fit()

    def test_the_same_seed_gives_the_same_training(self) -> None:
        with isolated(1):
            one = self._fitted(self.make())
        with isolated(2):
            other = self._fitted(self.make())
        self._assert_alike(one, other, "it draws from something else than the loop's seed")

    def test_values_are_one_an_interaction_and_finite(self) -> None:
        """Where a callback values the training interactions, it keeps what it found in `values`."""
        callback = self.make()
        loop = self._fitted(callback)
        values = getattr(callback, "values", None)
        if values is None:
            pytest.skip("it gives no values")
        assert isinstance(values, Values)
        train = loop.split.train
        for side, vocabulary in (("user", train.users), ("item", train.items)):
            expected = vocabulary.ids.take(train.table[side])
            assert values.players[side].to_pylist() == expected.to_pylist(), f"the {side}s are not those of training"
        assert np.isfinite(values.value).all(), "a value is not finite"

    def test_its_state_can_be_kept_and_restored(self) -> None:
        used, fresh = self.make(), self.make()
        self._fitted(used)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "state.safetensors"
            write_state(path, used.state_dict())
            kept = read_state(path)
        fresh.before_fit(self._loop(fresh))
        fresh.load_state_dict(kept)
        assert _equal(fresh.state_dict(), kept), "the restored state is another"

    def test_training_that_was_interrupted_ends_alike(self) -> None:
        whole = self._fitted(self.make())
        with TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "checkpoint.safetensors"
            with pytest.raises(Interrupted):
                self._fitted(self.make(), interrupted=2, checkpoint=checkpoint)
            resumed = self._fitted(self.make(), checkpoint=checkpoint)
        self._assert_alike(resumed, whole, "something that it needs is not in its state dict")

    def _loop(self, callback: Callback, interrupted: int | None = None) -> Loop:
        split = self.split()
        callbacks = [callback, InterruptedAfter(interrupted)]
        return Loop(self.backbone(split), split, self.training, callbacks=callbacks, seed=7)

    def _fitted(self, callback: Callback, interrupted: int | None = None, checkpoint: Path | None = None) -> Loop:
        loop = self._loop(callback, interrupted)
        loop.fit(checkpoint)
        return loop

    def _assert_alike(self, one: Loop, other: Loop, told: str) -> None:
        assert one.progress == other.progress, told
        assert _same(one.backbone.state_dict(), other.backbone.state_dict()), told
        assert _equal(one.callbacks[0].state_dict(), other.callbacks[0].state_dict()), told


def _recorded(name: str, hook: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        calls.append(name)
        return hook(*arguments)

    return called


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.items()}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _equal(one: Any, other: Any) -> bool:
    """Return whether two states are equal; lists and tuples count as the same."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
