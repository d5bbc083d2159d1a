"""The weights of the best epoch so far, set aside while training goes on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import torch
from torch import Tensor, nn

#: Weights above this many bytes are set aside in a file, so that keeping them does not raise the peak of memory.
IN_MEMORY_BYTES = 16 << 20


class BestWeights:
    """A copy of what training changes in a module: trainable parameters, and running statistics.

    Args:
        module: the module being trained.
    """

    def __init__(self, module: nn.Module) -> None:
        self._trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self._buffers = running_statistics(module)
        self._small = sum(tensor.nbytes for tensor in self._tensors) <= IN_MEMORY_BYTES
        self._copies: list[Tensor] | None = None
        self._file: BinaryIO | None = None

    @property
    def _tensors(self) -> list[Tensor]:
        return [*(parameter.data for parameter in self._trained), *self._buffers]

    def keep(self) -> None:
        """Set the present weights aside, in place of those kept before."""
        if not self._small:
            try:
                self._write()
                return
            except OSError:  # no room on the disk: memory has to do
                self._file, self._small = None, True
        if self._copies is None:
            self._copies = [tensor.detach().clone() for tensor in self._tensors]
        else:
            _copy(self._tensors, self._copies)

    def restore(self) -> None:
        """Put the kept weights back into the module; nothing happens if none were kept."""
        if self._copies is not None:
            _copy(self._copies, self._tensors)
        elif self._file is not None:
            _copy(self._read(), self._tensors)

    def state(self) -> list[Tensor] | None:
        """Copies of the kept weights, to be written down; None if none were kept."""
        if self._copies is not None:
            return self._copies
        return None if self._file is None else list(self._read())

    def load(self, kept: Sequence[Tensor]) -> None:
        """Keep what `state` gave."""
        present = [tensor.detach().clone() for tensor in self._tensors]
        _copy(kept, self._tensors)
        self.keep()
        _copy(present, self._tensors)

    def _read(self) -> Iterator[Tensor]:
        assert self._file is not None
        self._file.seek(0)
        for tensor in self._tensors:
            buffer = torch.empty(tensor.numel() * tensor.element_size(), dtype=torch.uint8)
            self._file.readinto(buffer.numpy())  # type: ignore[attr-defined]
            yield buffer.view(tensor.dtype).view(tensor.shape)

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="alih-best-")  # noqa: SIM115 - lives as long as this object
        self._file.seek(0)
        for tensor in self._tensors:
            self._file.write(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        self._file.flush()


def running_statistics(module: nn.Module) -> list[Tensor]:
    """Buffers that training changes, of batch normalisation; others may be as large as the model (integer weights)."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
    return [buffer for norm in norms for buffer in norm.buffers(recurse=False)]


def _copy(sources: Iterable[Tensor], targets: Sequence[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)
