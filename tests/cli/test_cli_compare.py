from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats


@pytest.fixture
def altered(tiny, tmp_path):
    """Copies the run under a name, with its table of users changed."""

    def copy(name, change):
        shutil.copytree(tiny.run, tmp_path / name, ignore=shutil.ignore_patterns("trials"))
        path = tmp_path / name / "per_user.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)
        return tmp_path / name

    return copy


def per_user(run):
    return pd.read_parquet(run / "per_user.parquet")


def test_the_methods_of_one_run_compare_as_in_its_own_summary(command, tiny):
    summary = json.loads((tiny.run / "metrics.json").read_text())
    for metric in ("ndcg@5", "recall@5"):
        found = command("compare", tiny.run, "--metric", metric, "--json").json
        assert (found["metric"], found["baseline"], found["users"]) == (metric, "run:plain", 30)
        assert found["comparisons"] == {
            f"run:{method}": test for method, test in summary["comparisons"][metric].items()
        }
        for method, spread in summary["methods"].items():
            shown = found["methods"][f"run:{method}"]
            assert (shown["mean"], shown["sd"]) == pytest.approx((spread[metric]["mean"], spread[metric]["sd"]))
            assert shown["seeds"] == 2


def test_a_run_compared_with_itself_does_not_differ(command, tiny):
    found = command("compare", tiny.run, tiny.run, tiny.run, "--json").json
    assert list(found["methods"]) == [
        f"{run}:{method}" for run in ("run", "run#2", "run#3") for method in ("plain", "valued", "shuffled")
    ]
    for run in ("run#2", "run#3"):
        test = found["comparisons"][f"{run}:plain"]
        assert (test["difference"], test["ci_low"], test["ci_high"], test["t_p_value_holm"]) == (0, 0, 0, 1)
        assert found["comparisons"][f"{run}:valued"]["difference"] == found["comparisons"]["run:valued"]["difference"]


def test_no_run_is_lost_to_the_name_of_another(command, tiny, altered):
    other = altered("run#2", lambda table: table)
    methods = command("compare", other, tiny.run, tiny.run, "--json").json["methods"]
    assert [name for name in methods if name.endswith(":plain")] == ["run#2:plain", "run:plain", "run#3:plain"]


def test_runs_are_tested_on_the_users_in_common_with_holms_correction(command, tiny, altered):
    def change(table):
        noise = np.random.default_rng(0).normal(0.05, 0.05, len(table))
        return table.assign(**{"ndcg@5": table["ndcg@5"] + noise})[table["user"] > "004"]

    other = altered("other", change)
    found = command("compare", tiny.run, other, "--json").json
    means = {
        f"{run.name}:{method}": table.groupby("user")["ndcg@5"].mean().loc["005":]
        for run in (tiny.run, other)
        for method, table in per_user(run).groupby("method", sort=False)
    }
    baseline = means.pop("run:plain")
    assert (found["users"], found["metric"]) == (len(baseline), "ndcg@5") == (25, "ndcg@5")
    p_values = {name: stats.ttest_rel(mean, baseline).pvalue for name, mean in means.items()}
    smallest = min(p_values, key=p_values.get)
    for name, mean in means.items():
        test = found["comparisons"][name]
        assert test["difference"] == pytest.approx((mean - baseline).mean())
        assert test["t_p_value"] == pytest.approx(p_values[name])
        assert test["t_p_value_holm"] >= test["t_p_value"]
    assert found["comparisons"][smallest]["t_p_value_holm"] == pytest.approx(min(1, 5 * p_values[smallest]))


def test_the_table_shows_every_method(command, tiny):
    ended = command("compare", tiny.run, tiny.run)
    assert ended.code == 0
    assert "30 users in common; differences to run:plain" in ended.out
    for name in ("run:plain", "run:valued", "run#2:plain", "run#2:shuffled", "ndcg@5"):
        assert name in ended.out


def test_the_first_metric_in_common_is_compared_by(command, tiny, altered):
    other = altered("other", lambda table: table.drop(columns="ndcg@5"))
    assert command("compare", tiny.run, other, "--json").json["metric"] == "recall@5"


def test_runs_without_a_metric_in_common_are_refused(command, tiny, altered):
    other = altered("other", lambda table: table.rename(columns={"ndcg@5": "hit@3", "recall@5": "mrr@3"}))
    error = command("compare", tiny.run, other).error
    assert "no metric in common: run has ndcg@5, recall@5; other has hit@3, mrr@3" in error


def test_a_metric_that_a_run_lacks_is_refused(command, tiny):
    error = command("compare", tiny.run, "--metric", "ndgc@5").error
    assert "the run run: unknown metric 'ndgc@5', did you mean 'ndcg@5'? (allowed: ndcg@5, recall@5)" in error


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (lambda table: table[table["user"] == "003"], "one user"),
        (lambda table: table.assign(user=table["user"] + "x"), "no user"),
        (lambda table: table.assign(user=table["user"].astype(int)), "no user"),
    ],
)
def test_runs_that_share_fewer_than_two_users_are_refused(command, tiny, altered, change, count):
    error = command("compare", tiny.run, altered("other", change)).error
    assert f"the runs run, other have {count} in common; a paired test needs at least two" in error


def test_runs_on_other_data_are_compared_with_a_note(command, tiny, altered):
    assert command("compare", tiny.run, tiny.run, "--json").err == ""
    other = altered("other", lambda table: table)
    recipe = yaml.safe_load((other / "recipe.yaml").read_text())
    recipe["split"]["seed"] = 99
    (other / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    ended = command("compare", tiny.run, tiny.run, other, "--json")
    assert ended.json["users"] == 30
    assert ended.err.startswith("note: the runs differ in data or split")
    assert ended.err.count("\n") == 1


def test_report_is_written_anew(command, tiny, tmp_path):
    shutil.copytree(tiny.run, tmp_path / "run")
    page = tmp_path / "run/report.html"
    page.write_text("stale")
    ended = command("report", tmp_path / "run")
    assert (ended.code, ended.out) == (0, f"{page}\n")
    assert "stale" not in page.read_text()[:100]
    assert "valued" in page.read_text()
