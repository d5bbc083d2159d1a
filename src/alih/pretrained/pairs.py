"""Two texts in one sequence of tokens: what a tokenizer puts around and between them, and a mark where it is nothing.

Tokenizers of encoders set the texts of a pair apart. Many of causal language models (GPT-2's, Qwen's) write them one
behind the other, so that nobody can tell where the first one ends. Such a tokenizer gets its end token between them;
the post-processor that does it is saved with the tokenizer, so `tokenizer(first, second)` does the same in any process.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from typing import Any

from tokenizers import processors
from transformers import AutoTokenizer, PreTrainedTokenizerBase

#: Whether a class of tokenizers opens its own post-processor again from disk, by what was found out.
_KEEPS: dict[type, bool] = {}


@dataclass(frozen=True)
class Layout:
    """Special tokens of an encoded text or pair.

    Args:
        leading: before it.
        between: between the texts of a pair; empty for a single one, and where nothing sets them apart.
        trailing: after it.
    """

    leading: list[int]
    between: list[int]
    trailing: list[int]


def layout(tokenizer: Any, *, pair: bool = False) -> Layout:
    """What a tokenizer puts around a text, or around and between two; nothing where the texts cannot be found."""
    first, second = (list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in ("a", "b"))
    whole = list((tokenizer("a", "b") if pair else tokenizer("a"))["input_ids"])
    at = _find(whole, first, 0)
    if at is None:
        return Layout([], [], [])
    after = at + len(first)
    if not pair:
        return Layout(whole[:at], [], whole[after:])
    then = _find(whole, second, after)
    if then is None:
        return Layout(whole[:at], [], [])
    return Layout(whole[:at], whole[after:then], whole[then + len(second) :])


def set_apart(tokenizer: PreTrainedTokenizerBase) -> None:
    """Make the tokenizer write its end token between two texts, where it writes nothing there.

    A tokenizer that cannot be told so, or that forgets it on disk, is left as it was; see `layout`.
    """
    mark = tokenizer.eos_token or tokenizer.bos_token
    if mark is None or not tokenizer.is_fast or _KEEPS.get(type(tokenizer)) is False:
        return
    alone, together = layout(tokenizer), layout(tokenizer, pair=True)
    if together.between:
        return
    loose: Any = tokenizer
    before, told = loose.backend_tokenizer.post_processor, dict(loose.init_kwargs)
    loose.backend_tokenizer.post_processor = _post_processor(tokenizer, str(mark), alone, together)
    for name in ("add_bos_token", "add_eos_token"):  # said in the files, they would have it made anew
        loose.init_kwargs.pop(name, None)
    if type(tokenizer) not in _KEEPS:
        _KEEPS[type(tokenizer)] = _is_kept(tokenizer)
    if not _KEEPS[type(tokenizer)]:
        loose.backend_tokenizer.post_processor, loose.init_kwargs = before, told


def _find(whole: list[int], part: list[int], start: int) -> int | None:
    places = range(start, len(whole) - len(part) + 1)
    return next((place for place in places if whole[place : place + len(part)] == part), None)


def _post_processor(tokenizer: Any, mark: str, alone: Layout, together: Layout) -> Any:
    """The tokenizer's own special tokens, with the mark between two texts."""

    def named(ids: list[int], kind: int) -> list[str]:
        return [f"{token}:{kind}" for token in tokenizer.convert_ids_to_tokens(ids)]

    used = {*alone.leading, *alone.trailing, *together.leading, *together.trailing}
    tokens = {token: int(number) for number in used for token in tokenizer.convert_ids_to_tokens([number])}
    tokens[mark] = int(tokenizer.convert_tokens_to_ids(mark))
    template = processors.TemplateProcessing(
        single=[*named(alone.leading, 0), "$A:0", *named(alone.trailing, 0)],
        pair=[*named(together.leading, 0), "$A:0", f"{mark}:0", "$B:1", *named(together.trailing, 1)],
        special_tokens=list(tokens.items()),
    )
    present = tokenizer.backend_tokenizer.post_processor
    told = json.loads(present.__getstate__()) if present is not None else {}
    parts = told.get("processors", [told])
    cut = next((part for part in parts if part.get("type") == "ByteLevel"), None)
    if cut is None:
        return template
    # Where characters of a text begin and end is this one's business; it adds no tokens.
    return processors.Sequence([processors.ByteLevel(trim_offsets=bool(cut.get("trim_offsets", True))), template])


def _is_kept(tokenizer: Any) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        try:
            opened = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        except (OSError, ValueError):
            return False
        return all(layout(opened, pair=pair) == layout(tokenizer, pair=pair) for pair in (False, True))
