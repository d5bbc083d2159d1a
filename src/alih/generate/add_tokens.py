"""Adds words of a domain to a model: new tokens that start from the mean of the pieces they replace."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken
from torch import Tensor
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from alih.errors import DataError, ModelError, OptionError
from alih.generate.tokenizers import Opened
from alih.pretrained.builtin import BUILT_IN, verify
from alih.pretrained.quiet import quiet

#: How sentence-transformers models say that they pool, and how long their texts may be.
_BESIDE = ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "*_Pooling/config.json")


@dataclass(frozen=True)
class Added:
    """What was added.

    Args:
        words: the new tokens, each with the pieces it replaces.
        known: words that were one token already, left out.
        vocabulary: rows of the embedding matrix before and after.
        tied: input and output embeddings are one matrix.
    """

    words: dict[str, tuple[str, ...]]
    known: tuple[str, ...]
    vocabulary: tuple[int, int]
    tied: bool


def read_words(path: Path) -> list[str]:
    """Read words, one a line; empty lines and repetitions are passed over.

    Raises:
        DataError: no such file, no words, or a line that holds spaces.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file. Give a text file with one word a line.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no UTF-8 text ({error}). Save it as UTF-8.") from error
    words: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if not word:
            continue
        if len(word.split()) > 1:
            raise DataError(f"{path}, line {number}: {word!r} is more than one word. Give one word a line.")
        words[word] = None
    if not words:
        raise DataError(f"{path}: holds no words. Give one word a line.")
    return list(words)


def add_words(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, words: Sequence[str]) -> Added:
    """Give tokenizer and model one token a word, in place.

    The embedding of a new token is the mean of its pieces' embeddings, on the input and on the output side, so the
    model starts near what it knew (Gee et al. 2022, arXiv 2402.09977, section 3.2: vocabulary transfer). Words match
    as whole words only: adding "gen" leaves "general" as it was.

    Raises:
        DataError: every word is one token already.
    """
    pieces = {word: tokenizer.tokenize(word) for word in words}
    known = tuple(word for word, cut in pieces.items() if len(cut) < 2)
    new = {word: tuple(cut) for word, cut in pieces.items() if len(cut) > 1}
    if not new:
        raise DataError("every word is one token already: nothing to add.")
    ids = [tokenizer.convert_tokens_to_ids(list(cut)) for cut in new.values()]
    before = _rows(model.get_input_embeddings())
    tokenizer.add_tokens([AddedToken(word, single_word=True, normalized=True) for word in new])
    after = max(before, len(tokenizer))
    with quiet():
        model.resize_token_embeddings(after, mean_resizing=False)
    own = [int(number) for number in tokenizer.convert_tokens_to_ids(list(new))]  # type: ignore[union-attr]
    for matrix in _matrices(model):
        with torch.no_grad():
            means = torch.stack([matrix[torch.tensor(cut)].mean(dim=0) for cut in ids])
            matrix[torch.tensor(own)] = means
    inputs, outputs = model.get_input_embeddings(), model.get_output_embeddings()
    tied = outputs is not None and outputs.weight is inputs.weight
    return Added(new, known, (before, after), tied)


def add_to_folder(opened: Opened, words: Sequence[str], output: Path) -> Added:
    """Add words to a model and write it with its tokenizer to another folder.

    Raises:
        OptionError: the output is a file, or the model's own folder.
        ModelError: its weights cannot be opened, or it holds a tokenizer alone.
    """
    if output.is_file() or output.resolve() == opened.folder.resolve():
        what = "a file" if output.is_file() else "the model itself"
        raise OptionError(f"--output {output}: is {what}. Name another folder.")
    if not (opened.folder / "config.json").is_file():
        raise ModelError(f"{opened.name}: holds a tokenizer, but no model to add tokens to.")
    if opened.name in BUILT_IN:
        verify(opened.name, opened.folder)
    try:
        with quiet():
            model = _model_class(opened.folder).from_pretrained(opened.folder, local_files_only=True)
    except Exception as error:
        why = str(error).splitlines()[0][:200]
        raise ModelError(f"{opened.name}: its weights cannot be opened ({why}).") from error
    added = add_words(model, opened.tokenizer, words)
    with quiet():
        model.save_pretrained(output)
        opened.tokenizer.save_pretrained(output)
    for pattern in _BESIDE:
        for file in opened.folder.glob(pattern):
            target = output / file.relative_to(opened.folder)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
    return added


def _model_class(folder: Path) -> Any:
    """The class that config.json names, so that heads are kept; the bare backbone where it names none."""
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    names = config.architectures or []
    return getattr(transformers, names[0], AutoModel) if names else AutoModel


def _matrices(model: PreTrainedModel) -> list[Tensor]:
    """Input embeddings, output embeddings and output bias, each once."""
    inputs: Any = model.get_input_embeddings()
    found: list[Tensor] = [inputs.weight]
    outputs = model.get_output_embeddings()
    if outputs is not None:
        found += [outputs.weight, *([outputs.bias] if getattr(outputs, "bias", None) is not None else [])]
    return list({id(matrix): matrix for matrix in found}.values())


def _rows(embeddings: Any) -> int:
    return int(embeddings.weight.shape[0])
