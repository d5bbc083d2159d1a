"""LanceDB: the embedded default; files in the library's own folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alih.files import FlushedTree
from alih.rag.extras import needs
from alih.rag.store.base import FLAT_LIMIT, Filter, Hit, Record

_TABLE = "chunks"
_PUBLIC = ""  # stands in the list of labels of what everybody may read
_MANY_PIECES = 32
_BATCH = 1000


@dataclass(frozen=True)
class _Flat:
    """Every vector in memory: below the limit comparing all is exact and faster than asking the files."""

    version: int
    ids: NDArray[np.object_]
    vectors: NDArray[np.float32]
    #: One number for each combination of labels and tags, and what the numbers stand for.
    kinds: NDArray[np.int64]
    meanings: list[tuple[tuple[str, ...], tuple[str, ...]]]


class LanceStore:
    """A table of LanceDB.

    Args:
        folder: holds the files; made where it is missing.
        dimension: width of the vectors.
        flat_limit: chunks up to which every vector is compared.
    """

    def __init__(self, folder: Path, dimension: int, *, flat_limit: int = FLAT_LIMIT) -> None:
        os.environ.setdefault("LANCE_LOG", "error")
        os.environ.setdefault("RUST_LOG", "error")
        with needs("rag"):
            import lancedb
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = pa.schema(
            [
                ("id", pa.string()),
                ("vector", pa.list_(pa.float32(), dimension)),
                ("text", pa.string()),
                ("access", pa.list_(pa.string())),
                ("tags", pa.list_(pa.string())),
            ]
        )
        self._dimension = dimension
        self._limit = flat_limit
        self._tree = FlushedTree(folder)
        self._database: Any = lancedb.connect(folder, read_consistency_interval=timedelta(0))
        self._table: Any = self._database.create_table(_TABLE, schema=self._schema, exist_ok=True)
        self._flat: _Flat | None = None

    def upsert(self, records: Sequence[Record]) -> None:
        """Insert or replace, then flush every new file before returning: LanceDB itself never does."""
        if not records:
            return
        rows = self._rows(list({record.id: record for record in records}.values()))
        if self._table.count_rows():
            self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)
        else:
            self._table.add(rows)
        self._tree.flush()

    def delete(self, ids: Collection[str]) -> None:
        """Delete, and flush."""
        wanted = sorted(ids)
        for start in range(0, len(wanted), _BATCH):
            self._table.delete(f"id IN ({_quoted(wanted[start : start + _BATCH])})")
        if wanted:
            self._tree.flush()

    def search(self, vector: NDArray[np.float32], k: int, filter: Filter) -> list[Hit]:
        """Compare with all below the limit; search the index, with the filter in the query, above."""
        if self._flat is None or self._flat.version != self._table.version:
            if self._table.count_rows() > self._limit:
                return self._indexed(vector, k, filter)
            self._flat = self._load()
        flat = self._flat
        admitted = np.array([filter.admits(*meaning) for meaning in flat.meanings], bool)
        rows = np.flatnonzero(admitted[flat.kinds]) if not admitted.all() else None
        vectors = flat.vectors if rows is None else flat.vectors[rows]
        scores = vectors @ vector
        best = np.argpartition(-scores, k)[:k] if k < len(scores) else np.arange(len(scores))
        best = best[np.argsort(-scores[best], kind="stable")]
        places = best if rows is None else rows[best]
        return [Hit(str(flat.ids[place]), float(scores[row])) for place, row in zip(places, best, strict=True)]

    def scan(self) -> Iterator[list[Record]]:
        """Every record, about a thousand at a time."""
        for batch in self._table.search().to_batches(batch_size=_BATCH):
            if batch.num_rows:
                yield self._records(batch)

    def ids(self) -> set[str]:
        """The id of every record."""
        return set(self._table.search().select(["id"]).limit(None).to_arrow()["id"].to_pylist())

    def count(self) -> int:
        """How many records there are."""
        return int(self._table.count_rows())

    def maintain(self) -> None:
        """Merge small files; build the index above the limit, and take new rows into it."""
        pieces = self._table.stats()["fragment_stats"]["num_fragments"]
        large = self.count() > self._limit
        if large and not self._table.list_indices():
            from lancedb.index import HnswSq

            self._table.create_index("vector", config=HnswSq(distance_type="dot"))
        elif pieces < _MANY_PIECES and not large:
            return
        # Readers may still hold a version of a minute ago.
        self._table.optimize(cleanup_older_than=timedelta(minutes=10))
        self._tree.flush()

    def drop(self) -> None:
        """Delete the table."""
        self._database.drop_table(_TABLE, ignore_missing=True)

    def close(self) -> None:
        """Nothing stays open."""
        self._flat = None

    def _indexed(self, vector: NDArray[np.float32], k: int, filter: Filter) -> list[Hit]:
        query = self._table.search(vector).distance_type("dot").where(_condition(filter), prefilter=True)
        found = query.nprobes(32).refine_factor(4).select(["id", "_distance"]).limit(k).to_arrow()
        # Lance's dot distance is 1 − the dot product.
        return [
            Hit(one, 1.0 - distance)
            for one, distance in zip(found["id"].to_pylist(), found["_distance"].to_pylist(), strict=True)
        ]

    def _load(self) -> _Flat:
        version = int(self._table.version)
        table = self._table.search().select(["id", "vector", "access", "tags"]).limit(None).to_arrow()
        vectors = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        numbers: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
        kinds = [
            numbers.setdefault((_public_away(access), tuple(tags or ())), len(numbers))
            for access, tags in zip(table["access"].to_pylist(), table["tags"].to_pylist(), strict=True)
        ]
        return _Flat(
            version,
            np.array(table["id"].to_pylist(), object),
            np.ascontiguousarray(vectors.reshape(-1, self._dimension), np.float32),
            np.array(kinds, np.int64),
            list(numbers),
        )

    def _rows(self, records: Sequence[Record]) -> Any:
        vectors = np.stack([record.vector for record in records]).astype(np.float32)
        columns = [
            pa.array([record.id for record in records]),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), self._dimension),
            pa.array([record.text for record in records]),
            pa.array([list(record.access) or [_PUBLIC] for record in records], pa.list_(pa.string())),
            pa.array([list(record.tags) for record in records], pa.list_(pa.string())),
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _records(self, batch: Any) -> list[Record]:
        table = pa.Table.from_batches([batch])
        vectors = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = vectors.reshape(-1, self._dimension)
        rows = table.select(["id", "text", "access", "tags"]).to_pylist()
        return [
            Record(row["id"], vectors[index], row["text"], _public_away(row["access"]), tuple(row["tags"] or ()))
            for index, row in enumerate(rows)
        ]


def _public_away(access: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(label for label in access or () if label != _PUBLIC)


def _condition(filter: Filter) -> str:
    parts = [f"array_has_any(access, [{_quoted([_PUBLIC, *sorted(filter.access)])}])"]
    if filter.tags:
        parts.append(f"array_has_all(tags, [{_quoted(sorted(filter.tags))}])")
    return " AND ".join(parts)


def _quoted(values: Sequence[str]) -> str:
    """SQL strings."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
