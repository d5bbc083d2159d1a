"""BM25: lexical search over term counts.

Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with the idf that stays positive
(Lucene's): score(q, d) = Σ_t ln(1 + (N − n_t + ½) / (n_t + ½)) · f / (f + k₁ (1 − b + b |d| / avg|d|)).
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alih import files
from alih.rag.store.base import Filter, Hit

Kind = tuple[tuple[str, ...], tuple[str, ...]]


class Lexical:
    """A BM25 index, held in memory.

    Args:
        ids: of the chunks.
        kinds: (labels, tags) of each.
        documents: the terms of each.
        k1, b: saturation of term counts, and how much length counts.
    """

    def __init__(
        self,
        ids: Sequence[str],
        kinds: Sequence[Kind],
        documents: Iterable[Sequence[str]],
        *,
        k1: float = 1.5,
        b: float = 0.75,
    ) -> None:
        vocabulary: dict[str, int] = {}
        lengths, term, row, count = [], [], [], []
        for number, terms in enumerate(documents):
            lengths.append(len(terms))
            for told, times in Counter(terms).items():
                term.append(vocabulary.setdefault(told, len(vocabulary)))
                row.append(number)
                count.append(times)
        terms_array, counts = np.array(term, np.int64), np.array(count, np.float64)
        rows = np.array(row, np.int32)
        order = np.argsort(terms_array, kind="stable")
        frequency = np.bincount(terms_array, minlength=len(vocabulary))
        length = np.array(lengths, np.float64)
        average = float(length.mean()) if len(length) and length.sum() else 1.0
        idf = np.log1p((len(length) - frequency + 0.5) / (frequency + 0.5))
        weight = counts / (counts + k1 * (1 - b + b * length[rows] / average)) if len(rows) else counts
        self.vocabulary = vocabulary
        self.idf: NDArray[np.float64] = idf
        self._starts = np.concatenate([[0], np.cumsum(frequency)]).astype(np.int64)
        self._rows: NDArray[np.int32] = rows[order]
        self._scores: NDArray[np.float32] = (weight * idf[terms_array] if len(rows) else weight)[order].astype(
            np.float32
        )
        self._take_ids(ids, kinds)

    def _take_ids(self, ids: Sequence[str], kinds: Sequence[Kind]) -> None:
        numbers: dict[Kind, int] = {}
        self.ids = list(ids)
        self._kinds = np.array([numbers.setdefault(kind, len(numbers)) for kind in kinds], np.int64)
        self._meanings = list(numbers)

    def scores(self, terms: Iterable[str]) -> NDArray[np.float32]:
        """The score of every chunk; a term that is asked twice counts twice: (chunks,)."""
        found = np.zeros(len(self.ids), np.float32)
        for told, times in Counter(terms).items():
            number = self.vocabulary.get(told)
            if number is not None:
                part = slice(self._starts[number], self._starts[number + 1])
                found[self._rows[part]] += times * self._scores[part]
        return found

    def search(self, terms: Iterable[str], k: int, filter: Filter) -> list[Hit]:
        """The k chunks that score best among those that the filter admits and that share a term, best first."""
        if not self.ids:
            return []
        found = self.scores(terms)
        admitted = np.array([filter.admits(*meaning) for meaning in self._meanings], bool)
        if not admitted.all():
            found[~admitted[self._kinds]] = 0
        rows = np.argpartition(-found, k)[:k] if k < len(found) else np.arange(len(found))
        rows = rows[found[rows] > 0]
        rows = rows[np.lexsort((rows, -found[rows]))]
        return [Hit(self.ids[row], float(found[row])) for row in rows]

    def rarity(self, term: str) -> float:
        """Inverse document frequency of a term; of an unknown one, that of a term in no chunk."""
        number = self.vocabulary.get(term)
        return float(np.log1p((len(self.ids) + 0.5) / 0.5) if number is None else self.idf[number])

    def save(self, folder: Path, generation: int) -> None:
        """Write the index beside the library, for the next process. A lost or torn copy is only built again."""
        kinds = [self._meanings[number] for number in self._kinds]
        with files.replacing(folder / "lexical.npz") as part:
            np.savez(
                part,
                generation=generation,
                starts=self._starts,
                rows=self._rows,
                scores=self._scores,
                idf=self.idf,
                names=np.frombuffer(json.dumps([self.ids, kinds, list(self.vocabulary)]).encode(), np.uint8),
            )
        files.write_text(folder / "lexical.generation", str(generation))


def load(folder: Path, generation: int) -> Lexical | None:
    """Open the saved index; None where there is none of this generation of the library."""
    try:
        if (folder / "lexical.generation").read_text() != str(generation):
            return None
        with np.load(folder / "lexical.npz", allow_pickle=False) as arrays:
            if int(arrays["generation"]) != generation:
                return None
            index = Lexical.__new__(Lexical)
            index._starts, index._rows = arrays["starts"], arrays["rows"]
            index._scores, index.idf = arrays["scores"], arrays["idf"]
            ids, kinds, vocabulary = json.loads(arrays["names"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    index.vocabulary = {term: number for number, term in enumerate(vocabulary)}
    index._take_ids(ids, [(tuple(access), tuple(tags)) for access, tags in kinds])
    return index


def open_or_build(folder: Path, generation: int, rows: Callable[[], Iterable[tuple[str, Kind, list[str]]]]) -> Lexical:
    """The saved index where it is of this generation, else a new one from `rows` (id, labels and tags, terms)."""
    index = load(folder, generation)
    if index is None:
        every = list(rows())
        index = Lexical([row[0] for row in every], [row[1] for row in every], [row[2] for row in every])
        with suppress(OSError):  # a library that may only be read is searched all the same
            index.save(folder, generation)
    return index
