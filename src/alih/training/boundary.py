"""The frozen part runs once: what comes out of it at a boundary is computed in one pass, kept, and trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import Encoded, EncodedTexts, length_batches
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.training.activations import Activations, ActivationWriter
from alih.training.cache import Cache, Draft, Entry, free_bytes
from alih.training.capture import FEATURES, Boundary, Capture
from alih.training.identity import Identity
from alih.training.layout import fast_layout
from alih.training.memory import most_tokens, release_free_memory
from alih.training.modules import FullModel, HeadModel, freeze_below
from alih.training.precision import Precision, autocast, choose, device
from alih.training.resume import ResumedModel
from alih.version import VERSION

__all__ = [
    "FEATURES",
    "Boundary",
    "Frozen",
    "FullModel",
    "HeadModel",
    "ResumedModel",
    "freeze_below",
    "frozen_outputs",
]
_VALUES, _LAYOUT = "values.bin", "layout.npz"
#: Left free on the disk that temporary activations go to.
_SPARE_BYTES = 500_000_000


class Frozen:
    """What the frozen part of a model gave for one set of examples.

    Args:
        activations: by boundary; a boundary that there was no room for is missing.
        probe: the mean over real tokens (or over the picture) of what enters each block and leaves the last one: one
            array (n, width) a depth; None if it was not asked for.
    """

    def __init__(self, activations: dict[Boundary, Activations], probe: list[NDArray[np.float32]] | None) -> None:
        self._activations = activations
        self.probe = probe

    @property
    def boundaries(self) -> tuple[Boundary, ...]:
        """The boundaries that there are activations at."""
        return tuple(self._activations)

    def at(self, boundary: Boundary) -> Activations:
        """Return the activations at a boundary.

        Raises:
            KeyError: it was not asked for, or there was no room for it (see `boundaries`).
        """
        return self._activations[boundary]


def frozen_outputs(
    pretrained: Pretrained,
    encoded: Encoded,
    boundaries: Sequence[Boundary],
    *,
    probe: bool = False,
    cache: Cache | None,
    progress: Progress,
    batch_size: int = 128,
    precision: Precision | None = None,
    of: str = "",
) -> Frozen:
    """Run the frozen part of a model once over all examples, and keep what comes out at each boundary.

    What a cache entry holds already is not computed again. What does not fit into the cache goes to a temporary file;
    what does not fit on the disk is left out, and said.

    Args:
        pretrained: model and anatomy; moved to `device()`.
        encoded: the examples.
        boundaries: where to keep outputs.
        probe: keep the mean output of every block, too.
        cache: where outputs are kept for other routes and commands; None = for this call only.
        progress: where to report.
        batch_size: examples a forward pass.
        precision: compute type; None = the device's best.
        of: what the examples are, for the listing of the cache.

    Raises:
        ModelError: the model cannot be run on these examples.
    """
    job = _Job(pretrained, encoded, cache, progress, batch_size, precision, of)
    return job.run(list(dict.fromkeys(boundaries)), probe)


@dataclass
class _Place:
    """Where one boundary's activations are written: a cache draft, or a temporary folder."""

    folder: Path
    owner: Draft | tempfile.TemporaryDirectory[str]
    writer: ActivationWriter
    ragged: bool

    def drop(self) -> None:
        """Remove what was written."""
        self.writer.close()
        if isinstance(self.owner, Draft):
            self.owner.discard()
        else:
            self.owner.cleanup()


