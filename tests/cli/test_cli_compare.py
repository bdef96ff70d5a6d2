from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import recval


@pytest.fixture
def altered(tiny, tmp_path):
    """Copies the run under a name, with its table of users changed."""

    def copy(name, change=lambda table: table):
        shutil.copytree(tiny.run, tmp_path / name, ignore=shutil.ignore_patterns("trials"))
        path = tmp_path / name / "per_user.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)
        return tmp_path / name

    return copy


def test_the_methods_of_one_run_compare_as_in_its_own_summary(command, tiny):
    summary = json.loads((tiny.run / "metrics.json").read_text())
    for metric in ("ndcg@5", "recall@5"):
        found = command("compare", tiny.run, "--metric", metric, "--baseline", "run:plain", "--json").json
        assert (found["baseline"], found["family"]) == ("run:plain", 2)
        assert [test["other"] for test in found["tests"]] == ["run:plain"] * 2
        for test in found["tests"]:
            expected = summary["comparisons"][metric][test["system"].removeprefix("run:")]
            shown = {name: value for name, value in test.items() if name in expected}
            assert shown == pytest.approx({name: expected[name] for name in shown})
            assert {"difference", "ci_low", "ci_high", "t_p_value_holm", "effect_size", "users"} <= set(shown)
        for mean in found["means"]:
            expected = summary["methods"][mean["system"].removeprefix("run:")][metric]
            assert (mean["mean"], mean["sd"]) == pytest.approx((expected["mean"], expected["sd"]))


def test_it_is_what_python_gives(command, tiny, altered):
    other = altered("other", lambda table: table.assign(**{"ndcg@5": table["ndcg@5"] ** 2}))
    shown = command("compare", tiny.run, other, "--json").json
    found = recval.compare([tiny.run, other])
    assert found.metrics == ["ndcg@5", "recall@5"]
    assert shown["family"] == len(found.tests) == 30
    for name in ("tests", "means"):
        frame = getattr(found, name)
        pd.testing.assert_frame_equal(pd.DataFrame(shown[name], columns=frame.columns), frame, check_dtype=False)
    for metric in found.metrics:
        assert shown["groups"][metric]["wilcoxon"] == [list(group) for group in found.groups(metric)]


def test_the_picture_and_the_tables_are_printed(command, tiny):
    ended = command("compare", tiny.run)
    assert ended.code == 0
    for text in (
        "ndcg@5 over 30 users",
        "recall@5 over 30 users",
        "all pairs; p by Holm over 6 tests",
        "detectable",
        "●",
        "Friedman’s test of the ranks: χ²(2) = ",
        "Critical difference: 0.605",
    ):
        assert text in ended.out
    assert "against run:plain; p by Holm over 4 tests" in command("compare", tiny.run, "--baseline", "run:plain").out


def test_files_are_written(command, tiny, tmp_path):
    page, found = tmp_path / "comparison.html", recval.compare([tiny.run])
    for ending, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet), (".json", pd.read_json)):
        out = tmp_path / f"tests{ending}"
        ended = command("compare", tiny.run, "--out", out, "--report", page, "--force")
        assert ended.err == f"wrote {out}\nwrote {page}\n"
        pd.testing.assert_frame_equal(read(out), found.tests, check_dtype=False)
    assert "Comparison of run:plain, run:valued, run:shuffled" in page.read_text(encoding="utf8")
    assert f"{page} exists already" in command("compare", tiny.run, "--report", page).error
    assert "a file that ends in .html" in command("compare", tiny.run, "--report", tmp_path / "page.pdf").error


def test_an_infinite_effect_size_can_be_written(command, tiny, altered, tmp_path):
    other = altered("other", lambda table: table.assign(**{"ndcg@5": table["ndcg@5"] + 0.5}))
    out = tmp_path / "tests.json"
    ended = command("compare", f"{tiny.run}:plain", f"{other}:plain", "--metric", "ndcg@5", "--out", out, "--json")
    (test,) = ended.json["tests"]
    assert test["difference"] == pytest.approx(0.5)
    assert json.loads(out.read_text())[0]["difference"] == pytest.approx(0.5)


