"""A library holds exactly what its documents say, and embeds nothing twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from alih.errors import AlihError, DataError, ModelError, OptionError, RunError
from alih.rag.chunk import ChunkOptions
from alih.rag.library import Library
from alih.rag.lock import held
from alih.rag.store.base import Filter


def state(library: Library) -> tuple[dict[str, int], int]:
    return library.catalogue.counts(), library.store.count()


def is_sound(library: Library) -> bool:
    """Store and catalogue hold the same chunks, each once, with the vectors of their texts."""
    records = [one for batch in library.store.scan() for one in batch]
    ids = [one.id for one in records]
    rows = library.catalogue.chunks(ids)
    fresh = library.embedder.passages(
        [f"{r.heading}\n{r.text}" if r.heading else r.text for r in rows.values()]
    ).vectors
    vectors = {one.id: one.vector for one in records}
    return (
        len(ids) == len(set(ids))
        and set(ids) == library.catalogue.chunk_ids()
        and all(np.allclose(vectors[one], fresh[row], atol=1e-5) for row, one in enumerate(rows))
        and not library.catalogue.borrowed()
    )


def test_what_is_unchanged_is_not_embedded_again(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    assert len(library.add(docs).added) == 12
    again = Library("a", tmp_path).add(docs)
    assert (again.embedded, len(again.unchanged)) == (0, 12)
    for path in docs.iterdir():
        path.write_text(path.read_text())  # another time, the same content
    assert library.sync().embedded == 0


def test_a_changed_paragraph_embeds_its_chunks_alone(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert), chunks=ChunkOptions(16))
    library.add(docs)
    path = docs / "3.txt"
    path.write_text(path.read_text().replace("Note 3.1", "Remark 3.1"))
    report = library.sync()
    assert (report.changed, len(report.unchanged)) == (["docs/3.txt"], 11)
    assert 1 <= report.embedded <= 2
    assert is_sound(library)


def test_deleted_files_disappear(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)
    (docs / "5.txt").unlink()
    report = library.add(docs)
    assert report.removed == ["docs/5.txt"]
    assert not any("Note 5." in one.text for one in library.search("Note 5", k=50))
    assert is_sound(library)


def test_a_file_that_can_no_longer_be_read_is_gone_and_said(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)
    (docs / "5.txt").write_bytes(b"PK\x03\x04 an archive")
    report = library.sync()
    assert [one.name for one in report.skipped] == ["docs/5.txt"]
    assert report.removed == ["docs/5.txt"]


def test_a_folder_that_is_empty_at_once_loses_nothing_without_a_yes(
    docs: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)
    for path in sorted(docs.iterdir())[:7]:
        path.unlink()
    for emptied in (False, True):
        report = library.sync()
        assert report.removed == []
        assert "--yes" in report.notes[0]
        assert state(library)[0]["documents"] == 12
        for path in docs.iterdir() if not emptied else ():
            path.unlink()
    assert len(library.sync(yes=True).removed) == 12


def test_duplicates_are_stored_once_with_all_their_sources(tiny_bert: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("The warranty lasts for two years.")
    (docs / "b.txt").write_text("The warranty lasts for two years.")
    (docs / "c.txt").write_text("the  WARRANTY lasts\nfor two years")
    (docs / "d.txt").write_text("The warranty lasts for three years.")
    library = Library("a", tmp_path, model=str(tiny_bert))
    report = library.add(docs)
    assert (report.embedded, report.chunks, report.merged) == (2, 2, 2)
    found = library.search("warranty two", mode="lexical", k=1)[0]
    assert [row.document for row in found.sources] == ["docs/a.txt", "docs/b.txt", "docs/c.txt"]
    (docs / "a.txt").unlink()
    assert library.sync().embedded == 0
    (docs / "b.txt").unlink()
    assert library.sync().embedded == 1  # the text is now that of c.txt
    found = library.search("warranty two", mode="lexical", k=1)[0]
    assert found.text == "the  WARRANTY lasts\nfor two years"
    assert is_sound(library)


def test_citations_open_at_their_place(handbook: Library) -> None:
    for row in handbook.catalogue.documents().values():
        for source, text in handbook.catalogue.neighbours(row.name, 0, 99):
            if row.kind in {"markdown", "text"}:
                root = Path(handbook.catalogue.roots()[0].path)
                told = (root / row.name.removeprefix("docs/")).read_text(encoding="utf-8")
                assert told[source.start : source.end] == text


def test_delete_takes_names_folders_and_paths(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)
    assert library.delete(["docs/1.txt", str(docs / "2.txt")]).removed == ["docs/1.txt", "docs/2.txt"]
    with pytest.raises(DataError, match=r'Did you mean "docs/3.txt"'):
        library.delete(["docs/3.tx"])
    library.delete(["docs"])
    assert state(library) == ({"documents": 0, "chunks": 0, "sources": 0}, 0)


def test_folders_of_one_name_are_kept_apart_and_moved_ones_are_known(
    docs: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "docs"
    other.mkdir(parents=True)
    (other / "1.txt").write_text("Something else.")
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)
    assert library.add(other).added == ["docs-2/1.txt"]
    (tmp_path / "new").mkdir()
    docs.rename(tmp_path / "new" / "docs")
    with pytest.raises(DataError, match="not there any more"):
        library.sync()
    report = library.add(tmp_path / "new" / "docs")
    assert (report.embedded, len(report.unchanged)) == (0, 12)


def test_single_files_stay_alone_at_the_next_sync(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs / "1.txt")
    library.add(docs / "2.txt")
    assert library.sync().unchanged == ["docs/1.txt", "docs/2.txt"]
    (docs / "1.txt").unlink()
    assert library.sync().removed == ["docs/1.txt"]


def test_labels_decide_who_sees_what(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    secret = tmp_path / "salaries"
    secret.mkdir()
    (secret / "pay.txt").write_text("Note 3.1 speaks about salaries of thing22.")
    (secret / "copy.txt").write_text((docs / "3.txt").read_text())
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)
    library.add(secret, access=["hr", "board"], tags=["year=2024"])
    for mode in ("dense", "lexical", "hybrid"):
        seen = {row.document for one in library.search("Note 3.1 salaries", k=99, mode=mode) for row in one.sources}
        assert not any(name.startswith("salaries/") for name in seen)
        mine = {
            row.document
            for one in library.search("Note salaries", k=99, mode=mode, access={"hr"})
            for row in one.sources
        }
        assert "salaries/pay.txt" in mine
        tagged = library.search("Note", k=99, mode=mode, access={"board"}, tags={"year=2024"})
        assert {row.document for one in tagged for row in one.sources} == {"salaries/pay.txt", "salaries/copy.txt"}
    report = library.add(secret)  # as before
    assert (report.embedded, report.notes) == (0, [])
    assert not any(one.place.document == "salaries/pay.txt" for one in library.search("salaries", k=99))
    (tmp_path / "new").mkdir()
    secret = secret.rename(tmp_path / "new" / "salaries")
    library.add(secret)  # moved
    assert not any(one.place.document == "salaries/pay.txt" for one in library.search("salaries", k=99))
    with pytest.raises(OptionError, match="--access"):
        library.add(tmp_path / "new")  # another way to the same files
    report = library.add(secret, access=[], tags=[])
    assert report.notes == ["salaries: was for those with hr or board, is for everybody now"]
    assert any(one.place.document == "salaries/pay.txt" for one in library.search("salaries", k=99))
    assert is_sound(library)


def test_dense_search_equals_comparing_with_every_vector(handbook: Library) -> None:
    records = [one for batch in handbook.store.scan() for one in batch]
    vector = handbook.embedder.query("How long is a taxi receipt valid?")
    expected = [one.id for one in sorted(records, key=lambda one: -float(one.vector @ vector))]
    assert [hit.id for hit in handbook.store.search(vector, 99, Filter())] == expected


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"model": "alih/other"}, "--model"),
        ({"store": "qdrant://x"}, "--store"),
        ({"chunks": ChunkOptions(20)}, "--chunk-size"),
        ({"store": "mysql://x"}, "no such kind"),
        ({"language": "fr"}, "--language"),
    ],
)
def test_what_a_library_was_made_with_stays(handbook: Library, options: dict[str, object], match: str) -> None:
    with pytest.raises(OptionError, match=match):
        Library("handbook", handbook.folder.parent, **options)  # type: ignore[arg-type]


def test_a_library_that_is_not_there_names_the_nearest(handbook: Library) -> None:
    with pytest.raises(RunError, match='Did you mean "handbook"'):
        Library("handbok", handbook.folder.parent).search("x")
    with pytest.raises(OptionError, match="name"):
        Library("../x")


def test_another_model_under_the_same_name_is_refused(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    model = tmp_path / "model"
    shutil.copytree(tiny_bert, model)
    Library("a", tmp_path, model=str(model)).add(docs)
    weights = load_file(model / "model.safetensors")
    save_file({name: value + 1 for name, value in weights.items()}, model / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="differ"):
        Library("a", tmp_path).search("x")


def test_moving_to_another_store_keeps_every_answer(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    pytest.importorskip("qdrant_client")
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)

    def scores(asked: Library) -> dict[str, float]:
        return {one.id: round(one.score, 4) for one in asked.search("thing22", mode="dense", k=99)}

    before = scores(library)
    assert library.move(f"qdrant://{tmp_path / 'qdrant'}") == library.catalogue.counts()["chunks"]
    assert scores(library) == pytest.approx(before, abs=2e-4)
    assert not (library.folder / "vectors").exists()
    assert library.move("lancedb") > 0
    assert scores(Library("a", tmp_path)) == pytest.approx(before, abs=2e-4)


def test_a_second_writer_is_told_who_holds_the_library(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs)
    code = (
        "import sys; from alih.rag.library import Library; from alih.errors import AlihError\n"
        "try: Library('a', sys.argv[1]).add(sys.argv[2])\n"
        "except AlihError as error: print(error)\n"
    )
    with held(library.folder, "a"):
        done = subprocess.run([sys.executable, "-c", code, tmp_path, docs], capture_output=True, text=True, check=True)
    assert "a: process" in done.stdout
    assert "is writing this library" in done.stdout
    assert library.sync().embedded == 0  # and afterwards it is free again


def test_two_ingests_at_once_finish_or_say_who_holds_the_library(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs / "0.txt")
    library.close()
    code = (
        "import sys; from alih.rag.library import Library; from alih.errors import AlihError\n"
        "try: Library('a', sys.argv[1]).add(sys.argv[2]); print('finished')\n"
        "except AlihError as error: print(error)\n"
    )
    command = [sys.executable, "-c", code, tmp_path, docs]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [one.communicate(timeout=300)[0] for one in both]
    assert any("finished" in one for one in told)
    assert all("finished" in one or "is writing this library" in one for one in told)
    after = Library("a", tmp_path)
    assert len(after.catalogue.documents()) == 12
    assert is_sound(after)


INGEST = """
import sys
from alih.rag import sync
from alih.rag.library import Library
sync._BATCH_DOCUMENTS = 2
Library("a", sys.argv[1]).add(sys.argv[2], acknowledge=lambda names: print("\\n".join(names), flush=True))
"""


def kill_trials(tmp_path: Path, docs: Path, model: Path, trials: int) -> None:
    """Kill an ingest at random moments; what was acknowledged is there, nothing twice, and the next sync completes."""
    generator = np.random.default_rng(0)
    for number in range(trials):
        root = tmp_path / f"trial{number}"
        library = Library("a", root, model=str(model))
        library.add(docs / "0.txt")  # so that killing starts once the model is known
        library.close()
        process = subprocess.Popen([sys.executable, "-c", INGEST, root, docs], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = []
        if generator.random() < 0.8:  # mostly: wait for the writing to begin
            lines.append(process.stdout.readline())
            time.sleep(generator.uniform(0, 0.25))
        else:
            time.sleep(generator.uniform(0, 6))
        process.kill()
        lines += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        acknowledged = {line.strip() for line in lines if line.strip()}
        after = Library("a", root)
        assert acknowledged <= set(after.catalogue.documents())
        stored = after.store.ids()
        assert after.catalogue.chunk_ids() <= stored
        after.add(docs)
        assert len(after.catalogue.documents()) == 12
        assert is_sound(after)


@pytest.mark.slow
def test_killing_an_ingest_loses_nothing_that_was_acknowledged(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    kill_trials(tmp_path, docs, tiny_bert, 50)


def test_a_killed_ingest_is_completed_by_the_next(docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    kill_trials(tmp_path, docs, tiny_bert, 3)


def test_an_error_in_between_leaves_the_library_sound(
    docs: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library("a", tmp_path, model=str(tiny_bert))
    library.add(docs / "0.txt")

    def fail(_batch: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(library.catalogue, "commit", fail)
    with pytest.raises(KeyboardInterrupt):
        library.add(docs)
    after = Library("a", tmp_path)
    assert after.store.count() > after.catalogue.counts()["chunks"]
    assert all(one.place.document == "docs/0.txt" for one in after.search("Note", k=99))
    after.add(docs)
    assert is_sound(after)


def test_mistakes_are_told_in_words(tmp_path: Path) -> None:
    library = Library("a", tmp_path)
    for attempt in (
        lambda: library.add(tmp_path / "none"),
        lambda: library.add(tmp_path, access=[" "]),
        lambda: library.add(tmp_path, tags=["x"]),
        library.sync,
    ):
        with pytest.raises(AlihError):
            attempt()


def test_files_that_were_cut_are_told_and_mended_and_never_a_wrong_answer(
    docs: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    def answers(root: Path) -> list[str]:
        library = Library("a", root)
        try:
            return [one.text for one in library.search("Note 3.1 thing22", k=3)]
        finally:
            library.close()

    made = Library("a", tmp_path / "made", model=str(tiny_bert))
    made.add(docs)
    made.close()
    right = answers(tmp_path / "made")
    names = [path.relative_to(tmp_path / "made") for path in sorted((tmp_path / "made").rglob("*")) if path.is_file()]
    told = 0
    for number, name in enumerate(names):
        if name.name.startswith(".") or name.suffix == ".json":
            continue
        for cut in (0, 2, 9, None):
            root = tmp_path / f"{number}-{cut}"
            shutil.copytree(tmp_path / "made", root)
            if cut is None:
                (root / name).unlink()
            else:
                (root / name).write_bytes((root / name).read_bytes()[: (root / name).stat().st_size * cut // 10])
            try:
                assert answers(root) == right, (name, cut)
            except RunError as error:
                damage = str(error)
            else:
                continue
            told += 1
            assert "alih rag sync" in damage
            library = Library("a", root)
            library.sync()
            library.close()
            assert answers(root) == right, (name, cut)
    assert told >= 4
