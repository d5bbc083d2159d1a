"""PowerPoint, Excel and OpenDocument files."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alih.data.messages import counted
from alih.errors import DataError
from alih.rag.document import Composer, Document
from alih.rag.extras import needs
from alih.rag.readers.archive import Archive, attribute, child, local, opened
from alih.rag.readers.tables import Cell, Grid, Row, add_table

if TYPE_CHECKING:
    from lxml.etree import _Element

_MOST_CELLS = 5_000_000
_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"dt", "ftr", "sldNum"})


def read_pptx(path: Path, name: str) -> Document:
    """Read a .pptx file: slides in their order with tables, diagrams and the speaker's notes; hidden ones are counted.

    Raises:
        DataError: it is no presentation, is protected by a password, or would unpack to something huge.
        OptionError: lxml is not installed.
    """
    composer = Composer()
    hidden = 0
    with opened(path, "PowerPoint presentation") as archive:
        main = next((part for kind, part in archive.relations("").values() if kind == "officeDocument"), "")
        slides = child(archive.xml(main or "ppt/presentation.xml"), "sldIdLst")
        relations = archive.relations(main or "ppt/presentation.xml")
        for number, one in enumerate(slides if slides is not None else [], 1):
            identity = next((str(value) for key, value in one.attrib.items() if str(key).endswith("}id")), "")
            part = relations.get(identity, ("", ""))[1]
            if part not in archive.names:
                continue
            slide = archive.xml(part)
            if attribute(slide, "show", "1") in {"0", "false"}:
                hidden += 1
                continue
            _read_slide(archive, part, slide, number, composer)
    notes = [f"left out: {counted(hidden, 'hidden slide')}"] if hidden else []
    return composer.document(name, "pptx", notes=notes)


def _read_slide(archive: Archive, part: str, slide: _Element, number: int, composer: Composer) -> None:
    place = f"slide {number}"
    related = archive.relations(part)
    shapes = [one for one in slide.iter("{*}sp", "{*}graphicFrame") if not _in_fallback(one)]
    shapes.sort(key=lambda one: _placeholder(one) not in _TITLES)  # the title may be drawn last
    composer.heading(1, place)
    for shape in shapes:
        kind = _placeholder(shape)
        told = "\n".join(_paragraphs(shape)) if local(shape) == "sp" else ""
        if kind in _TITLES:
            composer.heading(1, told, page=number, place=place)
        elif kind not in _FURNITURE:
            composer.add(told, page=number, place=place)
        for table in shape.iter("{*}tbl"):
            properties = child(table, "tblPr")
            marked = properties is not None and attribute(properties, "firstRow") in {"1", "true"}
            grid = Grid(int(marked))
            for row in (one for one in table if local(one) == "tr"):
                grid.start_row()
                _slide_row(row, grid)
            add_table(composer, grid.rows, header_rows=grid.header_rows, page=number, place=lambda _row: place)
        for one in shape.iter("{*}relIds"):
            diagram = related.get(attribute(one, "dm"), ("", ""))[1]
            if diagram in archive.names:
                composer.add("\n".join(_paragraphs(archive.xml(diagram))), page=number, place=place)
    for kind, target in related.values():
        if kind == "notesSlide" and target in archive.names:
            for shape in archive.xml(target).iter("{*}sp"):
                if _placeholder(shape) == "body":
                    composer.add("\n".join(_paragraphs(shape)), page=number, place=f"{place}, notes")


def _slide_row(row: _Element, grid: Grid) -> None:
    previous: Cell | None = None
    for cell in (one for one in row if local(one) == "tc"):
        if attribute(cell, "hMerge") in {"1", "true"} and previous is not None:
            grid.put(previous)
            continue
        above = grid.above() if attribute(cell, "vMerge") in {"1", "true"} else None
        previous = above or Cell(" ".join(_paragraphs(cell)))
        grid.put(previous)


def _paragraphs(shape: _Element) -> Iterator[str]:
    for paragraph in shape.iter("{*}p"):
        told = "".join("\n" if local(one) == "br" else one.text or "" for one in paragraph.iter("{*}t", "{*}br"))
        if told.strip():
            yield told


def _placeholder(shape: _Element) -> str:
    found = next(shape.iter("{*}ph"), None)
    return attribute(found, "type", "body") if found is not None else ""


def _in_fallback(node: _Element) -> bool:
    return any(local(one) == "Fallback" for one in node.iterancestors())


def read_xlsx(path: Path, name: str) -> Document:
    """Read an .xlsx file: every sheet that is shown as a table, cells as they were last computed.

    Raises:
        DataError: it is no workbook, is protected by a password, or is far beyond a document.
        OptionError: openpyxl is not installed.
    """
    with opened(path, "Excel workbook") as archive, needs("rag"):
        from openpyxl import load_workbook

        merges = _merged_cells(archive)
        try:
            book = load_workbook(path, read_only=True, data_only=True)
        except Exception as error:  # openpyxl raises whatever its parser meets
            raise DataError(f"{path.name}: is damaged or no Excel workbook ({error}). Save it again.") from error
    composer = Composer()
    hidden = 0
    try:
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                hidden += 1
                continue
            _read_sheet(sheet, merges.get(sheet._worksheet_path.lstrip("/"), []), composer, path.name)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path.name}: is damaged ({error}). Save it again.") from error
    finally:
        book.close()
    notes = [f"left out: {counted(hidden, 'hidden sheet')}"] if hidden else []
    return composer.document(name, "xlsx", notes=notes)


def _read_sheet(sheet: Any, merges: list[tuple[int, int, int, int]], composer: Composer, file: str) -> None:
    composer.heading(1, sheet.title)
    composer.settle()  # an empty sheet's name says nothing
    rows: list[Row] = []
    numbers: list[int] = []
    cells = 0
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells += max(len(row), 1)
        if cells > _MOST_CELLS:
            raise DataError(f"{file}: its sheet {sheet.title} has more than {_MOST_CELLS:,} cells. Split it.")
        told = [_value(cell.value, getattr(cell, "number_format", "")) for cell in row]
        while told and not told[-1]:
            told.pop()
        if told or any(first <= number <= last for first, last, *_ in merges):
            rows.append([Cell(text) for text in told])
            numbers.append(number)
        elif rows and not told:
            _add_sheet_table(rows, numbers, merges, composer)  # an empty row parts two tables
            rows, numbers = [], []
    _add_sheet_table(rows, numbers, merges, composer)


def _add_sheet_table(
    rows: list[Row], numbers: list[int], merges: list[tuple[int, int, int, int]], composer: Composer
) -> None:
    at = dict(zip(numbers, rows, strict=True))
    for first, last, left, right in merges:
        top = at.get(first, [])
        cell = top[left - 1] if left <= len(top) else None
        for row in (at[number] for number in numbers if first <= number <= last and cell is not None):
            row += [Cell("") for _ in range(min(right, 1000) - len(row))]
            row[left - 1 : right] = [cell] * len(row[left - 1 : right])
    used = [column for column in range(max(map(len, rows), default=0)) if any(_text(row, column) for row in rows)]
    if used:
        kept = [row[used[0] : used[-1] + 1] for row in rows]
        add_table(composer, kept, place=lambda row: f"row {numbers[row]}")


def _text(row: Row, column: int) -> str:
    cell = row[column] if column < len(row) else None
    return cell.text if cell is not None else ""


def _value(value: Any, form: str) -> str:
    """A cell as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, float):
        if form.endswith("%"):
            return f"{round(100 * value, 10):g}%"
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(round(value, 10))
    if isinstance(value, int) and form.endswith("%"):
        return f"{100 * value}%"
    return str(value)


