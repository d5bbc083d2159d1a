"""The parts of a library, each opened when it is first needed; everything that only reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from alih.errors import AlihError, ModelError, OptionError, RunError
from alih.progress import Progress
from alih.rag.analyse import Analyser
from alih.rag.catalogue import Catalogue, in_words
from alih.rag.embed import Embedder
from alih.rag.lexical import Lexical, open_or_build
from alih.rag.onnx import open_session
from alih.rag.rerank import CrossEncoder, LateInteraction, Reranker
from alih.rag.retrieve import Retrieved, Retriever
from alih.rag.settings import Retrieval, Settings, exists, folder_of, read_settings
from alih.rag.store.base import Filter, Store
from alih.rag.store.open import open_store
from alih.rag.support import Support


class Opened:
    """A library's folder and what is in it.

    Args:
        name: of the library.
        root: folder of all libraries; by default $ALIH_HOME/libraries or ./libraries.
        model: embedding model of a library that is not there yet.
        store: address with a password, where the settings have it without.
        progress: where long work reports to; silent by default.
    """

    def __init__(
        self, name: str, root: str | Path | None, *, model: str, store: str | None, progress: Progress | None
    ) -> None:
        self.name = name
        self.folder = folder_of(name, root)
        self.model = model
        self.progress = progress or Progress(quiet=True)
        self._address = store
        self._lexical: tuple[int, Lexical] | None = None
        self._rerankers: dict[str, Reranker] = {}

    @property
    def exists(self) -> bool:
        """Whether it has been made."""
        return exists(self.folder)

    @cached_property
    def settings(self) -> Settings:
        """What it was made with.

        Raises:
            RunError: it has not been made, or library.json is damaged.
        """
        return read_settings(self.folder, self.name)

    def retrieve(
        self,
        question: str,
        options: Retrieval,
        access: Collection[str] = (),
        tags: Collection[str] = (),
        *,
        embed: bool = True,
    ) -> Retrieved:
        """Find passages, with the question's vector and the time of each stage."""
        if not question.strip():
            raise OptionError("the question is empty. Write one.")
        with self._whole():
            return self._retrieve(question, options, access, tags, embed)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Read only from a library that is whole: what was lost or cut on the disk is told, and never "not there".

        Raises:
            RunError: the catalogue or the vectors are damaged.
        """
        mend = f"Mend it from the documents with: alih rag sync --library {self.name}"
        if not (self.folder / "catalogue.sqlite").is_file():
            raise RunError(f"{self.folder}: its catalogue (catalogue.sqlite) is missing. {mend}")
        try:
            chunks = self.catalogue.counts()["chunks"]
        except sqlite3.DatabaseError as error:
            raise in_words(self.catalogue.path, "read", error) from error
        except ValueError as error:
            raise RunError(f"{self.folder}: its catalogue is damaged ({error}). {mend}") from error
        try:
            stored = self.store.count()
            if stored < chunks or (stored and not chunks):
                raise RunError(f"{self.folder}: {stored:,} vectors for {chunks:,} chunks: it is not whole. {mend}")
            yield
        except sqlite3.DatabaseError as error:
            raise in_words(self.catalogue.path, "read", error) from error
        except AlihError:
            raise
        except Exception as error:  # stores raise whatever their own library does
            raise RunError(f"{self.folder}: its vectors cannot be read ({str(error)[:200]}). {mend}") from error

    def _retrieve(
        self, question: str, options: Retrieval, access: Collection[str], tags: Collection[str], embed: bool
    ) -> Retrieved:
        retriever = Retriever(
            self.catalogue, self.store, self.embedder, self.lexical, self.analyser, self._reranker(options.rerank)
        )
        return retriever.retrieve(question, options, Filter(frozenset(access), frozenset(tags)), embed=embed)

    @property
    def support(self) -> Support:
        """Measures how much of a sentence stands in a passage."""
        return Support(self.analyser, self.lexical)

    def close(self) -> None:
        """Let go of files and connections."""
        for part in ("store", "catalogue"):
            if part in self.__dict__:
                self.__dict__.pop(part).close()

    @cached_property
    def catalogue(self) -> Catalogue:
        """Which documents there are."""
        return Catalogue(self.folder / "catalogue.sqlite")

    @cached_property
    def store(self) -> Store:
        """Where the vectors are."""
        settings = self.settings
        return open_store(self._address or settings.store, self.folder, settings.table, settings.dimension)

    @cached_property
    def embedder(self) -> Embedder:
        """The embedding model.

        Raises:
            ModelError: it is not the one that the library was made with any more.
        """
        if not self.exists:
            return Embedder(self.model)
        made = Embedder(self.settings.model)
        if made.fingerprint != self.settings.fingerprint:
            raise ModelError(
                f"{self.settings.model}: its weights or its pooling differ from those that the library {self.name} was "
                "made with, so its vectors cannot be compared. Put the old model back, or index into a new library."
            )
        made.session = open_session(made, self.folder)
        return made

    @cached_property
    def analyser(self) -> Analyser:
        """Cuts texts into the terms of lexical search."""
        return Analyser(self.settings.language or "both")

    @property
    def lexical(self) -> Lexical:
        """The BM25 index of what is in the library now."""
        generation = self.catalogue.generation
        if self._lexical is None or self._lexical[0] != generation:
            self._lexical = (generation, open_or_build(self.folder, generation, self.catalogue.lexical_rows))
        return self._lexical[1]

    def _reranker(self, name: str) -> Reranker | None:
        if not name:
            return None
        if name not in self._rerankers:
            self._rerankers[name] = LateInteraction(self.embedder) if name == "late" else CrossEncoder(name)
        return self._rerankers[name]
