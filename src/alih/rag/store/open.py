"""From what `--store` says to the store."""

from __future__ import annotations

import re
from pathlib import Path

from alih.errors import OptionError
from alih.rag.store.base import Store

DEFAULT = "lancedb"
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


def open_store(address: str, folder: Path, name: str, dimension: int) -> Store:
    """Open (or make) the store of a library.

    Args:
        address: "lancedb" (files in the library's folder), "postgresql://user@host/database" or "qdrant://host:6333".
        folder: of the library.
        name: of the table or collection on a server.
        dimension: width of the vectors.

    Raises:
        OptionError: no such kind of store, a package that is missing, or a server that does not answer.
    """
    check_address(address)
    if address == DEFAULT:
        from alih.rag.store.lance import LanceStore

        return LanceStore(folder / "vectors", dimension)
    if address.startswith(("postgresql://", "postgres://")):
        from alih.rag.store.postgres import PostgresStore

        return PostgresStore(address, name, dimension)
    from alih.rag.store.qdrant import QdrantStore

    return QdrantStore(address, name, dimension)


def check_address(address: str) -> None:
    """Refuse what names no kind of store.

    Raises:
        OptionError: it does not.
    """
    if address != DEFAULT and not re.match(r"(postgresql|postgres|qdrants?)://", address):
        raise OptionError(
            f"--store {address}: no such kind of store. Write lancedb, postgresql://user@host/database "
            "or qdrant://host:6333."
        )


def without_password(address: str) -> str:
    """An address that may be written down."""
    return _PASSWORD.sub(r"\1@", address)
