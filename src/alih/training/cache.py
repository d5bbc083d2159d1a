"""The cache of frozen outputs: entries keyed by content, shared by processes, limited in size, checked before use."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

from filelock import FileLock, Timeout

from alih import files
from alih.progress import Progress

_MANIFEST = "manifest.json"
_SCHEMA = 1
_KIND = "cache entry"
#: Default limit of the default cache.
DEFAULT_LIMIT = 10_000_000_000
#: Part of the free space of the disk that is always left alone.
_SPARE_BYTES = 200_000_000


@dataclass(eq=False)
class Entry:
    """One entry: a folder with a manifest and files.

    Args:
        folder: where it lies; its name is the key.
        nbytes: bytes of its files.
        words: what it is, in words.
        used: when it was last opened, in seconds since 1970.
    """

    folder: Path
    nbytes: int
    words: dict[str, Any]
    used: float

    def path(self, name: str) -> Path:
        """Path of one of its files."""
        return self.folder / name


#: Entries in use in this process, and keys whose checksums it has compared.
_IN_USE: WeakSet[Entry] = WeakSet()
_CHECKED: set[Path] = set()


class Draft:
    """An entry being written, in a folder that nobody reads; `commit` puts it in place at once, or it was never there.

    Args:
        cache: where it will go.
        key: its key; the caller holds its lock.
    """

    def __init__(self, cache: Cache, key: str) -> None:
        self._cache = cache
        self._key = key
        self.folder = files.new_folder(cache.folder, f"{key}-")
        files.mark(self.folder, _KIND)

    def path(self, name: str) -> Path:
        """Path of a file to write."""
        return self.folder / name

    def commit(self, words: Mapping[str, Any]) -> Entry:
        """Write the manifest with sizes and checksums, and put the entry in place.

        Files are checked against the manifest before their first use in any other process, so that what a power cut
        leaves of them is found out.
        """
        content = {
            path.name: {"bytes": path.stat().st_size, "blake2b": checksum(path)}
            for path in sorted(self.folder.iterdir())
            if path.name != files.MARKER
        }
        manifest = {
            "schema": _SCHEMA,
            "alih": importlib.metadata.version("alih"),
            "key": self._key,
            "words": dict(words),
            "files": content,
        }
        files.write_text(self.folder / _MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False))
        target = self._cache.folder / self._key
        _remove(target)
        self.folder.rename(target)
        _CHECKED.add(target)
        entry = _entry(target, manifest)
        _IN_USE.add(entry)
        self._cache.evict()
        return entry

    def discard(self) -> None:
        """Remove what was written."""
        files.remove(self.folder)


class Cache:
    """A folder of entries; what else is in the folder is left alone.

    Args:
        folder: where entries lie, one folder each, named by key.
        limit_bytes: most bytes of all entries together; those not used for longest go first. 0 keeps nothing.
    """

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_LIMIT) -> None:
        self.folder = Path(folder)
        self.limit_bytes = limit_bytes

    def open(self, key: str, progress: Progress | None = None) -> Entry | None:
        """Return the entry if it is there and sound; a damaged one is removed, and said.

        Sizes are compared every time, checksums once in a process.
        """
        folder = self.folder / key
        if not folder.is_dir():
            return None
        fault = _fault(folder, check_sums=folder not in _CHECKED)
        if fault is not None:
            if progress is not None:
                progress.say(f"the cache entry {folder.name[:12]} is damaged ({fault}): it is computed again.")
            _remove(folder)
            return None
        _CHECKED.add(folder)
        with suppress(OSError):
            os.utime(folder / _MANIFEST)
        entry = _entry(folder)
        _IN_USE.add(entry)
        return entry

    def draft(self, key: str) -> Draft:
        """Start a new entry; hold its lock while writing.

        Raises:
            OSError: the folder cannot be written, or something else stands where the entry would.
        """
        self._sweep()
        for leftover in files.leftovers(self.folder, _KIND, key):  # the lock of this key is held: its writer is gone
            files.remove(leftover)
        if os.path.lexists(self.folder / key) and not _is_entry(self.folder / key):
            raise FileExistsError(errno.EEXIST, "it was not made by Alih", str(self.folder / key))
        return Draft(self, key)

    @contextmanager
    def locked(self, keys: Sequence[str], progress: Progress | None = None) -> Iterator[None]:
        """Hold the locks of these keys, so that no two processes compute the same entry; waiting is said.

        Raises:
            OSError: the folder cannot be written.
        """
        with ExitStack() as stack:
            for key in sorted(set(keys)):  # in one order everywhere, so that no two processes wait for each other
                lock = self._lock(key)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    if progress is not None:
                        progress.say("another process is computing the same frozen outputs: waiting to use them too.")
                    lock.acquire()
                stack.callback(lock.release)
            yield

    def has_room_for(self, nbytes: int) -> bool:
        """Whether an entry of so many bytes may be kept: within the limit, and on the disk with some to spare."""
        return nbytes <= self.limit_bytes and nbytes + _SPARE_BYTES <= free_bytes(self.folder)

    def entries(self) -> list[Entry]:
        """Every entry, least recently used first; damaged ones are left out."""
        found = []
        for folder in self.folder.glob("[0-9a-f]*") if self.folder.is_dir() else ():
            with suppress(OSError, ValueError, KeyError, TypeError):
                found.append(_entry(folder))
        return sorted(found, key=lambda entry: entry.used)

    def evict(self) -> int:
        """Remove least recently used entries until the limit holds; return the bytes freed.

        Entries in use in this process stay. Another process that reads one keeps its open file.
        """
        entries = self.entries()
        total = sum(entry.nbytes for entry in entries)
        in_use = {entry.folder for entry in _IN_USE}
        freed = 0
        for entry in entries:
            if total - freed <= self.limit_bytes:
                break
            if entry.folder not in in_use:
                _remove(entry.folder)
                freed += entry.nbytes
        return freed

    def clear(self) -> int:
        """Remove every entry that is not in use in this process; return the bytes freed."""
        self._sweep()
        in_use = {entry.folder for entry in _IN_USE}
        freed = 0
        for entry in self.entries():
            if entry.folder not in in_use:
                _remove(entry.folder)
                freed += entry.nbytes
        return freed

    def _lock(self, key: str) -> FileLock:
        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{key}.lock")

    def _sweep(self) -> None:
        """Remove half-written entries whose writer is gone: a living one holds the lock of its key."""
        for leftover in files.leftovers(self.folder, _KIND):
            lock = self._lock(leftover.name.removeprefix(files.PARTIAL).partition("-")[0])
            with suppress(Timeout):
                lock.acquire(timeout=0)
                files.remove(leftover)
                lock.release()


def default_cache(limit_bytes: int = DEFAULT_LIMIT) -> Cache:
    """Return the user's cache: the folder `$ALIH_CACHE`, else `~/.cache/alih` (`$XDG_CACHE_HOME/alih`)."""
    given = os.environ.get("ALIH_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alih"
    return Cache(Path(given) if given else base, limit_bytes)


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that a folder, or its nearest existing parent, lies on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def checksum(path: Path) -> str:
    """BLAKE2b of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _fault(folder: Path, *, check_sums: bool) -> str | None:
    """What is wrong with an entry, in words, or None."""
    try:
        manifest = _manifest(folder)
        for name, told in manifest["files"].items():
            path = folder / name
            if path.stat().st_size != told["bytes"]:
                return f"{name} has {path.stat().st_size} bytes instead of {told['bytes']}"
            if check_sums and checksum(path) != told["blake2b"]:
                return f"the checksum of {name} differs"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    if manifest["schema"] != _SCHEMA or manifest["key"] != folder.name:
        raise ValueError("it was written by another version of Alih")
    return manifest


def _entry(folder: Path, manifest: dict[str, Any] | None = None) -> Entry:
    manifest = manifest or _manifest(folder)
    nbytes = sum(int(told["bytes"]) for told in manifest["files"].values())
    return Entry(folder, nbytes, manifest["words"], (folder / _MANIFEST).stat().st_mtime)


def _remove(folder: Path) -> None:
    """Remove an entry: out of sight at once, then from the disk."""
    _CHECKED.discard(folder)
    if _is_entry(folder):
        files.remove(folder)


def _is_entry(folder: Path) -> bool:
    """Whether Alih made this folder: by its marker, or by a manifest for just this place."""
    try:
        return files.is_marked(folder, _KIND) or (not folder.is_symlink() and bool(_manifest(folder)))
    except (OSError, ValueError, KeyError, TypeError):
        return False
