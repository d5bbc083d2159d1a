"""The anatomy of a pre-trained model: where its stem, its ordered blocks, its neck and its head are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Block:
    """One block: the unit that is frozen or trained as a whole.

    Args:
        name: module path of the block, for people ("bert.encoder.layer.3").
        modules: paths of the modules that run in order to make the block: the first one's first positional argument
            is the block's input, the last one's output (or its first element) is the block's output.
    """

    name: str
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Anatomy:
    """Where the parts of a model are, as module paths (as in `model.get_submodule(path)`).

    Args:
        family: the architecture family ("bert", "llama", "resnet", "fallback").
        stem: modules before block 0 that hold parameters (embeddings, patches, first convolutions).
        entry: a stem module whose output may be replaced by any tensor of block 0's input's shape when everything below
            a boundary is skipped; None where the stem has to run.
        blocks: ordered from input to output.
        neck: pre-trained modules between the last block and the head (final norm, pre-trained pooler).
        head: modules applied one after another to the features to give logits ("dropout", "classifier"); the entry
            "relu" stands for `torch.nn.ReLU` where a family applies it as a function.
        reads: which part of the tensor that reaches the first head module the head looks at: "whole" of it, the "first"
            position of axis 1 (CLS), or the "last" position that is not padding.
        blocks_alone: training the top k blocks trains nothing else. So it is where the head was pre-trained, too (a
            language model's output layer, which often is its embedding matrix); in a classifier the head is new, and
            the neck trains with it.
    """

    family: str
    stem: tuple[str, ...]
    entry: str | None
    blocks: tuple[Block, ...]
    neck: tuple[str, ...]
    head: tuple[str, ...]
    reads: Literal["whole", "first", "last"] = "whole"
    blocks_alone: bool = False
