"""Files that are zip archives of XML (Word, PowerPoint, OpenDocument, EPUB): opened and parsed within bounds."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from alih.data.messages import counted
from alih.errors import DataError
from alih.rag.extras import needs

if TYPE_CHECKING:
    from lxml.etree import _Element

_MOST_UNPACKED = 300_000_000
_MOST_PART = 100_000_000
_MOST_RATIO = 200
_MOST_ENTRIES = 20_000
#: What zipfile raises for a part that is missing, damaged, or protected (RuntimeError).
_BROKEN = (KeyError, zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError)
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Archive:
    """An opened archive.

    Args:
        path: of the file, for messages.
        file: the archive itself.
    """

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path = path
        self._file = file
        self.names = set(file.namelist())

    def data(self, name: str) -> bytes:
        """The bytes of a part.

        Raises:
            DataError: it is missing, damaged or too large.
        """
        try:
            if self._file.getinfo(name).file_size > _MOST_PART:
                raise DataError(f"{self.path.name}: its part {name} is larger than {_MOST_PART / 1e6:,.0f} MB.")
            return self._file.read(name)
        except _BROKEN as error:
            raise DataError(f"{self.path.name}: its part {name} cannot be read ({error}). Save it again.") from error

    def xml(self, name: str) -> _Element:
        """The root element of a part; see `parse_xml`."""
        return parse_xml(self.data(name), f"{self.path.name}: its part {name}")

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part of an Office file points to: (kind, part) by id; links to elsewhere are left out."""
        folder, _, name = part.rpartition("/")
        rels = f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"
        if rels not in self.names:
            return {}
        found = {}
        for one in self.xml(rels):
            if isinstance(one.tag, str) and one.get("TargetMode") != "External":
                target = unquote(one.get("Target", ""))
                place = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
                found[one.get("Id", "")] = (one.get("Type", "").rpartition("/")[2], place.lstrip("/"))
        return found


@contextmanager
def opened(path: Path, what: str) -> Iterator[Archive]:
    """Open an archive, after a look at its own list; zipfile never unpacks more than that list says.

    Args:
        path: of the file.
        what: it should be ("Word document"), for messages.

    Raises:
        DataError: it is damaged, protected by a password, or would unpack to something huge.
    """
    with path.open("rb") as file:
        if file.read(8) == _OLD_OFFICE:
            raise DataError(
                f"{path.name}: needs a password, or is of the form before 2007. "
                f"Save it as {path.suffix.lower()} without a password."
            )
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{path.name}: is damaged or no {what}. Save it again as {path.suffix.lower()}.") from error
    with archive:
        entries = archive.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        packed = max(sum(entry.compress_size for entry in entries), 1)
        if (
            len(entries) > _MOST_ENTRIES
            or unpacked > _MOST_UNPACKED
            or (unpacked > 10_000_000 and unpacked > _MOST_RATIO * packed)
        ):
            raise DataError(
                f"{path.name}: {packed / 1e6:,.2f} MB that unpack to {unpacked / 1e6:,.0f} MB in "
                f"{counted(len(entries), 'part')}: "
                "a zip bomb, or far beyond a document. Left out unread."
            )
        yield Archive(path, archive)


def parse_xml(data: bytes, what: str) -> _Element:
    """Parse XML; no entity is expanded, nothing is fetched, 256 elements deep at most (libxml2's own bound).

    Raises:
        DataError: it is not well-formed, or too deep.
        OptionError: lxml is not installed.
    """
    with needs("rag"):
        from lxml import etree
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DataError(f"{what} is no well-formed XML ({error}). Save it again.") from error
    return root


def local(element: _Element) -> str:
    """The name of an element without its namespace; empty for what is no element."""
    tag = element.tag
    return _local_name(tag) if isinstance(tag, str) else ""


@lru_cache(10_000)
def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]


def attribute(element: _Element, name: str, default: str = "") -> str:
    """The value of an attribute, whatever its namespace."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return default


def child(element: _Element, *path: str) -> _Element | None:
    """The first element along a path of local names; None where it ends."""
    found: _Element | None = element
    for name in path:
        found = next((one for one in found if local(one) == name), None) if found is not None else None
    return found
