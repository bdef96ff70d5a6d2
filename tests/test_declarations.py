from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from recval.declarations import Declaration, find, read, shipped, validate
from recval.errors import ConfigError


class Walk(Declaration):
    kind: Literal["walk"] = "walk"
    pace: float = Field(default=1.0, gt=0)
    stops: list[str] = []


class Ride(Declaration):
    kind: Literal["ride"]
    horse: str | None = None
    ratios: tuple[float, float] = (0.5, 0.5)


Way = Annotated[Walk | Ride, Field(discriminator="kind")]


class Days(Declaration):
    count: int = Field(default=1, ge=1)
    weather: Literal["sun", "rain", "snow"] = "sun"


class Journey(Declaration):
    title: str
    days: Days = Days()
    way: Way = Walk()
    ways: list[Way] = []
    back: Way | None = None
    legs: dict[str, Days] = {}
    guides: dict[Literal["north", "south"], str] = {}
    seed: int | str = 0

    @field_validator("title")
    @classmethod
    def _not_empty(cls, title):
        if not title:
            raise ValueError("give it a title")
        return title


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "journey.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def message_of(path, overrides=None):
    with pytest.raises(ConfigError) as raised:
        read(path, Journey, overrides)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400
    return str(raised.value)


FULL = """\
# A journey.
title: Über die Berge
days: {count: 3}
ways:
  - kind: walk
    stops: [a, "b: c"]
  - {kind: ride, horse: Rih, ratios: [1, 2]}
legs:
  first:
    weather: rain
guides: {north: Ida}
"""


def test_a_file_becomes_its_schema(file):
    journey = read(file(FULL), Journey)
    assert journey == Journey(
        title="Über die Berge",
        days=Days(count=3),
        ways=[Walk(stops=["a", "b: c"]), Ride(kind="ride", horse="Rih", ratios=(1, 2))],
        legs={"first": Days(weather="rain")},
        guides={"north": "Ida"},
    )
    with pytest.raises(ValidationError, match="frozen"):
        journey.title = "another"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: x\ntitel: y\n", "line 2: unknown key 'titel', did you mean 'title'? (allowed: back, days, guides, "),
        (
            "title: x\ndays:\n  cuont: 2\n",
            "line 3: unknown key 'days.cuont', did you mean 'count'? (allowed: count, weather)",
        ),
        (
            "title: x\nway:\n  kind: walk\n  paec: 2\n",
            "line 4: unknown key 'way.paec', did you mean 'pace'? (allowed: kind, pace, stops)",
        ),
        (
            "title: x\nways:\n  - kind: walk\n  - kind: ride\n    hrose: y\n",
            "line 5: unknown key 'ways.1.hrose', did you mean 'horse'? (allowed: horse, kind, ratios)",
        ),
        (
            "title: x\nback: {kind: ride, pace: 1}\n",
            "line 2: unknown key 'back.pace' (allowed: horse, kind, ratios)",
        ),
        (
            "title: x\nlegs:\n  first: {}\n  then:\n    wether: rain\n",
            "line 5: unknown key 'legs.then.wether', did you mean 'weather'? (allowed: count, weather)",
        ),
        (
            "title: x\nguides:\n  nord: y\n",
            "line 3: guides.nord: unknown key 'nord', did you mean 'north'? (allowed: north, south)",
        ),
        (
            "title: x\nway:\n  kind: wlak\n",
            "line 3: way.kind: unknown value 'wlak', did you mean 'walk'? (allowed: ride, walk)",
        ),
        (
            "title: x\nways:\n- kind: walk\n- kind: rid\n",
            "line 4: ways.1.kind: unknown value 'rid', did you mean 'ride'? (allowed: ride, walk)",
        ),
        ("title: x\nways:\n- kind: walk\n- horse: y\n", "line 4: the key 'ways.1.kind' is missing"),
        (
            "title: x\n\nway: 3\n",
            "line 3: way: should hold keys, such as {kind: …}. Got 3 instead",
        ),
        ("title: x\nways: {}\n", "line 2: ways: should be a valid list"),
        (
            "title: x\nways:\n- kind: walk\n  stops:\n  - a\n  - 7\n",
            "line 6: ways.0.stops.1: should be a valid string. Got 7 instead",
        ),
        ("title: x\nways: [{kind: ride, ratios: [1]}]\n", "line 2: the key 'ways.0.ratios.1' is missing"),
        ("title: x\nway:\n  pace: 0\n  kind: walk\n", "line 3: way.pace: should be greater than 0. Got 0 instead"),
        (
            "title: x\ndays:\n  weather: sunny\n",
            "line 3: days.weather: unknown value 'sunny', did you mean 'sun'? (allowed: rain, snow, sun)",
        ),
        ("title: x\ndays:\n  count: many\n", "line 3: days.count: should be a valid integer"),
        ("title: x\ndays:\n", "line 2: days: should be a valid dictionary"),
        ("title: x\nseed: [1]\n", "line 2: seed: should be a valid integer"),
        ("title: 2026-01-31\n", "line 1: title: should be a valid string. Got datetime.date(2026, 1, 31) instead"),
        ("days: {}\n\ntitle: ''\n", "line 3: title: give it a title. Got '' instead"),
        (
            "title: x\nlegs:\n  a: &a\n    count: 2\n  b:\n    <<: *a\n    count: 0\n",
            "line 7: legs.b.count: should be greater than or equal to 1. Got 0 instead",
        ),
        ("title: x\n1: y\n", "line 2: 1: Keys should be strings. Got 1 instead"),
    ],
)
def test_a_bad_key_or_value_names_its_line_and_what_is_allowed(file, text, expected):
    path = file(text)
    assert message_of(path).startswith(f"{path}, {expected}")


