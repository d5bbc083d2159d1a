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


def anatomy_of(model: PreTrainedModel, *, new: Collection[str] = ()) -> Anatomy:
    """Say where stem, blocks, neck and head of a classification model are.

    Args:
        model: a model with a classification head.
        new: names of parameters that did not come with the weights. A pooler among them counts as head, since nothing
            was ever learnt in it; any other pooler counts as neck.

    Raises:
        ModelError: the model has no ordered blocks, or its head cannot be told apart.
    """
    model_type = model.config.model_type
    if isinstance(model, AlihPooledForSequenceClassification):
        return _pooled_anatomy(model, new)
    if isinstance(model, AlihPromptedForSequenceClassification):
        return _prompted_anatomy(model)
    if model_type in WITHOUT_BLOCKS:
        raise ModelError(f"models of type {model_type} cannot be adapted in parts: {WITHOUT_BLOCKS[model_type]}.")
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


def _prompted_anatomy(model: AlihPromptedForSequenceClassification) -> Anatomy:
    """Anatomy of a prompted language model: its parts under its prefix; what makes the likelihoods is the head."""
    backbone = model.backbone
    output: nn.Module | None = backbone.get_output_embeddings()
    head = tuple(f"backbone.{path}" for path, module in backbone.named_modules() if module is output)
    prefix = f"backbone.{backbone.base_model_prefix}."
    family = FAMILIES.get(backbone.config.model_type)
    if family is None:
        lists = ((path, part) for path, part in model.named_modules() if isinstance(part, nn.ModuleList) and len(part))
        path, layers = next(lists, ("", nn.ModuleList()))
        blocks = tuple(Block(f"{path}.{number}", (f"{path}.{number}",)) for number in range(len(layers)))
        return Anatomy(backbone.config.model_type, (), None, blocks, (), head, "last")
    _check_layout(backbone, replace(family, head=()))
    return _assemble(model, family, prefix, _below(model, prefix, family.neck), head, family.reads)


def _assemble(
    model: PreTrainedModel,
    family: Family,
    prefix: str,
    neck: tuple[str, ...],
    head: tuple[str, ...],
    reads: Literal["whole", "first", "last"],
) -> Anatomy:
    base = model.get_submodule(prefix.rstrip("."))
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
