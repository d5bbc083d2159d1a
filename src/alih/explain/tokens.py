"""Tokens with their ids, as a reader wants to see them: special ones marked, pieces of words and bytes told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

#: How one token is told from the others: between, beginning or in a word, a raw byte, the unknown one, a special one.
BYTE, SPECIAL, UNKNOWN, PIECE, WORD = "byte", "special", "unknown", "piece", "word"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_FROM_GPT2 = {character: byte for byte, character in bytes_to_unicode().items()}


@dataclass(frozen=True)
class Token:
    """One token of the text.

    Args:
        text: as people read it: "·" for the space that it begins with.
        piece: as the vocabulary spells it.
        id: its number in the vocabulary.
        kind: "word", "piece" (goes on with a word), "special", "unknown", or "byte" (a part of a character).
        generated: the model wrote it; it was not in the text.
    """

    text: str
    piece: str
    id: int
    kind: str
    generated: bool = False


def describe(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], generated_from: int | None = None) -> list[Token]:
    """Describe tokens in their order; those from `generated_from` on were written by the model."""
    pieces = [str(piece) for piece in tokenizer.convert_ids_to_tokens(list(ids))]
    byte_level = any("Ġ" in piece for piece in pieces) or _is_byte_level(tokenizer)
    starts = "▁" in "".join(pieces)
    found: list[Token] = []
    for place, (number, piece) in enumerate(zip(ids, pieces, strict=True)):
        written = generated_from is not None and place >= generated_from
        follows = place > 0 and found[-1].kind in (WORD, PIECE, BYTE)
        text, kind = _read(tokenizer, number, piece, byte_level=byte_level, starts=starts, follows=follows)
        found.append(Token(text, piece, int(number), kind, written))
    return found


def _is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    inner = getattr(tokenizer, "backend_tokenizer", None)
    return inner is not None and "ByteLevel" in str(inner.pre_tokenizer)


def _read(
    tokenizer: PreTrainedTokenizerBase, number: int, piece: str, *, byte_level: bool, starts: bool, follows: bool
) -> tuple[str, str]:
    if number == tokenizer.unk_token_id:
        return piece, UNKNOWN
    if number in tokenizer.all_special_ids:
        return piece, SPECIAL
    raw = _BYTE.fullmatch(piece)
    if raw:
        byte = int(raw[1], 16)
        return (chr(byte) if 32 < byte < 127 else {10: "⏎", 9: "⇥"}.get(byte, piece)), BYTE
    if byte_level:
        return _read_bytes(piece, follows=follows)
    if piece.startswith("##"):
        return piece, PIECE
    if starts:
        return piece.replace("▁", "·"), WORD if piece.startswith("▁") or not follows else PIECE
    return piece, WORD


def _read_bytes(piece: str, *, follows: bool) -> tuple[str, str]:
    """Tokens of byte-level BPE: one that is no whole character is shown by its bytes."""
    if not all(character in _FROM_GPT2 for character in piece):
        return piece, WORD
    raw = bytes(_FROM_GPT2[character] for character in piece)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in raw), BYTE
    shown = text.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")
    return shown, WORD if text[:1].isspace() or not follows else PIECE
