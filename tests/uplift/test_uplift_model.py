import json

import numpy as np
import pandas as pd
import pytest
import torch
from planted_uplift import NETWORKS, planted
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from recval.errors import ConfigError, DataError, ModelError, RunError
from recval.uplift import (
    Customers,
    FeatureEncoder,
    Isotonic,
    Level,
    ListwiseUplift,
    ResponseRanking,
    TARNet,
    UpliftModel,
    UpliftTraining,
    doubly_robust,
)
from recval.uplift.heads import ZILN

HEADS = ("mse", "ziln", "hurdle", "tweedie")
QUICK = UpliftTraining(epochs=15, learning_rate=3e-3, batch_size=256)
SHORT = UpliftTraining(epochs=2)


@pytest.fixture(scope="module")
def customers():
    return planted(2000, 0)


@pytest.fixture(scope="module")
def unseen():
    return planted(1000, 1)


@pytest.fixture(scope="module")
def model(customers):
    return UpliftModel(training=QUICK, members=2, calibration="level").fit_customers(customers)


def arguments(customers):
    return customers.features, np.array(customers.arms)[customers.arm], customers.response


PAIRS = [(network, head) for network in NETWORKS for head in HEADS]
"""Those with the default network or the default head run in the quick lane, the others in the slow one."""


@pytest.mark.parametrize(
    ("network", "head"),
    [
        pytest.param(*pair, marks=() if "tarnet" in pair or "ziln" in pair else pytest.mark.slow, id="-".join(pair))
        for pair in PAIRS
    ],
)
def test_every_network_and_head_finds_a_planted_uplift(network, head, customers, unseen):
    fitted = UpliftModel(network, head, training=QUICK).fit_customers(customers)
    found = fitted.predict(unseen.features)
    assert spearmanr(found, unseen.truth[:, 0])[0] > 0.6
    assert abs(found.mean() - unseen.truth.mean()) < 0.5 * unseen.truth.mean()


@pytest.mark.parametrize("network", ["tarnet", "t-learner", "efin"])
def test_each_of_several_treatments_has_its_own_uplift(network):
    customers, unseen = planted(3000, 0, treatments=2), planted(1000, 1, treatments=2)
    fitted = UpliftModel(network, training=QUICK).fit_customers(customers)
    found = fitted.predict(unseen.features)
    assert fitted.arms_ == ("control", "offer 1", "offer 2")
    assert found.shape == (1000, 2)
    for treatment in range(2):
        own, other = (spearmanr(found[:, treatment], unseen.truth[:, each])[0] for each in (treatment, 1 - treatment))
        assert own > max(0.6, other + 0.2)


def test_predictions_fit_together(model, unseen):
    response = model.predict_response(unseen.features)
    assert response.shape == (1000, 2)
    uplift = model.fitted_.calibrator(response[:, 1] - response[:, 0])
    np.testing.assert_array_equal(model.predict(unseen.features), uplift)
    raw = [model.predict_parameters(unseen.features, member) for member in (0, 1)]
    assert raw[0].shape == (1000, 2, 3)
    z = np.array(raw, np.float64)
    by_hand = np.exp(z[..., 1] + np.logaddexp(0, z[..., 2]) ** 2 / 2) / (1 + np.exp(-z[..., 0]))
    np.testing.assert_allclose(response, by_hand.mean(axis=0), rtol=1e-4)
    each = by_hand[..., 1] - by_hand[..., 0]
    np.testing.assert_allclose(model.predict_std(unseen.features), each.std(axis=0, ddof=1), rtol=1e-3, atol=1e-5)


def test_a_member_does_not_depend_on_how_many_there_are(customers, unseen, model):
    alone = UpliftModel(training=QUICK).fit_customers(customers)
    np.testing.assert_array_equal(
        alone.predict_parameters(unseen.features), model.predict_parameters(unseen.features, member=0)
    )
    assert not np.array_equal(*(model.predict_parameters(unseen.features, member) for member in (0, 1)))


def test_one_pass_predicts_all(model, unseen, monkeypatch):
    passes = []
    forward = type(model.fitted_.members[0].module).forward
    monkeypatch.setattr(
        type(model.fitted_.members[0].module), "forward", lambda *inputs: passes.append(1) or forward(*inputs)
    )
    found = model.predict_all(unseen.features)
    assert len(passes) == len(model.fitted_.members) == 2
    np.testing.assert_array_equal(found.uplift[:, 0], model.predict(unseen.features))
    np.testing.assert_array_equal(found.responses, model.predict_response(unseen.features))
    np.testing.assert_array_equal(found.std[:, 0], model.predict_std(unseen.features))
    assert model.predict_all(unseen.features.head(0)).uplift.shape == (0, 1)