def test_a_missing_key_is_named_and_further_errors_are_counted(file):
    path = file("days: {}\n")
    assert message_of(path) == f"{path}: the key 'title' is missing"
    path = file("days: {count: 0}\nseed: 1\nlegs: 3\n")
    assert message_of(path) == f"{path}: the key 'title' is missing (and 2 more)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: x: y\n", ", line 1: not valid YAML: mapping values are not allowed here"),
        ("title: x\nways: [a\n", ", line 3: not valid YAML: "),
        ("title: x\n\tdays: 3\n", ", line 2: not valid YAML: "),
        ('title: "a\\qb"\n', ", line 1: not valid YAML: "),
        ("title: *x\n", ", line 1: not valid YAML: found undefined alias 'x'"),
        ("title: x\n---\ntitle: y\n", ", line 2: not valid YAML: expected a single document"),
        ("? [a]\n: b\n", ", line 1: not valid YAML: "),
        ("title: x\ndays: \x07\n", ", line 2: not valid YAML: found the character '\\x07'"),
        (b"title: x\nseed: Zo\xeb\n", ", line 2: not UTF-8 text, found the byte 0xeb"),
        ("title: 2026-13-01\n", ", line 1: not valid YAML: '2026-13-01' is no timestamp"),
        ("title: x\nseed: !!int many\n", ", line 2: not valid YAML: 'many' is no int"),
        ("title: x\nseed: !!timestamp now\n", ", line 2: not valid YAML: 'now' is no timestamp"),
        ("title: x\nseed: !!bool maybe\n", ", line 2: not valid YAML: 'maybe' is no bool"),
        ("title: " + "[" * 2000, ": nested too deeply"),
        ("", ": expected keys and values, found nothing"),
        ("# only words\n", ": expected keys and values, found nothing"),
        ("- a\n- b\n", ": expected keys and values, found ['a', 'b']"),
        ("user,item\n" + "1,2\n" * 999, ": expected keys and values, found 'user,item "),
    ],
)
def test_what_is_no_declaration_at_all_names_its_line(file, text, expected):
    path = file(text)
    assert message_of(path).startswith(f"{path}{expected}")


@pytest.mark.parametrize(
    ("text", "line", "key", "first"),
    [
        ("title: x\nseed: 1\ntitle: y\n", 3, "title", 1),
        ("title: x\ndays:\n  count: 1\n  weather: rain\n  count: 1\n", 5, "count", 3),
        ("title: x\nways:\n- kind: walk\n- {kind: walk, pace: 1, pace: 2}\n", 4, "pace", 4),
        ("title: x\nlegs: &legs\n  a: {count: 1}\n  'a': {count: 2}\n", 4, "a", 3),
    ],
)
def test_a_key_that_occurs_twice_is_refused(file, text, line, key, first):
    path = file(text)
    assert message_of(path) == f"{path}, line {line}: not valid YAML: the key {key!r} stands in line {first} already"


