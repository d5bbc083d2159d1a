"""Each further format is read as what a person sees in it."""

from __future__ import annotations

import email.message
import json
import zipfile
from pathlib import Path

import pytest

from alih.rag import ingest
from alih.rag.document import Document, Skipped


def read(path: Path) -> Document:
    document = ingest.read(ingest.find(path)[0][0])
    assert isinstance(document, Document), document
    return document


def blocks(document: Document) -> list[tuple[tuple[str, ...], str]]:
    return [(block.headings, document.text[block.start : block.end]) for block in document.blocks]


def test_a_workbook_is_its_sheets_with_dates_shares_and_merged_cells_as_they_are_shown(tmp_path: Path) -> None:
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Fares"
    for row in (["Fares of 2024"], ["Zone", "Since", "Share", "Fare"], ["North", datetime.date(2024, 3, 1), 0.25, 2.5]):
        sheet.append(row)
    sheet.append([None, datetime.date(2024, 4, 1), 0.5, 3])
    sheet.merge_cells("A1:D1")
    sheet.merge_cells("A3:A4")
    sheet["C3"].number_format = sheet["C4"].number_format = "0%"
    book.create_sheet("Secret").sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    document = read(tmp_path / "a.xlsx")
    above = ("Fares", "Fares of 2024")
    assert blocks(document) == [
        (above, "Zone: North\nSince: 2024-03-01\nShare: 25%\nFare: 2.5"),
        (above, "Zone: North\nSince: 2024-04-01\nShare: 50%\nFare: 3"),
    ]
    assert [block.place for block in document.blocks] == ["row 3", "row 4"]
    assert document.notes == ("left out: 1 hidden sheet",)


def test_a_book_is_its_chapters_in_order_without_its_contents(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container><rootfiles><rootfile full-path="O/p.opf"/></rootfiles></container>'
        )
        items = "".join(f'<item id="{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in "ab")
        nav = '<item id="n" href="n.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        archive.writestr(
            "O/p.opf",
            f"<package><metadata><title>Herbs</title></metadata><manifest>{items}{nav}</manifest>"
            '<spine><itemref idref="n"/><itemref idref="b"/><itemref idref="a"/></spine></package>',
        )
        for name, told in (("a", "Second."), ("b", "First."), ("n", "Contents")):
            archive.writestr(f"O/{name}.xhtml", f"<html><body><h1>{name}</h1><p>{told}</p></body></html>")
    document = read(tmp_path / "a.epub")
    assert (document.title, blocks(document)) == ("Herbs", [(("b",), "First."), (("a",), "Second.")])


def test_an_email_is_read_once_and_its_attachments_are_named(tmp_path: Path) -> None:
    message = email.message.EmailMessage()
    message["Subject"], message["From"], message["To"] = "Café menu", "Mira <m@x.org>", "all@x.org"
    message.set_content("Lunch is at noon.", charset="iso-8859-1")
    message.add_alternative("<p>Lunch is at noon.</p>", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="menu.pdf")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    document = read(tmp_path / "a.eml")
    assert document.text.count("Lunch is at noon.") == 1
    assert "Subject: Café menu\nFrom: Mira <m@x.org>" in document.text
    assert document.notes == ("1 attachment not read: menu.pdf",)


def test_restructured_text_has_headings_tables_and_the_text_of_unknown_directives(tmp_path: Path) -> None:
    (tmp_path / "a.rst").write_text(
        "Guide\n=====\n\nWords.\n\nTables\n------\n\n==== ====\nZone Fare\n==== ====\nA    2\nB    4\n==== ====\n\n"
        ".. versionadded:: 3\n\n   New here.\n\n.. include:: /etc/passwd\n\n.. a comment\n"
    )
    document = read(tmp_path / "a.rst")
    told = [text for _, text in blocks(document)]
    assert told[0] == "Words."
    assert {"Zone: A\nFare: 2", "Zone: B\nFare: 4"} <= set(told)
    assert "New here." in document.text
    assert "root:" not in document.text
    assert "a comment" not in document.text


