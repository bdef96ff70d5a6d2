"""The cache changes how fast data is read, and nothing else: not what is read, and not what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import DataSource, cache, load, sources
from recval.errors import DataError

RATINGS = "user,item,rating,when,day,hour,flag,empty\n"
RATINGS += "1,10,5,2020-01-01 10:00:00,2020-01-01,10:00:00,true,\n"
RATINGS += "2,10,4,2020-01-02 10:00:00,2020-01-02,11:00:00,false,\n"
ATOMIC = {
    "inter": "user_id:token\titem_id:token\trating:float\n1\ta\t3\n1\tb\t4\n2\ta\t5\n",
    "user": "user_id:token\n1\n2\n",
    "item": "item_id:token\ttitle:token_seq\na\tA film\nb\tÉtude\n",
    "kg": "head_id:token\trelation_id:token\ttail_id:token\nm.1\tby\tm.2\n",
    "link": "item_id:token\tentity_id:token\nb\tm.1\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of the cache, empty and away from those of other tests."""
    monkeypatch.setenv("RECVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


@pytest.fixture
def readings(monkeypatch):
    """What was read from text, by the name of the reader."""
    done = []
    for name in ("from_csv", "from_atomic", "from_adjacency"):
        read = getattr(sources, name)

        def counted(*arguments, read=read, name=name, **keywords):
            done.append(name)
            return read(*arguments, **keywords)

        monkeypatch.setattr(sources, name, counted)
    return done


@pytest.fixture(params=["csv", "atomic", "adjacency"])
def source(request, tmp_path):
    """A small data set in each format of text."""
    if request.param == "csv":
        (tmp_path / "ratings.csv").write_text(RATINGS)
        return DataSource(path=str(tmp_path / "ratings.csv"), columns={"user": "user", "item": "item"})
    if request.param == "adjacency":
        (tmp_path / "train.txt").write_text("0 1 2\n1 2\n")
        return DataSource(path=str(tmp_path / "train.txt"), reader="adjacency")
    for ending, content in ATOMIC.items():
        (tmp_path / f"set.{ending}").write_text(content)
    return DataSource(path=str(tmp_path / "set.inter"))


def same(first, second):
    """Two interactions with the same values and the same types."""
    assert first == second
    assert first.table.schema == second.table.schema
    for one, other in ((first.users, second.users), (first.items, second.items)):
        assert (one.fields is None) == (other.fields is None)
        assert one.fields is None or one.fields.schema == other.fields.schema
    return True


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_read_once_comes_from_the_cache_and_is_the_same(source, readings, folder):
    first = source.load()
    second = source.load()
    assert len(readings) == 1
    assert same(first, second)
    assert [path.parent.parent for path in files(folder)] == [folder] * len(files(folder))


def test_movielens_is_the_same_from_the_cache(readings):
    assert same(load("ml-100k"), load("ml-100k"))
    assert readings == ["from_atomic"]


def test_filters_do_not_need_an_entry_of_their_own(tmp_path, readings):
    (tmp_path / "r.csv").write_text(RATINGS)
    plain = DataSource(path=str(tmp_path / "r.csv"))
    assert len(plain.load()) == 2
    assert len(DataSource(path=str(tmp_path / "r.csv"), filters={"min_rating": 5}).load()) == 1
    assert len(readings) == 1


def test_the_same_content_elsewhere_is_found_and_a_changed_file_never(source, readings, tmp_path):
    first = source.load()
    path = source.location()
    before = path.stat()
    copy = shutil.copytree(path.parent, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    assert same(source.model_copy(update={"path": str(copy / path.name)}).load(), first)
    assert len(readings) == 1
    # As long as before, and with the same times: only the content tells.
    path.write_text(path.read_text().replace("2", "3"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert source.load() != first
    assert len(readings) == 2


@pytest.mark.parametrize("ending", ["item", "kg", "link"])
def test_a_change_in_any_of_the_atomic_files_is_seen(tmp_path, ending):
    for other, content in ATOMIC.items():
        (tmp_path / f"set.{other}").write_text(content)
    source = DataSource(path=str(tmp_path / "set.inter"))
    first = source.load()
    path = tmp_path / f"set.{ending}"
    path.write_text(path.read_text().replace("A film", "Another").replace("m.1", "m.7"))
    second = source.load()
    assert first != second
    path.unlink()
    assert source.load() not in (first, second)


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": {"user": "item", "item": "user"}},
        {"columns": {"user": "user", "item": "item", "time": "when"}},
        {"duplicates": "last"},
        {"header": ("user", "item", "stars", "when", "day", "hour", "flag", "empty")},
    ],
)
def test_another_way_of_reading_is_another_entry(tmp_path, readings, changes):
    (tmp_path / "r.csv").write_text(RATINGS)
    source = DataSource(path=str(tmp_path / "r.csv"))
    source.load()
    other = source.model_copy(update=changes)
    expected = sources.from_csv(tmp_path / "r.csv", **other.columns, header=other.header, duplicates=other.duplicates)
    readings.clear()
    assert same(other.load(), expected)
    assert same(other.load(), expected)
    assert len(readings) == 1


def test_another_format_or_version_is_another_entry(monkeypatch):
    keys = {cache.entry_key({"reader": "csv"}), cache.entry_key({"reader": "atomic"})}
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    keys.add(cache.entry_key({"reader": "csv"}))
    monkeypatch.setattr(cache.pa, "__version__", "0.0")
    keys.add(cache.entry_key({"reader": "csv"}))
    monkeypatch.setattr(cache, "__version__", "0.0")
    keys.add(cache.entry_key({"reader": "csv"}))
    assert len(keys) == 5


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data())
def test_damage_anywhere_is_read_around_and_mended(tmp_path_factory, data):
    home = tmp_path_factory.mktemp("damage")
    for ending, content in ATOMIC.items():
        (home / f"set.{ending}").write_text(content)
    source = DataSource(path=str(home / "set.inter"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECVAL_CACHE", str(home / "cache"))
        fresh = source.load()
        path = data.draw(st.sampled_from(files(home / "cache")))
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "empty", "remove"])):
            case "flip":
                content[place] ^= data.draw(st.integers(1, 255))
                path.write_bytes(content)
            case "cut":
                path.write_bytes(content[:place])
            case "empty":
                path.write_bytes(b"")
            case "remove":
                path.unlink()
        assert same(source.load(), fresh)
        patch.setattr(sources, "from_atomic", None)
        assert same(source.load(), fresh)


