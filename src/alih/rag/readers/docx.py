"""Word documents: everything that a reader of the page sees, in its order, with the headings above it.

Read from the XML (ECMA-376 part 1, WordprocessingML): libraries that offer paragraphs and tables pass over text boxes,
content controls, tracked insertions, notes and equations.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alih.data.messages import counted, listed
from alih.errors import DataError
from alih.rag.document import Composer, Document
from alih.rag.readers.archive import Archive, attribute, child, local, opened
from alih.rag.readers.equations import equation
from alih.rag.readers.tables import Cell, Grid, add_table

if TYPE_CHECKING:
    from lxml.etree import _Element

_HEADING = re.compile(r"(?:heading|judul|überschrift|titre|titolo|título|kop|rubrik)\s*([1-9])$", re.IGNORECASE)
_CONTENTS = re.compile(r"toc\s*\d|table of figures", re.IGNORECASE)
#: Elements whose children stand for themselves.
_TRANSPARENT = frozenset(
    [
        *("ins", "moveTo", "hyperlink", "smartTag", "customXml", "sdt", "sdtContent", "fldSimple", "bdo", "dir", "r"),
        *("body", "hdr", "ftr", "txbxContent", "footnote", "endnote", "tc", "rubyBase"),
    ]
)
_LEFT_OUT = {"object": "embedded object", "altChunk": "embedded document", "commentReference": "comment"}


def read_docx(path: Path, name: str) -> Document:
    """Read a .docx (or .docm, .dotx) file.

    Raises:
        DataError: it is no Word document, is protected by a password, or would unpack to something huge.
        OptionError: lxml is not installed.
    """
    with opened(path, "Word document") as archive:
        main = next((part for kind, part in archive.relations("").values() if kind == "officeDocument"), "")
        body = child(archive.xml(main or "word/document.xml"), "body")
        if body is None:
            raise DataError(f"{path.name}: is no Word document: it has no body. Save it again as .docx.")
        word = _Word(archive, main or "word/document.xml")
        word.stories("header")
        word.blocks(body)
        word.stories("footer")
        title = ""
        if "docProps/core.xml" in archive.names:
            found = child(archive.xml("docProps/core.xml"), "title")
            title = (found.text or "").strip() if found is not None else ""
    left = [counted(count, what) for what, count in word.left_out.items()]
    notes = [f"left out: {listed(left)}"] if left else []
    return word.composer.document(name, "docx", title=title, notes=notes)


class _Word:
    """Walks one document.

    Args:
        archive: of the document.
        main: name of its main part.
    """

    def __init__(self, archive: Archive, main: str) -> None:
        self.composer = Composer()
        self.left_out: Counter[str] = Counter()
        self._archive = archive
        self._relations = archive.relations(main)
        self._styles = self._read_styles()
        self._notes = {kind: self._read_notes(kind) for kind in ("footnotes", "endnotes")}
        self._waiting: list[_Element] = []  # text boxes and diagrams of the paragraph that is read
        self._cited: list[tuple[str, str]] = []

    def stories(self, kind: str) -> None:
        """Read the headers or footers; what stands in several of them, once."""
        seen: set[str] = set()
        for part in sorted({part for related, part in self._relations.values() if related == kind}):
            if part in self._archive.names:
                for paragraph in self._archive.xml(part).iter("{*}p"):
                    told = self._paragraph_text(paragraph)
                    self._waiting.clear()  # its text boxes hold paragraphs that come by themselves
                    if told.strip() not in seen and re.search(r"[^\W\d_]{3}", told):
                        seen.add(told.strip())
                        self.composer.add(told, self.composer.path, place=kind)

    def blocks(self, container: _Element) -> None:
        """Read paragraphs and tables in their order."""
        for node in container:
            kind = local(node)
            if kind == "p":
                self._paragraph(node)
            elif kind == "tbl":
                self._table(node)
            elif kind == "sdt" and _is_contents(node):
                self.left_out["contents list"] += 1
            elif kind == "AlternateContent":
                self.blocks(_alternative(node))
            elif kind in _TRANSPARENT:
                self.blocks(node)
            elif kind in {"oMath", "oMathPara"}:
                self.composer.add(equation(node))
            elif kind in _LEFT_OUT:
                self.left_out[_LEFT_OUT[kind]] += 1

    def _paragraph(self, node: _Element) -> None:
        style = child(node, "pPr", "pStyle")
        level, contents = self._styles.get(attribute(style, "val") if style is not None else "", (None, False))
        outline = child(node, "pPr", "outlineLvl")
        if outline is not None:
            level = _level(attribute(outline, "val"))
        if contents:
            self.left_out["contents line"] += 1
            return
        told = self._paragraph_text(node)
        waiting, self._waiting = self._waiting, []
        cited, self._cited = self._cited, []
        if level is None:
            self.composer.add(told)
        else:
            self.composer.heading(level, told)
        for box in waiting:
            self.blocks(box)
        for where, number in cited:
            if number in self._notes[where]:
                self.blocks(self._notes[where].pop(number))

    def _paragraph_text(self, node: _Element) -> str:
        return "".join(self._inline(node))

    def _inline(self, node: _Element) -> Iterator[str]:
        """The text of a paragraph; text boxes, diagrams and notes in it wait until it is over."""
        for one in node:
            kind = local(one)
            if kind == "t":
                yield one.text or ""
            elif kind in {"tab", "ptab"}:
                yield " "
            elif kind in {"br", "cr"}:
                yield "\n"
            elif kind == "noBreakHyphen":
                yield "-"
            elif kind in {"oMath", "oMathPara"}:
                yield equation(one)
            elif kind == "sym":
                self.left_out["special symbol"] += 1
            elif kind in {"footnoteReference", "endnoteReference"}:
                self._cited.append((kind.removesuffix("Reference") + "s", attribute(one, "id")))
            elif kind == "AlternateContent":
                yield from self._inline(_alternative(one))
            elif kind in {"drawing", "pict", "object"}:
                self._drawing(one, kind)
            elif kind == "ruby":
                yield from self._inline(one)
            elif kind == "r" and _is_hidden(one):
                self.left_out["hidden run"] += 1
            elif kind in _LEFT_OUT:
                self.left_out[_LEFT_OUT[kind]] += 1
            elif kind in _TRANSPARENT:
                yield from self._inline(one)

    def _drawing(self, node: _Element, kind: str) -> None:
        """Text boxes of a drawing wait; a diagram's text stands in a part of its own; other pictures are counted."""
        boxes = _boxes(node)
        self._waiting += boxes
        diagrams = [attribute(one, "dm") for one in node.iter("{*}relIds")]
        for part in (self._relations.get(one, ("", ""))[1] for one in diagrams):
            if part in self._archive.names:
                self._waiting.append(_diagram(self._archive.xml(part)))
        if not boxes and not diagrams:
            chart = next(node.iter("{*}chart"), None) is not None
            self.left_out["embedded object" if kind == "object" else "chart" if chart else "picture"] += 1

    def _table(self, node: _Element) -> None:
        grid = Grid()
        inside: list[_Element] = []
        bold: list[bool] = []
        for row in _members(node, "tr"):
            properties = child(row, "trPr")
            if properties is not None and child(properties, "del") is not None:
                continue
            grid.start_row()
            before = child(row, "trPr", "gridBefore")
            if before is not None:
                grid.put(None, _number(attribute(before, "val")))
            if properties is not None and _is_on(child(properties, "tblHeader")) and grid.header_rows == len(bold):
                grid.header_rows += 1
            bold.append(_is_bold(row))
            for cell in _members(row, "tc"):
                span = child(cell, "tcPr", "gridSpan")
                merge = child(cell, "tcPr", "vMerge")
                goes_on = merge is not None and attribute(merge, "val") != "restart"
                above = grid.above() if goes_on else None
                inside += [one for one in cell.iter("{*}tbl") if _owner(one) is cell]
                told = " ".join(self._paragraph_text(one) for one in _members(cell, "p"))
                grid.put(above or Cell(told), _number(attribute(span, "val")) if span is not None else 1)
        if not grid.header_rows and len(bold) > 1 and bold[0] and not all(bold):
            grid.header_rows = 1
        waiting, self._waiting = self._waiting, []
        cited, self._cited = self._cited, []
        add_table(self.composer, grid.rows, header_rows=grid.header_rows)
        for table in inside:
            self._table(table)
        for box in waiting:
            self.blocks(box)
        for where, number in cited:
            if number in self._notes[where]:
                self.blocks(self._notes[where].pop(number))

    def _read_styles(self) -> dict[str, tuple[int | None, bool]]:
        """What each paragraph style is: (level of a heading, whether it is a table of contents)."""
        part = next((part for kind, part in self._relations.values() if kind == "styles"), "")
        if part not in self._archive.names:
            return {}
        told: dict[str, tuple[str, str, int | None]] = {}
        for style in self._archive.xml(part):
            if local(style) == "style" and attribute(style, "type") == "paragraph":
                name, based, outline = (child(style, *at) for at in (("name",), ("basedOn",), ("pPr", "outlineLvl")))
                told[attribute(style, "styleId")] = (
                    attribute(name, "val") if name is not None else "",
                    attribute(based, "val") if based is not None else "",
                    _level(attribute(outline, "val")) if outline is not None else None,
                )
        found = {}
        for style in told:
            level, contents, seen, at = None, False, set(), style
            while at in told and at not in seen and level is None:
                seen.add(at)
                name, at_next, level = told[at]
                heading = _HEADING.match(name)
                level = int(heading[1]) if heading else 0 if name.casefold() == "title" else level
                contents = contents or bool(_CONTENTS.match(name))
                at = at_next
            found[style] = (level, contents)
        return found

    def _read_notes(self, kind: str) -> dict[str, _Element]:
        part = next((part for related, part in self._relations.values() if related == kind), "")
        if part not in self._archive.names:
            return {}
        return {attribute(one, "id"): one for one in self._archive.xml(part) if local(one) in {"footnote", "endnote"}}


