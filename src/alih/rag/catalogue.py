"""The catalogue of a library: which documents it holds, and where each chunk of them stands. SQLite, flushed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih import files
from alih.errors import RunError
from alih.rag.settings import NEW_LIBRARY

_SCHEMA = """
CREATE TABLE IF NOT EXISTS roots (label TEXT PRIMARY KEY, path TEXT, access TEXT, tags TEXT, whole INTEGER);
CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, root TEXT, digest TEXT, size INTEGER, modified INTEGER,
    read_at INTEGER, kind TEXT, title TEXT, notes TEXT);
CREATE TABLE IF NOT EXISTS chunks (id TEXT PRIMARY KEY, heading TEXT, text TEXT, spans TEXT, vectors BLOB, terms TEXT,
    access TEXT, tags TEXT);
CREATE TABLE IF NOT EXISTS sources (document TEXT, ordinal INTEGER, chunk TEXT, start INTEGER, stop INTEGER,
    headings TEXT, places TEXT, own_text TEXT, PRIMARY KEY (document, ordinal)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sources_of_chunk ON sources (chunk);
CREATE TABLE IF NOT EXISTS state (generation INTEGER);
INSERT INTO state SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM state);
"""
_MANY = 500
#: The copy of the folders, beside the catalogue.
ROOTS = ".roots.json"


class DamagedCatalogueError(RunError):
    """SQLite says that the file is not whole."""


@dataclass(frozen=True)
class Root:
    """A folder that was given: where it is, who may read it, its tags; not `whole` where single files of it went in."""

    label: str
    path: str
    access: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    whole: bool = True


def copied_roots(folder: Path) -> list[Root]:
    """The folders as the copy beside a catalogue has them; none where there is no readable copy."""
    try:
        told = json.loads((folder / ROOTS).read_text(encoding="utf-8"))
        return [Root(**{**one, "access": tuple(one["access"]), "tags": tuple(one["tags"])}) for one in told]
    except (OSError, ValueError, TypeError, KeyError):
        return []


@dataclass(frozen=True)
class DocumentRow:
    """A document of the library; times in nanoseconds, sizes in bytes."""

    name: str
    root: str
    digest: str
    size: int
    modified: int
    read_at: int
    kind: str
    title: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceRow:
    """Where a chunk stands in a document.

    Args:
        document: its name.
        ordinal: number of the chunk in the document, from 0.
        chunk: its id.
        start, end: in characters of the document's text.
        headings: above it.
        places: (offset in the chunk, page, place).
        own_text: what stands there, where it differs (in letter case, punctuation or spaces) from the chunk's text.
    """

    document: str
    ordinal: int
    chunk: str
    start: int
    end: int
    headings: tuple[str, ...]
    places: tuple[tuple[int, int | None, str], ...]
    own_text: str | None = None


@dataclass(frozen=True)
class ChunkRow:
    """A chunk that is stored once.

    Args:
        id: its identity.
        heading: the headings as one line.
        text: verbatim, as in the first document that had it.
        spans: (start, end) of its sentences.
        vectors: of its sentences, (sentences, width).
        terms: what lexical search counts.
        access, tags: of its documents.
    """

    id: str
    heading: str
    text: str
    spans: tuple[tuple[int, int], ...]
    vectors: NDArray[np.float16]
    terms: str
    access: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass
class Batch:
    """What one transaction changes: documents that replace what was there under their names, and those that go."""

    documents: list[DocumentRow] = field(default_factory=list)
    sources: list[SourceRow] = field(default_factory=list)
    chunks: list[ChunkRow] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class Catalogue:
    """One SQLite file.

    Args:
        path: of the file; made where it is missing.

    Raises:
        RunError: the file is damaged or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # what is committed is on the disk
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise in_words(path, "opened", error) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def is_whole(self) -> bool:
        """Whether SQLite finds every page of the file as it should be."""
        return bool(self._db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")

    @property
    def generation(self) -> int:
        """A number that grows with every change."""
        return int(self._db.execute("SELECT generation FROM state").fetchone()[0])

    def roots(self) -> list[Root]:
        """The folders that were given, by label."""
        rows = self._db.execute("SELECT label, path, access, tags, whole FROM roots ORDER BY label")
        return [
            Root(one[0], one[1], tuple(json.loads(one[2])), tuple(json.loads(one[3])), bool(one[4])) for one in rows
        ]

    def put_root(self, root: Root) -> None:
        """Insert or replace a folder."""
        row = (root.label, root.path, json.dumps(root.access), json.dumps(root.tags), int(root.whole))
        self._db.execute("INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?, ?)", row)
        self._copy_roots()

    def drop_root(self, label: str) -> None:
        """Forget a folder."""
        self._db.execute("DELETE FROM roots WHERE label = ?", (label,))
        self._copy_roots()

    def _copy_roots(self) -> None:
        """Keep the folders in a file of their own, too: by them a lost catalogue is made again."""
        told = json.dumps([asdict(root) for root in self.roots()], indent=1)
        files.write_text(self.path.with_name(ROOTS), told + "\n")

    def documents(self, root: str | None = None) -> dict[str, DocumentRow]:
        """Documents by name, of one folder or of all."""
        where, values = ("WHERE root = ?", (root,)) if root is not None else ("", ())
        rows = self._db.execute(f"SELECT * FROM documents {where} ORDER BY name", values)
        return {row[0]: _document(row) for row in rows}

    def touch(self, documents: Iterable[DocumentRow]) -> None:
        """Note sizes and times of files whose content is what it was."""
        with self._transaction(grows=False):
            self._put_documents(documents)

    def commit(self, batch: Batch) -> list[str]:
        """Apply a batch, all or nothing.

        Returns:
            ids of the chunks that no document has any more; they are gone from the catalogue.
        """
        with self._transaction():
            replaced = [*batch.removed, *(document.name for document in batch.documents)]
            self._db.executemany("DELETE FROM sources WHERE document = ?", [(name,) for name in replaced])
            self._db.executemany("DELETE FROM documents WHERE name = ?", [(name,) for name in batch.removed])
            self._put_documents(batch.documents)
            self.put_chunks(batch.chunks)
            self._db.executemany(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        s.document,
                        s.ordinal,
                        s.chunk,
                        s.start,
                        s.end,
                        json.dumps(s.headings),
                        json.dumps(s.places),
                        s.own_text,
                    )
                    for s in batch.sources
                ],
            )
            gone = self._db.execute("SELECT id FROM chunks WHERE id NOT IN (SELECT chunk FROM sources)").fetchall()
            self._db.executemany("DELETE FROM chunks WHERE id = ?", gone)
        return [row[0] for row in gone]

    def put_chunks(self, chunks: Iterable[ChunkRow]) -> None:
        """Insert or replace chunks."""
        self._db.executemany(
            "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    one.id,
                    one.heading,
                    one.text,
                    json.dumps(one.spans),
                    one.vectors.astype(np.float16).tobytes(),
                    one.terms,
                    json.dumps(one.access),
                    json.dumps(one.tags),
                )
                for one in chunks
            ],
        )

    def refresh(self, chunks: Iterable[ChunkRow]) -> None:
        """Replace chunks whose text now comes from another document; its sources need no text of their own."""
        every = list(chunks)
        with self._transaction():
            self.put_chunks(every)
            self._db.executemany(
                "UPDATE sources SET own_text = NULL WHERE chunk = ? AND own_text = ?",
                [(one.id, one.text) for one in every],
            )

    def borrowed(self) -> dict[str, str]:
        """Chunks whose text stands in no document any more, and the text of one that still has it but for its form."""
        rows = self._db.execute(
            "SELECT chunk, min(own_text) FROM sources GROUP BY chunk HAVING sum(own_text IS NULL) = 0"
        )
        return dict(rows.fetchall())

    def chunk_ids(self) -> set[str]:
        """The id of every chunk."""
        return {row[0] for row in self._db.execute("SELECT id FROM chunks")}

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """Texts of those chunks that are there."""
        return {row[0]: row[1] for row in self._by_id("SELECT id, text FROM chunks WHERE id IN ({})", ids)}

    def chunks(self, ids: Collection[str]) -> dict[str, ChunkRow]:
        """Those chunks that are there."""
        return {row[0]: _chunk(row) for row in self._by_id("SELECT * FROM chunks WHERE id IN ({})", ids)}

    def sources(self, ids: Collection[str]) -> dict[str, list[SourceRow]]:
        """Where chunks stand, by chunk, in order of the documents' names."""
        found: dict[str, list[SourceRow]] = {}
        for row in self._by_id("SELECT * FROM sources WHERE chunk IN ({}) ORDER BY document, ordinal", ids):
            found.setdefault(row[2], []).append(_source(row))
        return found

    def neighbours(self, document: str, first: int, last: int) -> list[tuple[SourceRow, str]]:
        """Sources of a document between two ordinals (both included), each with its text, in order."""
        rows = self._db.execute(
            "SELECT sources.*, coalesce(own_text, chunks.text) FROM sources JOIN chunks ON chunks.id = sources.chunk "
            "WHERE document = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
            (document, first, last),
        )
        return [(_source(row), row[8]) for row in rows]

    def lexical_rows(self) -> Iterator[tuple[str, tuple[tuple[str, ...], tuple[str, ...]], list[str]]]:
        """(id, (labels, tags), terms) of every chunk, in order of the ids."""
        known: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        for one, terms, access, tags in self._db.execute("SELECT id, terms, access, tags FROM chunks ORDER BY id"):
            kind = known.get((access, tags))
            if kind is None:
                kind = known[access, tags] = (tuple(json.loads(access)), tuple(json.loads(tags)))
            yield one, kind, terms.split()

    def counts(self) -> dict[str, int]:
        """How many documents, chunks, and places where chunks stand there are."""
        return {
            table: int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in ("documents", "chunks", "sources")
        }

    def chunks_by_document(self) -> dict[str, int]:
        """How many chunks each document has."""
        return dict(self._db.execute("SELECT document, count(*) FROM sources GROUP BY document").fetchall())

    def _put_documents(self, documents: Iterable[DocumentRow]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (d.name, d.root, d.digest, d.size, d.modified, d.read_at, d.kind, d.title, json.dumps(d.notes))
                for d in documents
            ],
        )

    def _by_id(self, statement: str, ids: Collection[str]) -> Iterator[tuple[Any, ...]]:
        wanted = list(ids)
        for start in range(0, len(wanted), _MANY):
            part = wanted[start : start + _MANY]
            yield from self._db.execute(statement.format(",".join("?" * len(part))), part)

    @contextmanager
    def _transaction(self, *, grows: bool = True) -> Iterator[None]:
        with closing(self._db.cursor()) as cursor:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield
                if grows:
                    cursor.execute("UPDATE state SET generation = generation + 1")
                cursor.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                raise in_words(self.path, "written to", error) from error
            finally:
                if self._db.in_transaction:  # SQLite itself ends it where the disk is full
                    cursor.execute("ROLLBACK")


