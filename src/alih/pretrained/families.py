"""The anatomy of a given model: looked up by family, or measured where the family is unknown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from torch import nn
from transformers import PreTrainedModel

from alih.errors import ModelError
from alih.pretrained.anatomy import Anatomy, Block
from alih.pretrained.family_table import FAMILIES, WITHOUT_BLOCKS, Family
from alih.pretrained.measured import measured_anatomy
from alih.pretrained.pooled import AlihPooledForSequenceClassification
from alih.pretrained.prompted import AlihPromptedForSequenceClassification

#: Names of the norm that ends a decoder: T5's, BART's and M2M-100's, alih-transformer's.
_LAST_NORMS = ("final_layer_norm", "layer_norm", "norm")


def anatomy_of(model: PreTrainedModel, *, new: Collection[str] = ()) -> Anatomy:
    """Say where stem, blocks, neck and head of a model are.

    Of a classifier, the head makes the logits. Of a decoder-only language model, blocks are the decoder's and the head
    is its output layer. Of an encoder–decoder, blocks are the decoder's, too, so the top k blocks are its last k: the
    encoder belongs to the stem, and the head is the output layer (a constant that is added to its logits apart). An
    encoder without a head has an empty one.

    Args:
        model: any of these.
        new: names of parameters that did not come with the weights. A pooler among them counts as head, since nothing
            was ever learnt in it; any other pooler counts as neck.

    Raises:
        ModelError: a classifier has no ordered blocks, or its head cannot be told apart.
    """
    model_type = model.config.model_type
    if isinstance(model, AlihPooledForSequenceClassification):
        return _pooled_anatomy(model, new)
    if isinstance(model, AlihPromptedForSequenceClassification):
        return replace(anatomy_as_trained(model.backbone, "backbone."), reads="last")
    if model.can_generate() or model.base_model is model:
        return anatomy_as_trained(model)
    if model_type in WITHOUT_BLOCKS:
        raise ModelError(f"models of type {model_type} cannot be adapted in parts: {WITHOUT_BLOCKS[model_type]}.")
    if type(model).__name__.endswith("ForTokenClassification"):
        return replace(anatomy_as_trained(model), blocks_alone=False)
    family = FAMILIES.get(model_type)
    if family is None or not family.head:
        return measured_anatomy(model, new)
    _check_layout(model, family)
    prefix = f"{model.base_model_prefix}."
    neck = _below(model, prefix, family.neck)
    head, reads = family.head, family.reads
    if family.pooler is not None and _has_new(family.pooler, new):
        head, reads = (family.pooler, *head), "first"
    elif family.pooler is not None:
        neck = (*neck, family.pooler)
    return _assemble(model, family, prefix, neck, head, reads)


def head_modules(model: PreTrainedModel, anatomy: Anatomy) -> nn.Sequential:
    """Give the head as one module that maps features to logits.

    Its parts are the model's own modules, not copies: training them trains the model. Features are what reaches the
    head's first module, reduced as `anatomy.reads` says: (batch, 1, width) for "first", otherwise (batch, …, width).
    """
    return nn.Sequential(*(nn.ReLU() if path == "relu" else model.get_submodule(path) for path in anatomy.head))


def _pooled_anatomy(model: AlihPooledForSequenceClassification, new: Collection[str]) -> Anatomy:
    """Anatomy of the mean-pooled wrapper: the backbone's parts under its prefix, and the wrapper's own head."""
    backbone = model.backbone
    model_type = backbone.config.model_type
    if model_type in WITHOUT_BLOCKS:
        raise ModelError(f"models of type {model_type} cannot be adapted in parts: {WITHOUT_BLOCKS[model_type]}.")
    family = FAMILIES.get(model_type)
    if family is None:
        return measured_anatomy(model, new)
    _check_layout(backbone, family, below="")
    return _assemble(
        model, family, "backbone.", _below(model, "backbone.", family.neck), ("dropout", "classifier"), "whole"
    )


def anatomy_as_trained(model: PreTrainedModel, inside: str = "") -> Anatomy:
    """Anatomy of a language model with its output layer, an encoder without a head, or a classifier as it is.

    Where the family is unknown, the blocks are the first list of modules of a decoder, or the longest one of an
    encoder; there may be none. Nothing is said of what else there is.

    Args:
        model: the model.
        inside: where it lies in another one ("backbone.").
    """
    output: nn.Module | None = model.get_output_embeddings()
    head = tuple(path for path, module in model.named_modules() if output is not None and module is output)
    if output is None and model.base_model is not model:
        head = tuple(path for path, module in model.named_children() if module is not model.base_model)
    if model.config.is_encoder_decoder:
        anatomy = _decoder_anatomy(model, head)
    else:
        base = model.base_model
        prefix = "" if base is model else f"{model.base_model_prefix}."
        family = FAMILIES.get(model.config.model_type)
        if family is not None and _exists(base, family.blocks):
            neck = _below(model, prefix, family.neck)
            anatomy = _assemble(model, family, prefix, neck, head, "whole")
        else:
            lists = [(path, part) for path, part in model.named_modules() if isinstance(part, nn.ModuleList) and part]
            path, layers = (lists or [("", nn.ModuleList())])[0] if model.can_generate() else _longest(lists)
            anatomy = Anatomy(model.config.model_type, (), None, _numbered(path, len(layers)), (), head)
    return replace(
        anatomy,
        stem=tuple(inside + path for path in anatomy.stem),
        entry=None if anatomy.entry is None else inside + anatomy.entry,
        blocks=tuple(Block(inside + b.name, tuple(inside + path for path in b.modules)) for b in anatomy.blocks),
        neck=tuple(inside + path for path in anatomy.neck),
        head=tuple(inside + path for path in anatomy.head),
        blocks_alone=True,
    )


def _decoder_anatomy(model: PreTrainedModel, head: tuple[str, ...]) -> Anatomy:
    """Anatomy of an encoder–decoder: what runs before the decoder's first block is the stem, the encoder included."""
    decoder = model.get_decoder()
    paths = {id(module): path for path, module in model.named_modules()}
    inside = paths[id(decoder)]
    children = list(decoder.named_children())
    lists = ((name, part) for name, part in children if isinstance(part, nn.ModuleList) and len(part))
    blocks, layers = next(lists, ("", nn.ModuleList()))
    beside = [name for name, part in children if name != blocks and next(part.parameters(), None) is not None]
    shared = paths[id(model.get_input_embeddings())]
    before = (
        shared,
        paths[id(model.get_encoder())],
        *(f"{inside}.{name}" for name in beside if name not in _LAST_NORMS),
    )
    return Anatomy(
        family=model.config.model_type,
        stem=tuple(dict.fromkeys(before)),
        entry=None,  # the blocks read what the encoder made, so everything before them runs
        blocks=_numbered(f"{inside}.{blocks}", len(layers)),
        neck=tuple(f"{inside}.{name}" for name in beside if name in _LAST_NORMS),
        head=head,
    )


