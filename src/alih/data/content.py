"""What an input holds, as a hash: equal texts, or pictures of equal bytes, have equal ones."""

from __future__ import annotations

import hashlib
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Hashes of picture files, by (path, modification time, size): photographs are read once, not once a question.
_known: dict[tuple[str, int, int], str] = {}


def fingerprint(value: Any) -> str:
    """Return the hash of one input, 32 hexadecimal digits; of a task's own dataclass, that of what its `repr` shows.

    Raises:
        OSError: a picture file cannot be read.
    """
    if isinstance(value, Path):
        key = _key(value)
        if key not in _known:
            _known[key] = _picture_hash(value.read_bytes())
        return _known[key]
    if isinstance(value, np.ndarray):
        return _hash(str(value.shape).encode() + np.ascontiguousarray(value).tobytes())
    if is_dataclass(value):
        return _hash(repr(value).encode(errors="surrogatepass"))
    texts = value if isinstance(value, tuple) else (value,)
    return _hash(b"\0".join(text.encode(errors="surrogatepass") for text in texts))


def remember(path: Path, data: bytes) -> None:
    """Keep the hash of a picture file whose bytes have just been read, so that it need not be read again."""
    try:
        _known[_key(path)] = _picture_hash(data)
    except OSError:
        return  # gone in the meantime: whoever asks for its fingerprint is told


def _key(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _picture_hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16, person=_SHOWN).hexdigest()


#: How picture files become pixels: what was computed from pixels that were made otherwise is not taken for theirs.
_SHOWN = b"as a viewer"
