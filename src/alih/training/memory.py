"""Memory that the C library holds back, given back to the system."""

from __future__ import annotations

import ctypes
import sys
from functools import cache


def release_free_memory() -> None:
    """Give freed memory back, so that it does not add to the next batch's.

    Batches of different lengths free blocks of different sizes; glibc keeps them, and the next long batch fits in none.
    Over an epoch the process then holds about a quarter more than it uses (measured on MiniLM, batches of 32 texts of
    10 to 128 tokens: 2.9 instead of 2.2 GB). Giving it back takes 1 to 3 % of a step's time. Does nothing elsewhere.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):  # another C library (musl) has none
        return None