def test_methods_runs_and_files_are_compared(command, tiny, altered, tmp_path):
    per_user = recval.compare([tiny.run]).systems.index
    assert list(per_user) == ["run:plain", "run:valued", "run:shuffled"]
    users = pd.read_parquet(tiny.run / "per_user.parquet")["user"].unique()
    file = tmp_path / "theirs.csv"
    pd.DataFrame({"user": users, "ndcg@5": np.linspace(0, 1, len(users))}).to_csv(file, index=False)
    ended = command("compare", f"{tiny.run}:valued", f"{altered('other')}:plain", file, "--json")
    assert [row["system"] for row in ended.json["systems"]] == ["run:valued", "other:plain", "theirs"]
    assert ended.err.splitlines() == [
        "note: not compared, because not all systems have it: recall@5",
        "note: the systems have 1 to 2 seeds; ranks are taken of as many of each, the first ones",
    ]


def test_a_baseline_may_be_named_by_its_path(command, tiny, altered):
    other = altered("other")
    found = command("compare", tiny.run, other, "--baseline", f"{other}:plain", "--json").json
    assert found["baseline"] == "other:plain"
    assert len(found["tests"]) == 10


def test_less_may_be_better(command, tiny):
    found = command("compare", tiny.run, "--metric", "ndcg@5", "--lower", "ndcg@5", "--json").json
    usual = command("compare", tiny.run, "--metric", "ndcg@5", "--json").json
    ranks = [[mean["average_rank"] for mean in each["means"]] for each in (found, usual)]
    np.testing.assert_allclose(np.sum(ranks, axis=0), 4)


def test_users_in_common_are_compared_with_a_note(command, tiny, altered):
    other = altered("other", lambda table: table[table["user"] > "004"])
    ended = command("compare", f"{tiny.run}:plain", f"{other}:plain", "--json")
    assert {test["users"] for test in ended.json["tests"]} == {25}
    assert ended.err == "note: 5 of the 30 users of run:plain are not in all systems\n"


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (lambda table: table[table["user"] == "003"], 1),
        (lambda table: table.assign(user=table["user"] + "x"), 0),
        (lambda table: table.assign(user=table["user"].astype(int) + 100), 0),
    ],
)
def test_runs_that_share_fewer_than_two_users_are_refused(command, tiny, altered, change, count):
    error = command("compare", f"{tiny.run}:plain", f"{altered('other', change)}:plain").error
    assert f"run:plain, other:plain have {count} users in common; a paired test needs at least two" in error


def test_runs_on_other_data_are_refused(command, tiny, altered):
    other = altered("other")
    data = json.loads((other / "data.json").read_text())
    (other / "data.json").write_text(json.dumps(data | {"sha256": "0" * 64}))
    error = command("compare", tiny.run, other).error
    assert "run:plain and" in error
    assert "are of different data or splits" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUN:plain"], "at least two systems, got 1"),
        (["RUN:plain", "RUN"], "run:plain is named twice"),
        (["RUN:plian"], "unknown method 'plian', did you mean 'plain'?"),
        (["RUN", "--metric", "ndgc@5"], "unknown metric 'ndgc@5', did you mean 'ndcg@5'?"),
        (["RUN", "--baseline", "run:plian"], "unknown baseline 'run:plian', did you mean 'run:plain'?"),
        (["nowhere", "RUN"], "nowhere holds no run"),
        (["RUN", "--out", "tests.txt"], "tests.txt: the format follows from the ending"),
    ],
)
def test_mistakes_are_one_line(command, tiny, words, message):
    assert message in command("compare", *(word.replace("RUN", str(tiny.run)) for word in words)).error


def test_report_is_written_anew(command, tiny, tmp_path):
    shutil.copytree(tiny.run, tmp_path / "run")
    page = tmp_path / "run/report.html"
    page.write_text("stale")
    ended = command("report", tmp_path / "run")
    assert (ended.code, ended.out) == (0, f"{page}\n")
    assert "stale" not in page.read_text()[:100]
    assert "valued" in page.read_text()
