"""From a table and its chosen columns to usable rows: inputs, labels and groups, with the damaged rows put aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from alih.data.columns import Chosen
from alih.data.examples import EMPTY_LINE, Damage, Examples, Input
from alih.data.inputs import CellError, take_inputs
from alih.data.labels import Label, LabelScheme, encode
from alih.data.messages import counted, worst
from alih.data.table import Cell, Table, is_missing
from alih.errors import DataError
from alih.progress import Progress
from alih.task import Modality, Task

#: Above this share of damaged rows, something is wrong with the file or with how it is read.
MOST_DAMAGED = 0.2
_NOT_COUNTED = frozenset(("not a picture file", EMPTY_LINE))


@dataclass(frozen=True)
class Part:
    """The usable rows of one split, or of all of them.

    Args:
        inputs, labels, origins: one each for every row.
        groups: groups, or None.
        keys: digests that duplicates share.
        remarks: what is done so that pictures are what a viewer shows, and with how many of them.
        spans: smallest and largest value of each picture of more than 8 bits.
    """

    inputs: list[Input]
    labels: list[Label]
    origins: list[str]
    groups: list[str] | None
    keys: list[bytes]
    remarks: Counter[str] = field(default_factory=Counter)
    spans: list[tuple[float, float]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, rows: Sequence[int]) -> Part:
        """Return these rows, in this order."""
        return Part(
            [self.inputs[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.origins[row] for row in rows],
            None if self.groups is None else [self.groups[row] for row in rows],
            [self.keys[row] for row in rows],
        )

    def examples(self, task: Task) -> Examples:
        """Return the rows as examples of a task."""
        return Examples(self.inputs, encode(self.labels, task.kind, task.classes), self.origins, self.groups)


def label_cells(table: Table, columns: Sequence[str]) -> list[Cell]:
    """Return the label cells of a table, or tuples of cells where each class has its own 0/1 column."""
    if len(columns) == 1:
        return table.columns[columns[0]]
    return list(zip(*(table.columns[column] for column in columns), strict=True))


def take_part(table: Table, chosen: Chosen, scheme: LabelScheme, progress: Progress) -> tuple[Part, list[Damage]]:
    """Take the usable rows of a table.

    Returns:
        the rows, and what was left out: rows that the parser refused, then rows with an unusable cell.
    """
    taken = take_inputs(table, chosen.inputs, chosen.modality, progress)
    cells = label_cells(table, chosen.labels)
    groups = table.columns[chosen.group] if chosen.group else None
    damaged = list(table.damaged)
    part = Part([], [], [], None if groups is None else [], [], taken.remarks, taken.spans)
    lost: dict[str, list[Damage]] = {}
    for row, origin in enumerate(table.origins):
        value, fault = taken.inputs[row], taken.faults[row]
        try:
            label = scheme.parse(cells[row])
            if value is None:
                for name in (label,) if isinstance(label, str) else ():
                    lost.setdefault(name, []).append(Damage(origin, fault or "unusable"))
                raise CellError(fault or "unusable")
            if groups is not None and is_missing(groups[row]):
                raise CellError(f'column "{chosen.group}": the group is empty')
        except CellError as reason:
            damaged.append(Damage(origin, str(reason)))
            continue
        part.inputs.append(value)
        part.labels.append(label)
        part.origins.append(origin)
        part.keys.append(taken.keys[row])
        if groups is not None and part.groups is not None:
            part.groups.append(str(groups[row]))
    if chosen.modality is Modality.IMAGE and len(part):
        _refuse_vanished(part, lost)
    return part, damaged


def _refuse_vanished(part: Part, lost: dict[str, list[Damage]]) -> None:
    """Refuse a class none of whose pictures can be read: without it, another task would be learnt than was asked for.

    Raises:
        DataError: there is one.
    """
    kept = set(part.labels)
    for name, damaged in lost.items():
        if name not in kept:
            raise DataError(
                f'none of the {counted(len(damaged), "picture")} of class "{name}" can be read. {worst(damaged)}. '
                "Mend them, or remove the class."
            )


def picture_notes(parts: Sequence[Part], levels: tuple[float, float] | None) -> list[str]:
    """Say what is done so that pictures are what a viewer shows."""
    remarks: Counter[str] = Counter()
    for part in parts:
        remarks += part.remarks
    notes = [f"{counted(count, 'picture')} {remark}" for remark, count in sorted(remarks.items())]
    if levels:
        deep = sum(len(part.spans) for part in parts)
        notes.append(
            f"{counted(deep, 'picture')} of more than 8 bits: {levels[0]:g} is shown as black, {levels[1]:g} as white"
        )
    return notes


def refuse_damage(shown: str, usable: int, damaged: Sequence[Damage], *, pictures: bool = False) -> None:
    """Stop where little is usable.

    Args:
        shown: the source's name in messages.
        usable: how many rows are left.
        damaged: what was left out.
        pictures: the rows are files of pictures.

    Raises:
        DataError: nothing is usable, or more than a fifth of the rows is damaged.
    """
    counting = [damage for damage in damaged if damage.reason not in _NOT_COUNTED]
    total = usable + len(counting)
    if usable and len(counting) <= MOST_DAMAGED * total:
        return
    what = "picture" if pictures else "row"
    found = worst(counting) or worst(damaged) or f"There are no {what}s"
    remedy = "" if pictures else "; if they look right to you, check the delimiter and the columns (--text, --label)"
    raise DataError(
        f"{shown}: {len(counting):,} of {counted(total, what)} cannot be used. {found}. Mend or remove them{remedy}."
    )
