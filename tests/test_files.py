"""Files are written whole or not at all, with the permissions that umask says; only marked folders are anybody's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from alih import files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "one\r\n")
    files.write_text(path, "two\n\udcff", errors="backslashreplace")
    assert path.read_bytes() == b"two\n\\udcff"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_half_way_leaves_what_was_there(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def half(fresh: Path) -> None:
        fresh.write_text("half")
        raise error

    with pytest.raises(error), files.replacing(path) as part:
        half(part)
    with pytest.raises(error), files.replacing_folder(tmp_path / "folder") as fresh:
        half(fresh / "a")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("precious")
    for name, target in (("one", "precious"), ("dangling", "nothing"), ("two", "folder")):
        (tmp_path / name).symlink_to(target)
        files.write_text(tmp_path / name, "new")
        assert not (tmp_path / name).is_symlink()
    (tmp_path / "three").symlink_to("folder")
    with files.replacing_folder(tmp_path / "three") as fresh:
        (fresh / "a").write_text("new")
    (tmp_path / "four").symlink_to("folder")
    files.remove(tmp_path / "four")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "folder" / "a").read_text() == "precious"
    assert (tmp_path / "three" / "a").read_text() == "new"
    assert not (tmp_path / "four").is_symlink()
    assert not (tmp_path / "nothing").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither")
def test_pipes_devices_and_folders_are_not_written_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="no plain file"):
            files.write_text(tmp_path / name, "x")
    assert names(tmp_path) == ["folder", "pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_that_umask_says(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with files.replacing(tmp_path / "a") as part:
            part.unlink()
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # as some libraries do
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for content in ("one", "two"):
        with files.replacing_folder(tmp_path / "model") as fresh:
            (fresh / content).write_text(content)
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == ["two"]


def test_only_a_new_or_empty_folder_is_marked(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("precious")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("full")
    for name in ("new/deeper", "empty", "empty"):
        files.mark_new(tmp_path / name, "library")
        assert files.is_marked(tmp_path / name, "library")
        assert not files.is_marked(tmp_path / name, "lib")
        assert not files.is_marked(tmp_path / name, "cache entry")
    for name in ("full", "file", "link"):
        with pytest.raises(FileExistsError):
            files.mark_new(tmp_path / name, "library")
        assert not files.is_marked(tmp_path / name, "library")
    assert names(tmp_path / "full") == ["a"]


def test_a_marker_or_folder_behind_a_link_counts_for_nothing(tmp_path: Path) -> None:
    files.mark_new(tmp_path / "own", "library")
    (tmp_path / "link").symlink_to("own")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / files.MARKER).symlink_to(tmp_path / "own" / files.MARKER)
    assert not files.is_marked(tmp_path / "link", "library")
    assert not files.is_marked(tmp_path / "other", "library")


def test_leftovers_are_those_with_the_marker(tmp_path: Path) -> None:
    own, other = (files.new_folder(tmp_path, "aa-") for _ in range(2))
    files.mark(own, "cache entry")
    (tmp_path / f"{files.PARTIAL}link").symlink_to(own.name)
    assert files.leftovers(tmp_path, "cache entry", "aa-") == [own]
    assert files.leftovers(tmp_path, "cache entry", "bb") == files.leftovers(tmp_path, "library") == []
    assert other.is_dir()


def test_what_a_stopped_removal_leaves_of_a_marked_folder_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.mark_new(tmp_path / "aa", "cache entry")
    (tmp_path / "aa" / "deeper").mkdir()

    def kill(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", kill)
        with pytest.raises(KeyboardInterrupt):
            files.remove(tmp_path / "aa")
    assert not (tmp_path / "aa").exists()
    [left] = files.leftovers(tmp_path, "cache entry", "aa")
    files.remove(left)
    assert names(tmp_path) == []