class _Job:
    def __init__(
        self,
        pretrained: Pretrained,
        encoded: Encoded,
        cache: Cache | None,
        progress: Progress,
        batch_size: int,
        precision: Precision | None,
        of: str,
    ) -> None:
        self._model = pretrained.model
        self._anatomy: Anatomy = pretrained.anatomy
        self._encoded = encoded
        self._cache = cache if cache is not None and cache.limit_bytes > 0 and len(encoded) else None
        self._progress = progress
        self._batch_size = batch_size
        self._of = of
        self._name = pretrained.name
        self._device = device()
        self._precision = choose(self._device, precision)
        self._keys: dict[Boundary | None, str] = {}

    def run(self, boundaries: list[Boundary], probe: bool) -> Frozen:
        nn.Module.to(self._model, self._device)
        if self._cache is None:
            return self._compute(boundaries, {}, probe)
        identity = Identity(self._model, self._anatomy)
        data = self._encoded.digest()
        told = {
            "compute": self._precision,
            "device": self._device.type,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "alih": VERSION,
        }
        self._keys = {boundary: identity.key(boundary, data, **told) for boundary in boundaries}
        self._keys |= {None: identity.key(len(self._anatomy.blocks), data, probe=True, **told)} if probe else {}
        with ExitStack() as stack:
            try:
                stack.enter_context(self._cache.locked(list(self._keys.values()), self._progress))
            except OSError as error:
                self._progress.say(f"the cache {self._cache.folder} cannot be written ({error}): it is not used.")
                self._cache = None
                return self._compute(boundaries, {}, probe)
            entries = {boundary: self._cache.open(key, self._progress) for boundary, key in self._keys.items()}
            return self._compute(boundaries, entries, probe)

    def _compute(self, boundaries: list[Boundary], entries: dict[Boundary | None, Entry | None], probe: bool) -> Frozen:
        found = {b: _activations(entry.folder, entry) for b in boundaries if (entry := entries.get(b)) is not None}
        means: list[NDArray[np.float32]] | None = None
        probed = entries.get(None)
        if probe and probed is not None:
            means = [np.load(probed.path(_depth_file(depth))) for depth in range(len(self._anatomy.blocks) + 1)]
        missing = [boundary for boundary in boundaries if boundary not in found]
        if missing or (probe and means is None):
            new, new_means = self._pass(missing, probe and means is None)
            found |= new
            means = means if new_means is None else new_means
        return Frozen({boundary: found[boundary] for boundary in boundaries if boundary in found}, means)

    def _pass(
        self, boundaries: list[Boundary], probe: bool
    ) -> tuple[dict[Boundary, Activations], list[NDArray[np.float32]] | None]:
        """Run every example once; return what was kept at the boundaries, and the probe."""
        depths = range(len(self._anatomy.blocks) + 1) if probe else range(0)
        capture = Capture(self._model, self._anatomy, boundaries, means=depths)
        lengths = self._encoded.lengths
        means: list[NDArray[np.float32]] = []
        places: dict[Boundary, _Place] = {}
        with ExitStack() as stack:
            stack.enter_context(fast_layout(self._model))
            stack.enter_context(autocast(self._device, self._precision))
            undo = stack.enter_context(ExitStack())
            undo.callback(_drop, places)
            most = most_tokens(self._device)
            batches = length_batches(lengths, self._batch_size, shuffle_seed=None, most_tokens=most)
            step = self._progress.step("running the frozen part once", len(lengths), "examples")
            advance = stack.enter_context(step)
            for rows in batches:
                batch = {name: tensor.to(self._device) for name, tensor in self._encoded.collate(rows).items()}
                caught, caught_means = capture.run(batch)
                if rows is batches[0]:
                    places |= self._places(boundaries, caught)
                    widths = [caught_means[depth].shape[1] for depth in depths]
                    means = [np.empty((len(lengths), width), dtype=np.float32) for width in widths]
                for boundary in list(places):
                    self._write(places, boundary, rows, caught[boundary])
                for depth in depths:
                    means[depth][rows] = caught_means[depth].float().cpu().numpy()
                del batch, caught, caught_means
                release_free_memory()
                advance(len(rows))
            undo.pop_all()
        kept = {boundary: self._keep(boundary, place) for boundary, place in places.items()}
        if probe and self._cache is not None:
            self._keep_probe(means)
        return kept, means if probe else None

    def _places(self, boundaries: list[Boundary], caught: dict[Boundary, Tensor]) -> dict[Boundary, _Place]:
        """Find room for each boundary's activations, whose size the first batch tells."""
        places: dict[Boundary, _Place] = {}
        for boundary in boundaries:
            nbytes = self._nbytes(caught[boundary])
            owner = self._owner(boundary, nbytes)
            if owner is None:
                self._progress.say(
                    f"no room for {nbytes / 1e9:,.1f} GB of frozen outputs ({_words(boundary)}): the frozen part is "
                    "computed again in every epoch. Free some space on the disk to avoid this."
                )
                continue
            folder = owner.folder if isinstance(owner, Draft) else Path(owner.name)
            writer = ActivationWriter(folder / _VALUES, len(self._encoded))
            places[boundary] = _Place(folder, owner, writer, self._ragged(caught[boundary]))
        return places

    def _owner(self, boundary: Boundary, nbytes: int) -> Draft | tempfile.TemporaryDirectory[str] | None:
        cache = self._cache
        if cache is not None and cache.has_room_for(nbytes):
            try:
                return cache.draft(self._keys[boundary])
            except OSError as error:
                self._progress.say(f"the cache {cache.folder} cannot be written ({error}).")
        elif cache is not None:
            self._progress.say(
                f"{nbytes / 1e9:,.1f} GB of frozen outputs ({_words(boundary)}) are not kept for later: the cache may "
                f"take {cache.limit_bytes / 1e9:,.1f} GB, and {free_bytes(cache.folder) / 1e9:,.1f} GB are free."
            )
        if nbytes + _SPARE_BYTES > free_bytes(Path(tempfile.gettempdir())):
            return None
        return tempfile.TemporaryDirectory(prefix="alih-frozen-", ignore_cleanup_errors=True)

    def _nbytes(self, first: Tensor) -> int:
        if self._ragged(first):
            return 4 * int(self._encoded.lengths.sum()) * int(np.prod(first.shape[2:]))
        return 4 * len(self._encoded) * int(np.prod(first.shape[1:]))

    def _ragged(self, first: Tensor) -> bool:
        """Whether the second dimension runs over the tokens of texts, as the longest show: padding is not kept then."""
        return isinstance(self._encoded, EncodedTexts) and first.ndim == 3 and first.shape[1] > 1

    def _write(
        self, places: dict[Boundary, _Place], boundary: Boundary, rows: NDArray[np.int64], values: Tensor
    ) -> None:
        place = places[boundary]
        try:
            place.writer.write(rows, values, self._encoded.lengths[rows] if place.ragged else None)
        except OSError as error:
            self._progress.say(
                f"writing frozen outputs ({_words(boundary)}) failed ({error}): the frozen part is computed again in "
                "every epoch. Free some space on the disk to avoid this."
            )
            del places[boundary]
            place.drop()

    def _keep(self, boundary: Boundary, place: _Place) -> Activations:
        place.writer.close()
        np.savez(place.folder / _LAYOUT, **place.writer.layout())  # type: ignore[arg-type]  # names are keywords
        if isinstance(place.owner, Draft):
            entry = place.owner.commit(self._told(_words(boundary)))
            return _activations(entry.folder, entry)
        return _activations(place.folder, place.owner)

    def _keep_probe(self, means: list[NDArray[np.float32]]) -> None:
        assert self._cache is not None
        if not self._cache.has_room_for(sum(array.nbytes for array in means)):
            return
        draft = self._cache.draft(self._keys[None])
        for depth, array in enumerate(means):
            np.save(draft.path(_depth_file(depth)), array)
        draft.commit(self._told("mean output of every block"))

    def _told(self, what: str) -> dict[str, Any]:
        return {
            "what": what,
            "data": self._of,
            "model": self._name,
            "family": self._anatomy.family,
            "examples": len(self._encoded),
            "compute": self._precision,
        }


def _activations(folder: Path, owner: object) -> Activations:
    with np.load(folder / _LAYOUT) as layout:
        return Activations(folder / _VALUES, dict(layout), owner)


def _drop(places: dict[Boundary, _Place]) -> None:
    for place in places.values():
        place.drop()


def _depth_file(depth: int) -> str:
    return f"depth-{depth:03d}.npy"


def _words(boundary: Boundary) -> str:
    return "features of the head" if boundary == FEATURES else f"input of block {boundary}"