def test_one_member_has_no_spread(customers):
    fitted = UpliftModel(training=SHORT).fit_customers(customers)
    with pytest.raises(ConfigError, match="at least 2 members"):
        fitted.predict_std(customers.features)


def test_a_seed_gives_the_same_bits(customers, unseen):
    found = [
        UpliftModel(training=SHORT, network=TARNet(dropout=0.2), rng=rng).fit_customers(customers)
        for rng in (3, 3, 4, np.random.default_rng(0), np.random.default_rng(0))
    ]
    first, same, other, drawn, redrawn = (each.predict(unseen.features) for each in found)
    assert np.array_equal(first, same)
    assert np.array_equal(drawn, redrawn)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, drawn)


def test_scoring_one_model_before_another_changes_nothing(customers, unseen, model):
    before = model.predict(unseen.features)
    other = UpliftModel("efin", "mse", training=SHORT).fit_customers(customers)
    other.predict(unseen.features)
    np.testing.assert_array_equal(model.predict(unseen.features), before)
    again = UpliftModel("efin", "mse", training=SHORT).fit_customers(customers)
    np.testing.assert_array_equal(again.predict(unseen.features), other.predict(unseen.features))


def test_the_order_of_columns_and_rows_and_the_index_do_not_matter(unseen, model):
    features = unseen.features
    expected = model.predict(features)
    shuffled = features[features.columns[::-1]].sample(frac=1, random_state=0)
    found = pd.Series(model.predict(shuffled.assign(more=1)), shuffled.index)
    np.testing.assert_allclose(found.loc[features.index], expected, rtol=1e-4, atol=1e-5)


def test_one_row_is_enough_to_predict(unseen, model):
    expected = model.predict(unseen.features)[:1]
    assert model.predict(unseen.features.iloc[:1]).shape == (1,)
    np.testing.assert_allclose(model.predict(unseen.features.iloc[:1]), expected, rtol=1e-4)


def test_chunks_are_joined(unseen, model, monkeypatch):
    expected = model.predict(unseen.features)
    monkeypatch.setattr("recval.uplift.training.members.CHUNK", 33)
    np.testing.assert_allclose(model.predict(unseen.features), expected, rtol=1e-4, atol=1e-5)


def test_unseen_and_missing_categories_and_missing_numbers_are_predicted_for(unseen, model):
    features = unseen.features.head(3).copy()
    features["kind"] = ["never seen", None, "a"]
    features.loc[2, "x0"] = np.nan
    found = model.predict(features)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(model.predict(features.assign(kind=None))[0], rel=1e-5)


def test_a_missing_column_is_told_in_a_line(unseen, model):
    with pytest.raises(DataError, match=r"no column 'x1', which training had") as error:
        model.predict(unseen.features.drop(columns="x1"))
    assert "\n" not in str(error.value)


def test_labels_name_the_arms(customers, unseen):
    features, treatment, response = arguments(customers)
    named = UpliftModel(training=SHORT).fit(features, treatment, response)
    assert named.arms_ == ("control", "offer 1")
    numbered = UpliftModel(training=SHORT).fit(features, customers.arm, response)
    assert numbered.arms_ == ("0", "1")
    np.testing.assert_array_equal(named.predict(unseen.features), numbered.predict(unseen.features))
    swapped = UpliftModel(training=SHORT, control="offer 1").fit(features, treatment, response)
    assert swapped.arms_ == ("offer 1", "control")


def test_an_array_of_numbers_will_do(customers):
    array = customers.features[["x0", "x1"]].to_numpy()
    fitted = UpliftModel(training=SHORT).fit(array, customers.arm, customers.response)
    by_name = UpliftModel(training=SHORT).fit(customers.features[["x0", "x1"]], customers.arm, customers.response)
    np.testing.assert_array_equal(fitted.predict(array), by_name.predict(customers.features))


def test_constant_features_change_nothing_but_the_random_start(customers):
    fitted = UpliftModel(training=SHORT).fit(np.ones((2000, 2)), customers.arm, customers.response)
    found = fitted.predict_response(np.array([[1.0, 1.0], [7.0, -3.0]]))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("members", [1, 2])
