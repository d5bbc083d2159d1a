"""Memory: what the C library holds back is given back, and running out of it is said in words."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from alih.errors import AlihError

#: How the allocators of processor and GPU say that there is no more.
_SIGNS = ("allocate memory", "not enough memory", "out of memory")


class OutOfMemoryError(AlihError):
    """There is not enough memory; the message says what needs less."""


#: Most tokens, padding included, of a batch that is only scored. On a processor larger ones leave its caches: 1,000
#: texts through MiniLM took 33 s and 1,037 MB in batches of 16,384 tokens, 15 s and 733 MB in batches of 4,096.
_MOST_TOKENS, _MOST_TOKENS_GPU = 1 << 12, 1 << 16


def most_tokens(on: torch.device) -> int:
    """Most tokens of a batch that is only scored, on this device."""
    return _MOST_TOKENS_GPU if on.type == "cuda" else _MOST_TOKENS


@contextmanager
def out_of_memory_in_words(what: str) -> Iterator[None]:
    """Turn what allocators raise into one error with advice.

    Args:
        what: what was being done, for the message.

    Raises:
        OutOfMemoryError: memory ran out inside the block.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not memory and not any(sign in str(error) for sign in _SIGNS):
            raise
        raise OutOfMemoryError(
            f"{what}: there is not enough memory. Use a smaller --batch-size or --batch-tokens, a smaller --max-length "
            "or --max-tokens (whichever of them the task has), fewer --blocks, or a smaller model."
        ) from error


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
