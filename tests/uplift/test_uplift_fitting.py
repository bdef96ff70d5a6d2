import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_uplift import LEAST_SQUARES, small_batch, small_task

from recval.declarations import validate
from recval.errors import ConfigError, DataError, ModelError
from recval.rng import isolated
from recval.uplift import MSE, ZILN, ListwiseUplift, ResponseRanking, TARNet, UpliftTraining
from recval.uplift.metrics import auuc, qini
from recval.uplift.training.batches import Rows, held_out_rows, interleaved
from recval.uplift.training.loop import train
from recval.uplift.training.monitoring import held_out_result

groups = st.lists(st.integers(0, 3), min_size=1, max_size=200).map(np.array)


def small_rows(rows=60, seed=0, n_arms=2, head=LEAST_SQUARES):
    task = small_task(n_arms, head)
    return Rows(*small_batch(task, rows, seed)), task


def new_module(task, seed=0):
    with isolated(seed):
        return TARNet(representation=(8,), heads=(4,), embedding=2).build(task)


def state_of(module):
    return torch.cat([each.detach().flatten() for each in module.state_dict().values()])


@settings(deadline=None, derandomize=True, max_examples=60)
@given(groups, st.integers(0, 5), st.data())
def test_every_stretch_of_the_order_holds_each_group_in_its_share(group, seed, data):
    order = interleaved(group, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(group)))
    start = data.draw(st.integers(0, len(group) - 1))
    stop = data.draw(st.integers(start + 1, len(group)))
    counts = np.bincount(group, minlength=4)
    found = np.bincount(group[order[start:stop]], minlength=4)
    present = (counts > 0).sum()
    assert (np.abs(found - counts * (stop - start) / len(group)) <= present + 1).all()


