"""The cache survives damage, kills and neighbours, and stays within its limit."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from alih.progress import Progress
from alih.training import cache as cache_module
from alih.training.cache import Cache, Entry, default_cache

QUIET = Progress(quiet=True)


def _fill(cache: Cache, key: str, content: bytes = b"content") -> Entry:
    with cache.locked([key]):
        draft = cache.draft(key)
        draft.path("values.bin").write_bytes(content)
        return draft.commit({"what": "a test"})


def _forget() -> None:
    """As a new process would start: nothing in use, nothing checked."""
    gc.collect()
    cache_module._CHECKED.clear()


def _child(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_an_entry_is_found_again_with_its_words(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.open("aa") is None
    _fill(cache, "aa")
    found = Cache(tmp_path).open("aa")
    assert found is not None
    assert found.path("values.bin").read_bytes() == b"content"
    assert found.words == {"what": "a test"}
    assert found.nbytes == 7
    assert json.loads(found.path("manifest.json").read_text())["alih"]


@pytest.mark.parametrize("damage", ["byte", "cut", "missing", "manifest", "no manifest"])
def test_a_damaged_entry_is_removed_and_said(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = Cache(tmp_path)
    entry = _fill(cache, "aa")
    values, manifest = entry.path("values.bin"), entry.path("manifest.json")
    del entry
    _forget()
    if damage == "byte":
        values.write_bytes(b"cOntent")
    elif damage == "cut":
        values.write_bytes(b"cont")
    elif damage == "missing":
        values.unlink()
    elif damage == "manifest":
        manifest.write_text('{"schema": 1, "files"')
    else:
        manifest.unlink()
    assert cache.open("aa", Progress()) is None
    assert "damaged" in capsys.readouterr().err
    assert not (tmp_path / "aa").exists()
    _fill(cache, "aa")
    assert cache.open("aa") is not None


def test_a_discarded_draft_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    draft = cache.draft("aa")
    draft.path("values.bin").write_bytes(b"x")
    draft.discard()
    assert cache.open("aa") is None
    assert not list(tmp_path.glob(".alih-*"))


def test_the_least_recently_used_entry_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=25)
    for age, key in enumerate(("aa", "bb")):
        _fill(cache, key, b"0123456789")
        os.utime(tmp_path / key / "manifest.json", (1000 + age, 1000 + age))
    _forget()
    assert cache.open("aa") is not None  # now bb was not used for longest
    _forget()
    _fill(cache, "cc", b"0123456789")
    assert {entry.folder.name for entry in cache.entries()} == {"aa", "cc"}


def test_what_is_in_use_is_not_evicted(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=15)
    held = _fill(cache, "aa", b"0123456789")
    _fill(cache, "bb", b"0123456789")
    gc.collect()
    assert held.path("values.bin").exists()
    cache.evict()
    assert {entry.folder.name for entry in cache.entries()} == {"aa"}


def test_clearing_frees_everything_not_in_use(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    held = _fill(cache, "aa", b"0123456789")
    _fill(cache, "bb", b"01234")
    _forget()
    assert cache.clear() == 5
    assert held.path("values.bin").exists()


def test_room_is_limited_by_the_limit_and_by_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "not" / "there" / "yet", limit_bytes=1000)
    assert cache.has_room_for(1000)
    assert not cache.has_room_for(1001)
    monkeypatch.setattr(cache_module, "free_bytes", lambda _: 500)
    assert not cache.has_room_for(600)


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIH_CACHE", str(tmp_path / "here"))
    assert default_cache().folder == tmp_path / "here"
    monkeypatch.delenv("ALIH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache().folder == tmp_path / "alih"


WRITER = """
    import sys, time
    from pathlib import Path
    from alih.training.cache import Cache
    cache = Cache(Path(sys.argv[1]))
    with cache.locked(["aa"]):
        draft = cache.draft("aa")
        draft.path("values.bin").write_bytes(b"half of it")
        print("writing", flush=True)
        time.sleep(float(sys.argv[2]))
        draft.commit({"what": "written by the child"})
"""


def test_a_writer_killed_half_way_leaves_nothing_that_is_read_and_its_rest_is_swept(tmp_path: Path) -> None:
    child = _child(WRITER, tmp_path, 60)
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    assert list(tmp_path.glob(".alih-*"))
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    cache = Cache(tmp_path)
    assert cache.open("aa") is None
    assert cache.entries() == []
    _fill(cache, "aa")
    assert cache.open("aa") is not None
    assert not list(tmp_path.glob(".alih-*"))


def test_a_second_process_waits_and_then_uses_what_the_first_one_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = _child(WRITER, tmp_path, 1.0)
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    cache = Cache(tmp_path)
    with cache.locked(["aa"], Progress()):
        found = cache.open("aa")
    assert found is not None
    assert found.words == {"what": "written by the child"}
    assert "waiting" in capsys.readouterr().err
    assert child.wait() == 0
    child.stdout.close()


def test_sweeping_leaves_a_living_writer_alone(tmp_path: Path) -> None:
    child = _child(WRITER, tmp_path, 1.5)
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    _fill(Cache(tmp_path), "bb")  # starting a draft sweeps
    assert len(list(tmp_path.glob(".alih-aa-*"))) == 1
    assert child.wait() == 0
    child.stdout.close()
    assert Cache(tmp_path).open("aa") is not None


RUN = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from alih.progress import Progress
    from alih.training import boundary
    from alih.training.cache import Cache
    from models import make, texts
    cache, quiet = Cache(Path(sys.argv[1])), Progress(quiet=True)
    frozen = boundary.frozen_outputs(
        make("bert"), texts(), [1, "features"], probe=True, cache=cache, progress=quiet
    )
    print(frozen.at(1).collate([0, 3]).sum().item())
"""


@pytest.mark.slow
def test_processes_that_need_the_same_outputs_at_once_all_get_them(tmp_path: Path) -> None:
    children = [_child(RUN, tmp_path, Path(__file__).parent) for _ in range(3)]
    said = [child.communicate(timeout=240)[0].strip().splitlines()[-1] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(set(said)) == 1
    assert len(Cache(tmp_path).entries()) == 3
    assert not list(tmp_path.glob(".alih-*"))


@pytest.mark.slow
def test_outputs_are_right_after_kills_at_any_time(tmp_path: Path) -> None:
    expected = _child(RUN, tmp_path / "other", Path(__file__).parent).communicate(timeout=240)[0].splitlines()[-1]
    slow = RUN.replace(
        "frozen = ",
        "write = boundary.ActivationWriter.write\n"
        "    def slowly(*arguments):\n"
        "        import time\n"
        "        print('pass', flush=True)\n"
        "        write(*arguments)\n"
        "        time.sleep(0.3)\n"
        "    boundary.ActivationWriter.write = slowly\n    frozen = ",
    )
    for delay in (0.0, 0.2, 0.5):
        child = _child(slow, tmp_path / "cache", Path(__file__).parent)
        assert child.stdout is not None
        while child.stdout.readline() not in ("pass\n", ""):
            pass
        time.sleep(delay)
        child.kill()
        child.communicate()
        found = _child(RUN, tmp_path / "cache", Path(__file__).parent).communicate(timeout=240)[0].splitlines()[-1]
        assert found == expected
        Cache(tmp_path / "cache").clear()
