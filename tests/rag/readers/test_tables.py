"""A question on any cell of a table finds its row, whole and with its header, whatever format the table is in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from alih.rag import ingest
from alih.rag.analyse import Analyser
from alih.rag.chunk import ChunkOptions, chunk
from alih.rag.document import Composer, Document
from alih.rag.lexical import Lexical
from alih.rag.readers.tables import Cell, Grid, add_table, plain_rows
from alih.rag.store.base import Filter

COLUMNS = ["Part", "Stock", "Price in euro", "Shelf"]
ROWS = [[f"gasket{n}", str(3 * n + 1), str(1000 + 7 * n), f"bay{n * 5}"] for n in range(120)]


def markdown(path: Path) -> None:
    lines = [COLUMNS, ["---"] * 4, *ROWS]
    path.with_suffix(".md").write_text("# Parts\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n")


def page(path: Path) -> None:
    def row(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"

    body = row(COLUMNS, "th") + "".join(row(cells, "td") for cells in ROWS)
    path.with_suffix(".html").write_text(f"<h1>Parts</h1><table>{body}</table>")


def word(path: Path) -> None:
    import docx

    file = docx.Document()
    table = file.add_table(0, 4)
    for cells in [COLUMNS, *ROWS]:
        for cell, told in zip(table.add_row().cells, cells, strict=True):
            cell.text = told
    file.save(str(path.with_suffix(".docx")))


def excel(path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for cells in [COLUMNS, *ROWS]:
        book.active.append([int(cell) if cell.isdigit() else cell for cell in cells])
    book.save(path.with_suffix(".xlsx"))


def delimited(path: Path) -> None:
    path.with_suffix(".csv").write_text("\n".join(",".join(row) for row in [COLUMNS, *ROWS]))


def opendocument(path: Path) -> None:
    import zipfile

    def row(cells: list[str]) -> str:
        told = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
        return f"<table:table-row>{told}</table:table-row>"

    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table")
    )
    body = f"<table:table>{''.join(map(row, [COLUMNS, *ROWS]))}</table:table>"
    with zipfile.ZipFile(path.with_suffix(".odt"), "w") as archive:
        archive.writestr(
            "content.xml",
            f"<office:document {names}><office:body><office:text>{body}</office:text></office:body></office:document>",
        )


def slides(path: Path) -> None:
    import zipfile

    def row(cells: list[str]) -> str:
        told = [f"<a:tc><a:txBody><a:p><a:r><a:t>{one}</a:t></a:r></a:p></a:txBody></a:tc>" for one in cells]
        return f"<a:tr>{''.join(told)}</a:tr>"

    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    spaces = f'xmlns:p="p" xmlns:a="a" xmlns:r="{kinds}"'

    def relations(identity: str, kind: str, target: str) -> str:
        return f'<Relationships><Relationship Id="{identity}" Type="{kinds}/{kind}" Target="{target}"/></Relationships>'

    table = f'<a:tbl><a:tblPr firstRow="1"/>{"".join(map(row, [COLUMNS, *ROWS]))}</a:tbl>'
    with zipfile.ZipFile(path.with_suffix(".pptx"), "w") as archive:
        archive.writestr("_rels/.rels", relations("r1", "officeDocument", "ppt/presentation.xml"))
        archive.writestr("ppt/_rels/presentation.xml.rels", relations("r2", "slide", "slides/slide1.xml"))
        archive.writestr(
            "ppt/presentation.xml",
            f'<p:presentation {spaces}><p:sldIdLst><p:sldId id="256" r:id="r2"/></p:sldIdLst></p:presentation>',
        )
        archive.writestr("ppt/slides/slide1.xml", f"<p:sld {spaces}><p:graphicFrame>{table}</p:graphicFrame></p:sld>")


@pytest.mark.parametrize("make", [markdown, page, word, excel, delimited, opendocument, slides])
def test_a_question_on_every_cell_finds_its_row_with_its_header(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "parts")
    (document,) = map(ingest.read, ingest.find(tmp_path)[0])
    assert isinstance(document, Document), document
    chunks = chunk(document, ChunkOptions(), lambda texts: [len(text.split()) for text in texts])
    analyser = Analyser("en")
    index = Lexical(
        [one.text for one in chunks], [((), ())] * len(chunks), [analyser.terms(one.embedded) for one in chunks]
    )
    for row in ROWS:
        wanted = "\n".join(f"{column}: {cell}" for column, cell in zip(COLUMNS, row, strict=True))
        for column, cell in zip(COLUMNS, row, strict=True):
            found = index.search(analyser.terms(f"Which {column} is {cell} of {row[0]}?"), 1, Filter())
            assert found[0].id == wanted


def composed(*rows: list[str], **options: int) -> list[str]:
    composer = Composer()
    add_table(composer, plain_rows(rows), **options)  # type: ignore[arg-type]
    made = composer.document("a", "b")
    return [made.text[block.start : block.end] for block in made.blocks]


def test_a_header_is_told_by_numbers_below_words_and_repeated_ones_are_dropped() -> None:
    assert composed(["Zone", "Fare"], ["North", "2"], ["Zone", "Fare"], ["South", "4"]) == [
        "Zone: North\nFare: 2",
        "Zone: South\nFare: 4",
    ]


def test_a_table_without_a_header_keeps_its_empty_cells() -> None:
    assert composed(["1", "", "2"], ["3", "4", ""]) == ["1 |  | 2", "3 | 4 |"]


def test_a_row_over_all_columns_is_the_caption() -> None:
    composer = Composer()
    cell = Cell("Fares 2024")
    add_table(composer, [[cell, cell], *plain_rows([["Zone", "Fare"], ["North", "2"], ["South", "4"]])])
    assert [block.headings for block in composer.document("a", "b").blocks] == [("Fares 2024",)] * 2


def test_two_rows_of_names_are_joined() -> None:
    grid = Grid(2)
    grid.start_row()
    grid.put(Cell("Day"), rows=2)
    grid.put(Cell("Fees"), columns=2)
    for cells in (["Adult", "Child"], ["Monday", "9", "4"]):
        grid.start_row()
        for cell in cells:
            grid.put(Cell(cell))
    composer = Composer()
    add_table(composer, grid.rows, header_rows=2)
    assert composer.document("a", "b").text == "Day: Monday\nFees / Adult: 9\nFees / Child: 4"


def test_spans_without_bound_fill_no_memory() -> None:
    grid = Grid()
    for _ in range(4000):
        grid.start_row()
        grid.put(Cell("x"), columns=10**6, rows=10**6)
    assert sum(map(len, grid.rows)) <= 2_000_000


def test_a_row_that_no_model_reads_at_once_is_cut_between_cells_under_its_first_one() -> None:
    composer = Composer()
    add_table(
        composer,
        plain_rows([["Part", "Use", "Stock"], ["Hinge", "word " * 60, "12"], ["Bolt", "short", "3"]]),
        header_rows=1,
    )
    document: Document = composer.document("a", "b")
    found = chunk(document, ChunkOptions(20), lambda texts: [len(text.split()) for text in texts])
    assert [one.text for one in found if "Stock: 12" in one.text] == ["Stock: 12"]
    assert all(one.text.startswith("Part: Hinge") or "Part: Hinge" in one.headings for one in found[:-1])
    assert all("Use: " in one.text or "Use" in one.headings for one in found if "word" in one.text)
    assert found[-1].text == "Part: Bolt\nUse: short\nStock: 3"
    assert all(document.text[one.start : one.end] == one.text for one in found)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<table><tr><th>Hall<th>Chairs<tr><td>North<td><tr><td>South<td>12</table>",
         ["Hall: North", "Hall: South\nChairs: 12"]),
        ("<table><tr><th>Name<td>Budi<tr><th>Unit<td>Finance</table>", ["Name: Budi", "Unit: Finance"]),
        ("<table><tr><td><h2>News</h2><td><p>Words.</p></table>", ["Words."]),
        ("<form><p>Wrapped.</p><select><option>Elsewhere</select></form>", ["Wrapped."]),
        ("<p>The re&shy;im&shy;burse&shy;ment</p>", ["The reimbursement"]),
        ("<table><caption>Fares</caption><tr><th>Zone<th>Fare<tr><td>1<td>2</table>", ["Zone: 1\nFare: 2"]),
        ("<table><tr><th>A<th>B<tr><td>1<td>2<table><tr><td>in<td>side</table></table>", ["A: 1\nB: 2", "in | side"]),
    ],
)  # fmt: skip
def test_pages(source: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(source)
    document = ingest.read(ingest.find(path)[0][0])
    assert isinstance(document, Document)
    assert [document.text[block.start : block.end] for block in document.blocks] == expected
