"""Trained weights kept beside a run until it is decided which variant is handed over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from alih import files
from alih.compare.trial import Trial
from alih.errors import RunError
from alih.tasks.bench import Adaptation


@dataclass(frozen=True)
class Kept:
    """Where trained weights were kept, and what they scored.

    Args:
        path: safetensors file with every trained parameter and every buffer.
        trial: what was kept.
        score: its score on the validation split.
    """

    path: Path
    trial: Trial
    score: float


def trained(adaptation: Adaptation) -> dict[str, Tensor]:
    """What adapting changed, by name: the parameters that trained, and buffers (running statistics); or a prompt."""
    model = adaptation.pretrained.model
    if adaptation.prompt is not None:
        written = json.dumps(adaptation.prompt).encode()
        return {_PROMPT: torch.frombuffer(bytearray(written), dtype=torch.uint8)}
    tensors = {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}
    return tensors | {f"{_BUFFER}{name}": value for name, value in model.named_buffers()}


def keep(tensors: Mapping[str, Tensor], path: Path, trial: Trial, score: float) -> Kept:
    """Write what `trained` gave.

    Raises:
        RunError: they could not be written.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        with files.replacing(path) as part:
            save_file({name: value.contiguous().clone() for name, value in tensors.items()}, part)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{path}: the trained weights could not be kept ({error}). Make room and go on with alih resume, or give "
            "another folder with --runs."
        ) from error
    return Kept(path, trial, score)


def is_whole(path: Path) -> bool:
    """Whether kept weights are there and can be opened: a file that was cut short is not.

    Raises:
        RunError: they cannot be read, and may be whole.
    """
    try:
        with safe_open(path, "pt"):  # reads the head, and compares the length that it tells with the file's
            return True
    except (FileNotFoundError, SafetensorError):
        return False
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error}).") from error


def put_back(model: nn.Module, kept: Kept) -> None:
    """Load kept weights into a freshly loaded model.

    Raises:
        RunError: they are missing or damaged.
    """
    parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    with _damage_named(kept):
        for name, value in load_file(kept.path).items():
            target = buffers[name.removeprefix(_BUFFER)] if name.startswith(_BUFFER) else parameters[name]
            target.data.copy_(value)


def prompt_of(kept: Kept) -> dict[str, object] | None:
    """The prompt that was kept in place of weights; None where weights were.

    Raises:
        RunError: the file is missing or damaged.
    """
    with _damage_named(kept):
        written = load_file(kept.path).get(_PROMPT)
        found: dict[str, object] | None = None if written is None else json.loads(bytes(written.tolist()))
    return found


@contextmanager
def _damage_named(kept: Kept) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, SafetensorError, KeyError, ValueError) as error:
        raise RunError(
            f"{kept.path}: missing or damaged ({error}). Delete the file if it is there: alih resume then runs this "
            "trial again, and keeps every other one."
        ) from error
    except OSError as error:  # it may be whole
        raise RunError(f"{kept.path}: cannot be read ({error}).") from error


#: Names in the file: of buffers, and of a language model's prompt (JSON, as bytes).
_BUFFER, _PROMPT = "buffer:", "prompt"
