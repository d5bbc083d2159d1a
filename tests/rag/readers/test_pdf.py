"""A PDF is its paragraphs and tables, without what runs along and without its table of contents."""

from __future__ import annotations

from pathlib import Path

from alih.rag import ingest
from alih.rag.document import Document


def made(path: Path, pages: list[list[tuple[float, float, str]]]) -> Document:
    """A PDF of texts at (x, y), read."""
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path))
    for page in pages:
        for x, y, text in page:
            canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    document = ingest.read(ingest.find(path)[0][0])
    assert isinstance(document, Document), document
    return document


def texts(document: Document) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


def test_what_runs_along_is_removed_and_paragraphs_are_parted(tmp_path: Path) -> None:
    herbs = ["sage", "dill", "mint", "chives", "sorrel"]
    pages = [
        [
            *((72, 800, "Herb guide, confidential"), (72, 700, f"We grow {herb}"), (72, 686, "on the roof.")),
            *((72, 640, f"It is harvested in week {number * 3}."), (280, 30, f"Page {number} of 5")),
        ]
        for number, herb in enumerate(herbs, 1)
    ]
    document = made(tmp_path / "a.pdf", pages)
    expected = [
        (f"We grow {herb}\non the roof.", f"It is harvested in week {3 * n}.") for n, herb in enumerate(herbs, 1)
    ]
    assert texts(document) == [text for pair in expected for text in pair]
    assert [block.page for block in document.blocks] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_table_is_rows_under_its_columns(tmp_path: Path) -> None:
    rows = [["Zone", "Fare", "Since"], ["North", "2 euro", "2019"], ["South", "", "2021"], ["West", "7 euro", "2023"]]
    page = [(72, 760, "The fares of all zones are below.")]
    page += [(72 + 120 * x, 700 - 16 * y, cell) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell]
    page += [(72, 600, "Children travel free.")]
    assert texts(made(tmp_path / "a.pdf", [page])) == [
        "The fares of all zones are below.",
        "Zone: North\nFare: 2 euro\nSince: 2019",
        "Zone: South\nSince: 2021",
        "Zone: West\nFare: 7 euro\nSince: 2023",
        "Children travel free.",
    ]


def test_a_table_of_contents_is_no_answer_and_pages_without_text_are_counted(tmp_path: Path) -> None:
    leaders = [(72, 700 - 16 * y, f"Chapter {y} {'.' * 40} {3 * y}") for y in range(1, 6)]
    plain = [(72.0, 760.0, "Contents")]
    plain += [(x, 700.0 - 16 * y, told) for y in range(1, 5) for x, told in ((72.0, f"Part {y}"), (400.0, f"{3 * y}"))]
    document = made(tmp_path / "a.pdf", [leaders, plain, [(72, 700, "Chapter 3 says that mint is green.")], []])
    assert texts(document) == ["Contents", "Chapter 3 says that mint is green."]
    assert "2 pages of a table of contents" in document.notes[0]
    assert "1 of 4 pages without text" in document.notes[1]
    assert "ocrmypdf" in document.notes[1]
