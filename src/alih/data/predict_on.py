"""Reading for a model that exists already: inputs to predict, or labelled rows to evaluate it on."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alih.data.checks import names_in
from alih.data.columns import Chosen, choose_inputs, choose_label, names_of
from alih.data.decoding import read_text, text_of
from alih.data.examples import EMPTY_LINE, Columns, Damage, Examples
from alih.data.folders import pictures_below
from alih.data.images import is_image_name, levels_of
from alih.data.inputs import at_levels, take_inputs
from alih.data.labels import LabelScheme, decide
from alih.data.lists import bit_of
from alih.data.messages import counted, did_you_mean, listed, quoted, worst
from alih.data.numbers import find_format
from alih.data.parts import Part, label_cells, picture_notes, refuse_damage, take_part
from alih.data.profile import Profile, profile
from alih.data.sources import Source, open_source, read_table
from alih.data.table import Table
from alih.data.vocabulary import LABEL_SURE, Split, normal
from alih.errors import DataError, OptionError
from alih.progress import Progress
from alih.task import Kind, Modality, Task


def read_inputs(
    source: str | Path,
    task: Task,
    columns: Columns,
    *,
    typed: Sequence[str] = (),
    damaged: list[Damage] | None = None,
    notes: list[str] | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Read inputs to predict, in the order of the file.

    Args:
        source: a table with the columns that training used (or one that can only be meant); for texts also a .txt file
            with one a line; for pictures also a folder of them or a single one; "-" for lines on standard input: texts,
            two with a tab between them for pairs, or paths of pictures.
        task: what the model predicts, and from what.
        columns: the columns that training used.
        typed: those of them that the user typed: a table without them is an error, where others may be recognised.
        damaged: where rows that cannot be used are put. Without it, one such row is an error: predictions must line up
            with the file they are for.
        notes: where sentences are put about the columns taken, and about splits of the source that are left aside.
        progress: where long steps report to; silent by default.

    Raises:
        DataError: the source cannot be read, holds other inputs than the model takes, or holds damaged rows.
        OptionError: a column that was typed is not there.
    """
    quiet = progress or Progress(quiet=True)
    path = Path(source).expanduser()
    if str(source) == "-":
        table = _standard_input(task)
        if task.pair:
            columns = replace(columns, inputs=("text_a", "text_b"))
    elif task.modality is Modality.IMAGE and (path.is_dir() or is_image_name(path.name)) and path.exists():
        table = _loose_pictures(path)
    elif task.modality is Modality.TEXT and path.suffix.lower() == ".txt" and path.is_file():
        table = _lines(path.name, read_text(path))
    else:
        table = _one_table(source, columns, notes, quiet)
    _refuse_missing(table, typed)
    chosen = _input_columns(table, task, columns, [] if notes is None else notes)
    taken = take_inputs(table, chosen, task.modality, quiet)
    rows = [row for row, value in enumerate(taken.inputs) if value is not None]
    lost = [
        *table.damaged,
        *(Damage(origin, fault) for origin, fault in zip(table.origins, taken.faults, strict=True) if fault),
    ]
    _settle(table.name, len(rows), lost, damaged)
    inputs = [value for value in taken.inputs if value is not None]
    origins = [table.origins[row] for row in rows]
    levels = columns.levels or levels_of(taken.spans)
    if levels and taken.spans:
        inputs = at_levels(inputs, origins, levels, quiet)
    return Examples(inputs, None, origins)


