"""Memory of a computation before it runs: tensors without data are followed from their birth to their death."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

#: Larger blocks glibc maps and gives back one by one; smaller ones share a heap (M_MMAP_THRESHOLD at its most).
ON_HEAP = 32 << 20


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that operations make inside the block while they are alive.

    Meant for tensors of `FakeTensorMode`, which have shapes and life times but no data: what is counted is what a real
    run would allocate, save for the work space inside single operations. Autograd's saved tensors and gradients are
    tensors like any other. Storage that several tensors share counts once.

    Args:
        there: tensors that exist already (parameters, inputs); they are not counted.

    `now` and `peak` are in bytes; `peak_on_heap` is the part of the peak in tensors of at most `ON_HEAP` bytes.
    """

    def __init__(self, there: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = self.peak_on_heap = self._on_heap = 0
        self._alive: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in there:
            self._watch(tensor, counted=False)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the operation and watch what it returns."""
        found = func(*args, **(kwargs or {}))
        for value in tree_leaves(found):
            if isinstance(value, Tensor):
                self._watch(value)
        return found

    def _watch(self, tensor: Tensor, *, counted: bool = True) -> None:
        storage = tensor.untyped_storage()
        key = id(storage)
        if key in self._alive:
            return
        size = storage.nbytes() if counted else 0
        small = size if size <= ON_HEAP else 0
        self.now += size
        self._on_heap += small
        if self.now > self.peak:
            self.peak, self.peak_on_heap = self.now, self._on_heap

        def gone(_: object) -> None:
            self.now -= size
            self._on_heap -= small
            del self._alive[key]

        self._alive[key] = weakref.ref(storage, gone)
