from __future__ import annotations

import platform
from importlib.metadata import version

import pytest

from recval.errors import DataError


def test_all_is_well_where_the_tests_run(command):
    found = command("doctor", "--json").json
    assert found["python"] == platform.python_version()
    assert found["packages"]["torch"] == version("torch")
    assert found["packages"]["recbole"] == version("recbole")
    assert found["devices"][0] == "cpu"
    assert {check["name"]: check["ok"] for check in found["checks"]} == dict.fromkeys(
        ("packages", "declarations", "RecBole", "ml-100k"), True
    )


def test_the_folder_of_data_is_told(command, monkeypatch, tmp_path):
    monkeypatch.setenv("RECVAL_DATA", str(tmp_path))
    ended = command("doctor")
    assert ended.code == 0
    assert str(tmp_path) in ended.out


def test_a_missing_package_is_told_with_what_to_do(command, monkeypatch):
    monkeypatch.setattr("recval.store.environment.PACKAGES", ("torch", "no-such-package"))
    ended = command("doctor")
    assert ended.code == 1
    assert "pip install no-such-package" in ended.out
    assert ended.out.count("MISSING") == 1


@pytest.mark.parametrize("error", [DataError("its sha256 is wrong"), ImportError("No module named 'torch'")])
def test_damaged_data_or_a_broken_import_is_told(command, monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr("recval.data.dataset_card", fail)
    ended = command("doctor")
    assert ended.code == 1
    assert str(error) in ended.out
    assert ended.out.count("MISSING") == 1
