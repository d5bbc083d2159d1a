"""Activations on disk: what the frozen part of a model gave for each example, read back batch by batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alih.data.batch import Indices


class ActivationWriter:
    """Writes activations in any order of the examples; closed, it leaves a file that `Activations` reads.

    Args:
        path: file to write: float32, one example after another in the order written, no padding.
        count: number of examples.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._file: BinaryIO = path.open("wb")
        self._starts = np.zeros(count, dtype=np.int64)
        self._lengths = np.zeros(count, dtype=np.int64)
        self._written = 0
        self.row_shape: tuple[int, ...] = ()
        self.ragged = False

    def write(self, rows: NDArray[np.int64], values: Tensor, lengths: NDArray[np.int64] | None) -> None:
        """Append a batch.

        Args:
            rows: (batch,) which examples these are.
            values: (batch, positions, …) padded on the right, or (batch, …) where `lengths` is None.
            lengths: (batch,) real positions of each example.
        """
        array = values.detach().to("cpu", torch.float32).numpy()
        self.ragged = lengths is not None
        self.row_shape = array.shape[2:] if lengths is not None else array.shape[1:]
        for index, row in enumerate(rows):
            kept = array[index, : lengths[index]] if lengths is not None else array[index][None]
            self._starts[row], self._lengths[row] = self._written, len(kept)
            self._file.write(np.ascontiguousarray(kept).data)
            self._written += len(kept)

    def close(self) -> None:
        """Close the file; harmless when repeated."""
        self._file.close()

    def layout(self) -> dict[str, NDArray[np.int64]]:
        """Where each example lies: `starts` and `lengths`, (n,) in rows; `shape` of a row; `ragged` 0 or 1."""
        return {
            "starts": self._starts,
            "lengths": self._lengths,
            "shape": np.asarray(self.row_shape, dtype=np.int64),
            "ragged": np.asarray([self.ragged], dtype=np.int64),
        }


class _File:
    """An open file whose bytes are read by position.

    Reading by position costs what a memory map costs (both copy out of the page cache), but pages read this way do not
    count as the process's own memory.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._map = None if hasattr(os, "preadv") else np.memmap(path, dtype=np.uint8, mode="r")

    def read_into(self, target: NDArray[np.float32], offset: int) -> None:
        """Fill the contiguous `target` from byte `offset` on."""
        view = memoryview(target.view(np.uint8).reshape(-1))  # type: ignore[arg-type]  # ndarray is a Buffer from 3.12 on
        if self._map is not None:
            view[:] = self._map[offset : offset + len(view)].data
            return
        while view:
            done = os.preadv(self._descriptor, [view], offset)
            if done == 0:
                raise OSError("activations end too early: the file was cut while it was in use")
            view, offset = view[done:], offset + done

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # Bound early: when the interpreter ends, `os` may be gone before this is.
        close(self._descriptor)


class Activations:
    """Activations of n examples, in the order of the examples.

    Args:
        path: the file that `ActivationWriter` wrote; it stays open, so that it may be unlinked meanwhile.
        layout: what `ActivationWriter.layout` returned.
        owner: kept alive as long as these activations are: a cache entry in use, a temporary folder.
    """

    def __init__(self, path: Path, layout: dict[str, NDArray[np.int64]], owner: object = None) -> None:
        self._owner = owner
        self._file = _File(path)
        self._starts = layout["starts"]
        self._lengths = layout["lengths"]
        self._row_shape = tuple(int(size) for size in layout["shape"])
        self._ragged = bool(layout["ragged"][0])
        self._row_bytes = 4 * int(np.prod(self._row_shape, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def ragged(self) -> bool:
        """Whether examples have different numbers of positions."""
        return self._ragged

    @property
    def nbytes(self) -> int:
        """Bytes of these examples."""
        return int(self._lengths.sum()) * self._row_bytes

    def collate(self, indices: Indices) -> Tensor:
        """Return a batch: (batch, …), or (batch, longest, …) with zeros on the right where `Encoded.collate` pads."""
        rows = np.asarray(indices, dtype=np.int64)
        lengths = self._lengths[rows]
        longest = int(lengths.max(initial=1))
        batch = np.empty((len(rows), longest, *self._row_shape), dtype=np.float32)
        for index, (row, length) in enumerate(zip(rows.tolist(), lengths.tolist(), strict=True)):
            self._file.read_into(batch[index, :length], int(self._starts[row]) * self._row_bytes)
            batch[index, length:] = 0.0
        return torch.from_numpy(batch if self._ragged else batch[:, 0])

    def select(self, indices: Indices) -> Activations:
        """Return the activations of the examples at `indices`, in that order, from the same file."""
        rows = np.asarray(indices, dtype=np.int64)
        chosen = object.__new__(Activations)
        chosen.__dict__.update(self.__dict__, _starts=self._starts[rows], _lengths=self._lengths[rows])
        return chosen
