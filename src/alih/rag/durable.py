"""Forces what was written to the disk, files and folders."""

from __future__ import annotations

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Force a file's bytes, or a folder's entries, to the disk."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write beside, flush, rename, flush the folder: a reader sees the old file or the new one, even after a crash."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    flush(part)
    part.replace(path)
    flush(path.parent)


class FlushedTree:
    """A folder in which another library writes files once and never again; each is flushed once.

    Args:
        root: the folder.
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
                    state = path.stat()
                    mark = (str(path), state.st_size, state.st_mtime_ns)
                    seen.add(mark)
                    if mark not in self._done:
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
