"""What a frozen output depends on, as one hash: the key of its cache entry."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from transformers import PreTrainedModel

from alih.pretrained.anatomy import Anatomy
from alih.training.capture import FEATURES, Boundary
from alih.training.modules import trained_paths

#: Entries of a configuration that say what the head predicts, or where the file came from, not what the body computes.
_NOT_THE_BODY = frozenset(
    {
        "id2label", "label2id", "num_labels", "problem_type", "_name_or_path", "architectures", "transformers_version",
        "dtype", "torch_dtype",
    }
)  # fmt: skip


class Identity:
    """Hashes a model by parts, so that keys of several boundaries cost one pass over its weights.

    Args:
        model: whose weights are hashed.
        anatomy: which of them lie below a boundary.
    """

    def __init__(self, model: PreTrainedModel, anatomy: Anatomy) -> None:
        self._blocks = len(anatomy.blocks)
        parts: list[tuple[str, int | None]]
        parts = [(path, index) for index, block in enumerate(anatomy.blocks) for path in block.modules]
        parts += [(path, self._blocks) for path in anatomy.neck]
        parts += [(path, None) for path in trained_paths(anatomy, self._blocks)]
        states = [hashlib.blake2b(digest_size=16) for _ in range(self._blocks + 2)]
        for name, tensor in model.state_dict().items():
            # Stem, and what serves every block, counts as part −1: it lies below every boundary.
            part = next((part for path, part in parts if name.startswith(f"{path}.")), -1)
            if part is not None:
                content = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
                states[part].update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
                states[part].update(content.data)
        self._digests = [state.hexdigest() for state in states]
        config = {name: value for name, value in model.config.to_dict().items() if name not in _NOT_THE_BODY}
        attention = getattr(model.config, "_attn_implementation", None)
        self._config = {"class": type(model).__name__, "reads": anatomy.reads, "attention": attention, **config}

    def key(self, boundary: Boundary, data: str, **more: Any) -> str:
        """Return the key of one boundary's output.

        Args:
            boundary: the boundary.
            data: digest of the encoded examples.
            more: what else the output depends on: compute type, library versions.
        """
        below = self._blocks + 1 if boundary == FEATURES else boundary
        weights = [self._digests[-1], *self._digests[:below]]
        told = json.dumps([weights, str(boundary), data, more, self._config], sort_keys=True, default=str)
        return hashlib.blake2b(told.encode(), digest_size=20).hexdigest()