def test_the_order_is_random_within_the_shares():
    group = np.repeat([0, 1], [300, 100])
    first, second = (interleaved(group, np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(first, second)
    places = np.array([interleaved(group, np.random.default_rng(seed)).argsort() for seed in range(200)])
    assert np.abs(places.mean(axis=0) - 199.5).max() < 6 * 400 / np.sqrt(12 * 200)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(groups, st.floats(0, 0.99), st.integers(0, 5))
def test_each_arm_holds_out_its_share_of_those_who_responded(arm, share, seed):
    response = np.arange(len(arm)) % 3 * 1.0
    held_out = held_out_rows(arm, response, share, np.random.default_rng(seed))
    for of_arm in np.unique(arm):
        for responded in (True, False):
            rows = (arm == of_arm) & ((response != 0) == responded)
            if rows.any():
                assert (rows & ~held_out).any()
                assert (rows & held_out).sum() == min(round(share * rows.sum()), rows.sum() - 1)


def test_an_epoch_shows_every_row_once_in_batches_of_like_size():
    rows, _ = small_rows(103)
    batches = list(rows.batches(rows.arm.numpy(), 20, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [17, 17, 17, 17, 17, 18]
    assert all(abs(int((batch.arm == 1).sum()) - 8) <= 1 for batch in batches)
    seen = torch.cat([torch.cat([batch.numeric, batch.response[:, None]], 1) for batch in batches])
    expected = torch.cat([rows.numeric, rows.response[:, None]], 1)
    assert sorted(seen.tolist()) == sorted(expected.tolist())


def test_the_best_epoch_is_kept_and_patience_ends_training():
    rows, task = small_rows(40)
    held_out, _ = small_rows(40, seed=1)
    module = new_module(task)
    settings_ = UpliftTraining(epochs=200, learning_rate=0.02, patience=7, batch_size=16)
    history = train(module, rows, held_out, settings_)
    results = [entry["held_out"] for entry in history]
    best = int(np.argmin(results))
    assert len(history) == best + 1 + 7 < 200
    assert held_out_result(module, held_out, "likelihood") == min(results)
    assert not module.training


def test_held_out_rows_choose_the_epoch_and_train_nothing():
    rows, task = small_rows()
    states = []
    for seed in (1, 2):
        module = new_module(task)
        train(module, rows, small_rows(seed=seed)[0], UpliftTraining(epochs=1))
        states.append(state_of(module))
    assert torch.equal(*states)


def test_without_held_out_rows_the_last_epoch_is_kept():
    rows, task = small_rows()
    module = new_module(task)
    history = train(module, rows, rows.take(slice(0, 0)), UpliftTraining(epochs=12, patience=1))
    assert len(history) == 12
    assert "held_out" not in history[0]


def test_a_seed_gives_the_same_bits_and_leaves_global_generators_alone():
    rows, task = small_rows()
    states = []
    for seed in (5, 5, 6):
        module = new_module(task)
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        ranking = [ResponseRanking(sample=5)]
        train(module, rows, rows, UpliftTraining(epochs=3, batch_size=16), ranking=ranking, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        states.append(state_of(module))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@pytest.mark.parametrize("head", [MSE(), ZILN()], ids=lambda head: head.kind)
def test_a_loss_that_breaks_is_told_in_a_line(head):
    rows, task = small_rows(head=head)
    settings_ = UpliftTraining(learning_rate=1e30, epochs=5, batch_size=16)
    with pytest.raises(ModelError, match=r"in epoch \d+(, step \d+)?; lower the learning rate \(now 1e\+30\)") as error:
        train(new_module(task), rows, rows, settings_)
    assert "\n" not in str(error.value)


def test_a_broken_loss_is_told_without_held_out_rows_too():
    rows, task = small_rows()
    module = new_module(task)
    with torch.no_grad():
        module.heads.biases[-1][0] = torch.nan
    with pytest.raises(ModelError, match="the loss became nan and its gradient nan in epoch 1, step 1;"):
        train(module, rows, rows.take(slice(0, 0)), UpliftTraining(epochs=1))


def test_decay_leaves_the_mean_response():
    rows, task = small_rows()
    module = new_module(task)
    train(module, rows, rows.take(slice(0, 0)), UpliftTraining(epochs=40, learning_rate=1e-3, weight_decay=1000.0))
    means = module.means(module(rows.numeric, rows.codes))
    torch.testing.assert_close(means, torch.full_like(means, 1.6), atol=0.1, rtol=0)


def test_ranking_losses_are_added_with_their_weight():
    rows, task = small_rows()
    recorded = []
    for ranking in ([], [ResponseRanking(weight=0.5)], [ResponseRanking(weight=0.5), ListwiseUplift(weight=2.0)]):
        (entry,) = train(new_module(task), rows, rows, UpliftTraining(epochs=1, batch_size=60), ranking=ranking)
        recorded.append(entry["loss"])
    module = new_module(task)
    means = module.means(module(rows.numeric, rows.codes))
    pairs = ResponseRanking(weight=0.5).loss(means, rows.arm, rows.response, task.limits.scale)
    lists = ListwiseUplift(weight=2.0).loss(means, rows.arm, rows.response, task.limits.scale)
    assert recorded[1] - recorded[0] == pytest.approx(pairs.item(), rel=1e-4)
    assert recorded[2] - recorded[1] == pytest.approx(lists.item(), rel=1e-4)
    assert pairs.item() > 0


@pytest.mark.parametrize(("monitor", "area"), [("auuc", auuc), ("qini", qini)])
def test_areas_are_monitored_as_a_mean_over_treatments(monitor, area):
    rows, task = small_rows(n_arms=3)
    module = new_module(task).eval()
    uplift = module.means(module(rows.numeric, rows.codes)).detach().numpy()
    arm, response = rows.arm.numpy(), rows.response.numpy()
    areas = []
    for treatment in (1, 2):
        seen = arm != 3 - treatment
        score = uplift[seen, treatment] - uplift[seen, 0]
        areas.append(area(score, arm[seen] == treatment, response[seen], normalisation="none"))
    assert held_out_result(module, rows, monitor) == pytest.approx(-np.mean(areas))
    history = train(module, rows, rows, UpliftTraining(epochs=3, monitor=monitor))
    assert held_out_result(module, rows, monitor) == min(entry["held_out"] for entry in history)


def test_an_area_needs_every_arm():
    rows, task = small_rows()
    with pytest.raises(DataError):
        train(new_module(task), rows, rows.take(rows.arm == 0), UpliftTraining(epochs=1, monitor="auuc"))


def test_progress_is_reported_up_to_the_end_of_the_epochs():
    rows, task = small_rows()
    told = []
    train(new_module(task), rows, rows, UpliftTraining(epochs=4), report=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("key", "value"),
    [("epochs", 0), ("validation", 1.0), ("learning_rate", float("nan")), ("monitor", "auc"), ("device", "gpu")],
)
def test_wrong_settings_are_told_in_a_line(key, value):
    with pytest.raises(ConfigError) as error:
        validate({key: value}, UpliftTraining)
    assert str(error.value).startswith(f"{key}: ")
    assert "\n" not in str(error.value)
