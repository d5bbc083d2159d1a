"""Reading: from a file, folder or name to a dataset whose every oddity is said, before any model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from alih.data.assemble import Named, assemble
from alih.data.columns import Chosen, ColumnNames, choose, names_of
from alih.data.examples import Columns, Damage, Dataset
from alih.data.images import levels_of
from alih.data.inputs import at_levels
from alih.data.labels import LabelScheme, class_name, decide, is_unlabelled
from alih.data.messages import listed, quoted
from alih.data.parts import Part, label_cells, picture_notes, refuse_damage, take_part
from alih.data.predict_on import read_inputs, read_labelled
from alih.data.sources import Source, open_source
from alih.data.split_options import SplitOptions
from alih.data.table import Table, is_missing
from alih.data.vocabulary import Split, split_of
from alih.errors import DataError, OptionError
from alih.progress import Progress
from alih.task import Kind

__all__ = ["read", "read_inputs", "read_labelled"]


def read(
    source: str | Path,
    *,
    text: ColumnNames = None,
    label: ColumnNames = None,
    group: str | None = None,
    kind: Kind | None = None,
    decimal: str | None = None,
    seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
    max_examples: int | None = None,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Read a labelled dataset and split it.

    Args:
        source: a CSV, TSV, JSON, JSON Lines or Parquet file; a folder with one sub-folder of pictures a class, or with
            train, validation and test files; a pattern with a star; a saved `datasets` folder; "alih/digits",
            "alih/docstrings"; or a dataset id of the Hugging Face Hub (these two need the package `datasets`).
        text: the column of texts or pictures; two (a sequence, or joined by a comma) for pairs of texts.
        label: the column of labels; several for classes that have a 0/1 column each.
        group: a column whose values keep rows on one side of the split (a patient, an author).
        kind: what a label is, where content misleads.
        decimal: "." or ",", the mark before decimals in labels that are numbers, where they do not tell.
        seed: decides the splits and the subsample, the same on every machine.
        validation, test: shares to hold out where the source has no such split of its own.
        max_examples: keep at most this many training examples, every class in proportion.
        revision: of a Hub dataset.
        progress: where long steps report to; silent by default.

    Raises:
        DataError: the data cannot be read or used.
        OptionError: an option names what is not there, or is out of range.
    """
    if not isinstance(source, str | Path):
        raise DataError(
            f"a {type(source).__name__} is no source of data. Give a file, a folder or a dataset's name; save a table "
            "in memory first (to_csv, to_parquet)."
        )
    options = SplitOptions(validation, test, seed, max_examples)
    options.check()
    wanted = _kind(kind)
    if decimal not in (None, ".", ","):
        raise OptionError(f'--decimal "{decimal}": write "." or ",", the mark before decimals in the label.')
    progress = progress or Progress(quiet=True)
    opened = open_source(source, (*names_of(text), *names_of(label), *names_of(group)), revision, progress)
    for table in opened.tables.values():
        refuse_damage(table.name, len(table), table.damaged, pictures=table.pictures)
    main = _main(opened)
    chosen = choose(main, text=text, label=label, group=group)
    tables, left_aside = _tables(opened, main, chosen)
    scheme = _scheme(tables, chosen, wanted, decimal)
    parts, damaged = _take(tables, chosen, scheme, progress)
    if chosen.split:
        damaged = [*main.damaged, *damaged]
    refuse_damage(opened.shown, sum(map(len, parts.values())), damaged, pictures=main.pictures)
    levels = levels_of(span for part in parts.values() for span in part.spans)
    if levels:
        parts = {
            side: replace(part, inputs=at_levels(part.inputs, part.origins, levels, progress))
            for side, part in parts.items()
        }
    shown_as = picture_notes(list(parts.values()), levels)
    table_notes = dict.fromkeys(note for table in opened.tables.values() for note in table.notes)
    return assemble(
        Named(opened.name, opened.shown, str(source)),
        parts,
        chosen,
        scheme,
        options,
        class_order=tuple(class_name(name, False) for name in main.class_names.get(chosen.labels[0], ())),
        columns=replace(
            Columns(group=chosen.group) if main.pictures else chosen.columns,
            decimal=scheme.numbers.decimal if scheme.numbers.example else None,
            levels=levels,
        ),
        notes=[
            *(note for note in (chosen.note, scheme.note) if note),
            *opened.notes,
            *table_notes,
            *shown_as,
            *left_aside,
        ],
        damaged=damaged,
    )


def _kind(kind: Kind | str | None) -> Kind | None:
    try:
        return None if kind is None else Kind(kind)
    except ValueError as error:
        raise OptionError(f'--kind "{kind}": no such kind. Write one of: {listed(Kind)}.') from error


def _main(opened: Source) -> Table:
    """Return the table that training comes from."""
    tables = opened.tables
    if "train" in tables:
        return tables["train"]
    if len(tables) == 1:
        return next(iter(tables.values()))
    raise DataError(f"{opened.shown}: holds {listed(str(key) for key in tables)} but no train split. Add one.")


def _tables(opened: Source, main: Table, chosen: Chosen) -> tuple[dict[Split | None, Table], list[str]]:
    """Return the tables by split, those of a split column included, and notes on splits that were left aside."""
    if chosen.split:
        rows: dict[Split | None, list[int]] = {}
        for row, cell in enumerate(main.columns[chosen.split]):
            side = None if is_missing(cell) else split_of(str(cell))
            rows.setdefault(side or "train", []).append(row)
        return {side: main.select(found) for side, found in rows.items()}, []
    if len(opened.tables) == 1:
        return {None: main}, []
    tables: dict[Split | None, Table] = {}
    notes = []
    for split, table in opened.tables.items():
        needed = (*chosen.inputs, *([chosen.group] if chosen.group else []))
        lost = [name for name in needed if name not in table.columns]
        if lost:
            raise DataError(
                f"{table.name}: no column {quoted(lost)}, which {main.name} has. Columns: {quoted(table.columns)}. "
                "Give the files the same columns."
            )
        if table is main or _is_labelled(table, chosen):
            tables[split] = table
        else:
            notes.append(f"{table.name}: has no labels, so it is left aside")
    return tables, notes


def _is_labelled(table: Table, chosen: Chosen) -> bool:
    return all(name in table.columns for name in chosen.labels) and not all(
        is_unlabelled(table.columns[name]) for name in chosen.labels
    )


def _scheme(
    tables: Mapping[Split | None, Table], chosen: Chosen, kind: Kind | None, decimal: str | None
) -> LabelScheme:
    if len(chosen.labels) > 1 and kind not in (None, Kind.MULTI):
        raise OptionError(
            f"--kind {kind}: several label columns ({quoted(chosen.labels)}) make a multi-label task. Leave out --kind."
        )
    if next(iter(tables.values())).pictures:
        return LabelScheme(Kind.SINGLE)  # names of folders are classes, whatever they look like
    cells = [cell for table in tables.values() for cell in label_cells(table, chosen.labels)]
    origins = [origin for table in tables.values() for origin in table.origins]
    return decide(cells, origins, kind, chosen.labels, decimal)


def _take(
    tables: Mapping[Split | None, Table], chosen: Chosen, scheme: LabelScheme, progress: Progress
) -> tuple[dict[Split | None, Part], list[Damage]]:
    parts: dict[Split | None, Part] = {}
    damaged: list[Damage] = []
    for split, table in tables.items():
        part, lost = take_part(table, chosen, scheme, progress)
        if len(tables) > 1:
            refuse_damage(table.name, len(part), lost, pictures=table.pictures)
        damaged += lost
        parts[split] = part
    return parts, damaged
