"""Brings a library in step with its documents: only what changed is embedded, what is gone disappears.

Order of writing, so that a crash at any point loses nothing that was acknowledged: vectors go to the store first, then
one transaction of the catalogue acknowledges the documents, then vectors that nothing needs any more are deleted. What
a crash leaves in the store without the catalogue knowing is never shown, and is deleted by the next sync.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from alih.data.messages import counted
from alih.progress import Progress
from alih.rag.analyse import Analyser
from alih.rag.catalogue import Batch, Catalogue, ChunkRow, DocumentRow, Root, SourceRow
from alih.rag.chunk import Chunk, ChunkOptions, chunk
from alih.rag.document import Document, Skipped
from alih.rag.embed import Embedder
from alih.rag.ingest import Found, digest, read
from alih.rag.sentences import sentence_spans
from alih.rag.store.base import Record, Store

#: Chunks that are embedded, written and acknowledged together.
_BATCH_CHUNKS = 512
_BATCH_DOCUMENTS = 500
#: So many documents of a folder may be gone at once without a question.
_FEW = 2
#: A file that was changed within this time before it was read may change again with the same size and time.
_RACY_NANOSECONDS = 2_000_000_000

#: Called with the names of documents as soon as they are on the disk for good.
Acknowledge = Callable[[list[str]], object]


@dataclass
class SyncReport:
    """What a sync did.

    Args:
        added, changed, removed, unchanged: names of documents.
        skipped: files that did not go in, each with its reason.
        notes: on documents that went in, but not whole.
        embedded: chunks that went through the embedding model.
        chunks: chunks in the library now.
        merged: places in documents whose text was in the library already, and was stored once.
        seconds: it took.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    embedded: int = 0
    chunks: int = 0
    merged: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def __str__(self) -> str:
        parts = [
            f"{counted(len(names), 'document')} {what}"
            for what, names in (
                ("added", self.added),
                ("changed", self.changed),
                ("removed", self.removed),
                ("unchanged", self.unchanged),
            )
            if names
        ]
        lines = [
            f"{', '.join(parts) or 'no documents'}; {counted(self.embedded, 'chunk')} embedded in {self.seconds:.1f} s"
            f"; the library holds {counted(self.chunks, 'chunk')}"
            + (f" ({counted(self.merged, 'duplicate')} stored once)" if self.merged else "")
        ]
        if self.skipped:
            lines.append(f"{counted(len(self.skipped), 'file')} skipped:")
            lines += [f"  {one.name}: {one.reason}" for one in self.skipped]
        return "\n".join([*lines, *self.notes])


@dataclass
class _Pending:
    row: DocumentRow
    chunks: list[Chunk]