def test_a_folder_that_cannot_be_written_is_done_without(source, readings, folder):
    folder.parent.write_text("a file where the folder should be")
    first = source.load()
    assert same(source.load(), first)
    assert len(readings) == 2
    assert cache.entries() == []
    assert cache.clear() == 0


@pytest.mark.parametrize("call", ["mkdtemp", "write_table", "replace"])
def test_a_full_disk_is_done_without_and_leaves_nothing_behind(source, folder, monkeypatch, call):
    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    home = {"mkdtemp": cache.tempfile, "write_table": cache.pq, "replace": cache.Path}[call]
    monkeypatch.setattr(home, call, full)
    first = source.load()
    assert same(source.load(), first)
    assert files(folder) == []
    assert list(folder.iterdir()) == []


def test_a_user_without_a_home_is_served(source, monkeypatch):
    monkeypatch.delenv("RECVAL_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(cache.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert len(source.load()) > 0
    assert cache.entries() == []


def test_mistakes_are_told_again_and_never_kept(tmp_path, folder):
    (tmp_path / "r.csv").write_text("user,item\n1,2\n1,2\n")
    source = DataSource(path=str(tmp_path / "r.csv"))
    for _ in range(2):
        with pytest.raises(DataError, match="line 3: the pair user 1, item 2 occurs a second time"):
            source.load()
    assert not folder.exists()


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path, monkeypatch, folder):
    path = tmp_path / "r.csv"
    path.write_text("user,item\n1,2\n")
    read = sources.from_csv

    def changing(*arguments, **keywords):
        path.write_text("user,item\n3,4\n")
        return read(*arguments, **keywords)

    monkeypatch.setattr(sources, "from_csv", changing)
    assert DataSource(path=str(path)).load().users.ids.to_pylist() == ["3"]
    assert not folder.exists()


def test_many_at_once_read_the_same_and_leave_one_entry(source, folder):
    expected = source.load()
    for _ in range(5):
        shutil.rmtree(folder)
        with ThreadPoolExecutor(8) as pool:
            assert all(same(found, expected) for found in pool.map(lambda _: source.load(), range(8)))
        assert len(list(folder.iterdir())) == 1
    assert cache.fetch(next(folder.iterdir()).name) == expected


def test_processes_at_once_read_the_same(tmp_path, folder):
    (tmp_path / "r.csv").write_text("user,item\n" + "".join(f"{row % 97},{row}\n" for row in range(20_000)))
    code = "import sys; from recval.data import load; print(load(sys.argv[1]).item.sum())"
    words = [sys.executable, "-c", code, str(tmp_path / "r.csv")]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert {process.communicate()[0] for process in running} == {f"{sum(range(20_000))}\n"}
    assert len(list(folder.iterdir())) == 1


def test_the_cache_is_listed_and_cleared_and_nothing_else_is_touched(source, folder):
    assert cache.entries() == []
    source.load()
    (entry,) = cache.entries()
    assert (entry.source, entry.interactions) == (str(source.location()), len(source.load()))
    assert entry.size == sum(path.stat().st_size for path in files(folder))
    (folder / "precious").mkdir()
    (folder / "precious" / "manifest.json").write_text(json.dumps({"source": "x", "interactions": 1}))
    (folder / ".recval-left.tmp").mkdir()
    assert len(cache.entries()) == 1
    assert cache.clear() == 2
    assert [path.name for path in folder.iterdir()] == ["precious"]
    assert cache.entries() == []


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"RECVAL_CACHE": "/c"}, "/c/data"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/recval/data"),
        ("linux", {}, "/home/me/.cache/recval/data"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "/home/me/Library/Caches/recval/data"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/recval/data"),
    ],
)
def test_the_folder_is_that_of_the_platform(monkeypatch, platform, variables, expected):
    for name in ("RECVAL_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache.cache_folder().as_posix() == expected
