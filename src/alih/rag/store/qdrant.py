"""Qdrant: one server, or a sharded and replicated cluster; the client's local mode in tests."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.errors import OptionError
from alih.rag.extras import needs
from alih.rag.store.base import FLAT_LIMIT, Filter, Hit, Record

_BATCH = 256
_PUBLIC = ""


class QdrantStore:
    """A collection of Qdrant. An API key is read from the environment variable QDRANT_API_KEY.

    Args:
        address: "qdrant://host:6333", "qdrants://…" for TLS, or "qdrant:///folder" for the client's local mode.
        collection: its name; made where it is missing.
        dimension: width of the vectors.

    Raises:
        OptionError: qdrant-client is not installed, or no server answers there.
    """

    def __init__(self, address: str, collection: str, dimension: int) -> None:
        with needs("qdrant"):
            from qdrant_client import QdrantClient, models
        self._models: Any = models
        scheme, _, place = address.partition("://")
        try:
            if place.startswith("/"):
                self._client: Any = QdrantClient(path=place)
            else:
                secure = scheme == "qdrants"
                url = f"{'https' if secure else 'http'}://{place.rstrip('/')}"
                self._client = QdrantClient(
                    url=url, api_key=os.environ.get("QDRANT_API_KEY"), timeout=60, check_compatibility=False
                )
            self._collection = collection
            if not self._client.collection_exists(collection):
                self._client.create_collection(
                    collection,
                    vectors_config=models.VectorParams(size=dimension, distance=models.Distance.DOT),
                    optimizers_config=models.OptimizersConfigDiff(indexing_threshold=FLAT_LIMIT),
                )
                if not place.startswith("/"):
                    for name in ("access", "tags"):
                        self._client.create_payload_index(collection, name, models.PayloadSchemaType.KEYWORD)
        except Exception as error:  # the client's transports raise their own kinds
            raise OptionError(f"--store {address}: Qdrant cannot be reached there ({error}). Is it running?") from error

    def upsert(self, records: Sequence[Record]) -> None:
        """Insert or replace, and wait until the server has written it."""
        for start in range(0, len(records), _BATCH):
            points = [
                self._models.PointStruct(
                    id=str(uuid.UUID(hex=record.id)),
                    vector=record.vector.tolist(),
                    payload={
                        "text": record.text,
                        "access": list(record.access) or [_PUBLIC],
                        "tags": list(record.tags),
                    },
                )
                for record in records[start : start + _BATCH]
            ]
            self._client.upsert(self._collection, points=points, wait=True)

    def delete(self, ids: Collection[str]) -> None:
        """Delete, and wait until it is done."""
        wanted = [str(uuid.UUID(hex=one)) for one in ids]
        if wanted:
            selector = self._models.PointIdsList(points=wanted)
            self._client.delete(self._collection, points_selector=selector, wait=True)

    def search(self, vector: NDArray[np.float32], k: int, filter: Filter) -> list[Hit]:
        """Search with the filter in the query."""
        match = self._models.FieldCondition
        must = [match(key="access", match=self._models.MatchAny(any=[_PUBLIC, *sorted(filter.access)]))]
        must += [match(key="tags", match=self._models.MatchValue(value=tag)) for tag in sorted(filter.tags)]
        found = self._client.query_points(
            self._collection, query=vector.tolist(), limit=k, query_filter=self._models.Filter(must=must)
        )
        return [Hit(uuid.UUID(str(point.id)).hex, float(point.score)) for point in found.points]

    def scan(self) -> Iterator[list[Record]]:
        """Every record, some at a time."""
        for points in self._pages(vectors=True):
            yield [
                Record(
                    uuid.UUID(str(point.id)).hex,
                    np.asarray(point.vector, np.float32),
                    point.payload["text"],
                    tuple(label for label in point.payload["access"] if label != _PUBLIC),
                    tuple(point.payload["tags"]),
                )
                for point in points
            ]

    def ids(self) -> set[str]:
        """The id of every record."""
        return {uuid.UUID(str(point.id)).hex for points in self._pages(vectors=False) for point in points}

    def count(self) -> int:
        """How many records there are."""
        return int(self._client.count(self._collection, exact=True).count)

    def maintain(self) -> None:
        """The server does so by itself."""

    def drop(self) -> None:
        """Delete the collection."""
        self._client.delete_collection(self._collection)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _pages(self, *, vectors: bool) -> Iterator[list[Any]]:
        offset = None
        while True:
            points, offset = self._client.scroll(
                self._collection, limit=_BATCH, offset=offset, with_payload=vectors, with_vectors=vectors
            )
            if points:
                yield points
            if offset is None:
                return