def test_a_notebook_is_its_cells_and_what_they_printed(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "\n", "We count."]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"data": {"text/plain": ["2"], "image/png": "…"}}]},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    document = read(tmp_path / "a.ipynb")
    assert blocks(document) == [(("Study",), "We count."), (("Study",), "1 + 1"), (("Study",), "2")]


def test_rich_text_has_its_letters_and_its_tables(tmp_path: Path) -> None:
    row = r"\trowd\cellx1000\cellx2000 %s\cell %s\cell\row" + "\n"
    rows = "".join(row % cells for cells in (("Zone", "Fare"), ("North", "2"), ("South", "4")))
    (tmp_path / "a.rtf").write_text(r"{\rtf1\ansi\ansicpg1252 The caf\'e9 opens.\par " + rows + r"\pard After.\par}")
    told = [text for _, text in blocks(read(tmp_path / "a.rtf"))]
    assert told == ["The café opens.", "Zone: North\nFare: 2", "Zone: South\nFare: 4", "After."]


def test_xml_is_paragraphs_under_titles_and_records_as_rows(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<book><title>Herbs</title><para>Sage <b>is</b> green.</para>"
        '<part no="7"><name>Hinge</name><price>3</price></part>'
        '<room name="Elm" seats="3"/></book>'
    )
    assert blocks(read(tmp_path / "a.xml")) == [
        (("Herbs",), "Sage is green."),
        (("Herbs",), "no: 7\nname: Hinge\nprice: 3"),
        (("Herbs",), "name: Elm\nseats: 3"),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Le café est ouvert dès sept heures, à côté de la gare.", "cp1252"),
        ("The company’s “policy” costs €40 – no more.", "cp1252"),
        ("Yıllık izin on dört gündür. Çalışan bunu şirkete yazar.", "cp1254"),
        ("Отпуск составляет двадцать восемь дней в году. Больничный нужен врачу.", "cp1251"),
        ("休暇は年に二十日あります。申請は二週間前までに提出してください。", "shift_jis"),
        ("员工每年有十二天年假。请提前两周申请。", "gb18030"),
        ("The office opens at nine.", "utf-16-le"),
    ],
)
def test_other_encodings_are_found_and_said(text: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    document = read(tmp_path / "a.txt")
    assert document.text == text
    assert "read as" in document.notes[0]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("re\u00adim\u00adburse", "reimburse"), ("pass\u200bword", "password"), ("a\u2060b\ufeffc", "abc"),
        ("\u202eabc\u202c", "abc"), ("a\fb", "a b"), ("می\u200cخواهم", "می\u200cخواهم"), ("a\u200cb", "ab"),
        ("one\ntwo\tthree", "one\ntwo\tthree"),
    ],
)  # fmt: skip
def test_what_nobody_sees_is_not_read(written: str, seen: str, tmp_path: Path) -> None:
    for name in ("a.txt", "a.md"):
        (tmp_path / name).write_text(written, encoding="utf-8")
        assert read(tmp_path / name).text == seen


def test_a_table_of_contents_is_left_out_of_texts_and_markdown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Leave ........ 3\nTravel ....... 7\nSick leave ... 12\n\nLeave is paid.")
    (tmp_path / "a.md").write_text(
        "- [Leave](#leave)\n- [Travel](#travel)\n- [More](#more)\n\n# Leave\n\nLeave is paid.\n\n# More\n"
    )
    assert [text for _, text in blocks(read(tmp_path / "a.txt"))] == ["Leave is paid."]
    assert [text for _, text in blocks(read(tmp_path / "a.md"))] == ["Leave is paid.", "# More"]


@pytest.mark.parametrize("ending", sorted(ingest.READERS))
@pytest.mark.parametrize(
    "data", [b"\0" * 50, b"PK\x03\x04" + b"\xff" * 50, b"{\\rtf", b"{}", b"<a>" * 400, b"\xff\xfea"]
)
def test_no_bytes_raise_anything(ending: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(data)
    assert isinstance(ingest.read(ingest.find(path)[0][0]), (Document, Skipped))
