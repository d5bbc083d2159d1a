"""Pictures without a file of their own (embedded in a table, or made here), kept on disk rather than in memory."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path

from alih.errors import DataError


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """The folder of this process; it goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="alih-pictures-")


def spill(data: bytes, origin: str) -> Path:
    """Write an encoded picture into the temporary folder of this process; equal pictures share a file.

    Args:
        data: the picture as PNG, JPEG, …
        origin: where it came from, for messages.

    Raises:
        DataError: there is no room.
    """
    name = hashlib.blake2b(data, digest_size=16).hexdigest()
    try:
        path = Path(_folder().name) / name[:2] / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise DataError(
            f"{origin}: the picture ({len(data):,} bytes) cannot be put into the temporary folder "
            f"{tempfile.gettempdir()} ({error.strerror or error}). Make room there, or set TMPDIR to another folder."
        ) from error
    return path


def is_spilled(path: Path) -> bool:
    """Say whether a path is one of `spill`'s: a name to open, but none to show to people."""
    return _folder.cache_info().currsize > 0 and path.is_relative_to(_folder().name)
