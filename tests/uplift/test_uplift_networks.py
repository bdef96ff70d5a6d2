import copy

import numpy as np
import pytest
import torch
from planted_uplift import NETWORKS, small_batch, small_task
from torch import nn
from torch.nn import functional

from recval.declarations import Declaration, validate
from recval.errors import ConfigError
from recval.rng import isolated
from recval.uplift import CFR, DESCN, EFIN, EUEN, MSE, ZILN, DragonNet, Hurdle, SLearner, TARNet, TLearner, Tweedie
from recval.uplift.losses import between_arms, linear_mmd
from recval.uplift.networks import AnyNetwork

HEADS = (MSE(), ZILN(), Hurdle(), Tweedie())


class OfNetwork(Declaration):
    network: AnyNetwork


def settings_of(kind, **more):
    return validate({"network": {"kind": kind, **more}}, OfNetwork).network


def built(settings, task, seed=0):
    with isolated(seed):
        return settings.build(task)


def every_network():
    return [settings_of(kind) for kind in NETWORKS]


def terms_off(kind):
    """The network with only those terms of its own that keep the arms apart."""
    return DESCN(entire_space=0, crossing=0) if kind == "descn" else settings_of(kind)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.kind)
@pytest.mark.parametrize("n_arms", [2, 4])
def test_every_network_takes_every_head_and_any_arms(kind, head, n_arms):
    task = small_task(n_arms, head)
    module = built(settings_of(kind), task)
    numeric, codes, arm, response = small_batch(task)
    outputs = module(numeric, codes)
    assert outputs.parameters.shape == (12, n_arms, head.size)
    loss = module.loss(outputs, arm, response)
    loss.backward()
    assert loss.shape == ()
    assert loss.isfinite()
    assert all(each.grad is None or each.grad.isfinite().all() for each in module.parameters())
    assert module.means(outputs).shape == (12, n_arms)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("columns", [(2, ()), (0, (3,))], ids=["numbers only", "categories only"])
def test_features_of_one_sort_suffice(kind, columns):
    task = small_task(2, MSE(), *columns)
    outputs = built(settings_of(kind), task)(
        torch.randn(5, columns[0]), torch.ones(5, len(columns[1]), dtype=torch.int64)
    )
    assert outputs.parameters.shape == (5, 2, 1)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_row_does_not_depend_on_the_others(kind):
    task = small_task(3, ZILN())
    module = built(settings_of(kind), task).eval()
    numeric, codes, *_ = small_batch(task)
    together = module(numeric, codes).parameters
    alone = torch.cat([module(numeric[row : row + 1], codes[row : row + 1]).parameters for row in range(12)])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.kind)
def test_a_row_sends_no_gradient_into_the_numbers_of_another_arm(kind, head):
    task = small_task(3, head)
    module = built(terms_off(kind), task)
    numeric, codes, arm, response = small_batch(task)
    outputs = module(numeric, codes)
    outputs.parameters.retain_grad()
    module.loss(outputs, arm, response).backward()
    gradient = outputs.parameters.grad
    own = functional.one_hot(arm, 3).bool()
    assert (gradient[~own] == 0).all()
    assert (gradient[own].abs().sum(1) > 0).all()


@pytest.mark.parametrize("settings", [TARNet(), CFR(), DragonNet(), DESCN(entire_space=0, crossing=0)])
@pytest.mark.parametrize("only", [0, 1, 2])
def test_rows_of_one_arm_train_its_head_alone(settings, only):
    task = small_task(3, ZILN())
    module = built(settings, task)
    numeric, codes, _, response = small_batch(task)
    module.loss(module(numeric, codes), torch.full((12,), only), response).backward()
    for parameter in module.heads.parameters():
        touched = parameter.grad.flatten(1).abs().sum(1) > 0
        assert touched.tolist() == [arm == only for arm in range(3)]


