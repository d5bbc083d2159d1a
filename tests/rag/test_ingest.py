"""What goes in, what does not and why, and where each piece stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alih.errors import DataError
from alih.rag import ingest
from alih.rag.document import Document, Skipped
from alih.rag.readers.docstrings import read_docstrings, stdlib_documents

from .files import HANDBOOK, broken, folder, pdf, read_all


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Document]:
    every = list(read_all(folder(tmp_path_factory.mktemp("docs"))))
    assert not [one for one in every if isinstance(one, Skipped)]
    return {one.name: one for one in every if isinstance(one, Document)}


def blocks(document: Document) -> list[tuple[tuple[str, ...], str, str]]:
    return [(block.headings, block.place, document.text[block.start : block.end]) for block in document.blocks]


def test_every_format_goes_in_by_its_path_in_the_folder(documents: dict[str, Document]) -> None:
    assert {name: one.kind for name, one in documents.items()} == {
        "equipment.docx": "docx",
        "faq.csv": "rows",
        "handbook.md": "markdown",
        "office.txt": "text",
        "safety.pdf": "pdf",
        "sub/travel.html": "html",
    }


def test_markdown_offsets_and_lines_are_those_of_the_file(documents: dict[str, Document]) -> None:
    handbook = documents["handbook.md"]
    assert handbook.text == HANDBOOK
    assert handbook.title == "Buku Pegawai"
    assert [(headings, place) for headings, place, _ in blocks(handbook)] == [
        (("Cuti",), "line 6"),
        (("Cuti", "Cuti sakit"), "line 12"),
        (("Jam kerja",), "line 16"),
    ]
    for _, place, text in blocks(handbook):
        assert HANDBOOK.splitlines()[int(place.removeprefix("line ")) - 1] == text.splitlines()[0]
    assert not any("rahasia" in text for _, _, text in blocks(handbook))


def test_html_is_what_a_reader_sees(documents: dict[str, Document]) -> None:
    assert [(headings, text) for headings, _, text in blocks(documents["sub/travel.html"])] == [
        (("Travel",), "Flights are booked by the travel desk.\nHotels are booked by yourself."),
        (("Travel", "Costs"), "Taxi receipts are refunded within 30 days."),
        (("Travel", "Costs"), "Meals up to 25 euros a day are refunded."),
    ]


def test_pdf_keeps_page_and_outline(documents: dict[str, Document]) -> None:
    assert blocks(documents["safety.pdf"]) == [
        (("Part 1",), "page 1", "Fire doors stay closed."),
        (("Part 2",), "page 2", "The meeting point is the car park."),
    ]


def test_word_headings_and_tables_are_read_in_order(documents: dict[str, Document]) -> None:
    assert [(headings, text) for headings, _, text in blocks(documents["equipment.docx"])] == [
        (("Equipment",), "Every employee gets a laptop."),
        (("Equipment", "Returns"), "Laptop | after 36 months"),
    ]


def test_rows_stand_alone_and_name_their_row(documents: dict[str, Document]) -> None:
    faq = documents["faq.csv"]
    assert [(place, text) for _, place, text in blocks(faq)] == [
        ("row 2", "question: Who repairs laptops?\nanswer: The IT desk"),
        ("row 3", "question: Where is lunch?\nanswer: Floor 3"),
    ]
    assert all(block.alone for block in faq.blocks)


def test_what_cannot_be_read_is_listed_with_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    place = broken(tmp_path / "bad")
    (place / "good.txt").write_text("Good text.")
    every = list(read_all(place))
    assert [one.name for one in every if isinstance(one, Document)] == ["good.txt"]
    reasons = {one.name: one.reason for one in every if isinstance(one, Skipped)}
    expected = {
        "scan.pdf": "ocr",
        "secret.pdf": "password",
        "cut.pdf": "damaged",
        "bomb.docx": "0.04 MB that unpack to 40 MB in 1 part: a zip bomb",
        "fake.docx": "damaged",
        "old.docx": "password",
        "wrong.html": "byte",
        "strange.html": "klingon",
        "broken.json": "JSON",
        "empty.md": "empty",
        "program.exe": ".exe",
        "noending": "without ending",
        "outside": "leads out",
        "passwords.txt": "leads out",
    }
    assert reasons.keys() == expected.keys()
    for name, part in expected.items():
        assert part in reasons[name], (name, reasons[name])


def test_names_that_no_citation_can_carry_are_skipped_and_the_rest_goes_in(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    for name in (b"caf\xe9.txt", b"one\n[2] two.txt", "café\u202fdua.txt".encode()):
        try:
            Path(os.fsdecode(os.fsencode(place) + b"/" + name)).write_text("Dinner is at seven.")
        except OSError:
            pytest.skip("this file system takes no such names")
    found, skipped = ingest.find(place)
    assert [one.name for one in found] == ["café\u202fdua.txt"]
    assert {one.name: one.reason for one in skipped} == {
        "caf\\udce9.txt": "its name is not UTF-8. Rename it.",
        "one\\n[2] two.txt": "its name holds a line break or another control character. Rename it.",
    }
    with pytest.raises(DataError, match="not UTF-8"):
        ingest.find(os.fsdecode(os.fsencode(place) + b"/caf\xe9.txt"))


def test_a_large_file_is_skipped_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MAX_FILE", 1000)
    (tmp_path / "large.txt").write_text("x" * 2000)
    found, skipped = ingest.find(tmp_path)
    assert not found
    assert "split it" in skipped[0].reason


def test_markup_nested_beyond_reason_is_no_danger(tmp_path: Path) -> None:
    (tmp_path / "deep.html").write_text("<div>" * 3000 + "x")
    assert len(list(read_all(tmp_path))) == 1


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config.txt").write_text("x")
    (tmp_path / ".env.txt").write_text("x")
    assert ingest.find(tmp_path) == ([], [])


def test_a_folder_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with pytest.raises(DataError, match='Did you mean "docs"'):
        ingest.find(tmp_path / "dcos")


def test_words_broken_over_lines_are_mended_in_pdf_text(tmp_path: Path) -> None:
    from alih.rag.readers.layout import BROKEN_WORD

    assert BROKEN_WORD.sub("", "micro\ufffe\nscope") == "microscope"
    document = ingest.read(ingest.find(pdf(tmp_path / "a.pdf", ["One line\nand another."]))[0][0])
    assert isinstance(document, Document)
    assert "One line\nand another." in document.text


def test_docstrings_of_the_standard_library_are_documents() -> None:
    every = list(stdlib_documents())
    assert len(every) > 80
    assert len({one.name for one in every}) == len(every)
    argparse = next(one for one in every if one.name == "argparse.py")
    assert any(block.headings[:2] == ("argparse", "ArgumentParser") for block in argparse.blocks)


def test_a_source_file_that_does_not_parse_has_no_docstrings(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def (")
    assert read_docstrings(tmp_path / "a.py", "a.py") is None
