"""From the bytes of a text to characters, where a document may be in any encoding: stated, UTF-8, or found and said.

Data is never guessed (`alih.data.decoding`); a document is for reading, so that a wrong letter costs less than a file
that is not there, and the report says which encoding was found.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from alih.data.decoding import read_text, refuse_empty
from alih.errors import DataError
from alih.rag.extras import needs

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: What browsers read when a page says so (https://encoding.spec.whatwg.org/#names-and-labels).
_READ_AS = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
_SAMPLE = 200_000
#: The encodings of the web before UTF-8, of scripts that Windows-1252 has not.
_OTHERS = [
    *("cp1250", "cp1251", "cp1253", "cp1254", "koi8_r", "iso8859_2"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
#: Letters and signs of Western European texts, and those that Turkish puts into the places of three of them.
_WESTERN = frozenset(
    "àáâãäåæçèéêëìíîïñòóôõöøœùúûüÿßšžÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜŸŠŽªº\xa0°€£§©®™–—‘’‚“”„…•«»·¿¡±×²³½¼µ\xad"
)
_TURKISH = frozenset("ışğİŞĞ")


def read_decoded(path: Path, stated: str = "") -> tuple[str, list[str]]:
    """Read the text of a document.

    Args:
        path: of the file.
        stated: the encoding that the document itself states.

    Returns:
        its characters, and what there is to say about them.

    Raises:
        DataError: it is empty, no text, or not in the encoding that it states.
    """
    refuse_empty(path)
    data = path.read_bytes()
    lies = stated.lower().startswith(("utf-16", "utf-32", "ucs")) and b"\0" not in data  # it was read as single bytes
    if stated and not lies and not data.startswith(_MARKS):
        return _by_name(data, stated, path.name), []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if not data.startswith(_MARKS):
            wide = _wide(data)
            encoding = wide or ("" if b"\0" in data[:_SAMPLE] else _found(data))
            if encoding:
                label = codecs.lookup(encoding).name
                text = data.decode(encoding, "replace")
                return text, [f"is not UTF-8; read as {label}. Save it as UTF-8 if letters came out wrong"]
    else:
        if data.count(0) > len(data) // 4 and _wide(data):
            return data.decode(_wide(data), "replace"), [f"read as {_wide(data)}, by its zero bytes"]
    return read_text(path), []


def decoded(data: bytes, stated: str = "") -> str:
    """The characters of a part of a document: in the encoding stated, else UTF-8, else what is found."""
    if stated:
        try:
            return data.decode(_python_name(stated))
        except (LookupError, UnicodeDecodeError):
            pass
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(_found(data), "replace")


def _by_name(data: bytes, stated: str, file: str) -> str:
    try:
        return data.decode(_python_name(stated))
    except LookupError as error:
        raise DataError(f'{file}: says its encoding is "{stated}", which is none. Save it as UTF-8.') from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: says its encoding is {stated}, but byte {error.start:,} is not. Save it as UTF-8."
        ) from error


def _python_name(stated: str) -> str:
    name = codecs.lookup(stated).name
    return _READ_AS.get(name, name)


def _wide(data: bytes) -> str:
    """UTF-16 without its mark, told by which of two bytes is zero; empty where it is not."""
    head = data[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    for name, many, few in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if many > len(head) // 8 and few <= many // 50:
            return name
    return ""


def _found(data: bytes) -> str:
    """The likeliest encoding of a text; Windows-1252 where nothing speaks against it."""
    sample = data[:_SAMPLE]
    for encoding, letters in (("cp1252", _WESTERN), ("cp1254", _WESTERN | _TURKISH)):
        text = sample.decode(encoding, "replace")
        beyond = [sign for sign in text if sign > "\x7f"]
        if all(sign in letters for sign in beyond) and 4 * len(beyond) < len(text):
            return encoding
    with needs("rag"):
        from charset_normalizer import from_bytes
    best = from_bytes(sample, cp_isolation=_OTHERS).best()
    return best.encoding if best is not None else "cp1252"
