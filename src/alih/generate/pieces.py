"""How a text is cut: each token's number, its text, and the bytes of those that are no whole characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from transformers import PreTrainedTokenizerBase

from alih.generate.tokenizers import byte_level

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Piece:
    """One token of a text.

    Args:
        id: its number in the vocabulary.
        token: as the vocabulary writes it ("##ing", "Ġthe", "▁the", "<0xE2>").
        text: what it stands for; None where its bytes are part of a character only.
        raw: the bytes it stands for.
        special: added around the text, or a control token in it.
    """

    id: int
    token: str
    text: str | None
    raw: bytes
    special: bool

    @property
    def shown(self) -> str:
        """For a reader: the text, with line breaks made visible, or the bytes in hexadecimal digits."""
        if self.text is None:
            return "<" + " ".join(f"{byte:02X}" for byte in self.raw) + ">"
        return self.text.replace("\n", "⏎").replace("\t", "⇥")

    def as_dict(self) -> dict[str, object]:
        """JSON-able data."""
        return {
            "id": self.id,
            "token": self.token,
            "text": self.text,
            "bytes": self.raw.hex(" "),
            "special": self.special,
        }


def cut(tokenizer: PreTrainedTokenizerBase, text: str, *, special: bool = True) -> list[Piece]:
    """Cut a text into tokens.

    Args:
        tokenizer: what cuts.
        text: the text.
        special: with what the tokenizer puts around a text ([CLS], <s>, …).
    """
    ids = tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
    assert isinstance(ids, list)
    tokens = tokenizer.convert_ids_to_tokens(ids)
    control = set(tokenizer.all_special_ids)
    as_bytes = byte_level(tokenizer)
    return [_piece(number, str(token), as_bytes, number in control) for number, token in zip(ids, tokens, strict=True)]


def _piece(number: int, token: str, as_bytes: bool, special: bool) -> Piece:
    if special:
        return Piece(number, token, token, token.encode(), True)
    single = _BYTE.fullmatch(token)
    if single:
        raw = bytes([int(single[1], 16)])
    elif as_bytes and all(character in _bytes_of_characters() for character in token):
        raw = bytes(_bytes_of_characters()[character] for character in token)
    else:
        raw = token.removeprefix("##").removesuffix("</w>").replace("▁", " ").encode()
    try:
        text: str | None = raw.decode()
    except UnicodeDecodeError:
        text = None
    return Piece(number, token, text, raw, False)


@cache
def _bytes_of_characters() -> dict[str, int]:
    """The printable character that GPT-2's vocabulary writes for each byte, reversed.

    Bytes that print stand for themselves; the others, in order, for the characters from U+0100 on.
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {chr(0x100 + place): byte for place, byte in enumerate(others)}
