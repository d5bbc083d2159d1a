"""What `alih doctor` examines: versions, device, compute type, and packages known to clash."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator
from dataclasses import dataclass

_PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "numpy", "scikit-learn", "pillow", "pyarrow")


@dataclass(frozen=True)
class Finding:
    """One thing examined; `advice` says what to do where it is not good."""

    what: str
    found: str
    good: bool = True
    advice: str = ""


def examine() -> list[Finding]:
    """Examine the installation."""
    return [*_versions(), *_device(), *_torchvision(), *_builtins()]


def render(findings: list[Finding]) -> str:
    """Return one line a finding, with advice under those that are not good."""
    lines = []
    for finding in findings:
        lines.append(f"{'ok ' if finding.good else 'BAD'}  {finding.what:<16} {finding.found}")
        if finding.advice:
            lines.append(f"     {'':<16} → {finding.advice}")
    return "\n".join(lines)


def _versions() -> Iterator[Finding]:
    yield Finding("python", platform.python_version())
    for package in _PACKAGES:
        try:
            yield Finding(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, "missing", False, "run: pip install alih")


def _device() -> Iterator[Finding]:
    import torch

    from alih.training.precision import choose, device

    chosen = device()
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else platform.processor() or platform.machine()
    yield Finding("device", f"{chosen.type} ({name}), {torch.get_num_threads()} threads")
    yield Finding("compute type", choose(chosen))


def _torchvision() -> Iterator[Finding]:
    if importlib.util.find_spec("torchvision") is None:
        yield Finding("torchvision", "absent (not needed: images go through PIL)")
        return
    try:
        importlib.import_module("torchvision")
    except Exception as error:  # a mismatched build fails in many ways: RuntimeError, OSError, ImportError
        yield Finding(
            "torchvision",
            f"does not import: {str(error).splitlines()[0]}",
            False,
            "it was built for another torch and breaks transformers and peft; run: pip uninstall torchvision",
        )
    else:
        yield Finding("torchvision", importlib.metadata.version("torchvision"))


def _builtins() -> Iterator[Finding]:
    from alih.errors import ModelError
    from alih.pretrained.builtin import BUILT_IN
    from alih.pretrained.resolve import resolve

    for name in BUILT_IN:
        try:
            resolve(name)
        except ModelError as error:
            yield Finding(name, "not usable", False, str(error))
        else:
            yield Finding(name, "there")