def _merged_cells(archive: Archive) -> dict[str, list[tuple[int, int, int, int]]]:
    """Merged cells of every sheet, as (first row, last row, first column, last column) from 1."""
    from openpyxl.utils.cell import range_boundaries

    found: dict[str, list[tuple[int, int, int, int]]] = {}
    for part in archive.names:
        if part.startswith("xl/worksheets/") and part.endswith(".xml"):
            areas = re.findall(
                rb"<(?:\w+:)?mergeCell\s+ref=\"([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})\"", archive.data(part)
            )
            for area in areas[:10_000]:
                left, top, right, bottom = range_boundaries(area.decode())
                found.setdefault(part, []).append((top, bottom, left, right))
    return found


def read_odf(path: Path, name: str) -> Document:
    """Read an OpenDocument text, spreadsheet or presentation (.odt, .ods, .odp).

    Raises:
        DataError: it is none, is protected by a password, or would unpack to something huge.
        OptionError: lxml is not installed.
    """
    with opened(path, "OpenDocument file") as archive:
        root = archive.xml("content.xml")
        body = child(root, "body")
        title = ""
        if "meta.xml" in archive.names:
            found = next(archive.xml("meta.xml").iter("{*}title"), None)
            title = (found.text or "").strip() if found is not None else ""
    if body is None:
        raise DataError(f"{path.name}: is damaged, or needs a password. Save it again without one.")
    composer = Composer()
    _read_odf(body, composer)
    return composer.document(name, path.suffix.lower().lstrip("."), title=title)


