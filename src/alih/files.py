"""The program's own files and folders: written whole, forced to the disk, and never somebody else's.

Nothing is written through a link: what is new is made exclusively, under a random name, flushed, and put in place; a
link that stands there is replaced, what it points to is not touched. After a crash the old content is there, or the new
one. A folder that the program may remove later carries a marker file; what has none is left alone.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

#: Name of the marker file; what is half written or half removed has a name that begins with it.
MARKER = ".alih"
PARTIAL = f"{MARKER}-"


def flush(path: Path) -> None:
    """Force a file's bytes, or a folder's entries, to the disk."""
    if os.name == "nt" and path.is_dir():
        return
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(root: Path) -> None:
    """Flush every file below a folder, then the folders that hold one, and the entry of `root` itself."""
    FlushedTree(root).flush()


class FlushedTree:
    """A folder in which another library writes files once and never again; each is flushed once.

    Args:
        root: the folder; links in it are not followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._done: set[tuple[str, int, int]] = set()

    def flush(self) -> None:
        """Flush every file that is new or differs since the last call, then the folders that hold one."""
        folders = set()
        seen = set()
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = Path(folder, name)
                try:
                    state = path.lstat()
                    if not stat.S_ISREG(state.st_mode):
                        continue
                    known = (str(path), state.st_size, state.st_mtime_ns)
                    seen.add(known)
                    if known not in self._done:
                        flush(path)
                        folders.add(Path(folder))
                except FileNotFoundError:
                    continue  # merged away in the meantime
        for changed in sorted({parent for folder in folders for parent in self._up(folder)}, reverse=True):
            flush(changed)
        self._done = seen

    def _up(self, folder: Path) -> list[Path]:
        """The folder and those around it, up to the one that holds the root: new folders are entries of those."""
        return [folder, *(parent for parent in folder.parents if parent.is_relative_to(self._root)), self._root.parent]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give an empty file beside `path` to write to; when the block ends well it is flushed and takes `path`'s place.

    Raises:
        OSError: it cannot be written, or `path` is a folder, a device or a pipe; what was there is as it was.
    """
    if not (path.is_symlink() or path.is_file() or not path.exists()):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    part = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}{path.suffix}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        os.close(descriptor)
        yield part
        part.chmod(mode)  # some libraries make files that nobody else may read
        flush(part)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    flush(path.parent)


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Write UTF-8 as `replacing` does; line ends stay as they are in `text`.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors=errors, newline="")


def open_to_append(path: Path) -> BinaryIO:
    """Open a file of the program to read it and to add to it; it is made where it is missing.

    Raises:
        OSError: it cannot be opened, or is a link.
    """
    no_links = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
    return open(path, "a+b", opener=lambda name, flags: os.open(name, flags | no_links, 0o666))


def new_folder(parent: Path, name: str = "") -> Path:
    """Make an empty folder under a random name that begins with `PARTIAL` and `name`."""
    folder = parent / f"{PARTIAL}{name}{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    return folder


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path` to fill; when the block ends well it is flushed and takes `path`'s place.

    Args:
        path: a part of a folder of the program; what is there is removed.
    """
    fresh = new_folder(path.parent)
    try:
        yield fresh
        flush_tree(fresh)
        remove(path)
        fresh.replace(path)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    flush(path.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder of the program, whatever can be removed of it; a folder is gone at once.

    A marker goes last, so that what a crash leaves of a marked folder can still be recognised.
    """
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink()
        return
    doomed = path
    if not path.name.startswith(PARTIAL):
        doomed = path.with_name(f"{PARTIAL}{path.name[:100]}-{secrets.token_hex(8)}")
        try:
            path.rename(doomed)
        except OSError:
            return
    for entry in doomed.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != MARKER:
            with suppress(OSError):
                entry.unlink()
    shutil.rmtree(doomed, ignore_errors=True)


def mark(folder: Path, kind: str) -> None:
    """Put the program's marker into a folder.

    Args:
        folder: it was made by the program, or is empty.
        kind: what the folder is, in words.
    """
    write_text(folder / MARKER, f"{_first_line(kind)}\nAlih made this folder, and may remove what is in it.\n")


def mark_new(folder: Path, kind: str) -> None:
    """Mark a folder that is new or empty; it is made where it is missing.

    Raises:
        FileExistsError: there is something else in it, or in its place.
        OSError: it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    other = [path for path in folder.iterdir() if not path.name.startswith(PARTIAL)]  # another process marks it, too
    if other and not is_marked(folder, kind):
        raise FileExistsError(errno.EEXIST, "there is something else in it", str(folder))
    mark(folder, kind)


def is_marked(folder: Path, kind: str) -> bool:
    """Whether a folder, which is no link, has the program's marker of this kind."""
    marker = folder / MARKER
    try:
        if folder.is_symlink() or marker.is_symlink():
            return False
        return marker.read_text(encoding="utf-8").startswith(f"{_first_line(kind)}\n")
    except (OSError, ValueError):
        return False


def leftovers(parent: Path, kind: str, name: str = "") -> list[Path]:
    """Marked folders that `new_folder` made for this kind and name, and whose maker may be gone."""
    return [path for path in parent.glob(f"{PARTIAL}{name}*") if is_marked(path, kind)]


def remove_entries(folder: Path, names: Iterable[str]) -> bool:
    """Remove these entries of a folder, by name or pattern, then the folder if nothing is left in it.

    Returns:
        whether the folder is gone, too.
    """
    for name in names:
        for path in folder.glob(name):
            remove(path)
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _first_line(kind: str) -> str:
    return f"alih {kind}"