def read_labelled(
    source: str | Path,
    task: Task,
    columns: Columns,
    *,
    typed: Sequence[str] = (),
    damaged: list[Damage] | None = None,
    notes: list[str] | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Read labelled rows to evaluate a model on; of a source with splits, the test split (else validation).

    Args:
        source: as for `read`; "-" for a table on standard input.
        task: what the model predicts; labels are encoded by its classes.
        columns: the columns that training used.
        typed: those of them that the user typed, as for `read_inputs`.
        damaged: where rows that cannot be used are put. Without it, one such row is an error.
        notes: where a sentence is put about splits of the source that are left aside.
        progress: where long steps report to; silent by default.

    Raises:
        DataError: the source cannot be read, holds damaged rows, or a label that the model does not know.
    """
    quiet = progress or Progress(quiet=True)
    table = _one_table(source, columns, notes, quiet)
    _refuse_missing(table, typed)
    inputs = _input_columns(table, task, columns, [] if notes is None else notes)
    labels = names_of(columns.label)
    if columns.label is not None and columns.label in table.columns:
        labels = (columns.label,)  # a name that holds a comma
    elif not labels or any(name not in table.columns for name in labels):
        labels = ("label",) if table.pictures else (choose_label(table, set(inputs)),)
        if notes is not None and not table.pictures:
            notes.append(f"{table.name}: took {labels[0]} as label")
    chosen = Chosen(task.modality, inputs, labels)
    scheme = _scheme(table, task, labels, columns.decimal)
    if notes is not None and scheme.note:
        notes.append(scheme.note)
    part, lost = take_part(table, chosen, scheme, quiet)
    _refuse_unknown(part, task)
    levels = columns.levels or levels_of(part.spans)
    if levels and part.spans:
        part = replace(part, inputs=at_levels(part.inputs, part.origins, levels, quiet))
    if notes is not None:
        notes += picture_notes([part], levels if part.spans else None)
    _settle(table.name, len(part), lost, damaged)
    return part.examples(task)


def _one_table(source: str | Path, columns: Columns, notes: list[str] | None, progress: Progress) -> Table:
    if str(source) == "-":
        return _piped_table()
    opened = open_source(source, (*columns.inputs, *names_of(columns.label)), progress=progress)
    wanted: tuple[Split | None, ...] = ("test", "validation", None, "train")
    for split in wanted:
        if split in opened.tables:
            table = opened.tables[split]
            refuse_damage(table.name, len(table), table.damaged)
            if notes is not None and len(opened.tables) > 1:
                notes.append(_left_aside(opened, split))
            return table
    raise DataError(f"{opened.shown}: holds no rows. Give a file with rows in it.")


def _left_aside(opened: Source, taken: Split | None) -> str:
    sizes = {name: counted(len(table), "row") for name, table in opened.tables.items()}
    others = listed(f"{name} ({size})" for name, size in sizes.items() if name != taken)
    return (
        f"{opened.shown}: only its {taken} split is used ({sizes[taken]}); left aside: {others}. "
        "Name the file or folder of another split to use that one."
    )


def _refuse_missing(table: Table, typed: Sequence[str]) -> None:
    """Refuse a table without the columns that were typed after --text or --label."""
    for name in typed:
        if name not in table.columns:
            raise OptionError(
                f'{table.name}: there is no column "{name}", as named with --text or --label.'
                f"{did_you_mean(name, table.columns)} Columns: {quoted(table.columns)}."
            )


def _input_columns(table: Table, task: Task, columns: Columns, notes: list[str]) -> tuple[str, ...]:
    """Return the columns that training used, where the table has them; else those that can only be meant.

    Raises:
        DataError: no column fits, or several do.
    """
    if table.pictures and task.modality is Modality.IMAGE:
        return ("image",)
    same = [_same_name(table, name) for name in columns.inputs]
    if columns.inputs and all(same):
        found, modality = tuple(name for name in same if name), task.modality
    elif len(table.columns) == 1 and not task.pair:
        found, modality = tuple(table.columns), task.modality
    else:
        profiles = {name: profile(name, cells) for name, cells in table.columns.items()}
        taken = {name for name in names_of(columns.label) if name in table.columns}
        if task.modality is Modality.TEXT:
            _refuse_several(table, [facts for name, facts in profiles.items() if name not in taken], task, columns)
        found, modality = choose_inputs(table, profiles, None, taken)
    wanted = "pairs of texts" if task.pair else "texts" if task.modality is Modality.TEXT else "pictures"
    if modality is not task.modality or (len(found) == 2) is not task.pair:
        raise DataError(
            f"{table.name}: the model takes {wanted}, and no columns here look like them. "
            f"Columns: {quoted(table.columns)}; trained on {quoted(columns.inputs) or 'folders of pictures'}."
        )
    if table.header and found:
        what = "picture" if task.modality is Modality.IMAGE else "text"
        instead = "" if all(same) or not columns.inputs else f", in place of {quoted(columns.inputs)}"
        notes.append(f"{table.name}: took {' and '.join(found)} as {what}{instead}")
    return found


def _same_name(table: Table, name: str) -> str | None:
    """Return the column of this name, or the only one whose name differs in letter case and spaces alone."""
    if name in table.columns:
        return name
    alike = [column for column in table.columns if normal(column) == normal(name)]
    return alike[0] if len(alike) == 1 else None


def _refuse_several(table: Table, free: Sequence[Profile], task: Task, columns: Columns) -> None:
    """Ask where more columns could be meant than the model takes.

    Raises:
        DataError: they could.
    """
    texts = [facts for facts in free if facts.is_text and not facts.is_id and normal(facts.name) not in LABEL_SURE]
    fitting = [facts.name for facts in texts if facts.is_prose] or [facts.name for facts in texts]
    if len(fitting) > (2 if task.pair else 1):
        example = ",".join(fitting[:2]) if task.pair else fitting[0]
        missing = (
            f"no column {quoted(columns.inputs)}, which the model was trained on" if columns.inputs else "no header"
        )
        raise DataError(
            f'{table.name}: {missing}, and {quoted(fitting)} could stand for it. Say which: --text "{example}".'
        )


def _loose_pictures(path: Path) -> Table:
    if path.is_dir():
        pictures, _ = pictures_below(path)  # other files are no rows to predict
        if not pictures:
            raise DataError(
                f"{path.name}: no pictures in this folder. Name another folder, a picture or a table of paths."
            )
        origins = [f"{path.name}/{picture.relative_to(path).as_posix()}" for picture in pictures]
    else:
        pictures, origins = [path], [path.name]
    return Table(path.name, {"image": list(pictures)}, origins, pictures=True)


def _lines(name: str, text: str, column: str = "text") -> Table:
    """Return the lines of a text as a table; an empty one keeps its place, as a row without a prediction."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    if not lines[-1].strip():
        lines.pop()  # what ends the last line begins no other
    numbered = [(f"{name}, row {number}", line) for number, line in enumerate(lines, start=1)]
    kept = [(origin, line) for origin, line in numbered if line.strip()]
    return Table(
        name,
        {column: [line for _, line in kept]},
        [origin for origin, _ in kept],
        header=False,
        damaged=tuple(Damage(origin, EMPTY_LINE) for origin, line in numbered if not line.strip()),
    )


def _piped() -> bytes:
    """Return all of standard input.

    Raises:
        DataError: it is empty.
    """
    data = sys.stdin.buffer.read()
    if not data.strip():
        raise DataError("standard input: is empty. Give an input a line.")
    return data


def _piped_table() -> Table:
    """Return a table from standard input: CSV, TSV, JSON, JSON Lines or Parquet, by its content."""
    data = _piped()
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    suffix = ".parquet" if data.startswith(b"PAR1") else ".jsonl" if start in (b"{", b"[") else ".csv"
    with tempfile.TemporaryDirectory(prefix="alih-") as folder:
        path = Path(folder) / f"standard input{suffix}"
        path.write_bytes(data)
        return replace(read_table(path), name="standard input", folder=Path())


def _standard_input(task: Task) -> Table:
    """Return what comes on standard input, a row a line.

    Raises:
        DataError: nothing comes, it is no UTF-8 text, or a line of a pair has no tab.
    """
    if sys.stdin.isatty():
        print("Type an input a line; end with Ctrl-D.", file=sys.stderr)
    data = sys.stdin.buffer.read()
    if not data.strip():
        raise DataError("standard input: is empty. Give an input a line.")
    table = _lines(
        "standard input", text_of(data, "standard input"), "image" if task.modality is Modality.IMAGE else "text"
    )
    if not task.pair:
        return replace(table, folder=Path())
    halves = [str(cell).split("\t") for cell in table.columns["text"]]
    for half, origin in zip(halves, table.origins, strict=True):
        if len(half) != 2:
            raise DataError(f"{origin}: the model takes pairs of texts; put one tab between the two.")
    return replace(table, columns={"text_a": [half[0] for half in halves], "text_b": [half[1] for half in halves]})


def _scheme(table: Table, task: Task, labels: tuple[str, ...], decimal: str | None) -> LabelScheme:
    if table.pictures:
        return LabelScheme(Kind.SINGLE)
    cells = label_cells(table, labels)
    # Where the file does not tell by itself, it is written as the training data was: with marks, or as computers write.
    in_doubt = task.kind is Kind.REGRESSION and find_format(cells).by_mark
    scheme = decide(cells, table.origins, task.kind, labels, (decimal or ".") if in_doubt else None)
    mark = scheme.separator
    if mark and any(mark in name for name in task.classes):
        mark = None  # part of a class's name
    numeric = all(name.lstrip("+-").isdigit() for name in task.classes) and bool(task.classes)
    return replace(scheme, separator=mark, numeric=numeric, truth=_truth(task))


def _truth(task: Task) -> tuple[str, str] | None:
    """Return what the model calls false and true, whether it learnt them as words or as 0 and 1."""
    by_bit = {bit_of(name): name for name in task.classes}
    if task.kind is Kind.SINGLE and len(task.classes) == 2 and set(by_bit) == {0, 1}:
        return by_bit[0], by_bit[1]
    return None


def _refuse_unknown(part: Part, task: Task) -> None:
    if task.kind is Kind.REGRESSION:
        return
    known = set(task.classes)
    for label, origin in zip(part.labels, part.origins, strict=True):
        for name in names_in(label):
            if name not in known:
                raise DataError(
                    f'{origin}: label "{name}" is none of the classes the model knows.{did_you_mean(name, known)} '
                    f"Classes: {quoted(task.classes, 20)}. Correct it, or leave the row out."
                )


def _settle(shown: str, usable: int, lost: list[Damage], damaged: list[Damage] | None) -> None:
    if damaged is not None:
        refuse_damage(shown, usable, lost)
        damaged += lost
    elif lost:
        raise DataError(
            f"{shown}: {counted(len(lost), 'row')} cannot be used. {worst(lost, 5)}. Mend or remove them first."
        )
