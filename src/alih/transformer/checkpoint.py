"""The state of a training run in one file, replaced at once: a killed run finds the old state or the new one."""

from __future__ import annotations

import os
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


def load_state(path: Path) -> dict[str, Any] | None:
    """Read what `save_state` wrote; None if there is nothing.

    Raises:
        RunError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        raise RunError(f"{path} cannot be read ({error}); delete it to start training afresh") from None
    return state
