from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.progress import Progress

import recval
from recval.cli.progress import _bar
from recval.cli.run import parse_overrides
from recval.errors import ConfigError


def files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_run_prints_each_method_and_the_path_of_the_report(tiny):
    assert tiny.ended.code == 0
    assert tiny.ended.err == ""
    for name in ("plain", "valued", "shuffled", "ndcg@5", "recall@5"):
        assert name in tiny.ended.out
    assert tiny.ended.out.splitlines()[-1] == str(tiny.run / "report.html")
    assert (tiny.run / "report.html").stat().st_size > 0


def test_the_same_command_again_trains_nothing_and_prints_the_same(command, tiny):
    before = {path: path.stat().st_mtime_ns for path in (tiny.run / "trials").rglob("*")}
    again = command("run", tiny.recipe, "--out", tiny.run, "--workers", 1)
    assert (again.code, again.out) == (0, tiny.ended.out)
    assert {path: path.stat().st_mtime_ns for path in (tiny.run / "trials").rglob("*")} == before


class Interrupted:
    """Runs one task, and is then interrupted."""

    def map(self, function, tasks, shared, on_progress):
        yield 0, function(shared, tasks[0], lambda fraction: on_progress(0, fraction))
        raise KeyboardInterrupt


def test_an_interrupted_run_says_how_to_continue_and_ends_as_if_it_had_not_been(command, tiny, tmp_path, monkeypatch):
    words = ("run", tiny.recipe, "--out", tmp_path / "run", "--workers", 1)
    with monkeypatch.context() as patch:
        patch.setattr("recval.engine.executor_of", lambda workers, cluster: Interrupted())
        stopped = command(*words)
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err == f"interrupted; run the same command again to continue in {tmp_path / 'run'}\n"
    assert not (tmp_path / "run/metrics.json").exists()
    assert "not finished" in command("report", tmp_path / "run").error
    assert command(*words).code == 0
    for name in ("metrics.json", "recipe.yaml", "values.parquet", "per_user.parquet", "removal.parquet"):
        assert (tmp_path / "run" / name).read_bytes() == (tiny.run / name).read_bytes()


def test_overrides_replace_what_the_recipe_says_and_the_folder_is_named_after_it(command, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = ("training.epochs=1", "seeds=[4]", "methods={only: {kind: plain}}", "removal=null", "description=")
    ended = command("run", tiny.recipe, *changes, "--workers", 1)
    assert "description" in ended.error
    ended = command("run", tiny.recipe, *changes[:-1], "--workers", 1, "--quiet")
    assert ended.code == 0, ended.err
    written = yaml.safe_load((tmp_path / "runs/tiny/recipe.yaml").read_text())
    assert written["training"]["epochs"] == 1
    assert (written["seeds"], list(written["methods"]), written["removal"]) == ([4], ["only"], None)
    assert list(json.loads((tmp_path / "runs/tiny/metrics.json").read_text())["methods"]) == ["only"]


plain = st.one_of(st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False), st.text(), st.just("a=b"))


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(st.from_regex(r"[a-z]+(\.[a-z0-9]+)*", fullmatch=True), st.one_of(plain, st.lists(plain))))
def test_overrides_are_read_as_yaml(values):
    words = [f"{key}={yaml.safe_dump(value, default_flow_style=True)}" for key, value in values.items()]
    assert parse_overrides(words) == values


@pytest.mark.parametrize("word", ["seeds", "=3", "", "seeds=[0", "day=2026-13-45", "a=!!python/object:x.Y {}"])
def test_a_malformed_override_is_named(word):
    with pytest.raises(ConfigError, match=r"form key=value|not valid YAML") as error:
        parse_overrides([word])
    assert repr(word) in str(error.value)


def test_the_bar_moves_by_fractions_of_trials():
    with Progress(disable=True) as progress:
        on_progress = _bar(progress, "training", 4)
        for position, fraction in ((0, 0.5), (3, 0.25), (0, 1.0), (3, 0.25)):
            on_progress(position, fraction)
        assert (progress.tasks[0].completed, progress.tasks[0].total) == (1.25, 4)


def test_the_version_is_the_packages(command):
    assert command("--version").out == f"{recval.__version__}\n"


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from recval.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'recbole', 'plotly', 'pandas', 'numpy', 'pyarrow', 'scipy', 'yaml'}\n"
        "print('loaded', sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "loaded []"


NOUNS = {
    (): ["run", "value", "compare", "report", "doctor"],
    ("values",): ["top", "drop", "explain"],
    ("data",): ["list", "describe", "convert"],
    ("models",): ["list", "show"],
    ("config",): ["list", "show", "copy", "validate"],
}


@pytest.mark.parametrize("words", [(*noun, verb) for noun, verbs in NOUNS.items() for verb in verbs])
def test_every_command_has_a_help_with_examples_of_itself(command, words):
    ended = command(*words, "--help")
    assert ended.code == 0
    _, _, examples = ended.out.partition("Examples:")
    assert " ".join(("recval", *words)) in examples


def test_a_process_ends_a_mistake_with_one_line_and_code_2(tmp_path):
    words = [sys.executable, "-m", "recval", "run", "no-such.yaml", "--out", str(tmp_path / "out")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "error: there is no file no-such.yaml\n")
    assert not (tmp_path / "out").exists()


def test_a_name_that_the_system_refuses_ends_with_one_line(command, tmp_path):
    path = tmp_path / f"{'x' * 300}.yaml"
    assert f"{path}: File name too long" in command("config", "copy", "dvr-ml100k", path).error


@pytest.mark.parametrize("words", [("run",), ("frobnicate",), ("run", "x", "--workers", "0"), ("values", "top")])
def test_a_wrong_use_ends_with_code_2(command, words):
    ended = command(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--cluster", "tcp://127.0.0.1:1"), "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (("--cluster", "localhost"), "'localhost' is not the address of a Dask scheduler, such as tcp://host:8786"),
        (("--cluster", "tcp://127.0.0.1:1", "--workers", 2), "either a number of workers or a cluster"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told_before_any_work(command, tiny, tmp_path, words, message):
    assert message in command("run", tiny.recipe, "--out", tmp_path / "run", *words).error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_on_a_cluster_is_the_same_in_a_folder_of_its_own_too(command, tiny, tmp_path, monkeypatch):
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        monkeypatch.chdir(tmp_path)  # the workers stay where they are
        ended = command("run", tiny.recipe, "--out", "run", "--cluster", cluster.scheduler_address)
    assert ended.code == 0
    for name in ("metrics.json", "recipe.yaml", "values.parquet", "per_user.parquet", "removal.parquet"):
        assert (tmp_path / "run" / name).read_bytes() == (tiny.run / name).read_bytes()
