"""Says in words when a torchvision that was built for another torch is about to break transformers."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from types import ModuleType

from alih.errors import ModelError


def refuse_broken_torchvision(_transformers: ModuleType | None = None) -> None:
    """Check torchvision where its metadata asks for another torch than the one installed.

    transformers imports torchvision wherever it finds one, and a build for another torch often fails at that; what the
    user then sees is that `PreTrainedModel` cannot be imported. Only a torchvision that really fails is refused.

    Raises:
        ModelError: torchvision is installed, was built for another torch, and does not import.
    """
    try:
        wants = _torch_wanted(importlib.metadata.requires("torchvision") or [])
        has = importlib.metadata.version("torch").partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return
    if wants is None or wants == has:
        return
    try:
        importlib.import_module("torchvision")
    except Exception as error:  # RuntimeError, OSError, ImportError, AttributeError: it fails in many ways
        raise ModelError(
            f"the installed torchvision was built for torch {wants}, but torch is {has}: it does not import, and "
            "transformers cannot be used beside it. Alih does not need it; run: pip uninstall torchvision"
        ) from error


def _torch_wanted(requirements: list[str]) -> str | None:
    """The one version of torch that the requirements pin; None where they pin none."""
    for requirement in requirements:
        pinned = re.fullmatch(r"torch\s*\(?\s*==\s*([\w.]+)\s*\)?", requirement.partition(";")[0].strip())
        if pinned is not None:
            return pinned.group(1)
    return None