def _members(container: _Element, kind: str) -> Iterator[_Element]:
    """Rows of a table, cells of a row, paragraphs of a cell: also inside content controls and tracked insertions."""
    for node in container:
        name = local(node)
        if name == kind:
            yield node
        elif name in {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"}:
            yield from _members(node, kind)
        elif name == "AlternateContent":
            yield from _members(_alternative(node), kind)


def _owner(table: _Element) -> _Element | None:
    """The cell that a table stands in directly; None where a text box lies between."""
    return next((one for one in table.iterancestors() if local(one) in {"tc", "txbxContent"}), None)


def _boxes(drawing: _Element) -> list[_Element]:
    """Text boxes of a drawing, each once: not those inside others, nor those of the form for older programs."""
    found = []
    waiting = list(drawing)
    while waiting:
        node = waiting.pop(0)
        if local(node) == "txbxContent":
            found.append(node)
        else:
            waiting[:0] = list(_alternative(node) if local(node) == "AlternateContent" else node)
    return found


def _alternative(node: _Element) -> _Element:
    """Of several forms of the same thing, the first: the one for programs of today."""
    return next(iter(node), node)


def _diagram(data: _Element) -> _Element:
    """A diagram's paragraphs as ones of Word."""
    from lxml import etree

    box = etree.Element("txbxContent")
    for paragraph in data.iter("{*}p"):
        run = etree.SubElement(etree.SubElement(box, "p"), "t")
        run.text = "".join(one.text or "" for one in paragraph.iter("{*}t"))
    return box


def _is_contents(node: _Element) -> bool:
    gallery = child(node, "sdtPr", "docPartObj", "docPartGallery")
    return gallery is not None and attribute(gallery, "val").casefold() == "table of contents"


def _is_hidden(run: _Element) -> bool:
    return _is_on(child(run, "rPr", "vanish"))


def _is_bold(row: _Element) -> bool:
    runs = [run for run in row.iter("{*}r") if any(one.text for one in run.iter("{*}t"))]
    return bool(runs) and all(_is_on(child(run, "rPr", "b")) for run in runs)


def _is_on(switch: _Element | None) -> bool:
    return switch is not None and attribute(switch, "val", "1").casefold() not in {"0", "false", "off", "none"}


def _level(told: str) -> int | None:
    """A level of the outline (0 to 8) as one of headings; None for body text (9)."""
    return int(told) + 1 if told.isdigit() and int(told) < 9 else None


def _number(told: str) -> int:
    return int(told) if told.isascii() and told.isdigit() and len(told) < 6 else 1