class Indexer:
    """Writes documents into a library whose lock is held.

    Args:
        catalogue, store, embedder, analyser: of the library.
        options: how documents are cut.
        progress: where it reports to.
        acknowledge: told of documents that are there for good.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        embedder: Embedder,
        analyser: Analyser,
        options: ChunkOptions,
        *,
        progress: Progress | None = None,
        acknowledge: Acknowledge | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._embedder = embedder
        self._analyser = analyser
        self._options = options
        self._progress = progress or Progress(quiet=True)
        self._acknowledge = acknowledge or (lambda _names: None)
        self._pending: list[_Pending] = []
        self._waiting: set[str] = set()
        self.report = SyncReport()

    def recover(self) -> None:
        """Make store and catalogue agree again after a crash."""
        known, stored = self._catalogue.chunk_ids(), self._store.ids()
        self._store.delete(stored - known)
        lost = known - stored
        if lost:
            rows = self._catalogue.chunks(lost)
            self._write([(row.id, row.heading, row.text, row.access, row.tags) for row in rows.values()])

    def files(self, root: Root, found: Iterable[Found], *, whole: bool, yes: bool = False) -> None:
        """Take in files of a folder.

        Args:
            root: the folder.
            found: its files.
            whole: these are all of its files, so that documents which are not among them have been deleted.
            yes: also where that is most of them: a disk that is not mounted looks like an empty folder.
        """
        known = self._catalogue.documents(root.label)
        before_all = len(known)
        every = list(found)
        touched: list[DocumentRow] = []
        with self._progress.step("Indexing", len(every), "files") as advance:
            for one in every:
                name = f"{root.label}/{one.name}"
                before = known.pop(name, None)
                now = time.time_ns()
                if before is None or not self._same(before, one, touched, now):
                    row = DocumentRow(name, root.label, "", one.size, one.modified, now, "")
                    self._take(root, *_read(row, one), before)
                else:
                    self.report.unchanged.append(name)
                advance(1)
        self._catalogue.touch(touched)
        if whole and known and not yes and (not every or (len(known) > _FEW and 2 * len(known) > before_all)):
            self.report.notes.append(
                f"{root.path}: {len(known):,} of {counted(before_all, 'document')} are not there any more, which looks "
                "like a disk that is not mounted, so nothing was removed. If they shall go, run the same with --yes."
            )
        elif whole:
            self._remove(known)
        self._flush()

    def documents(self, root: Root, documents: Iterable[Document]) -> None:
        """Take in documents that are not files; those of `root` that are not among them disappear."""
        known = self._catalogue.documents(root.label)
        for one in documents:
            name = f"{root.label}/{one.name}"
            told = hashlib.sha256(one.text.encode("utf-8", "surrogatepass")).hexdigest()
            before = known.pop(name, None)
            if before is not None and before.digest == told:
                self.report.unchanged.append(name)
                continue
            self._take(root, DocumentRow(name, root.label, told, len(one.text), 0, 0, ""), one, before)
        self._remove(known)
        self._flush()

    def remove(self, names: Iterable[str]) -> None:
        """Delete documents by name."""
        self._remove(names)
        self._flush()

    def finish(self) -> SyncReport:
        """Embed again what lost the document that its text came from, and keep the store in shape."""
        borrowed = self._catalogue.borrowed()
        if borrowed:
            rows = self._catalogue.chunks(borrowed)
            fresh = self._write(
                [(one, rows[one].heading, text, rows[one].access, rows[one].tags) for one, text in borrowed.items()]
            )
            self._catalogue.refresh(fresh)
        if self.report.added or self.report.changed or self.report.removed:
            self._store.maintain()
        counts = self._catalogue.counts()
        self.report.chunks = counts["chunks"]
        self.report.merged = counts["sources"] - counts["chunks"]
        return self.report

    def _same(self, before: DocumentRow, one: Found, touched: list[DocumentRow], now: int) -> bool:
        """Whether a file's content is what was read last, without reading it where size and time tell."""
        if before.size == one.size and before.modified == one.modified:
            if before.read_at - before.modified > _RACY_NANOSECONDS:
                return True
        elif before.size != one.size:
            return False
        try:
            same = digest(one.path) == before.digest
        except OSError:
            return False
        if same:
            touched.append(replace(before, modified=one.modified, read_at=now))
        return same

    def _take(self, root: Root, row: DocumentRow, told: Document | Skipped, before: DocumentRow | None) -> None:
        if isinstance(told, Skipped):
            self.report.skipped.append(Skipped(row.name, told.reason))
            if before is not None:  # what it said before can no longer be shown at its place
                self._remove([row.name])
            return
        self.report.notes += [f"{row.name}: {note}" for note in told.notes]
        values = {**asdict(row), "kind": told.kind, "title": told.title, "notes": told.notes}
        chunks = chunk(told, self._options, self._embedder.count)
        self._pending.append(_Pending(DocumentRow(**values), chunks))
        self._waiting |= {one.identity(root.access, root.tags) for one in chunks}
        (self.report.added if before is None else self.report.changed).append(row.name)
        if len(self._waiting) >= _BATCH_CHUNKS or len(self._pending) >= _BATCH_DOCUMENTS:
            self._flush()

    def _remove(self, names: Iterable[str]) -> None:
        gone = list(names)
        if gone:
            self._store.delete(self._catalogue.commit(Batch(removed=gone)))
            self.report.removed += gone

    def _flush(self) -> None:
        """Embed, write and acknowledge what is pending."""
        if not self._pending:
            return
        roots = {root.label: root for root in self._catalogue.roots()}
        batch = Batch(documents=[one.row for one in self._pending])
        known = self._catalogue.texts(self._waiting)
        fresh: dict[str, tuple[str, str, str, tuple[str, ...], tuple[str, ...]]] = {}
        for one in self._pending:
            root = roots[one.row.root]
            for ordinal, piece in enumerate(one.chunks):
                identity = piece.identity(root.access, root.tags)
                if identity not in known:
                    known[identity] = piece.text
                    fresh[identity] = (identity, piece.heading, piece.text, root.access, root.tags)
                own = piece.text if known[identity] != piece.text else None
                place = (piece.start, piece.end, piece.headings, piece.places)
                batch.sources.append(SourceRow(one.row.name, ordinal, identity, *place, own))
        batch.chunks = self._write(list(fresh.values()))
        self._store.delete(self._catalogue.commit(batch))
        self._acknowledge([one.row.name for one in self._pending])
        self._pending, self._waiting = [], set()

    def _write(self, chunks: list[tuple[str, str, str, tuple[str, ...], tuple[str, ...]]]) -> list[ChunkRow]:
        """Embed chunks (id, heading, text, labels, tags) and put their vectors into the store."""
        if not chunks:
            return []
        spans = [sentence_spans(text) for _, _, text, _, _ in chunks]
        before = [len(heading) + 1 if heading else 0 for _, heading, *_ in chunks]
        texts = [f"{heading}\n{text}" if heading else text for _, heading, text, *_ in chunks]
        shifted = [[(a + lead, b + lead) for a, b in found] for found, lead in zip(spans, before, strict=True)]
        encoded = self._embedder.passages(texts, shifted, self._progress)
        self._store.upsert(
            [
                Record(identity, vector, text, access, tags)
                for (identity, _, text, access, tags), vector in zip(chunks, encoded.vectors, strict=True)
            ]
        )
        self.report.embedded += len(chunks)
        return [
            ChunkRow(
                identity, heading, text, tuple(spans[row]), encoded.sentences[row],
                " ".join(self._analyser.terms(texts[row])), access, tags,
            )
            for row, (identity, heading, text, access, tags) in enumerate(chunks)
        ]  # fmt: skip


def _read(row: DocumentRow, one: Found) -> tuple[DocumentRow, Document | Skipped]:
    """Hash a file, then read it: should it change in between, the next sync sees a hash that differs."""
    try:
        row = replace(row, digest=digest(one.path))
    except OSError as error:
        return row, Skipped(one.name, f"cannot be read ({error.strerror})")
    return row, read(one)


def sample_texts(documents: Iterable[Document | Skipped], most: int = 20) -> Iterator[str]:
    """The beginnings of a few documents, to tell their language from."""
    count = 0
    for one in documents:
        if isinstance(one, Document):
            yield one.text[:5000]
            count += 1
            if count >= most:
                return