def test_merged_keys_may_be_overridden(file):
    text = (
        "title: x\n"
        "legs:\n"
        "  a: &a {count: 2, weather: rain}\n"
        "  b: {<<: *a, count: 3}\n"
        "  c: {<<: {<<: *a, count: 4}, weather: snow}\n"
    )
    assert read(file(text), Journey).legs == {
        "a": Days(count=2, weather="rain"),
        "b": Days(count=3, weather="rain"),
        "c": Days(count=4, weather="snow"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "title: !!python/object/apply:pathlib.Path.touch [{marker}]\n",
        "title: !!python/object/apply:os.system ['touch {marker}']\n",
        "title: !!python/object/new:pathlib.Path [{marker}]\n",
        "title: !!python/name:os.system ''\n",
        "title: !!python/module:antigravity ''\n",
        "title: !!python/tuple [a]\n",
        "title: !anything x\n",
    ],
)
def test_python_objects_are_refused(file, tmp_path, text):
    marker = tmp_path / "made"
    path = file(text.format(marker=marker))
    tag = text.split()[1].removeprefix("!!")
    assert message_of(path).startswith(
        f"{path}, line 1: not valid YAML: could not determine a constructor for the tag "
    )
    assert tag in message_of(path)
    assert not marker.exists()


def test_overrides_replace_and_add_by_dotted_key(file):
    overrides = {"days.count": 9, "way.pace": "2.5", "way.kind": "walk", "legs.first.weather": "snow", "seed": 5}
    journey = read(file(FULL), Journey, overrides)
    assert (journey.days.count, journey.way, journey.seed) == (9, Walk(pace=2.5), 5)
    assert journey.legs["first"].weather == "snow"
    assert read(file(FULL), Journey, {}) == read(file(FULL), Journey)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"days.cuont": 1}, "unknown key 'days.cuont', did you mean 'count'?"),
        ({"days.count": "many"}, "days.count: should be a valid integer"),
        ({"dys": 1}, "unknown key 'dys', did you mean 'days'?"),
        ({"title.short": "x"}, "title.short: title holds no keys, but 'Über die Berge'"),
        ({"ways.0.pace": 3}, "ways.0.pace: ways holds no keys, but ["),
    ],
)
def test_overrides_that_do_not_fit(file, override, expected):
    assert expected in message_of(file(FULL), override)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    st.builds(
        dict,
        title=st.text(min_size=1),
        ways=st.lists(
            st.fixed_dictionaries({"kind": st.just("walk"), "stops": st.lists(st.text(), max_size=3)})
            | st.fixed_dictionaries({"kind": st.just("ride"), "horse": st.none() | st.text()}),
            max_size=3,
        ),
        seed=st.integers(),
    )
)
def test_whatever_yaml_writes_is_read_back(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf8")
    assert read(path, Journey) == Journey(**values)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.text("ab:-[]{}&*!?|>'\"# \n\t\x00é,<0.", max_size=30) | st.binary(max_size=30))
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refusal = ""
    try:
        read(path, Journey)
    except ConfigError as error:
        refusal = str(error)
    assert refusal.startswith(str(path))
    assert "\n" not in refusal


def test_values_from_a_program_are_explained_without_a_place():
    assert validate({"title": "x"}, Journey) == Journey(title="x")
    with pytest.raises(ConfigError) as raised:
        validate({"title": "x", "ways": ({"kind": "walk"}, {"kind": "walk", "pace": -1})}, Journey)
    assert str(raised.value) == "ways.1.pace: should be greater than 0. Got -1 instead"


def test_files_that_cannot_be_read_are_named(tmp_path):
    for path, problem in [
        (tmp_path / "none.yaml", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ]:
        assert message_of(path) == f"{path} cannot be read: {problem}"


def test_declarations_are_found_by_name_or_by_path(tmp_path, monkeypatch):
    assert find("datasets", "ml-100k") == shipped("datasets")["ml-100k"]
    assert find("datasets", "ml-100k").is_file()
    (tmp_path / "mine.yml").write_text("title: x\n")
    assert find("configs", tmp_path / "mine.yml") == tmp_path / "mine.yml"
    monkeypatch.chdir(tmp_path)
    assert find("configs", "mine.yml") == Path("mine.yml")


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("datasets", "ml-100", "unknown data set 'ml-100', did you mean 'ml-100k'?"),
        ("datasets", "../datasets/ml-100k", "unknown data set '../datasets/ml-100k'"),
        ("models", "no such model", "unknown model 'no such model'"),
        ("configs", "no such config", "unknown config 'no such config'"),
        ("configs", "none.yaml", "there is no file none.yaml"),
    ],
)
def test_declarations_that_are_not_there(kind, name, message):
    with pytest.raises(ConfigError) as raised:
        find(kind, name)
    assert str(raised.value).startswith(message)
