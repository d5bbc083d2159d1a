"""Which way to translate: what a multilingual model must be told, and how each kind of model is told it.

A model of one direction needs nothing. NLLB, M2M-100 and mBART take a code for each side: the tokenizer marks the
source with one, and the other is the first token that the decoder writes. Marian models of several targets, and our
own, take a token such as `>>id<<` before the source. T5 takes a few words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from alih.data.messages import did_you_mean, listed
from alih.errors import OptionError

#: How a token names the language to write, before the source.
_MARKS = (">>{}<<", "<2{}>")


@dataclass(frozen=True)
class Direction:
    """What is translated into what, as the model names it.

    Args:
        source: language of the sentences; None where the model needs none.
        target: language of the translations; None where it needs none.
        prefix: words or a token before every sentence.
        first_token: what the decoder must begin with; None for nothing.
    """

    source: str | None = None
    target: str | None = None
    prefix: str = ""
    first_token: int | None = None

    @property
    def label(self) -> str:
        """The direction in words: "en → id"; empty where no language was named."""
        if self.source is None and self.target is not None:
            return f"into {self.target}"
        return " → ".join(part for part in (self.source, self.target) if part)


def direction_of(
    tokenizer: PreTrainedTokenizerBase,
    source: str | None = None,
    target: str | None = None,
    prefix: str | None = None,
    *,
    flags: tuple[str, str] = ("--from", "--to"),
) -> Direction:
    """Decide what the model must be told, and tell its tokenizer.

    Args:
        tokenizer: its tokenizer; `src_lang` and `tgt_lang` are set where it has them.
        source: language of the sentences.
        target: language of the translations.
        prefix: words before every sentence.
        flags: that languages are named with, for messages.

    Raises:
        OptionError: the model needs a language that was not named, or does not know one.
    """
    if _has_codes(tokenizer):
        return _with_codes(tokenizer, source, target, prefix, flags)
    marked = languages_of(tokenizer)
    if not marked:
        return Direction(source, target, prefix or "")
    if target is None and prefix:
        return Direction(source, None, prefix)
    if target is None:
        raise OptionError(f"this model translates into {listed(marked)}: name one with {flags[1]}.")
    if target not in marked:
        raise OptionError(
            f"this model does not translate into {target!r}.{did_you_mean(target, marked)} Name one of these with "
            f"{flags[1]}: {listed(marked)}."
        )
    return Direction(source, target, f"{marked[target]} {prefix or ''}")


def languages_of(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Languages that the model can be told to write, with the token for each; empty for a model of one direction."""
    found: dict[str, str] = {}
    for token in tokenizer.get_vocab():
        for mark in _MARKS:
            before, after = mark.split("{}")
            name = token[len(before) : len(token) - len(after)]
            if token.startswith(before) and token.endswith(after) and 2 <= len(name) <= 8 and name.isascii():
                found[name] = token
    return dict(sorted(found.items()))


def _has_codes(tokenizer: PreTrainedTokenizerBase) -> bool:
    return all(hasattr(tokenizer, name) for name in ("src_lang", "tgt_lang", "set_src_lang_special_tokens"))


def _with_codes(
    tokenizer: Any, source: str | None, target: str | None, prefix: str | None, flags: tuple[str, str]
) -> Direction:
    """NLLB, M2M-100, mBART."""
    numbers = codes_of(tokenizer)
    for flag, name in zip(flags, (source, target), strict=True):
        if name is None:
            raise OptionError(
                f"this model knows {len(numbers)} languages: name yours with {flag}: {listed(numbers, 6)}."
            )
        if name not in numbers:
            like = [code for code in numbers if code.startswith(name)]
            near = f' Did you mean "{like[0]}"?' if like else did_you_mean(name, numbers)
            raise OptionError(f"{flag}: the model does not know {name!r}.{near} Languages: {listed(numbers)}.")
    tokenizer.src_lang, tokenizer.tgt_lang = source, target
    return Direction(source, target, prefix or "", numbers[str(target)])


def codes_of(tokenizer: Any) -> dict[str, int]:
    """Language codes with their tokens' numbers; empty for a tokenizer without them."""
    if not _has_codes(tokenizer):
        return {}
    known = getattr(tokenizer, "lang_code_to_id", None)
    if isinstance(known, dict) and known:
        return {str(code): int(number) for code, number in known.items()}
    tokens = [str(token) for token in tokenizer.all_special_tokens]
    tokens += [str(token) for token in getattr(tokenizer, "additional_special_tokens", [])]
    codes = {
        token.removeprefix("__").removesuffix("__") if token.startswith("__") else token: token for token in tokens
    }
    return {
        code: int(tokenizer.convert_tokens_to_ids(token))
        for code, token in codes.items()
        if code[:2].isalpha() and code.islower() | ("_" in code)
    }
