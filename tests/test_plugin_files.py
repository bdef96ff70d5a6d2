from __future__ import annotations

import pytest

from recval.errors import ConfigError
from recval.plugin_files import load_plugins, loaded_plugins

PLUGIN = """
import torch
from recval.backbones import model
from recval.ranking import metric


@metric("{name}-first")
def first(lists):
    return lists.hits[:, 0]


@model("{name}Popular")
class Popular(torch.nn.Module):
    def __init__(self, train, *, power: float = 1.0):
        super().__init__()
        self.register_buffer("count", torch.from_numpy(train.item_counts()).double() ** power)

    def score(self, users):
        return self.count.expand(len(users), -1)
"""


def test_a_file_registers_what_it_holds_and_is_executed_once(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(name="once"))
    load_plugins([file])
    load_plugins([str(file)])  # again would be refused: the names are taken
    assert file.resolve() in loaded_plugins()
    from recval.backbones import MODELS
    from recval.ranking import METRICS

    assert "once-first" in METRICS
    assert "oncePopular" in MODELS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import json\n\njson.nothing", "line 3: AttributeError"),
        ("def f(:\n", "line 1: SyntaxError"),
        ("from recval.ranking import metric\nmetric('ndcg')(lambda lists: lists)", "registered already"),
        ("import no_such_package_at_all", "line 1: ModuleNotFoundError"),
    ],
)
def test_a_file_that_fails_is_told_in_one_line(tmp_path, text, told):
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_plugins([file])
    assert told in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert file.resolve() not in loaded_plugins()


@pytest.mark.parametrize("name", ["absent.py", "notes.txt"])
def test_what_is_no_python_file_is_refused(tmp_path, name):
    (tmp_path / "notes.txt").write_text("x = 1")
    with pytest.raises(ConfigError, match="is not a Python file"):
        load_plugins([tmp_path / name])
