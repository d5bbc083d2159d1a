"""One writer at a time: a lock on a library's folder that says who holds it."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from alih import files
from alih.errors import RunError


@contextmanager
def held(folder: Path, name: str) -> Iterator[None]:
    """Hold the library inside the block. A process that dies lets go of it.

    Raises:
        RunError: another process holds it; the message says which, and since when.
    """
    lock = FileLock(folder / ".lock")
    holder = folder / ".holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"{name}: {_who(holder)} is writing this library. Wait for it, or stop it.") from error
    except OSError as error:
        raise RunError(f"{name}: {folder} cannot be written to ({error.strerror}).") from error
    try:
        # Two words say which command it is; what follows may hold a password.
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])[:100]
        told = {"process": os.getpid(), "host": platform.node(), "command": command, "since": time.time()}
        try:
            files.write_text(holder, json.dumps(told))
        except OSError as error:
            raise RunError(f"{name}: {folder} cannot be written to ({error.strerror}).") from error
        yield
    finally:
        files.remove(holder)
        lock.release()


def _who(holder: Path) -> str:
    try:
        told = json.loads(holder.read_text())
        since = time.strftime("%H:%M:%S", time.localtime(told["since"]))
        return f"process {told['process']} on {told['host']} ({told['command']}, since {since})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
