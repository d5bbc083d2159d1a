"""The state of a training run in one file, replaced at once: a killed run finds the old state or the new one."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import torch

from alih import files
from alih.errors import RunError


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write the state, whole or not at all."""
    with files.replacing(path) as part:
        torch.save(state, part)


def load_state(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Read what `save_state` wrote; None if there is nothing.

    Args:
        path: the file.
        fingerprint: of data, settings and trained parameters; what the state holds under that name has to equal it.

    Raises:
        RunError: the file cannot be read or is damaged, or the state is another training's.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        whole = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno != errno.EINVAL)
        if whole:  # as far as is known; a file that was cut makes torch look for a place before its beginning: EINVAL
            raise RunError(f"{path}: cannot be read ({error}).") from error
        raise RunError(f"{path} cannot be read ({error}); delete it to start training afresh.") from None
    if not isinstance(state, dict) or state.get("fingerprint") != fingerprint:
        raise RunError(f"{path}: the training state of other data, settings or weights. Take another folder.")
    return state