@pytest.mark.parametrize("settings", [EUEN(), EFIN(constraint=0)])
def test_treated_rows_do_not_train_the_control_network_nor_the_reverse(settings):
    task = small_task(2, ZILN())
    numeric, codes, _, response = small_batch(task)
    for only, trained, untouched in ((0, "control_head", "uplift_heads"), (1, "uplift_heads", "control_head")):
        module = built(settings, task)
        module.loss(module(numeric, codes), torch.full((12,), only), response).backward()
        gradients = {name: each.grad for name, each in module.named_parameters() if each.grad is not None}
        assert any(gradient.abs().sum() > 0 for name, gradient in gradients.items() if name.startswith(trained))
        assert all((gradient == 0).all() for name, gradient in gradients.items() if name.startswith(untouched))
        if isinstance(settings, EUEN):
            tower = "control." if only else "uplift."
            assert all((gradient == 0).all() for name, gradient in gradients.items() if name.startswith(tower))


def test_tarnet_is_the_forward_written_by_hand():
    task = small_task(3, ZILN())
    module = built(TARNet(representation=(8, 6), heads=(5,), embedding=2, activation="elu"), task)
    numeric, codes, *_ = small_batch(task)
    state = module.state_dict()
    table = state["shared.features.embeddings.table"]
    rows = torch.cat([numeric, table[codes[:, 0]], table[4 + codes[:, 1]]], dim=1)
    for layer in (0, 2):
        rows = functional.elu(rows @ state[f"shared.dense.{layer}.weight"].T + state[f"shared.dense.{layer}.bias"])
    for arm in range(3):
        hidden = functional.elu(rows @ state["heads.weights.0"][arm] + state["heads.biases.0"][arm])
        raw = hidden @ state["heads.weights.1"][arm] + state["heads.biases.1"][arm]
        torch.testing.assert_close(module(numeric, codes).parameters[:, arm], raw)


def test_the_s_learner_is_one_network_of_features_and_arm():
    task = small_task(3, MSE())
    module = built(SLearner(representation=(8,), heads=(5,)), task)
    numeric, codes, *_ = small_batch(task)
    first = nn.Linear(module.features.width + 3, 8)
    first.weight.data = torch.cat([module.first.weight, module.arm.T], dim=1)
    first.bias.data = module.first.bias
    whole = nn.Sequential(first, module.rest, module.output)
    for arm in range(3):
        inputs = torch.cat([module.features(numeric, codes), torch.eye(3)[[arm] * 12]], dim=1)
        torch.testing.assert_close(module(numeric, codes).parameters[:, arm], whole(inputs))


def test_the_t_learner_is_a_separate_fit_of_each_arm():
    task = small_task(2, MSE())
    module = built(TLearner(representation=(8,), heads=(5,), embedding=2), task).double()
    numeric, codes, arm, response = small_batch(task, rows=30)
    numeric, response = numeric.double(), response.double()
    separate = [alone(module, arm_of) for arm_of in range(2)]
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(20):
        optimizer.zero_grad()
        module.loss(module(numeric, codes), arm, response).backward()
        optimizer.step()
    for arm_of, (table, layers) in enumerate(separate):
        optimizer = torch.optim.Adam([table, *layers.parameters()], 0.01)
        seen = arm == arm_of
        for _ in range(20):
            optimizer.zero_grad()
            raw = forward_alone(table, layers, numeric[seen], codes[seen])
            (task.head.loss(raw, response[seen], task.limits).sum() / 30).backward()
            optimizer.step()
        expected = forward_alone(table, layers, numeric, codes)
        torch.testing.assert_close(module(numeric, codes).parameters[:, arm_of], expected, rtol=1e-8, atol=1e-10)


def alone(module, arm):
    """A copy of one arm's network, of ordinary layers."""
    layers = nn.Sequential()
    for weight, bias in zip(module.arms.weights, module.arms.biases, strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[2], dtype=torch.float64)
        layer.weight.data, layer.bias.data = weight[arm].detach().T.clone(), bias[arm].detach().clone()
        layers.extend([layer, nn.ReLU()])
    table = module.embeddings.table.detach()[:, 2 * arm : 2 * arm + 2].clone().requires_grad_()
    return table, layers[:-1]


def forward_alone(table, layers, numeric, codes):
    return layers(torch.cat([numeric, table[codes[:, 0]], table[4 + codes[:, 1]]], dim=1))


