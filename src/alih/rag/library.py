"""A library: documents in, passages and cited answers out."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alih import files
from alih.data.messages import did_you_mean
from alih.errors import AlihError, DataError, OptionError, RunError
from alih.progress import Progress
from alih.rag.analyse import LANGUAGES, Language, language_of
from alih.rag.catalogue import ROOTS, DamagedCatalogueError, Root, copied_roots, in_words
from alih.rag.chunk import ChunkOptions
from alih.rag.embed import DEFAULT_MODEL
from alih.rag.ingest import find, read
from alih.rag.lock import held
from alih.rag.opened import Opened
from alih.rag.passage import Passage
from alih.rag.readers.docstrings import stdlib_documents
from alih.rag.roots import check_labels, documents_at, root_for
from alih.rag.settings import Settings, exists, new_table
from alih.rag.store.base import Store
from alih.rag.store.open import DEFAULT, check_address, open_store, without_password
from alih.rag.sync import Acknowledge, Indexer, SyncReport, sample_texts

if TYPE_CHECKING:
    from alih.rag.answer import Answer
    from alih.rag.generator import Generator

#: What the marker in a library's folder says.
LIBRARY = "library"
#: Everything that is ever made in a library's folder; its settings and its marker go last.
_ENTRIES = (
    *("vectors", "catalogue.sqlite", "catalogue.sqlite-*", "lexical.npz", "lexical.generation", "onnx"),
    *(f"{files.PARTIAL}*", ROOTS, "library.json", ".holder.json", ".lock", files.MARKER),
)
_STDLIB = "stdlib"
_SAMPLE = 20


class Library(Opened):
    """A library of documents, in a folder of its own; it is made when the first documents are added.

        lib = alih.Library("handbook")
        lib.add("docs/")
        print(lib.ask("How many days of leave are there?"))

    Args:
        name: of the library.
        root: folder of all libraries; by default $ALIH_HOME/libraries or ./libraries.
        model: embedding model (built-in name, folder, Hub id); of a library that is there already it cannot be changed.
        store: "lancedb", "postgresql://user@host/database" or "qdrant://host:6333".
        chunks: how documents are cut.
        language: of lexical search: "en", "id" or "both"; found out from the first documents if not given.
        progress: where long work reports to; silent by default.

    Raises:
        OptionError: the name cannot be one, or an option contradicts what the library was made with.
        RunError: the library is damaged.
    """

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        *,
        model: str | None = None,
        store: str | None = None,
        chunks: ChunkOptions | None = None,
        language: Language | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(name, root, model=model or DEFAULT_MODEL, store=store, progress=progress)
        if store is not None:
            check_address(store)
        if language is not None and language not in LANGUAGES:
            raise OptionError(f'--language "{language}": write one of: {", ".join(LANGUAGES)}.')
        self._wanted = (store or DEFAULT, chunks or ChunkOptions(), language)
        if exists(self.folder):
            self._check(model, store, chunks, language)

    def configure(self, **changes: Any) -> None:
        """Change fields of the settings that may change: `retrieval`, `threshold`, `weights`."""
        with held(self.folder, self.name):
            self._put(replace(self.settings, **changes))

    def rechunk(self, chunks: ChunkOptions) -> SyncReport:
        """Cut all documents anew, and embed the chunks that were not there before.

        Raises:
            DataError: a folder is not there any more.
            OptionError: the embedding model cannot read so much at once.
            RunError: another process is writing the library.
        """
        if chunks.size > self._room:
            raise OptionError(
                f"--chunk-size {chunks.size}: {self.settings.model} reads at most {self._room} beside the headings."
            )
        self._check_roots()
        with held(self.folder, self.name):
            # First what makes every document look changed: stopped in between, the next sync goes on from here.
            self.catalogue.touch(replace(one, digest="", size=-1) for one in self.catalogue.documents().values())
            self._put(replace(self.settings, chunks=chunks))
        return self.sync()

    def add(
        self,
        source: str | Path,
        *,
        access: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        yes: bool = False,
        acknowledge: Acknowledge | None = None,
    ) -> SyncReport:
        """Index a folder or a file, or bring it up to date: only what changed is embedded, what is gone disappears.

        Args:
            source: folder or file; its documents are named after the folder ("docs/leave.pdf").
            access: labels one of which a reader has to hold to see them; everybody may with an empty list. None keeps
                those that the folder has; a folder that is new has none.
            tags: "key=value", to search by; None keeps those that the folder has.
            yes: remove documents even where most of a folder is gone at once.
            acknowledge: called with the names of documents as soon as they are on the disk for good.

        Raises:
            DataError: there is no such file or folder.
            RunError: another process is writing the library.
            OptionError: a label or tag that cannot be one, or a package that is missing.
        """
        check_labels(access or (), tags or ())
        path = Path(source).expanduser()
        found, skipped = find(path)
        whole = path.is_dir()
        home = (path if whole else path.parent).resolve()
        with self._writing(lambda: sample_texts(read(one) for one in found[:_SAMPLE]), acknowledge) as indexer:
            root = root_for(self.catalogue.roots(), home, access, tags, whole=whole)
            self._reread_if_moved_or_relabelled(root, indexer)
            indexer.report.skipped += [replace(one, name=f"{root.label}/{one.name}") for one in skipped]
            indexer.files(root, found, whole=whole, yes=yes)
            return indexer.finish()

    def add_stdlib(self, *, acknowledge: Acknowledge | None = None) -> SyncReport:
        """Index the documentation strings of Python's standard library: the built-in example."""
        with self._writing(lambda: sample_texts(stdlib_documents()), acknowledge) as indexer:
            root = Root(_STDLIB, "")
            self.catalogue.put_root(root)
            with self.progress.step("Reading the standard library", 1):
                documents = list(stdlib_documents())
            indexer.documents(root, documents)
            return indexer.finish()

    def sync(self, *, yes: bool = False, acknowledge: Acknowledge | None = None) -> SyncReport:
        """Bring every folder that was added up to date.

        Args:
            yes, acknowledge: as for `add`.

        Raises:
            RunError: there is no library, or another process is writing it.
            DataError: a folder is not there any more; the message says how to go on.
        """
        _ = self.settings
        self._mend_catalogue()
        roots = self._check_roots()
        with self._writing(lambda: iter(()), acknowledge) as indexer:
            for root in roots:
                if not root.path:
                    indexer.documents(root, list(stdlib_documents()))
                    continue
                found, skipped = find(root.path)
                if not root.whole:
                    known = self.catalogue.documents(root.label)
                    found = [one for one in found if f"{root.label}/{one.name}" in known]
                    skipped = []
                indexer.report.skipped += [replace(one, name=f"{root.label}/{one.name}") for one in skipped]
                indexer.files(root, found, whole=True, yes=yes)
            return indexer.finish()

    def delete(self, names: Iterable[str]) -> SyncReport:
        """Delete documents, by name or by folder ("docs/old.pdf", "docs"). Files stay where they are.

        Raises:
            DataError: the library has no such document.
        """
        _ = self.settings
        known = self.catalogue.documents()
        gone: dict[str, None] = {}
        labels = []
        for name in names:
            plain = name.rstrip("/").removeprefix("./")
            inside = documents_at(name, self.catalogue.roots(), known)
            if not inside:
                raise DataError(f"{name}: the library {self.name} has no such document.{did_you_mean(plain, known)}")
            gone |= dict.fromkeys(inside)
            labels += [root.label for root in self.catalogue.roots() if root.label == plain]
        with self._writing(lambda: iter(()), None) as indexer:
            indexer.remove(gone)
            for label in labels:
                self.catalogue.drop_root(label)
            return indexer.finish()

    def search(
        self,
        question: str,
        *,
        access: Collection[str] = (),
        tags: Collection[str] = (),
        **options: Any,
    ) -> list[Passage]:
        """Find passages, best first.

        Args:
            question: in words.
            access: labels that the reader holds; without any, only what everybody may read is seen.
            tags: "key=value" that documents must have.
            **options: fields of `alih.rag.settings.Retrieval` (`mode`, `k`, `rerank`, …); the library's own by default.

        Raises:
            RunError: there is no library.
            OptionError: an option that does not exist, or is out of range.
        """
        return self.retrieve(question, self.settings.retrieval.but(**options), access, tags, embed=False).passages

    def ask(
        self,
        question: str,
        *,
        access: Collection[str] = (),
        tags: Collection[str] = (),
        generator: Generator | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> Answer:
        """Answer a question from the documents, every sentence with its citation; or say that they do not.

        Args:
            question: in words.
            access, tags: as for `search`.
            generator: a language model that writes the answer; None quotes the best sentences verbatim.
            threshold: confidence below which the answer is "not in the documents", 0 to 1; the library's by default.
            **options: as for `search`.
        """
        from alih.rag.answer import answer

        return answer(
            self,
            question,
            self.settings.retrieval.but(**options),
            access=access,
            tags=tags,
            generator=generator,
            threshold=threshold,
        )

    def move(self, store: str) -> int:
        """Move all vectors to another store; nothing is embedded again.

        Returns:
            how many chunks were moved.

        Raises:
            OptionError: no such kind of store, or it cannot be reached; the library then stays as it was.
        """
        check_address(store)
        settings = self.settings
        if without_password(store) == settings.store:
            raise OptionError(f"--store {without_password(store)}: the library {self.name} is there already.")
        with held(self.folder, self.name):
            old = self.store
            fresh = replace(settings, store=without_password(store), table=new_table(self.name))
            target = open_store(store, self.folder, fresh.table, settings.dimension)
            count = 0
            total = old.count()
            with self.progress.step("Moving", total, "chunks") as advance:
                for records in old.scan():
                    target.upsert(records)
                    count += len(records)
                    advance(len(records))
            if target.count() != total:
                target.drop()
                raise OptionError(
                    f"--store {without_password(store)}: {total - count} chunks did not arrive. Try again."
                )
            target.maintain()
            self._address = store
            self._put(fresh)
            self.__dict__["store"] = target
            old.drop()
            old.close()
            if settings.store == DEFAULT:
                files.remove(self.folder / "vectors")
            return count

    def destroy(self) -> bool:
        """Delete the library, vectors and all. Documents and whatever else is in its folder stay.

        Returns:
            whether its folder is gone, too: nothing else was in it.
        """
        with held(self.folder, self.name):
            self.store.drop()
            self.close()
        return files.remove_entries(self.folder, _ENTRIES)

    def _check_roots(self) -> list[Root]:
        """The folders that were given, which all have to be there."""
        roots = self.catalogue.roots()
        for root in roots:
            if root.path and not Path(root.path).is_dir():
                raise DataError(
                    f"{root.path}: is not there any more. If it was moved: "
                    f"alih rag index NEW_PLACE --library {self.name}; if its documents shall go: "
                    f"alih rag delete {root.label} --library {self.name}"
                )
        return roots

    @property
    def _room(self) -> int:
        """Tokens of a chunk that the embedding model can read beside the headings and the special tokens."""
        return max(self.embedder.max_length - 60, 16)

    @contextmanager
    def _writing(self, samples: Any, acknowledge: Acknowledge | None) -> Iterator[Indexer]:
        """Hold the library, make it where it is missing, and repair what a crash left."""
        start = time.perf_counter()
        self._claim()
        with held(self.folder, self.name):
            if not self.exists:
                self._create(list(samples()))
            elif self.settings.language is None:
                texts = list(samples())
                if texts:
                    self._put(replace(self.settings, language=language_of(texts)))
                    self.__dict__.pop("analyser", None)
            indexer = Indexer(
                self.catalogue,
                self._readable_store(),
                self.embedder,
                self.analyser,
                self.settings.chunks,
                progress=self.progress,
                acknowledge=acknowledge,
            )
            indexer.recover()
            try:
                yield indexer
            finally:
                indexer.report.seconds = time.perf_counter() - start

    def _claim(self) -> None:
        """Mark the folder as a library's before anything is written; one with other people's files is none."""
        if self.exists or files.is_marked(self.folder, LIBRARY):
            return
        try:
            files.mark_new(self.folder, LIBRARY)
        except FileExistsError as error:
            raise OptionError(
                f"{self.folder}: there is something else in the library's place, which is left alone. Take another "
                "name with --library, or another folder with --root."
            ) from error
        except OSError as error:
            raise RunError(f"{self.folder}: cannot be written to ({error.strerror}).") from error

    def _mend_catalogue(self) -> None:
        """Make a catalogue that was lost or cut anew, with the folders of its copy, which the sync then reads again."""
        roots = copied_roots(self.folder)
        path = self.folder / "catalogue.sqlite"
        if not roots:
            return
        try:
            lost = not path.is_file() or not self.catalogue.roots() or not self.catalogue.is_whole()
        except DamagedCatalogueError:
            lost = True
        except sqlite3.DatabaseError as error:
            told = in_words(path, "read", error)
            if not isinstance(told, DamagedCatalogueError):  # it is whole: locked, on a full disk, not to be read
                raise told from error
            lost = True
        if lost:
            with held(self.folder, self.name):
                if "catalogue" in self.__dict__:
                    self.__dict__.pop("catalogue").close()
                for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                    files.remove(path.with_name(name))
                for root in roots:
                    self.catalogue.put_root(root)

    def _readable_store(self) -> Store:
        """The store; one in the library's own folder whose files were cut is made anew, and filled by what follows."""
        try:
            self.store.ids()
        except AlihError:
            raise
        except Exception as error:  # stores raise whatever their own library does
            may_be_whole = isinstance(error, MemoryError) or getattr(error, "errno", None) is not None
            if self.settings.store != DEFAULT or may_be_whole:
                raise RunError(f"{self.settings.store}: its vectors cannot be read ({str(error)[:200]}).") from error
            self.__dict__.pop("store", None)
            files.remove(self.folder / "vectors")
        return self.store

    def _create(self, texts: list[str]) -> None:
        store, chunks, language = self._wanted
        model = self.model
        embedder = self.embedder
        table = new_table(self.name)
        open_store(store, self.folder, table, embedder.dimension).close()
        if chunks.size > self._room:
            if chunks != ChunkOptions():
                raise OptionError(
                    f"--chunk-size {chunks.size}: {model} reads {embedder.max_length} tokens; at most {self._room}."
                )
            chunks = ChunkOptions(self._room)
        self._put(
            Settings(
                self.name,
                model,
                embedder.fingerprint,
                embedder.dimension,
                without_password(store),
                table,
                chunks,
                language or (language_of(texts) if texts else None),
            )
        )

    def _put(self, settings: Settings) -> None:
        settings.write(self.folder)
        self.__dict__["settings"] = settings

    def _check(self, model: str | None, store: str | None, chunks: ChunkOptions | None, language: str | None) -> None:
        """What the library was made with cannot be had otherwise later."""
        made = self.settings
        again = f"Leave it out, or index into a new library with: alih rag index DOCS --library {self.name}-2 …"
        for flag, wanted, kept in (
            ("--model", model, made.model),
            ("--store", None if store is None else without_password(store), made.store),
            ("--chunk-size/--overlap", chunks, made.chunks),
            ("--language", language, made.language),
        ):
            if wanted is not None and kept is not None and wanted != kept:
                what = f"{kept.size} and {kept.overlap}" if isinstance(kept, ChunkOptions) else kept
                raise OptionError(f"{flag}: the library {self.name} was made with {what}. {again}")

    def _reread_if_moved_or_relabelled(self, root: Root, indexer: Indexer) -> None:
        """Labels are part of what is stored: under other labels a folder is taken in anew."""
        before = next((one for one in self.catalogue.roots() if one.label == root.label), None)
        if before is not None and (before.access, before.tags) != (root.access, root.tags):
            indexer.remove(self.catalogue.documents(root.label))
            indexer.report.removed.clear()
            if before.access != root.access:
                was, now = (
                    f"those with {' or '.join(one.access)}" if one.access else "everybody" for one in (before, root)
                )
                indexer.report.notes.append(f"{root.label}: was for {was}, is for {now} now")
        self.catalogue.put_root(root)
