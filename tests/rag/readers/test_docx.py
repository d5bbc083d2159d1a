"""Everything that stands on the pages of a Word document is read, once, and cells keep their places."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from alih.rag import ingest
from alih.rag.document import Document, Skipped

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MORE = (
    f'{W} xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content: str, style: str = "") -> str:
    return f'<w:p><w:pPr>{f"""<w:pStyle w:val="{style}"/>""" if style else ""}</w:pPr>{content}</w:p>'


def cell(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


def table(*rows: list[str], marked: bool = False) -> str:
    told = ""
    for number, row in enumerate(rows):
        header = "<w:trPr><w:tblHeader/></w:trPr>" if marked and not number else ""
        cells = [one if one.startswith("<w:tc>") else cell(paragraph(run(one))) for one in row]
        told += f"<w:tr>{header}{''.join(cells)}</w:tr>"
    return f"<w:tbl>{told}</w:tbl>"


def word(path: Path, body: str, **parts: str) -> Document:
    """Write a Word document part by part, and read it."""
    kinds = {name: re.sub(r"\d", "", name) for name in parts}
    relations = "".join(
        f'<Relationship Id="{name}" Type="{_RELATIONS}/{kind}" Target="{name}.xml"/>' for name, kind in kinds.items()
    )
    head = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    with zipfile.ZipFile(path, "w") as archive:
        main = f'<Relationship Id="a" Type="{_RELATIONS}/officeDocument" Target="word/document.xml"/>'
        archive.writestr("_rels/.rels", f"{head}{main}</Relationships>")
        archive.writestr("word/_rels/document.xml.rels", f"{head}{relations}</Relationships>")
        archive.writestr("word/document.xml", f"<w:document {MORE}><w:body>{body}</w:body></w:document>")
        for name, content in parts.items():
            archive.writestr(f"word/{name}.xml", content)
    document = ingest.read(ingest.find(path)[0][0])
    assert isinstance(document, Document), document
    return document


def texts(document: Document) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


STYLES = (
    f'<w:styles {W}><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="Our heading"/><w:basedOn w:val="H1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="T"><w:name w:val="toc 1"/></w:style></w:styles>'
)
BOX = "<w:txbxContent>" + paragraph(run("In a box stands oleander.")) + "</w:txbxContent>"
CONSTRUCTS = {
    "plain": paragraph(run("The plain one is rosemary.")),
    "old text box": paragraph(f"<w:r><w:pict><v:shape><v:textbox>{BOX}</v:textbox></v:shape></w:pict></w:r>"),
    "text box": paragraph(
        f"<w:r><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx>{BOX}</wps:txbx></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict><v:textbox>{BOX}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    ),
    "block control": f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph(run('It holds marjoram.'))}</w:sdtContent></w:sdt>",
    "inline control": paragraph(
        run("We grow ") + f"<w:sdt><w:sdtContent>{run('nettle')}</w:sdtContent></w:sdt>" + run(" here.")
    ),
    "insertion": paragraph(
        run("Due in ")
        + f"<w:del><w:r><w:delText>two weeks</w:delText></w:r></w:del><w:ins>{run('three months')}</w:ins>"
    ),
    "moved": paragraph(f"<w:moveFrom>{run('gone away')}</w:moveFrom><w:moveTo>{run('came here')}</w:moveTo>"),
    "link": paragraph(run("See ") + f"<w:hyperlink>{run('the lunch board')}</w:hyperlink>"),
    "field": paragraph(f'<w:fldSimple w:instr="REF x">{run("chapter seven")}</w:fldSimple>'),
    "table": table(["Herb", "Pots"], ["Sage", "3"], ["Dill", "3"]),
    "nested table": table(
        ["Herb", "Pots"], ["Mint", cell(paragraph(run("5")) + table(["The lift code is 9071."]))], ["Dill", "2"]
    ),
    "row control": "<w:tbl><w:sdt><w:sdtContent><w:tr>"
    + cell(paragraph(run("Sorrel")))
    + cell(paragraph(run("9")))
    + "</w:tr></w:sdtContent></w:sdt></w:tbl>",
    "bare heading": paragraph(run("Office hours from nine to five"), "H1") + paragraph(run("Parking"), "H1"),
    "equation": paragraph(
        "<m:oMath><m:r><m:t>E=</m:t></m:r><m:f><m:num><m:r><m:t>kx</m:t></m:r></m:num>"
        "<m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath>"
    ),
}


def independent(path: Path) -> list[str]:
    """Words of every text node of every part but deleted, moved and repeated ones, by another parser."""
    found: list[str] = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("word/") and name.endswith(".xml") and "styles" not in name:
                root = ElementTree.fromstring(archive.read(name))
                for parent in list(root.iter()):
                    for node in list(parent):
                        if node.tag.rpartition("}")[2] in {"del", "moveFrom", "Fallback"}:
                            parent.remove(node)
                found += [
                    word for one in root.iter() if one.tag.endswith("}t") for word in re.findall(r"\w+", one.text or "")
                ]
    return found


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_every_construct_is_read_whole_and_once(construct: str, tmp_path: Path) -> None:
    document = word(tmp_path / "a.docx", CONSTRUCTS[construct], styles=STYLES)
    headings = {heading for block in document.blocks for heading in block.headings}
    read = re.findall(r"\w+", " ".join([document.text, *headings]))
    wanted = independent(tmp_path / "a.docx")
    assert sum(word in read for word in wanted) >= 0.98 * len(wanted)
    assert all(read.count(word) <= 2 * wanted.count(word) for word in wanted)
    assert "gone" not in read
    assert "weeks" not in read
    assert document.text.count("oleander") == int("box" in construct)


def test_notes_stand_where_they_are_cited_and_headers_and_footers_stand_once(tmp_path: Path) -> None:
    body = (
        paragraph(run("Leave is paid.") + '<w:r><w:footnoteReference w:id="2"/></w:r>')
        + paragraph(run("Sick leave too.") + '<w:r><w:endnoteReference w:id="1"/></w:r>')
        + paragraph(run("The end."))
    )
    header = f"<w:hdr {W}>{paragraph(run('Number HR-17'))}</w:hdr>"
    document = word(
        tmp_path / "a.docx",
        body,
        footnotes=f'<w:footnotes {W}><w:footnote w:id="2">{paragraph(run("Not here."))}</w:footnote></w:footnotes>',
        endnotes=f'<w:endnotes {W}><w:endnote w:id="1">{paragraph(run("With a letter."))}</w:endnote></w:endnotes>',
        header1=header,
        header2=header,
        footer1=f"<w:ftr {W}>{paragraph(run('Printed in Bandung'))}</w:ftr>",
    )
    assert texts(document) == [
        "Number HR-17", "Leave is paid.", "Not here.", "Sick leave too.", "With a letter.", "The end.",
        "Printed in Bandung",
    ]  # fmt: skip


def test_equal_and_empty_cells_keep_their_columns(tmp_path: Path) -> None:
    rooms = table(["Room", "Beds", "Desks", "Windows"], ["Elm", "3", "3", "3"], ["Ash", "1", "", "1"])
    document = word(tmp_path / "a.docx", rooms)
    assert texts(document) == ["Room: Elm\nBeds: 3\nDesks: 3\nWindows: 3", "Room: Ash\nBeds: 1\nWindows: 1"]


def test_merged_cells_stand_in_each_row_and_column_that_they_span(tmp_path: Path) -> None:
    restart, on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    across = '<w:gridSpan w:val="2"/>'
    document = word(
        tmp_path / "a.docx",
        table(
            ["Floor", "Room", "Seats"],
            [cell(paragraph(run("Second")), restart), "Oak", "4"],
            [cell(paragraph(""), on), "Elm", "6"],
            ["Third", cell(paragraph(run("closed")), across)],
            marked=True,
        ),
    )
    assert texts(document) == [
        "Floor: Second\nRoom: Oak\nSeats: 4", "Floor: Second\nRoom: Elm\nSeats: 6", "Floor: Third\nRoom, Seats: closed",
    ]  # fmt: skip


def test_pairs_are_no_table_with_a_header(tmp_path: Path) -> None:
    document = word(tmp_path / "a.docx", table(["Name", "Budi"], ["Unit", "Finance"], ["City", "Bandung"]))
    assert "Budi: Finance" not in document.text
    assert all(
        told.endswith(pair)
        for told, pair in zip(texts(document), ["Name | Budi", "Unit | Finance", "City | Bandung"], strict=True)
    )


def test_headings_are_known_by_style_by_what_it_is_based_on_and_by_outline_level(tmp_path: Path) -> None:
    body = paragraph(run("One"), "H1") + paragraph(run("a")) + paragraph(run("Two"), "Own") + paragraph(run("b"))
    body += f'<w:p><w:pPr><w:outlineLvl w:val="1"/></w:pPr>{run("Three")}</w:p>' + paragraph(run("c"))
    document = word(tmp_path / "a.docx", body, styles=STYLES)
    assert [block.headings for block in document.blocks] == [("One",), ("Two",), ("Two", "Three")]


def test_a_table_of_contents_is_no_text_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    gallery = '<w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
    body = (
        f"<w:sdt>{gallery}<w:sdtContent>{paragraph(run('Leave 12'))}</w:sdtContent></w:sdt>"
        + paragraph(run("Travel 14"), "T")
        + paragraph(run("Text.") + "<w:r><w:drawing/></w:r>" + run("unseen", "<w:vanish/>"))
    )
    document = word(tmp_path / "a.docx", body, styles=STYLES)
    assert texts(document) == ["Text."]
    assert document.notes == ("left out: 1 contents list, 1 contents line, 1 picture, 1 hidden run",)


def test_no_entity_is_expanded_and_no_depth_harms(tmp_path: Path) -> None:
    for name, told in (
        (
            "entity",
            '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
            f"<w:document {W}><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body></w:document>",
        ),
        ("deep", f"<w:document {W}><w:body>" + "<w:tbl><w:tr><w:tc>" * 3000),
    ):  # fmt: skip
        path = tmp_path / f"{name}.docx"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("word/document.xml", told)
        document = ingest.read(ingest.find(path)[0][0])
        assert isinstance(document, Skipped) or "root:" not in document.text
