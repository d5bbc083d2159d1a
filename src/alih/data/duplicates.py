"""Duplicates and groups: what must not sit on two sides of a split."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from alih.data.messages import counted
from alih.data.parts import Part
from alih.data.vocabulary import Split

_AGAINST: dict[Split, tuple[Split, ...]] = {"train": ("validation", "test"), "validation": ("test",)}


def together(part: Part) -> list[int]:
    """Return a number for each row; rows share it if they have the same group or are duplicates (or through others)."""
    parent = list(range(len(part)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    groups: Sequence[object] = part.groups or ()
    marks: Sequence[object]
    for marks in (part.keys, groups):
        first: dict[object, int] = {}
        for row, mark in enumerate(marks):
            other = first.setdefault(mark, row)
            if other != row:
                high, low = sorted((root(row), root(other)), reverse=True)
                parent[high] = low
    return [root(row) for row in range(len(part))]


def note_duplicates(shown: str, part: Part) -> list[str]:
    """Return notes on duplicates within one part, and on those whose labels contradict each other."""
    first: dict[bytes, int] = {}
    copies = 0
    contradicting: list[tuple[int, int]] = []
    for row, key in enumerate(part.keys):
        other = first.setdefault(key, row)
        if other != row:
            copies += 1
            if part.labels[row] != part.labels[other]:
                contradicting.append((other, row))
    notes = []
    if copies:
        notes.append(f"{shown}: {counted(copies, 'duplicate')} among the rows to train on; a split never parts them")
    if contradicting:
        one, two = contradicting[0]
        notes.append(
            f"{shown}: {counted(len(contradicting), 'duplicate')} with another label than the original "
            f"(first: {part.origins[one]} and {part.origins[two]})"
        )
    return notes


def without_leaks(parts: dict[Split, Part]) -> tuple[dict[Split, Part], list[str]]:
    """Remove from training what validation or test also hold, and from validation what test also holds.

    Returns:
        the parts, and a note for each removal.
    """
    kept = dict(parts)
    notes: list[str] = []
    for side, held_out in _AGAINST.items():
        others = [kept[name] for name in held_out if name in kept]
        if side not in kept or not others:
            continue
        part = kept[side]
        part, copies = _without(part, part.keys, {key for other in others for key in other.keys})
        if copies:
            notes.append(
                f"{counted(len(copies), 'duplicate')} of held-out examples removed from {side} (first: {copies[0]})"
            )
        taken = {group for other in others for group in other.groups or ()}
        part, members = _without(part, part.groups or [], taken)
        if members:
            notes.append(f"{counted(len(members), 'row')} of held-out groups removed from {side} (first: {members[0]})")
        kept[side] = part
    return kept, notes


def _without(part: Part, marks: Sequence[object], taken: Collection[object]) -> tuple[Part, list[str]]:
    """Return the part without the rows whose mark is taken, and where those rows came from."""
    gone = {row for row, mark in enumerate(marks) if mark in taken}
    if not gone:
        return part, []
    return part.select([row for row in range(len(part)) if row not in gone]), [
        part.origins[row] for row in sorted(gone)
    ]