def test_a_saved_model_predicts_the_same(tmp_path, customers, unseen, members):
    features = unseen.features
    fitted = UpliftModel(
        TARNet(representation=(16,)), training=SHORT, members=members, calibration="level", rng=7
    ).fit_customers(customers)
    fitted.save(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.json", "weights.safetensors"]
    loaded = UpliftModel.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(features), fitted.predict(features))
    np.testing.assert_array_equal(loaded.predict_response(features), fitted.predict_response(features))
    assert (loaded.arms_, loaded.histories_) == (fitted.arms_, fitted.histories_)
    again = clone(loaded).fit(*arguments(customers))
    np.testing.assert_array_equal(again.predict(features), fitted.predict(features))
    loaded.save(tmp_path / "again")
    for name in ("model.json", "weights.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("head", HEADS)
def test_every_network_and_head_is_saved(tmp_path, customers, network, head):
    few = customers.take(np.arange(200))
    fitted = UpliftModel(network, head, training=UpliftTraining(epochs=1)).fit_customers(few)
    fitted.save(tmp_path)
    np.testing.assert_array_equal(UpliftModel.load(tmp_path).predict(few.features), fitted.predict(few.features))


def test_a_damaged_folder_is_told_in_a_line(tmp_path, model, customers):
    with pytest.raises(RunError, match="there is no file"):
        UpliftModel.load(tmp_path / "none")
    model.save(tmp_path / "one")
    UpliftModel(training=SHORT).fit_customers(customers).save(tmp_path / "other")
    weights = (tmp_path / "other" / "weights.safetensors").read_bytes()
    (tmp_path / "one" / "weights.safetensors").write_bytes(weights)
    with pytest.raises(RunError, match="holds other weights than .*model.json describes"):
        UpliftModel.load(tmp_path / "one")
    path = tmp_path / "other" / "model.json"
    described = json.loads(path.read_text())
    described["settings"]["network"]["heads"] = [5]
    path.write_text(json.dumps(described))
    with pytest.raises(RunError, match="other layers than the weights have"):
        UpliftModel.load(tmp_path / "other")
    path.write_text("[]")
    with pytest.raises(RunError, match="describes no model"):
        UpliftModel.load(tmp_path / "other")
    path.write_text(json.dumps({**described, "format": "recval-uplift-9"}))
    with pytest.raises(ConfigError, match="format"):
        UpliftModel.load(tmp_path / "other")


def test_parameters_are_kept_as_given():
    model = UpliftModel("cfr", head={"kind": "ziln"}, training={"epochs": 3}, members=2, rng=5)
    assert model.get_params()["network"] == "cfr"
    copy = clone(model.set_params(network="euen", listwise=ListwiseUplift()))
    assert copy.get_params() == model.get_params()
    assert copy.network == "euen"
    assert copy.training == {"epochs": 3}
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(layers=3)


def test_names_and_declarations_mean_the_same(customers, unseen):
    by_name = UpliftModel("tarnet", "ziln", training={"epochs": 2}).fit_customers(customers)
    declared = UpliftModel(TARNet(), ZILN(), training=SHORT).fit_customers(customers)
    np.testing.assert_array_equal(by_name.predict(unseen.features), declared.predict(unseen.features))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"network": "tar"}, "network.kind: unknown value 'tar'"),
        ({"head": "zlin"}, "head.kind: unknown value 'zlin', did you mean 'ziln'?"),
        ({"members": 0}, "members: should be greater than or equal to 1. Got 0 instead"),
        ({"training": {"epoch": 3}}, "unknown key 'training.epoch', did you mean 'epochs'?"),
        ({"calibration": "level", "training": {"validation": 0}}, "a calibration needs held-out rows"),
    ],
)
def test_wrong_parameters_are_told_in_a_line_by_fit(customers, parameters, message):
    with pytest.raises(ConfigError) as error:
        UpliftModel(**parameters).fit_customers(customers)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_customers_are_told_in_a_line(customers):
    features, treatment, response = arguments(customers)
    bad = [
        (features, treatment, -response, None, "negative"),
        (features, treatment, 0 * response, None, "0 for every customer"),
        (features, np.where(treatment == "control", "none", treatment), response, None, "control"),
        (features.head(1), treatment[:1], response[:1], None, "at least 2"),
        (features, treatment, response, np.full(2000, -1.0), "sample_weight must be 2000 finite numbers"),
        (features, treatment, response, np.ones(3), "sample_weight must be 2000 finite numbers"),
    ]
    for X, t, y, weight, message in bad:  # noqa: N806
        with pytest.raises(DataError, match=message) as error:
            UpliftModel(training=SHORT).fit(X, t, y, sample_weight=weight)
        assert "\n" not in str(error.value)


def test_negative_responses_are_fine_for_least_squares(customers):
    fitted = UpliftModel(head="mse", training=SHORT).fit(*arguments(customers)[:2], customers.response - 1)
    assert np.isfinite(fitted.predict(customers.features)).all()