def _read_odf(container: _Element, composer: Composer) -> None:
    for node in container:
        kind = local(node)
        if kind == "h":
            level = attribute(node, "outline-level", "1")
            composer.heading(int(level) if level.isdigit() else 1, _odf_text(node))
        elif kind == "p":
            composer.add(_odf_text(node))
        elif kind == "table":
            if (
                child(node, "table-header-rows") is None
                and attribute(node, "name")
                and local(container) == "spreadsheet"
            ):
                composer.heading(1, attribute(node, "name"))
                composer.settle()
            _odf_table(node, composer)
        elif kind not in {"tracked-changes", "table-of-content", "alphabetical-index", "illustration-index", "forms"}:
            _read_odf(node, composer)
        if kind in {"h", "p"}:  # what hangs on it: notes, text boxes
            for one in node.iter("{*}note-body", "{*}text-box"):
                _read_odf(one, composer)


def _odf_table(table: _Element, composer: Composer) -> None:
    grid = Grid()
    inside = []
    for row in table.iter("{*}table-row"):
        if next(one for one in row.iterancestors() if local(one) == "table") is not table:
            continue
        grid.start_row()
        if any(local(one) == "table-header-rows" for one in row.iterancestors()):
            grid.header_rows = len(grid.rows)
        for cell in row:
            if local(cell) not in {"table-cell", "covered-table-cell"} or local(cell) == "covered-table-cell":
                continue
            told = " ".join(_odf_text(one) for one in cell if local(one) in {"p", "h", "list"})
            inside += [one for one in cell.iter("{*}table") if one is not table]
            repeated = attribute(cell, "number-columns-repeated", "1")
            times = int(repeated) if repeated.isdigit() and told else 1
            for _ in range(min(times, 1000)):
                grid.put(Cell(told), *(_odf_span(cell, what) for what in ("columns", "rows")))
    add_table(composer, grid.rows, header_rows=grid.header_rows)
    for one in inside:
        _odf_table(one, composer)


def _odf_span(cell: _Element, what: str) -> int:
    told = attribute(cell, f"number-{what}-spanned", "1")
    return int(told) if told.isdigit() and len(told) < 5 else 1


def _odf_text(node: _Element) -> str:
    """The text of a paragraph, without notes and text boxes in it."""
    parts = [node.text or ""]
    for one in node:
        kind = local(one)
        if kind in {"s", "tab", "line-break"}:
            parts.append("\n" if kind == "line-break" else " ")
        elif kind not in {"note", "text-box", "annotation"}:
            parts.append(_odf_text(one))
        parts.append(one.tail or "")
    return "".join(parts)
