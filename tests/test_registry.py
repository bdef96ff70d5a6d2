from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace

import pytest

import recval.registry
from recval.errors import ConfigError, nearest, unknown
from recval.registry import Registry


@pytest.fixture
def offered(monkeypatch):
    """Lets installed packages offer plug-ins; gives the names of those that were loaded, and what was read."""
    loaded = []

    class Recorded(EntryPoint):
        def load(self):
            loaded.append(self.name)
            return super().load()

    points = EntryPoints(
        [
            Recorded("square", "math:sqrt", "recval.metrics"),
            Recorded("cosine", "math:cos", "recval.metrics"),
            Recorded("other", "math:sin", "recval.models"),
        ]
    )
    reads = []
    monkeypatch.setattr(recval.registry, "entry_points", lambda **keys: reads.append(keys) or points.select(**keys))
    recval.registry._entry_points.cache_clear()
    yield SimpleNamespace(loaded=loaded, reads=reads)
    recval.registry._entry_points.cache_clear()


def test_what_is_registered_is_found():
    registry = Registry("metric")

    @registry.register("first")
    def first():
        return 1

    registry.register("second")(2)
    assert registry["first"] is first
    assert first() == 1
    assert registry["second"] == 2
    assert list(registry) == ["first", "second"]
    assert "first" in registry
    assert "third" not in registry


def test_a_name_is_taken_once():
    registry = Registry("metric")
    registry.register("first")(1)
    with pytest.raises(ConfigError, match="the metric 'first' is registered already"):
        registry.register("first")(2)
    assert registry["first"] == 1


def test_installed_packages_offer_plug_ins_that_are_loaded_when_named(offered):
    import math

    registry = Registry("metric")
    registry.register("own")(1)
    assert list(registry) == ["cosine", "own", "square"]
    assert "square" in registry
    assert "other" not in registry
    assert offered.loaded == []
    assert registry["square"] is math.sqrt
    assert registry["square"] is math.sqrt
    assert offered.loaded == ["square"]
    assert offered.reads == [{"group": "recval.metrics"}], "the metadata of installed packages is read once"


def test_an_unknown_name_tells_the_nearest_and_all(offered):
    registry = Registry("metric")
    registry.register("recall")(1)
    with pytest.raises(ConfigError) as raised:
        registry["recal"]
    assert str(raised.value) == "unknown metric 'recal', did you mean 'recall'? (allowed: cosine, recall, square)"
    with pytest.raises(ConfigError) as raised:
        registry["sqare"]
    assert str(raised.value) == "unknown metric 'sqare', did you mean 'square'? (allowed: cosine, recall, square)"
    with pytest.raises(ConfigError) as raised:
        Registry("thing")["os.system"]
    assert str(raised.value) == "unknown thing 'os.system' (allowed: none)"
    assert offered.loaded == []


@pytest.mark.parametrize(
    ("name", "allowed", "expected"),
    [
        ("lightgcn", ["NGCF", "LightGCN"], ", did you mean 'LightGCN'?"),
        ("NCF", ["ngcf", "bpr"], ", did you mean 'ngcf'?"),
        ("far away", ["LightGCN", "NGCF"], ""),
        ("LightGNC", ["LightGCN", "NGCF"], ", did you mean 'LightGCN'?"),
        ("x", [], ""),
        (7, [7.5, "abc"], ", did you mean '7.5'?"),
    ],
)
def test_the_nearest_name(name, allowed, expected):
    assert nearest(name, allowed) == expected
    assert unknown("model", name, iter(allowed)).startswith(f"unknown model {str(name)!r}{expected} (allowed: ")