def test_cfr_adds_the_distance_of_the_arms():
    task = small_task(3, MSE())
    module = built(CFR(balance=0.7), task)
    numeric, codes, arm, response = small_batch(task)
    outputs = module(numeric, codes)
    control, *treated = (outputs.representation[arm == each] for each in range(3))
    distance = sum(linear_mmd(each, control) for each in treated) / 2
    expected = module.likelihood(outputs, arm, response) + 0.7 * distance
    torch.testing.assert_close(module.loss(outputs, arm, response), expected)


def test_cfr_looks_at_a_sample_where_the_distance_grows_with_its_square():
    task = small_task(3, MSE())
    numeric, codes, arm, response = small_batch(task)
    for distance, sample in (("wasserstein", 3), ("rbf", 3), ("mmd", None)):
        module = built(CFR(distance=distance, balance=0.7, sample=3), task)
        outputs = module(numeric, codes)
        expected = 0.7 * between_arms(outputs.representation, arm, 3, distance, sample)
        torch.testing.assert_close(module.own_terms(outputs, arm, response), expected)


@pytest.mark.parametrize("distance", ["mmd", "rbf", "wasserstein"])
def test_cfr_draws_the_arms_together(distance):
    task = small_task(2, MSE())
    numeric, codes, arm, response = small_batch(task, rows=80)
    numeric[:, 0] += 2 * arm

    def apart(balance):
        module = built(CFR(distance=distance, balance=balance), task)
        optimizer = torch.optim.Adam(module.parameters(), 3e-3)
        for _ in range(60):
            optimizer.zero_grad()
            module.loss(module(numeric, codes), arm, response).backward()
            optimizer.step()
        representation = module(numeric, codes).representation.detach()
        spread = representation.std(0).mean()
        return float(linear_mmd(representation[arm == 1], representation[arm == 0]) / spread)

    assert apart(10.0) < 0.5 * apart(0.0)


def test_cfr_without_weight_is_tarnet_to_the_last_bit():
    task = small_task(3, ZILN())
    numeric, codes, arm, response = small_batch(task)
    losses = []
    for settings in (CFR(balance=0), TARNet()):
        module = built(settings, task)
        optimizer = torch.optim.Adam(module.parameters(), 0.01)
        for _ in range(5):
            optimizer.zero_grad()
            loss = module.loss(module(numeric, codes), arm, response)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[:5] == losses[5:]


def test_dragonnet_adds_cross_entropy_and_targeted_regularisation():
    task = small_task(2, MSE())
    module = built(DragonNet(propensity=0.3, targeted=0.6), task)
    nn.init.constant_(module.correction, 0.2)
    numeric, codes, arm, response = small_batch(task)
    outputs = module(numeric, codes)
    chance = outputs.propensity.softmax(1)[:, 1]
    g = (chance + 0.01) / 1.02
    h = arm / g - (1 - arm) / (1 - g)
    scale = task.limits.scale
    expected = module.means(outputs)[range(12), arm]
    entropy = functional.binary_cross_entropy(chance, arm.float())
    targeted = ((response / scale - expected / scale - 0.2 * h) ** 2).mean()
    found = module.own_terms(outputs, arm, response)
    torch.testing.assert_close(found, 0.3 * entropy + 0.6 * targeted)


def test_dragonnet_learns_a_known_propensity():
    generator = torch.Generator().manual_seed(3)
    numeric = torch.randn(4000, 2, generator=generator)
    truth = torch.sigmoid(1.2 * numeric[:, 0] - 0.5)
    arm = (torch.rand(4000, generator=generator) < truth).long()
    response = torch.rand(4000, generator=generator)
    task = small_task(2, MSE(), 2, ())
    module = built(DragonNet(representation=(16,), heads=(8,)), task)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    codes = torch.zeros(4000, 0, dtype=torch.int64)
    for _ in range(150):
        optimizer.zero_grad()
        module.loss(module(numeric, codes), arm, response).backward()
        optimizer.step()
    chance = module(numeric, codes).propensity.softmax(1)[:, 1]
    assert (chance - truth).abs().mean() < 0.03