def _longest(lists: list[tuple[str, nn.ModuleList]]) -> tuple[str, nn.ModuleList]:
    return max(lists, key=lambda one: len(one[1]), default=("", nn.ModuleList()))


def _numbered(path: str, count: int) -> tuple[Block, ...]:
    return tuple(Block(f"{path}.{number}", (f"{path}.{number}",)) for number in range(count))


def _assemble(
    model: PreTrainedModel,
    family: Family,
    prefix: str,
    neck: tuple[str, ...],
    head: tuple[str, ...],
    reads: Literal["whole", "first", "last"],
) -> Anatomy:
    base = model.get_submodule(prefix.rstrip("."))  # the model itself, where the prefix is empty
    blocks = [tuple(prefix + path for path in paths) for paths in family.walk(base, family.blocks)]
    if not blocks:
        raise ModelError(f"this {family.name} model has no blocks (its configuration asks for none).")
    # A block is named after its place in the list; downsampling before it or a convolution beside it only belong to it.
    names = [next(path for path in reversed(paths) if path[-1].isdigit()) for paths in blocks]
    entries = _below(model, prefix, family.entry)
    return Anatomy(
        family=family.name,
        stem=_below(model, prefix, family.stem),
        entry=entries[0] if entries else None,
        blocks=tuple(Block(name, paths) for name, paths in zip(names, blocks, strict=True)),
        neck=tuple(path for path in neck if next(model.get_submodule(path).parameters(), None) is not None),
        head=head,
        reads=reads,
    )


def _check_layout(model: PreTrainedModel, family: Family, below: str | None = None) -> None:
    prefix = f"{model.base_model_prefix}." if below is None else below
    paths = [prefix + family.blocks, *(() if below is not None else family.head)]
    lacking = [path for path in paths if path != "relu" and not _exists(model, path)]
    if lacking:
        raise ModelError(
            f"{type(model).__name__} is of family {family.name} but has no {', '.join(lacking)}: this version of "
            "transformers lays it out differently. Install the version that alih was tested with (alih doctor)."
        )


def _below(model: nn.Module, prefix: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(prefix + path for path in paths if _exists(model, prefix + path))


def _exists(model: nn.Module, path: str) -> bool:
    try:
        model.get_submodule(path)
    except AttributeError:
        return False
    return True


def _has_new(path: str, new: Collection[str]) -> bool:
    return any(name.startswith(f"{path}.") for name in new)
