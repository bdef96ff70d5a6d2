"""The training loop: weights, early stopping, resuming, and what it leaves alone."""

import itertools

import numpy as np
import pytest
import torch
from interrupting import Interrupt, Interrupted

from recval.backbones import build
from recval.declarations import validate
from recval.errors import ConfigError, ModelError, RunError
from recval.testing import planted
from recval.training import Callback, Loop, Training
from recval.valuation import DVR, Shuffled, TruncatedLoss, Uniform

SPLIT, _ = planted()
SETTINGS = Training(epochs=6, batch_size=256, learning_rate=0.01, monitor="ndcg@5", patience=6)


def loop(callbacks=(), model="BPR", seed=3, settings=SETTINGS, split=SPLIT, width=8, **more):
    backbone = build(model, split.train, {"embedding_size": width, **more}, seed=seed)
    return Loop(backbone, split, settings, callbacks=callbacks, seed=seed)


def parameters(trained):
    return {name: tensor.clone() for name, tensor in trained.backbone.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


class Recorder(Callback):
    def __init__(self):
        self.calls = []

    def __getattribute__(self, name):
        if name in (
            "before_fit",
            "before_epoch",
            "resample",
            "weigh",
            "after_step",
            "after_epoch",
            "after_validation",
            "after_fit",
        ):
            self.calls.append(name)
        return super().__getattribute__(name)


def test_uniform_weights_train_what_plain_training_trains_bit_for_bit():
    plain, uniform = loop(), loop([Uniform()])
    plain.fit()
    uniform.fit()
    assert same(parameters(plain), parameters(uniform))
    assert plain.progress == uniform.progress


def test_weights_of_several_callbacks_multiply():
    class Constant(Callback):
        def __init__(self, level):
            self.level = level

        def weigh(self, batch, losses):
            return torch.where(batch.user < 30, self.level, 1.0)

    two, one = loop([Constant(2.0), Constant(3.0)]), loop([Constant(6.0)])
    two.fit()
    one.fit()
    assert same(parameters(two), parameters(one))


@pytest.mark.parametrize("model", ["BPR", "CompiledBPR"])
def test_the_samples_of_several_callbacks_follow_each_other(model):
    """The losses, the weights and the mean loss of the epoch are those of what is trained on; 50 of 256 samples are."""
    seen, losses = [], []

    class Take(Callback):
        def __init__(self, size):
            self.size = size

        def resample(self, batch):
            seen.append(len(batch))
            return batch[: self.size]

        def weigh(self, batch, found):
            seen.append(len(batch))
            losses.append(found.detach().double().clone())

    trained = loop([Take(100), Take(50)], model, settings=SETTINGS.model_copy(update={"epochs": 1}))
    trained.fit()
    full = len(SPLIT.train) // 256
    assert seen[: 4 * full] == [256, 100, 50, 50] * full
    assert trained.progress.history[0]["loss"] == pytest.approx(float(torch.cat(losses[::2]).mean()), rel=1e-6)


def test_a_user_of_weight_zero_is_not_trained():
    class Mute(Callback):
        def weigh(self, batch, losses):
            return (batch.user != 7).float()

    muted = loop([Mute()])
    before = muted.backbone.model.user_embedding.weight.detach().clone()
    muted.fit()
    after = muted.backbone.model.user_embedding.weight
    unchanged = (before == after).all(dim=1)
    assert unchanged[8], "the user was trained"  # RecBole's row of code 7
    assert unchanged.sum() == 2  # and the padding row


@pytest.mark.parametrize("model", ["BPR", "NGCF"])
@pytest.mark.parametrize(
    "callbacks",
    [
        list,
        lambda: [DVR(interval=2, users=20)],
        lambda: [DVR(reward="ndcg@5", interval=2, users=20, action="selection")],
        lambda: [DVR(reward="lambda-ndcg@5", interval=2, users=20)],
        lambda: [Shuffled(DVR(interval=2))],
        lambda: [TruncatedLoss(rate=0.3, steps=10)],
    ],
    ids=["plain", "dvr", "policy", "lambda", "shuffled", "t-ce"],
)
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path, model, callbacks):
    """NGCF has dropout, so the global generators count too."""
    whole = loop(callbacks(), model)
    whole.fit()
    checkpoint = tmp_path / "checkpoint.safetensors"
    for epoch in (2, 4):
        with pytest.raises(Interrupted):
            loop([*callbacks(), Interrupt(epoch)], model).fit(checkpoint)
    resumed = loop([*callbacks(), Interrupt(99)], model)
    resumed.fit(checkpoint)
    assert resumed.progress == whole.progress
    assert same(parameters(resumed), parameters(whole))
    for ours, theirs in zip(whole.callbacks, resumed.callbacks, strict=False):
        if isinstance(ours, DVR):
            assert ours.values.to_frame().equals(theirs.values.to_frame())


def test_the_best_epoch_is_restored_and_patience_ends_training():
    trained = loop(settings=Training(epochs=200, batch_size=256, learning_rate=0.05, monitor="ndcg@5", patience=3))
    progress = trained.fit()
    assert progress.epoch < 200
    assert progress.epoch == progress.best_epoch + 3
    scores = [entry["ndcg@5"] for entry in progress.history]
    assert progress.best_score == max(scores) == scores[progress.best_epoch - 1]
    trained._run_validation(trained._validate, 0)
    assert trained.progress.history[-1]["ndcg@5"] == progress.best_score, (
        "the parameters are not those of the best epoch"
    )


