"""The state of a training run in one file, replaced at once: a killed run finds the old state or the new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from alih.errors import RunError


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write the state beside `path`, force it to the disk, and put it in place."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def load_state(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Read what `save_state` wrote; None if there is nothing.

    Args:
        path: the file.
        fingerprint: of data, settings and trained parameters; what the state holds under that name has to equal it.

    Raises:
        RunError: the file is damaged, or the state is another training's.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        raise RunError(f"{path} cannot be read ({error}); delete it to start training afresh.") from None
    if not isinstance(state, dict) or state.get("fingerprint") != fingerprint:
        raise RunError(
            f"{path}: the training state of other data, settings or weights. Delete it to start training afresh, or "
            "take another folder."
        )
    return state


def forget(path: Path) -> None:
    """Delete a state that is no longer needed: optimiser and best weights take several times the model's room."""
    with suppress(FileNotFoundError):
        path.unlink()