def test_an_unfitted_model_says_so(tmp_path, customers):
    for use in (lambda m: m.predict(customers.features), lambda m: m.save(tmp_path / "x"), lambda m: m.arms_):
        with pytest.raises(NotFittedError, match="call fit first"):
            use(UpliftModel())
    assert not (tmp_path / "x").exists()


def test_a_failed_fit_leaves_the_model_as_it_was(customers, unseen):
    fitted = UpliftModel(training=SHORT).fit_customers(customers)
    before = fitted.predict(unseen.features)
    with pytest.raises(ModelError, match="lower the learning rate"):
        fitted.set_params(training=UpliftTraining(learning_rate=1e30)).fit_customers(customers)
    np.testing.assert_array_equal(fitted.predict(unseen.features), before)


def test_rows_without_weight_do_not_count(customers, unseen):
    swapped = np.random.default_rng(0).random(2000) < 0.5
    arm = np.where(swapped, 1 - customers.arm, customers.arm)
    weight = np.where(swapped, 0.0, 3.0)
    model = UpliftModel(training=QUICK)
    weighted = model.fit(customers.features, arm, customers.response, weight).predict(unseen.features)
    equal = model.fit(customers.features, arm, customers.response).predict(unseen.features)
    truth = unseen.truth[:, 0]
    assert abs(weighted.mean() - truth.mean()) < 0.3 * truth.mean()
    assert abs(equal.mean()) < 0.3 * truth.mean()


def test_calibration_gives_the_level_of_the_mean_effect_of_all_rows(customers):
    settings = {"training": SHORT, "listwise": ListwiseUplift(weight=0.5), "response_ranking": ResponseRanking()}
    raw = UpliftModel(**settings).fit_customers(customers)
    calibrated = UpliftModel(**settings, calibration=Level(shrink=False)).fit_customers(customers)
    np.testing.assert_array_equal(
        raw.predict_response(customers.features), calibrated.predict_response(customers.features)
    )
    moved = calibrated.predict(customers.features) - raw.predict(customers.features)
    assert np.ptp(moved) < 1e-6
    effect = doubly_robust(customers).effects.mean()
    assert calibrated.predict(customers.features).mean() == pytest.approx(effect, abs=0.02)
    assert abs(raw.predict(customers.features).mean() - effect) > 0.1


def test_the_shape_of_members_is_calibrated_on_all_rows_that_one_held_out(customers, monkeypatch):
    asked = []

    def remember(self, uplift, effects):
        asked.append(len(uplift))
        return Level()._shape(uplift, effects)

    monkeypatch.setattr(Isotonic, "_shape", remember)
    for members in (1, 3):
        UpliftModel(training=UpliftTraining(epochs=1), members=members, calibration=Isotonic()).fit_customers(customers)
    assert asked[0] == pytest.approx(400, abs=4)
    assert asked[1] == pytest.approx(2000 * (1 - 0.8**3), abs=60)


def test_unseen_rows_are_not_looked_at(customers, monkeypatch):
    fitted = []
    fit = FeatureEncoder.fit.__func__
    monkeypatch.setattr(
        FeatureEncoder, "fit", classmethod(lambda cls, frame: fitted.append(len(frame)) or fit(cls, frame))
    )
    model = UpliftModel(training=SHORT).fit_customers(customers)
    model.predict(customers.features)
    assert fitted == [2000]


def test_customers_keep_the_order_of_their_arms(unseen):
    customers = planted(600, 2, treatments=2)
    renamed = Customers(customers.features, customers.arm, customers.response, ("z", "y", "x"))
    fitted = UpliftModel(training=SHORT).fit_customers(renamed)
    assert fitted.arms_ == ("z", "y", "x")
    expected = UpliftModel(training=SHORT).fit_customers(customers)
    np.testing.assert_array_equal(fitted.predict(customers.features), expected.predict(customers.features))


def test_progress_rises_to_the_end(customers):
    told = []
    UpliftModel(training=UpliftTraining(epochs=2), members=2).fit_customers(customers, report=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_accelerator_gives_the_same_model(tmp_path, customers, unseen):
    found = {}
    for device in ("cpu", "cuda"):
        training = UpliftTraining(epochs=2, device=device)
        ranking = {"response_ranking": ResponseRanking(), "listwise": ListwiseUplift()}
        model = UpliftModel("cfr", training=training, calibration="level", **ranking).fit_customers(customers)
        model.save(tmp_path / device)
        found[device] = model.predict(unseen.features)
        np.testing.assert_allclose(
            UpliftModel.load(tmp_path / device).predict(unseen.features), found[device], rtol=1e-3
        )
    np.testing.assert_allclose(found["cuda"], found["cpu"], rtol=1e-2, atol=1e-3)
