"""Uplift studies: grids, baselines, paired differences by hand, and what a cell finds."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from uplift_samples import ARMS, experiment

from recval.declarations import validate
from recval.errors import ConfigError, DataError, ModelError
from recval.recipes.uplift.study import UpliftStudy, check, study
from recval.recipes.uplift.study.cells import Cell, cells_of, loaded, parts
from recval.recipes.uplift.study.measuring import measured
from recval.recipes.uplift.study.methods import FeatureMethod, ModelMethod, RandomMethod, RidgeMethod
from recval.recipes.uplift.study.tables import seconds_table, study_table
from recval.uplift.customers import Customers
from recval.uplift.metrics import auuc_null_test, mean_bias, pehe
from recval.uplift.model import UpliftModel

MADE_UP = {"kind": "semi-synthetic", "generator": {"family": "ziln", "rows": 600}}
OTHERS = {"kind": "semi-synthetic", "generator": {"family": "gamma", "rows": 600, "surface": 50}, "seed": 50}
REAL = {"kind": "file", "path": "experiment.csv", "treatment": "group", "response": "spend", "control": "none"}


def asked(**changes):
    values = {
        "customers": {"made up": MADE_UP},
        "test": 0.5,
        "repeats": 2,
        "base": {"training": {"epochs": 1}},
        "methods": {"plain": {}, "ridge": {"kind": "ridge"}, "random": {"kind": "random"}},
        "reference": "ridge",
        "metrics": ["spearman", "auuc"],
        "rankings": 20,
    }
    return validate(values | changes, UpliftStudy)


@pytest.fixture(scope="module")
def customers():
    return Customers.from_frame(
        experiment().drop(columns="id"), treatment="group", response="spend", control="none", arms=ARMS
    )


class TestMethodsByWhatTheyOverride:
    def test_a_grid_is_the_product_of_its_axes_in_order(self):
        losses = {"plain": {}, "listwise": {"listwise": {"weight": 0.3}, "calibration": "level"}}
        found = asked(
            grid={"network": ["tarnet", "cfr"], "head": ["mse", "ziln"], "losses": losses}, reference="plain"
        ).methods
        assert list(found)[:3] == ["tarnet, mse, plain", "tarnet, mse, listwise", "tarnet, ziln, plain"]
        assert len(found) == 8 + 3
        last = found["cfr, ziln, listwise"]
        assert (last.network.kind, last.head.kind, last.listwise.weight) == ("cfr", "ziln", 0.3)
        assert last.calibration.kind == "level"
        assert found["cfr, ziln, plain"].listwise is None
        assert last.training.epochs == 1

    def test_own_settings_replace_or_complete_those_of_the_base(self):
        base = {"network": {"kind": "cfr", "balance": 3.0}, "training": {"epochs": 7}, "members": 2}
        methods = {
            "base": {},
            "same kind": {"network": {"distance": "rbf"}},
            "other kind": {"network": {"kind": "euen"}},
            "by name": {"network": "tarnet", "training": {"patience": 3}, "members": 1},
        }
        found = asked(base=base, methods=methods, reference="base").methods
        assert (found["same kind"].network.balance, found["same kind"].network.distance) == (3.0, "rbf")
        assert found["other kind"].network.kind == "euen"
        assert (found["by name"].network.kind, found["by name"].members) == ("tarnet", 1)
        assert (found["by name"].training.epochs, found["by name"].training.patience) == (7, 3)

    def test_a_resolved_study_resolves_to_itself(self):
        whole = asked(grid={"head": ["mse", "tweedie"], "more": {"a": {}, "b": {"members": 2}}}, reference="a")
        assert validate(whole.model_dump(mode="json"), UpliftStudy) == whole

    def test_a_label_as_reference_pairs_methods_that_differ_in_it_alone(self):
        of = asked(grid={"network": ["tarnet", "cfr"], "head": ["mse", "ziln"]}, reference="mse").reference_of
        assert of("cfr, ziln") == of("cfr, mse") == "cfr, mse"
        assert of("tarnet, ziln") == "tarnet, mse"
        assert of("ridge") is None
        assert asked().reference_of("plain") == "ridge"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"reference": "rigde"}, "unknown method 'rigde', did you mean 'ridge'?"),
            ({"grid": {"head": ["zil"]}}, "grid: head, zil: head.kind: unknown value 'zil', did you mean 'ziln'?"),
            ({"grid": {"heads": ["ziln"]}}, "grid: unknown setting 'heads', did you mean 'head'?"),
            ({"grid": {"a": {"x": {}}, "b": {"x": {}}}}, "grid: b: the label 'x' stands twice"),
            ({"grid": {"a": {"x": 3}}}, "grid"),
            ({"grid": 3}, "grid"),
            ({"methods": {"x": {"heads": "ziln"}}}, "unknown key 'methods.x.heads', did you mean 'head'?"),
            ({"methods": {"x": {"kind": "rigde"}}}, "methods.x.kind: unknown value 'rigde', did you mean 'ridge'?"),
            ({"methods": {"x": {"network": "tarnets"}}}, "unknown value 'tarnets', did you mean 'tarnet'?"),
            ({"methods": {}}, "methods"),
            ({"methods": {"a b": {}, "a-b": {}}}, "methods: 'a b' and 'a-b' would share a folder"),
            ({"base": {"members": 0}}, "base.members"),
            ({"base": 3}, "base"),
            ({"metrics": ["spearmen"]}, "unknown uplift metric 'spearmen', did you mean 'spearman'?"),
            ({"metrics": ["euce/sd"]}, "unknown uplift metric 'euce/sd'"),
            ({"customers": {"all": MADE_UP}}, "'all' stands for all made-up customers together"),
        ],
    )
    def test_a_mistake_is_told_in_one_line(self, changes, said):
        with pytest.raises(ConfigError) as error:
            asked(**changes)
        assert said in str(error.value)
        assert "\n" not in str(error.value)


class TestBaselines:
    def test_ridge_is_the_difference_of_scikit_learns_regressions(self, customers):
        rest, test = customers.take(np.arange(600)), customers.take(np.arange(600, 900))
        found = RidgeMethod(kind="ridge", penalty=2.0).fit(rest, 0, lambda fraction: None)(test.features)
        columns = [(StandardScaler(), ["age", "member"]), (OneHotEncoder(), ["city"])]

        def by_scikit_learn(arm):
            transformer = ColumnTransformer([(str(at), *column) for at, column in enumerate(columns)])
            transformer.fit(rest.features)
            regression = make_pipeline(Ridge(alpha=2.0))
            regression.fit(transformer.transform(rest.features[rest.arm == arm]), rest.response[rest.arm == arm])
            return regression.predict(transformer.transform(test.features))

        control, *treated = map(by_scikit_learn, range(3))
        np.testing.assert_allclose(found, np.column_stack(treated) - control[:, None], rtol=1e-4, atol=1e-5)

    def test_a_feature_orders_by_number_or_by_the_alphabet(self, customers):
        features = pd.DataFrame({"age": [40.0, np.nan, 20, 90], "city": ["Turku", "Ghent", "Porto", "Bonn"]})

        def score(column, sign):
            method = FeatureMethod(kind="feature", column=column, sign=sign)
            return method.fit(customers, 0, lambda fraction: None)(features)

        assert score("age", 1).shape == (4, 2)
        assert np.argsort(score("age", 1)[:, 1]).tolist() == [2, 0, 1, 3]
        assert np.argsort(score("age", -1)[:, 0]).tolist() == [3, 1, 0, 2]
        assert np.argsort(score("city", 1)[:, 0]).tolist() == [3, 1, 2, 0]

    def test_a_random_order_hangs_on_the_seed_alone(self, customers):
        draws = [RandomMethod(kind="random").fit(customers, seed, print)(customers.features) for seed in (1, 1, 2)]
        assert draws[0].shape == (900, 2)
        np.testing.assert_array_equal(draws[0], draws[1])
        assert abs(np.corrcoef(draws[0][:, 0], draws[2][:, 0])[0, 1]) < 0.15

    def test_a_model_is_the_estimator_with_the_same_settings(self, customers):
        settings = {"network": "t-learner", "head": "hurdle", "training": {"epochs": 1}}
        method = ModelMethod.model_validate(settings)
        found = method.fit(customers, 5, lambda fraction: None)(customers.features)
        np.testing.assert_array_equal(
            found, UpliftModel(**settings, rng=5).fit_customers(customers).predict(customers.features)
        )


class TestRepeats:
    def test_made_up_customers_are_drawn_anew_with_other_functions(self):
        whole = asked()
        first, second = (loaded(whole, "made up", repeat) for repeat in (0, 1))
        generator = whole.customers["made up"].generator.model_copy(update={"surface": 1})
        pd.testing.assert_frame_equal(second.features, generator.generate(None, 1).features)
        np.testing.assert_array_equal(second.truth, generator.generate(None, 1).truth)
        assert not np.allclose(first.truth, second.truth)

    def test_real_customers_are_split_anew(self, tmp_path):
        experiment().to_csv(tmp_path / "experiment.csv", index=False)
        whole = asked(customers={"real": REAL | {"path": str(tmp_path / "experiment.csv"), "only": "mail"}}, test=0.3)
        everybody = loaded(whole, "real")
        ids = [set(parts(whole, "real", repeat, {"real": everybody})[1].features["id"]) for repeat in (0, 1)]
        rest, test = parts(whole, "real", 0)
        assert set(test.features["id"]) == ids[0] != ids[1]
        assert set(rest.features["id"]) | ids[0] == set(everybody.features["id"])
        assert len(rest) + len(test) == len(everybody)

    def test_cells_are_every_method_on_every_repeat(self):
        whole = asked(customers={"a": MADE_UP, "b": OTHERS})
        assert len(set(cells_of(whole))) == len(cells_of(whole)) == 2 * 3 * 2


class TestMeasuring:
    def test_metrics_of_the_truth_by_its_spread(self, customers):
        rng = np.random.default_rng(0)
        known = dataclasses.replace(customers, truth=rng.normal(1, 3, (900, 2)))
        score = rng.normal(size=(900, 2))
        names = ["pehe/sd", "mean-bias/sd", "auuc"]
        found = measured(names, score, known, in_money=True, rankings=9)
        for place, arm in enumerate(ARMS[1:]):
            truth = known.truth[:, place]
            assert found[arm]["pehe/sd"]["value"] == pytest.approx(pehe(score[:, place], truth) / truth.std())
            assert found[arm]["mean-bias/sd"]["value"] == pytest.approx(mean_bias(score[:, place], truth) / truth.std())
            assert set(found[arm]["auuc"]) == {"value"}
        assert list(measured(names, score, known, in_money=False, rankings=9)["mail"]) == ["auuc"]
        assert list(measured(names, score, customers, in_money=True, rankings=9)["mail"]) == ["auuc"]

    def test_bands_are_those_of_random_rankings_of_the_arm_and_the_control(self, customers):
        score = np.random.default_rng(1).normal(size=(900, 2))
        found = measured(["qini", "euce"], score, customers, in_money=True, rankings=50)["call"]
        rows = customers.arm != 1
        null = auuc_null_test(
            score[rows, 1], customers.arm[rows] > 0, customers.response[rows], metric="qini", draws=50
        )
        assert found["qini"] == {
            "value": pytest.approx(null.value),
            "null_low": null.quantile(0.025),
            "null_high": null.quantile(0.975),
        }
        assert set(found["euce"]) == {"value"}

    def test_what_is_not_defined_is_none(self, customers):
        found = measured(["krcc"], np.zeros((900, 2)), customers, in_money=True, rankings=50)
        assert found == {arm: {"krcc": {"value": None}} for arm in ARMS[1:]}


def found_of(whole, values, **others):
    """What cells would have found: the values of "auuc" by customers and method, one a repeat."""
    return {
        cell: {
            "arms": {"mail": {"auuc": {"value": values[cell.customers][cell.method][cell.repeat], **others}}},
            "failed": None,
            "seconds": 2.0,
            "processor_seconds": 1.0,
        }
        for cell in cells_of(whole)
    }


class TestTables:
    VALUES = {"plain": [0.5, 0.8, 0.9], "ridge": [0.4, 0.6, 0.85], "random": [0.7, 0.1, 0.2]}

    def row(self, table, **keys):
        (found,) = [row for row in table if all(row[key] == value for key, value in keys.items())]
        return found

    @pytest.mark.parametrize(("source", "variance"), [(REAL, 1 / 3 + 0.25 / 0.75), (MADE_UP, 1 / 3)])
    def test_differences_are_paired_and_allow_for_the_overlap_of_splits(self, source, variance):
        whole = asked(customers={"c": source}, repeats=3, test=0.25, metrics=["auuc"])
        table = study_table(whole, found_of(whole, {"c": self.VALUES}))
        row = self.row(table, method="plain")
        differences = np.array([0.1, 0.2, 0.05])
        error = differences.std(ddof=1) * math.sqrt(variance)
        reach = stats.t.ppf(0.975, 2) * error
        p_value = 2 * stats.t.sf(differences.mean() / error, 2)
        assert row["difference"] == pytest.approx(differences.mean())
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(
            (differences.mean() - reach, differences.mean() + reach)
        )
        assert row["p_value"] == pytest.approx(p_value)
        p_values = sorted([p_value, self.row(table, method="random")["p_value"]])
        assert row["p_value_holm"] == pytest.approx(min(1, max(2 * p_values[0], p_values[p_values.index(p_value)])))
        assert (row["won"], row["pairs"], row["reference"], row["by_repeat"]) == (1, 3, "ridge", [0.5, 0.8, 0.9])
        assert (row["mean"], row["lowest"], row["highest"]) == pytest.approx((np.mean([0.5, 0.8, 0.9]), 0.5, 0.9))
        assert row["sd"] == pytest.approx(np.std([0.5, 0.8, 0.9], ddof=1))
        assert self.row(table, method="ridge")["difference"] is None
        assert [row["method"] for row in table] == ["plain", "ridge", "random"]

    def test_a_repeat_without_a_value_leaves_its_pair_out(self):
        whole = asked(customers={"c": MADE_UP}, repeats=3, metrics=["auuc"])
        values = self.VALUES | {"plain": [0.5, None, 0.9]}
        row = self.row(study_table(whole, found_of(whole, {"c": values})), method="plain")
        assert (row["repeats"], row["pairs"]) == (2, 2)
        assert row["difference"] == pytest.approx(0.075)
        assert row["by_repeat"] == [0.5, None, 0.9]

    def test_made_up_customers_are_taken_together_and_real_ones_are_not(self):
        whole = asked(customers={"a": MADE_UP, "b": OTHERS, "c": REAL}, repeats=3, metrics=["auuc"])
        other = {name: [value + 1 for value in values] for name, values in self.VALUES.items()} | {"plain": [1.5] * 3}
        table = study_table(whole, found_of(whole, {"a": self.VALUES, "b": other, "c": self.VALUES}))
        assert list(dict.fromkeys(row["customers"] for row in table)) == ["a", "b", "c", "all"]
        row = self.row(table, customers="all", method="plain")
        differences = [0.1, 0.2, 0.05, 0.1, -0.1, -0.35]
        test = stats.ttest_1samp(differences, 0)
        assert (row["pairs"], row["difference"]) == (6, pytest.approx(np.mean(differences)))
        assert row["p_value"] == pytest.approx(test.pvalue)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(test.confidence_interval(0.95)))
        assert row["won"] == pytest.approx(4 / 6)

    def test_repeats_beyond_the_band_are_counted(self):
        whole = asked(customers={"c": REAL}, repeats=3, metrics=["auuc"])
        table = study_table(whole, found_of(whole, {"c": self.VALUES}, null_low=0.3, null_high=0.8))
        row = self.row(table, method="plain")
        assert (row["above"], row["below"], row["null_low"], row["null_high"]) == pytest.approx((1, 0, 0.3, 0.8))
        assert self.row(table, method="random")["below"] == 2

    def test_seconds_are_of_the_fits_that_did_not_fail(self):
        whole = asked(customers={"c": MADE_UP}, repeats=2)
        nothing = {"c": {name: [0.0, 0.0] for name in whole.methods}}
        found = found_of(whole, nothing)
        found[Cell("c", "plain", 1)] = {"arms": {}, "failed": "too fast", "seconds": None, "processor_seconds": None}
        row = self.row(seconds_table(whole, found), method="plain")
        assert (row["seconds"], row["processor_seconds"]) == (2.0, 1.0)
        assert (row["failed"], row["failures"]) == (1, ["too fast"])
        assert self.row(study_table(whole, found), method="plain")["repeats"] == 1


class TestStudy:
    def test_a_training_that_breaks_down_is_a_result(self, tmp_path, monkeypatch):
        def broken(self, customers, seed, report):
            raise ModelError("the loss became nan")

        monkeypatch.setattr(ModelMethod, "fit", broken)
        folder = study(asked(repeats=1), tmp_path / "s")
        by_method = {row["method"]: row for row in folder.seconds()}
        assert by_method["plain"]["failures"] == ["the loss became nan"]
        assert {row["method"] for row in folder.table()} == {"ridge", "random"}
        assert "plain failed in 1 repeats: the loss became nan" in folder.report_path.read_text()

    def test_customers_that_a_method_cannot_take_are_refused_before_any_work(self, tmp_path):
        with pytest.raises(DataError, match=r"^customers made up, x: unknown feature 'ages', did you mean 'age'\?"):
            study(asked(methods={"x": {"kind": "feature", "column": "ages"}}, reference="x"), tmp_path / "s")
        assert not (tmp_path / "s").exists()
        frame = experiment().assign(spend=lambda frame: frame["spend"] - 1)
        frame.to_csv(tmp_path / "e.csv", index=False)
        real = {"real": REAL | {"path": str(tmp_path / "e.csv")}}
        with pytest.raises(DataError, match=r"^customers real, plain: .*negative"):
            check(asked(customers=real))
        with pytest.raises(DataError, match=r"^customers real: .*there is no file|^customers real: "):
            check(asked(customers={"real": REAL}))
