from __future__ import annotations

import pytest

STUDY = """\
description: tiny
data: {path: RATINGS, columns: {user: uid, item: iid, rating: stars, time: when}}
split: {kind: ratio, ratios: [0.6, 0.2, 0.2], seed: 3}
noise:
  uniform: {inject: uniform, share: 0.2}
backbones:
  MF: {model: {name: BPR, parameters: {embedding_size: 4}}}
training: {epochs: 1, batch_size: 64, monitor: ndcg@5}
metrics: [ndcg@5]
seeds: [0]
methods:
  plain: {kind: plain}
  loss: {kind: loss}
"""


@pytest.fixture
def study(tiny, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(STUDY.replace("RATINGS", str(tiny.ratings)))
    return path


def test_value_study_prints_what_was_found_and_where_the_report_is(command, study, tmp_path):
    out = tmp_path / "found"
    ended = command("value-study", study, "--out", out, "--workers", 1)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == str(out / "study.html")
    for said in ("noise detection", "item popularity", "cost, indicative"):
        assert said in ended.out
    again = command("value-study", study, "--out", out, "--workers", 1)
    assert again.out == ended.out
    assert "holds another study" in command("value-study", study, "seeds=[4]", "--out", out).error
    assert f"{out} is a study; see {out / 'study.html'}" in command("report", out).error


def test_overrides_and_the_folder_s_name(command, study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = command("value-study", study, "stages=[detection]", "noise.uniform.share=0.1", "--workers", 1)
    assert ended.out.splitlines()[-1] == "studies/mine/study.html"
    assert "10.0 % of the training interactions" in (tmp_path / "studies/mine/study.html").read_text()
    assert "cost" not in ended.out


def test_bad_studies_end_as_one_line(command, study, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(study.read_text().replace("kind: loss", "kind: lost"))
    assert "wrong.yaml, line 13: methods.loss.kind: unknown value 'lost', did you mean 'loss'" in (
        command("value-study", wrong).error
    )
    assert "unknown config" in command("value-study", "no-such-study").error
    error = command("value-study", study, "noise.uniform.remove=[train]", "--out", tmp_path / "found").error
    assert "MF with the noise 'uniform': noise: the interactions have no column 'label'" in error
    assert not (tmp_path / "found").exists()


def test_config_knows_studies(command, study, tmp_path):
    assert command("config", "validate", study).out == f"{study}: valid\n"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(study.read_text().replace("seeds:", "seedz:"))
    assert "unknown key 'seedz', did you mean 'seeds'?" in command("config", "validate", wrong).error
