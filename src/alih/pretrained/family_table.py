"""Where stem, blocks, neck and head are in each architecture family: one entry a family.

Paths of stem, entry, blocks and neck start at the base model (`model.bert`, `model.model`, …); paths of head and pooler
start at the classification model. A path that a given model lacks (an ELECTRA without projection) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

#: Paths of the modules that make up one block, from the base model.
BlockPaths = tuple[str, ...]
Walk = Callable[[nn.Module, str], Iterator[BlockPaths]]


def every_item(base: nn.Module, path: str) -> Iterator[BlockPaths]:
    """Walk one flat list: each item is a block."""
    for index, _ in enumerate(base.get_submodule(path).children()):
        yield (f"{path}.{index}",)


def deberta_layers(base: nn.Module, path: str) -> Iterator[BlockPaths]:
    """Walk DeBERTa's layers: the convolution beside the first layer, where there is one, ends block 0."""
    has_convolution = getattr(base.get_submodule(path.rpartition(".")[0]), "conv", None) is not None
    for index, (layer,) in enumerate(every_item(base, path)):
        yield (layer, "encoder.conv") if index == 0 and has_convolution else (layer,)


def layers_of_stages(base: nn.Module, path: str) -> Iterator[BlockPaths]:
    """Walk a list of stages: each layer is a block; a stage's downsampling belongs to the stage's first block."""
    for stage_index, stage in enumerate(base.get_submodule(path).children()):
        downsampling = getattr(stage, "downsampling_layer", None)
        steps = [f"{path}.{stage_index}.downsampling_layer.{i}" for i in range(len(downsampling or ()))]
        for layer in every_item(base, f"{path}.{stage_index}.layers"):
            yield (*steps, *layer)
            steps = []


@dataclass(frozen=True)
class Family:
    """The layout of one family.

    Args:
        name: how the family is called in anatomies and reports.
        stem: modules with parameters before block 0.
        blocks: path of the list of blocks (or of stages).
        head: modules that make logits of the features ("relu" = `torch.nn.ReLU`); empty where the family has no
            classification class of its own.
        entry: modules whose output is block 0's input; the first that exists is taken.
        neck: pre-trained modules between the last block and the head.
        pooler: reads the first token; neck where it came with the weights, head where it is new.
        reads: as in `Anatomy`.
        walk: how the blocks are found below `blocks`.
    """

    name: str
    stem: tuple[str, ...]
    blocks: str
    head: tuple[str, ...]
    entry: tuple[str, ...]
    neck: tuple[str, ...] = ()
    pooler: str | None = None
    reads: Literal["whole", "first", "last"] = "whole"
    walk: Walk = every_item


_BERT = Family(
    name="bert",
    stem=("embeddings",),
    entry=("embeddings",),
    blocks="encoder.layer",
    pooler="bert.pooler",
    head=("dropout", "classifier"),
)
# The head reads the first token itself: dropout, dense, tanh, dropout, projection in one module.
_ROBERTA = replace(_BERT, name="roberta", pooler=None, head=("classifier",), reads="first")
_LLAMA = Family(
    name="llama",
    stem=("embed_tokens",),
    entry=("embed_tokens",),
    blocks="layers",
    neck=("norm",),
    head=("score",),
    reads="last",
)
# Relative position biases live in block 0 and serve every block.
_T5 = Family(
    name="t5",
    stem=("encoder.embed_tokens",),
    entry=("encoder.embed_tokens",),
    blocks="encoder.block",
    neck=("encoder.final_layer_norm",),
    head=(),
)
_CONVNEXT = Family(
    name="convnext",
    stem=("embeddings",),
    entry=("embeddings",),
    blocks="encoder.stages",
    walk=layers_of_stages,
    neck=("layernorm",),  # after global average pooling
    head=("classifier",),
)
_ALIH_RESNET = Family(
    name="alih-resnet", stem=("stem",), entry=("stem",), blocks="blocks", head=("dropout", "classifier")
)

#: Every known family, by the `model_type` of its configuration.
FAMILIES: dict[str, Family] = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "mpnet": replace(_ROBERTA, name="mpnet", stem=("embeddings", "encoder.relative_attention_bias")),
    "electra": replace(
        _ROBERTA,
        name="electra",
        stem=("embeddings", "embeddings_project"),
        entry=("embeddings_project", "embeddings"),
    ),
    "distilbert": replace(
        _BERT,
        name="distilbert",
        blocks="transformer.layer",
        pooler=None,
        head=("pre_classifier", "relu", "dropout", "classifier"),
    ),
    "deberta-v2": replace(
        _BERT,
        name="deberta-v2",
        stem=("embeddings", "encoder.rel_embeddings", "encoder.LayerNorm"),
        walk=deberta_layers,
        pooler="pooler",
    ),
    "gpt2": replace(_LLAMA, name="gpt2", stem=("wte", "wpe"), entry=("drop",), blocks="h", neck=("ln_f",)),
    "llama": _LLAMA,
    "mistral": replace(_LLAMA, name="mistral"),
    "qwen2": replace(_LLAMA, name="qwen2"),
    "qwen3": replace(_LLAMA, name="qwen3"),
    "t5": _T5,
    "mt5": _T5,
    "vit": Family(
        name="vit",
        stem=("embeddings",),
        entry=("embeddings",),
        blocks="layers",
        neck=("layernorm",),
        head=("classifier",),
    ),
    "convnext": _CONVNEXT,
    "convnextv2": _CONVNEXT,
    "resnet": replace(_CONVNEXT, name="resnet", stem=("embedder",), entry=("embedder",), neck=(), head=("classifier",)),
    "alih-resnet": _ALIH_RESNET,
    "alih-vgg": replace(_ALIH_RESNET, name="alih-vgg", neck=("neck",)),
}

#: Families without blocks that could be frozen one by one, and why.
WITHOUT_BLOCKS: dict[str, str] = {
    "albert": "its layers share one set of weights, so no block can be frozen or trained alone",
}
