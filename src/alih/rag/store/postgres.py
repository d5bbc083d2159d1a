"""PostgreSQL with pgvector: one server that also holds everything else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.errors import OptionError
from alih.rag.extras import needs
from alih.rag.store.base import FLAT_LIMIT, Filter, Hit, Record

_BATCH = 1000
#: pgvector's indexes hold at most so many numbers a vector.
_WIDEST_INDEX = 2000


class PostgresStore:
    """A table of PostgreSQL. A password is best left to PGPASSWORD or ~/.pgpass.

    Args:
        address: "postgresql://user@host/database".
        table: its name; made where it is missing.
        dimension: width of the vectors.
        flat_limit: chunks up to which every vector is compared.

    Raises:
        OptionError: psycopg is not installed, no server answers there, or it lacks pgvector.
    """

    def __init__(self, address: str, table: str, dimension: int, *, flat_limit: int = FLAT_LIMIT) -> None:
        with needs("postgres"):
            import psycopg
            from psycopg import sql
        self._sql: Any = sql
        self._name = table
        self._table: Any = sql.Identifier(table)
        self._dimension = dimension
        self._limit = flat_limit
        try:
            self._connection: Any = psycopg.connect(address, autocommit=True, connect_timeout=10)
            self._run("CREATE EXTENSION IF NOT EXISTS vector")
        except psycopg.Error as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            shown = address.rpartition("@")[2]
            raise OptionError(
                f"--store postgresql://…{shown}: {first}. Is the server running, and is pgvector installed there?"
            ) from error
        self._run(
            "CREATE TABLE IF NOT EXISTS {table} (id text PRIMARY KEY, vector vector({width}) NOT NULL, "
            "text text NOT NULL, access text[] NOT NULL, tags text[] NOT NULL)"
        )

    def upsert(self, records: Sequence[Record]) -> None:
        """Insert or replace in one transaction; the server flushes its log before it answers."""
        if not records:
            return
        rows = [
            (
                record.id,
                _literal(record.vector),
                record.text.replace("\0", " "),
                list(record.access),
                list(record.tags),
            )
            for record in records
        ]
        statement = self._composed(
            "INSERT INTO {table} VALUES (%s, %s::vector, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET "
            "vector = EXCLUDED.vector, text = EXCLUDED.text, access = EXCLUDED.access, tags = EXCLUDED.tags"
        )
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(statement, rows)

    def delete(self, ids: Collection[str]) -> None:
        """Delete."""
        if ids:
            self._run("DELETE FROM {table} WHERE id = ANY(%s)", [list(ids)])

    def search(self, vector: NDArray[np.float32], k: int, filter: Filter) -> list[Hit]:
        """Search with the filter in the query; the index goes on looking until k are found (iterative scan)."""
        with self._connection.transaction():
            if self._has_index():
                self._run("SET LOCAL hnsw.iterative_scan = strict_order")
                self._run("SET LOCAL hnsw.ef_search = {least}", least=max(40, min(4 * k, 1000)))
            found = self._run(
                "SELECT id, -(vector <#> %s::vector) FROM {table} "
                "WHERE (cardinality(access) = 0 OR access && %s::text[]) AND tags @> %s::text[] "
                "ORDER BY vector <#> %s::vector LIMIT %s",
                [_literal(vector), sorted(filter.access), sorted(filter.tags), _literal(vector), k],
            ).fetchall()
        return [Hit(row[0], float(row[1])) for row in found]

    def scan(self) -> Iterator[list[Record]]:
        """Every record, about a thousand at a time."""
        last = ""
        while True:
            rows = self._run(
                "SELECT id, vector::text, text, access, tags FROM {table} WHERE id > %s ORDER BY id LIMIT %s",
                [last, _BATCH],
            ).fetchall()
            if not rows:
                return
            yield [
                Record(row[0], np.array(row[1][1:-1].split(","), np.float32), row[2], tuple(row[3]), tuple(row[4]))
                for row in rows
            ]
            last = rows[-1][0]

    def ids(self) -> set[str]:
        """The id of every record."""
        return {row[0] for row in self._run("SELECT id FROM {table}").fetchall()}

    def count(self) -> int:
        """How many records there are."""
        return int(self._run("SELECT count(*) FROM {table}").fetchone()[0])

    def maintain(self) -> None:
        """Build the index above the limit; PostgreSQL keeps it in step by itself."""
        if self.count() > self._limit and self._dimension <= _WIDEST_INDEX and not self._has_index():
            self._run("CREATE INDEX ON {table} USING hnsw (vector vector_ip_ops)")

    def drop(self) -> None:
        """Delete the table."""
        self._run("DROP TABLE IF EXISTS {table}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _has_index(self) -> bool:
        found = self._run(
            "SELECT 1 FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%hnsw%%' LIMIT 1", [self._name]
        )
        return found.fetchone() is not None

    def _composed(self, statement: str, least: int = 0) -> Any:
        literal = self._sql.Literal
        return self._sql.SQL(statement).format(table=self._table, width=literal(self._dimension), least=literal(least))

    def _run(self, statement: str, values: Sequence[Any] | None = None, *, least: int = 0) -> Any:
        return self._connection.execute(self._composed(statement, least), values)


def _literal(vector: NDArray[np.float32]) -> str:
    """A vector as pgvector reads it; nine digits give every float32 back exactly."""
    return "[" + ",".join(f"{value:.9g}" for value in vector.tolist()) + "]"
