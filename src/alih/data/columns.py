"""Which columns hold the inputs, the label, the group and the split: by the user's word, by name, then by content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alih.data.examples import Columns
from alih.data.messages import counted, did_you_mean, excerpt, quoted
from alih.data.profile import Profile, profile
from alih.data.table import Table, is_missing
from alih.data.vocabulary import IMAGE, LABEL_LIKELY, LABEL_SURE, PAIRS, SPLIT_COLUMN, TEXT, normal, split_of, words
from alih.errors import DataError, OptionError
from alih.task import Modality

ColumnNames = str | Sequence[str] | None


@dataclass(frozen=True)
class Chosen:
    """The columns taken, and the sentence that says so.

    Args:
        modality: what the inputs are.
        inputs: one column, or two for pairs.
        labels: one column, or several 0/1 columns; empty where labels are not wanted.
        group, split: columns, or None.
        note: a line for the user.
    """

    modality: Modality
    inputs: tuple[str, ...]
    labels: tuple[str, ...] = ()
    group: str | None = None
    split: str | None = None
    note: str = ""

    @property
    def columns(self) -> Columns:
        """The columns as the dataset names them; 0/1 columns are joined by commas."""
        return Columns(self.inputs, ",".join(self.labels) or None, self.group)


def names_of(named: ColumnNames) -> tuple[str, ...]:
    """Return the column names that an option holds: "a,b" and ["a", "b"] are two."""
    if named is None:
        return ()
    if isinstance(named, str):
        return tuple(part.strip() for part in named.split(",") if part.strip())
    return tuple(named)


def choose(table: Table, *, text: ColumnNames, label: ColumnNames, group: str | None) -> Chosen:
    """Choose the columns of a table.

    Args:
        table: the training table.
        text, label, group: what the user said: a column's name, several (a sequence, or joined by commas), or None.

    Raises:
        OptionError: a named column does not exist.
        DataError: no column, or more than one, looks like the text or the label; the message says which option helps.
    """
    profiles = {name: profile(name, cells) for name, cells in table.columns.items()}
    group_column = only_one(table, "--group", group)
    labels = resolve(table, "--label", label)
    taken = {*labels, *([group_column] if group_column else [])}
    if table.pictures:
        if text is not None:
            raise OptionError(f"--text: names a column, but {table.name} is a folder of pictures; leave it out.")
        inputs: tuple[str, ...] = ("image",)
        modality = Modality.IMAGE
        labels = labels or ("label",)
        return Chosen(modality, inputs, labels, group_column, None, "")
    split = _split_column(table, taken)
    taken |= {split} if split else set()
    inputs, modality = choose_inputs(table, profiles, text, taken)
    if not labels:
        labels = (choose_label(table, {*inputs, *taken}),)
    clash = [name for name in labels if name in inputs]
    if clash:
        raise OptionError(
            f'{table.name}: column "{clash[0]}" cannot be both text and label. Name another with --label.'
        )
    chosen = Chosen(modality, inputs, labels, group_column, split)
    return replace(chosen, note=_sentence(table, chosen))


def resolve(table: Table, flag: str, named: ColumnNames) -> tuple[str, ...]:
    """Return the table's columns that an option names, whatever their letter case.

    Raises:
        OptionError: there is no such column.
    """
    if named is None:
        return ()
    if isinstance(named, str) and named in table.columns:
        return (named,)
    found = []
    for name in names_of(named):
        match = [column for column in table.columns if column == name] or [
            column for column in table.columns if normal(column) == normal(name)
        ]
        if not match:
            raise OptionError(
                f'{table.name}: no column "{name}" ({flag}).{did_you_mean(name, table.columns)} '
                f"Columns: {quoted(table.columns)}."
            )
        found.append(match[0])
    if len(set(found)) < len(found):
        raise OptionError(f"{table.name}: {flag} names a column twice ({quoted(found)}). Name each once.")
    return tuple(found)


def only_one(table: Table, flag: str, named: str | None) -> str | None:
    """Return the one column that an option names, or None."""
    found = resolve(table, flag, named)
    if len(found) > 1:
        raise OptionError(f"{table.name}: {flag} takes one column, not {quoted(found)}.")
    return found[0] if found else None


def choose_inputs(
    table: Table, profiles: dict[str, Profile], text: ColumnNames, taken: set[str]
) -> tuple[tuple[str, ...], Modality]:
    """Choose the input columns: pictures, a pair of texts, or a text.

    Raises:
        OptionError: a named column does not exist, or more than two are named.
        DataError: no column, or more than one, looks like a text.
    """
    named = resolve(table, "--text", text)
    if len(named) > 2:
        raise OptionError(f"{table.name}: --text takes one column, or two for pairs of texts, not {len(named)}.")
    if named:
        pictures = len(named) == 1 and profiles[named[0]].is_picture
        return named, Modality.IMAGE if pictures else Modality.TEXT
    free = {name: facts for name, facts in profiles.items() if name not in taken}
    pictures_in = [name for name, facts in free.items() if facts.is_picture]
    if pictures_in:
        by_name = [name for name in pictures_in if normal(name) in IMAGE] or pictures_in
        if len(by_name) > 1:
            raise DataError(f"{table.name}: columns {quoted(by_name)} all name pictures. Say which with --text.")
        return (by_name[0],), Modality.IMAGE
    by_normal = {normal(name): name for name, facts in free.items() if facts.is_text}
    if not any(name in by_normal for name in ("text", "teks")):
        for first, second in PAIRS:
            if first in by_normal and second in by_normal:
                return (by_normal[first], by_normal[second]), Modality.TEXT
    for name in TEXT:
        if name in by_normal:
            return (by_normal[name],), Modality.TEXT
    return (_text_by_content(table, free),), Modality.TEXT


def _text_by_content(table: Table, free: dict[str, Profile]) -> str:
    texts = [
        facts for facts in free.values() if facts.is_text and not facts.is_id and normal(facts.name) not in LABEL_SURE
    ]
    partly = [facts for facts in texts if set(words(facts.name)) & set(TEXT) and facts.is_prose]
    prose = partly or [facts for facts in texts if facts.is_prose]
    if not prose:
        prose = [facts for facts in texts if facts.different > facts.count / 2]
    if not prose:
        empty = [name for name, facts in free.items() if facts.count == 0 and normal(name) in TEXT]
        if empty:
            raise DataError(
                f'{table.name}: column "{empty[0]}" is empty in every row. Fill it, or name another with --text.'
            )
        raise DataError(
            f"{table.name}: no column looks like a text. Name it with --text. Columns: {quoted(table.columns)}."
        )
    longest = sorted(prose, key=lambda facts: -facts.length)
    if len(prose) > 1 and longest[0].length < 3 * longest[1].length:
        names = [facts.name for facts in prose]
        raise DataError(
            f"{table.name}: columns {quoted(names)} all look like texts. "
            f'Say which with --text "{names[0]}" (or --text "{names[0]},{names[1]}" for pairs).'
        )
    return longest[0].name


def choose_label(table: Table, taken: set[str]) -> str:
    """Choose the label column among those that are not taken.

    Raises:
        DataError: no column, or more than one, looks like a label.
    """
    free = {name: profile(name, cells) for name, cells in table.columns.items() if name not in taken}
    sure = [name for name in free if normal(name) in LABEL_SURE]
    likely = [name for name in free if normal(name) in LABEL_LIKELY]
    partly = [name for name in free if set(words(name)) & {*LABEL_SURE, *LABEL_LIKELY}]
    content = [
        name
        for name, facts in free.items()
        if not facts.is_id and (facts.is_classes or facts.is_measure or facts.lists > 0.5)
    ]
    for found in (sure, likely, partly, content):
        if len(found) == 1:
            return found[0]
        if found:
            several = [name for name in found if free[name].binary]
            joint = f', or --label "{",".join(several)}" if each is one class of several' if len(several) > 1 else ""
            raise DataError(
                f"{table.name}: columns {quoted(found)} all look like labels. "
                f'Say which with --label "{found[0]}"{joint}.'
            )
    others = f" Columns left: {quoted(free)}." if free else " No other column is left; add one with the labels."
    raise DataError(
        f"{table.name}: no column looks like a label (taken as input: {quoted(sorted(taken))}). "
        f"Name it with --label.{others}"
    )


def _split_column(table: Table, taken: set[str]) -> str | None:
    for name, cells in table.columns.items():
        if name in taken or normal(name) not in SPLIT_COLUMN:
            continue
        splits = [None if is_missing(cell) else split_of(str(cell)) for cell in cells]
        if "train" not in splits:
            continue
        for cell, split, origin in zip(cells, splits, table.origins, strict=True):
            if split is None and not is_missing(cell):
                raise DataError(
                    f'{origin}: column "{name}" says "{excerpt(str(cell))}", which is no split, while other rows say '
                    f"train. Write train, validation or test there, or rename the column if it is none of splits."
                )
        return name
    return None


def _sentence(table: Table, chosen: Chosen) -> str:
    what = "picture" if chosen.modality is Modality.IMAGE else "text"
    inputs = [f"{name} as {what}" for name in chosen.inputs]
    if len(inputs) == 2:
        inputs = [f"{chosen.inputs[0]} and {chosen.inputs[1]} as a pair of texts"]
    parts = [*inputs, f"{', '.join(chosen.labels)} as {'label' if len(chosen.labels) == 1 else 'labels'}"]
    if chosen.group:
        parts.append(f"{chosen.group} as group")
    if chosen.split:
        nowhere = sum(map(is_missing, table.columns[chosen.split]))
        rest = f" ({counted(nowhere, 'row')} without one: train)" if nowhere else ""
        parts.append(f"{chosen.split} as split{rest}")
    start = "" if table.header else "no header line: "
    left = [name for name in table.columns if name not in (*chosen.inputs, *chosen.labels, chosen.group, chosen.split)]
    rest = f"; not used: {', '.join(left[:8])}{', …' if len(left) > 8 else ''}" if left else ""
    return f"{table.name}: {start}took {', '.join(parts)}{rest}"