def in_words(path: Path, what: str, error: sqlite3.DatabaseError) -> RunError:
    """What happened to the file, and what to do: it is whole unless SQLite says that it is not.

    Args:
        path: of the catalogue.
        what: what could not be done with it: "opened", "read".
        error: what SQLite says.

    Returns:
        a `DamagedCatalogueError` if it is not whole.
    """
    full = getattr(error, "sqlite_errorcode", 0)
    code = full & 0xFF  # the lowest byte is the kind
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or full == sqlite3.SQLITE_IOERR_SHORT_READ:
        mend = f"Mend it from the documents with: alih rag sync --library {path.parent.name}"
        remedy = mend if copied_roots(path.parent) else NEW_LIBRARY
        return DamagedCatalogueError(f"{path}: damaged ({error}). {remedy}")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        remedy = "Another process holds it: wait for that, then try again."
    elif code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        remedy = "Make room on the disk, then try again."
    else:
        remedy = "A library has to lie where it can be read and written: look at the permissions of its folder."
    return RunError(f"{path}: cannot be {what} ({error}). {remedy}")


def _document(row: Sequence[Any]) -> DocumentRow:
    name, root, digest, size, modified, read_at, kind, title, notes = row
    return DocumentRow(name, root, digest, size, modified, read_at, kind, title, tuple(json.loads(notes)))


def _chunk(row: Sequence[Any]) -> ChunkRow:
    spans = tuple((start, end) for start, end in json.loads(row[3]))
    vectors = np.frombuffer(row[4], np.float16)
    vectors = vectors.reshape(len(spans), -1) if spans else vectors.reshape(0, 0)
    return ChunkRow(
        row[0], row[1], row[2], spans, vectors, row[5], tuple(json.loads(row[6])), tuple(json.loads(row[7]))
    )


def _source(row: Sequence[Any]) -> SourceRow:
    places = tuple((offset, page, place) for offset, page, place in json.loads(row[6]))
    return SourceRow(row[0], row[1], row[2], row[3], row[4], tuple(json.loads(row[5])), places, row[7])