def test_validation_comes_every_so_many_epochs_and_after_the_last():
    trained = loop(settings=SETTINGS.model_copy(update={"epochs": 5, "validate_every": 2}))
    history = trained.fit().history
    assert [entry["epoch"] for entry in history if "ndcg@5" in entry] == [2, 4, 5]


def test_training_lowers_the_loss_and_leaves_the_global_generators_alone():
    torch.manual_seed(5)
    np.random.seed(5)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    history = loop().fit().history
    assert all(later["loss"] < earlier["loss"] for earlier, later in itertools.pairwise(history))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()


def test_hooks_are_called_in_order():
    recorder = Recorder()
    loop([recorder], settings=SETTINGS.model_copy(update={"epochs": 1, "batch_size": 10_000})).fit()
    assert recorder.calls == [
        "before_fit",
        "before_epoch",
        "resample",
        "weigh",
        "after_step",
        "after_epoch",
        "after_validation",
        "after_fit",
    ]


def test_the_test_part_is_never_looked_at():
    """With other test interactions, parameters, history and values stay the same to the bit."""
    other, _ = planted(seed=99)
    swapped = type(SPLIT)(SPLIT.train, SPLIT.valid, other.test)
    found = []
    for split in (SPLIT, swapped):
        valuator = DVR(interval=2)
        trained = loop([valuator], split=split)
        trained.fit()
        found.append((parameters(trained), trained.progress, valuator.values.to_frame()))
    assert same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert found[0][2].equals(found[1][2])


def test_a_loss_that_is_no_number_is_told():
    class Explode(Callback):
        def after_step(self):
            with torch.no_grad():
                trained.backbone.model.user_embedding.weight.mul_(float("nan"))

    trained = loop([Explode()])
    with pytest.raises(ModelError, match="training loss became nan in epoch 1; lower the learning rate"):
        trained.fit()


def test_bad_settings_are_told():
    with pytest.raises(ConfigError, match="monitor: unknown metric 'ndgc', did you mean 'ndcg'"):
        validate({"monitor": "ndgc@10"}, Training)
    with pytest.raises(ConfigError, match="device: cannot compute on the device 'cudaa'"):
        validate({"device": "cudaa"}, Training)


def test_without_a_validation_part_the_last_epoch_is_kept_and_resumed_training_is_the_same(tmp_path):
    joined, settings = SPLIT.with_validation(), Training(epochs=5, batch_size=256, monitor="ndcg@5", patience=1)
    alone = loop(split=joined, settings=settings)
    assert alone.fit().epoch == 5
    checkpoint = tmp_path / "checkpoint.safetensors"
    loop(split=joined, settings=settings.model_copy(update={"epochs": 3})).fit(checkpoint)
    resumed = loop(split=joined, settings=settings)
    assert resumed.fit(checkpoint).history == alone.progress.history
    expected = alone.backbone.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.backbone.state_dict().items())


def test_the_checkpoint_of_another_training_is_refused(tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    loop(seed=1).fit(checkpoint)
    others = (
        loop(seed=2),
        loop([Uniform()], seed=1),
        loop(seed=1, split=planted(seed=5)[0]),
        loop(seed=1, width=4),
        loop(seed=1, model="NGCF"),
    )
    for other in others:
        with pytest.raises(RunError, match="the checkpoint of another training"):
            other.fit(checkpoint)


def test_the_checkpoint_of_the_same_model_or_callback_with_other_settings_is_refused(tmp_path):
    loop(seed=1, reg_weight=0.4, model="LightGCN").fit(tmp_path / "light.safetensors")
    with pytest.raises(RunError, match="the checkpoint of another training"):
        loop(seed=1, reg_weight=0.5, model="LightGCN").fit(tmp_path / "light.safetensors")
    loop([TruncatedLoss(rate=0.1)], seed=1).fit(tmp_path / "truncated.safetensors")
    with pytest.raises(RunError, match="the checkpoint of another training"):
        loop([TruncatedLoss(rate=0.2)], seed=1).fit(tmp_path / "truncated.safetensors")
    loop([Shuffled(DVR(reward="bpr"))], seed=1).fit(tmp_path / "shuffled.safetensors")
    with pytest.raises(RunError, match="the checkpoint of another training"):
        loop([Shuffled(DVR(reward="ndcg@5"))], seed=1).fit(tmp_path / "shuffled.safetensors")


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "recbole:LightGCN", "NeuMF", "UltraGCN", "GraphConvolution"])
def test_the_same_seed_gives_the_same_bytes_with_one_thread_and_with_two(model):
    before, found = torch.get_num_threads(), []
    more = {} if model != "NeuMF" else {"mf_embedding_size": 8, "mlp_embedding_size": 8}
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            backbone = build(model, SPLIT.train, more or {"embedding_size": 64}, seed=3)
            trained = Loop(backbone, SPLIT, SETTINGS, seed=3)
            trained.fit()
            found.append((parameters(trained), trained.progress))
    finally:
        torch.set_num_threads(before)
    assert same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
