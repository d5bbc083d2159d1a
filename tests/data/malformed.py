"""What a malformed input is, and the pieces that malformed inputs are written from."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from alih.errors import AlihError, DataError

GOOD = "text,label\n" + "".join(f"good text number {n},{'yes' if n % 2 else 'no'}\n" for n in range(20))


@dataclass(frozen=True)
class Case:
    """A malformed input: what is written, how it is read, and what the message must say."""

    claim: str
    write: Callable[[Path], object]
    says: tuple[str, ...]
    source: str = "reviews.csv"
    error: type[AlihError] = DataError
    options: dict[str, Any] = field(default_factory=dict)


def file(content: str | bytes, name: str = "reviews.csv") -> Callable[[Path], object]:
    data = content if isinstance(content, bytes) else content.encode()

    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return write


def rows(*lines: str, header: str = "text,label") -> str:
    return "\n".join([header, *lines]) + "\n"


def many(line: str, count: int = 20, header: str = "text,label") -> str:
    return rows(*(line.format(n=n, c="ab"[n % 2]) for n in range(count)), header=header)


def objects(items: list[Any], name: str = "reviews.json") -> Callable[[Path], object]:
    return file(json.dumps(items), name)


def good_objects(count: int = 20) -> list[dict[str, Any]]:
    return [{"text": f"good text {n}", "label": "ab"[n % 2]} for n in range(count)]


def png(width: int = 8, height: int = 8, shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (shade, shade, 255 - shade)).save(buffer, "PNG")
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims to be 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def photos(spoil: Callable[[int, str], bytes | None] = lambda n, c: None, count: int = 12) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        for n in range(count):
            for name in ("cat", "dog"):
                data = spoil(n, name)
                file(png(shade=n * 2 + (name == "cat")) if data is None else data, f"photos/{name}/{n}.png")(folder)

    return write


def paths_table(line: Callable[[int], str]) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        photos()(folder)
        lines = [line(n) for n in range(12)]
        file(rows(*lines, header="image,label"), "reviews.csv")(folder)

    return write


def both(*writers: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: [write(folder) for write in writers]