def test_descn_adds_the_entire_space_and_the_crossing():
    task = small_task(3, MSE())
    module = built(DESCN(propensity=0.3, entire_space=0.5, crossing=0.7), task)
    numeric, codes, arm, response = small_batch(task)
    outputs = module(numeric, codes)
    effect = module.pseudo_effect(outputs.representation)[:, :, 0].tolist()
    chance = outputs.propensity.softmax(1).tolist()
    expected = (module.means(outputs) / task.limits.scale).tolist()
    total = 0.0
    for row in range(12):
        own, y = int(arm[row]), float(response[row]) / task.limits.scale
        entropy = -np.log(chance[row][own])
        entire = sum((y * (a == own) - chance[row][a] * expected[row][a]) ** 2 for a in range(3))
        if own:
            crossed = (y - expected[row][0] - effect[row][own - 1]) ** 2
        else:
            crossed = np.mean([(y - expected[row][a] + effect[row][a - 1]) ** 2 for a in (1, 2)])
        total += 0.3 * entropy + 0.5 * entire + 0.7 * crossed
    assert module.own_terms(outputs, arm, response).item() == pytest.approx(total / 12, rel=1e-5)


def test_efin_attends_by_treatment():
    task = small_task(3, MSE())
    attention = built(EFIN(embedding=4), task).attention
    vectors = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1))
    for treatment in range(2):
        for row in range(2):
            alike = torch.tanh(attention.features(vectors[row]) + attention.treatments[treatment])
            share = torch.softmax(alike @ attention.score.weight[0], dim=0)
            torch.testing.assert_close(attention(vectors)[treatment, row], share @ vectors[row])


def test_networks_that_share_a_control_start_without_an_effect_in_the_biases():
    task = small_task(2, ZILN())
    for settings in (EUEN(), EFIN()):
        module = built(settings, task)
        assert module.control_head.biases[-1].tolist() == [task.start.tolist()]
        assert (module.uplift_heads.biases[-1] == 0).all()


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_unseen_category_begins_as_nothing(kind):
    module = built(settings_of(kind), small_task())
    tables = [each for name, each in module.named_parameters() if name.endswith("table")]
    assert tables
    for table in tables:
        assert (table[[0, 4]] == 0).all()
        assert (table[[1, 2, 3, 5, 6]] != 0).all()


@pytest.mark.parametrize("kind", NETWORKS)
def test_weights_of_two_are_rows_twice(kind):
    task = small_task(2, MSE())
    module = built(settings_of(kind), task).double()
    numeric, codes, arm, response = small_batch(task)
    numeric, response = numeric.double(), response.double()
    twice = torch.cat([torch.arange(12), torch.arange(6)])
    weight = torch.ones(12, dtype=torch.float64).index_fill(0, torch.arange(6), 2.0)
    outputs = module(numeric, codes)
    repeated = module(numeric[twice], codes[twice])
    found = module.likelihood(outputs, arm, response, weight / weight.mean())
    torch.testing.assert_close(found, module.likelihood(repeated, arm[twice], response[twice]))
    if kind != "cfr":  # the distance of the arms knows no weights
        found = module.loss(outputs, arm, response, weight / weight.mean())
        torch.testing.assert_close(found, module.loss(repeated, arm[twice], response[twice]))


def test_dropout_drops_in_training_only():
    task = small_task()
    numeric, codes, *_ = small_batch(task)
    for kind in NETWORKS:
        module = built(settings_of(kind, dropout=0.5), task)
        assert not torch.equal(module(numeric, codes).parameters, module(numeric, codes).parameters)
        module.eval()
        assert torch.equal(module(numeric, codes).parameters, module(numeric, codes).parameters)


def test_building_twice_gives_networks_that_share_nothing():
    task = small_task()
    for settings in every_network():
        first, second = built(settings, task, 0), built(settings, task, 0)
        before = copy.deepcopy(second.state_dict())
        for parameter in first.parameters():
            parameter.data.add_(1)
        assert all(torch.equal(each, before[name]) for name, each in second.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "tar-net"}, "network.kind: unknown value 'tar-net', did you mean 'tarnet'?"),
        ({"kind": "tarnet", "heads": (0,)}, "network.heads.0: should be greater than or equal to 1. Got 0 instead"),
        ({"kind": "tarnet", "balance": 1}, "unknown key 'network.balance'"),
        ({"kind": "cfr", "distance": "l2"}, "network.distance: unknown value 'l2'"),
    ],
)
def test_wrong_settings_are_told_in_a_line(settings, message):
    with pytest.raises(ConfigError) as error:
        validate({"network": settings}, OfNetwork)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
