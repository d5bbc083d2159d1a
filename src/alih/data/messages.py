"""Phrases that messages to the user share: nearest names, short lists, counts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # messages are also made where nothing heavy may be imported
    from alih.data.examples import Damage


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice most like `name` (letter case aside), or None if nothing is close."""
    by_folded = {choice.casefold(): choice for choice in choices if choice != name}
    found = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return a sentence to put behind a message about an unknown name.

    Args:
        name: what the user wrote.
        choices: the names there are; letter case aside, the nearest is taken.

    Returns:
        ' Did you mean "x"?' with a space in front, or an empty text where nothing is close.
    """
    found = nearest(name, choices)
    return f' Did you mean "{found}"?' if found else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return names separated by commas, cut after `most` of them with a count of the rest."""
    every = list(names)
    shown = ", ".join(every[:most])
    return f"{shown} and {len(every) - most} more" if len(every) > most else shown


def quoted(names: Iterable[str], most: int = 12) -> str:
    """Return names in double quotes, separated by commas."""
    return listed((f'"{name}"' for name in names), most)


def counted(number: int, what: str, plural: str | None = None) -> str:
    """Return "1 row" or "3 rows"."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def excerpt(text: str, most: int = 40) -> str:
    """Return the start of a text on one line, for a message."""
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most else line[: most - 1] + "…"


def worst(damaged: Iterable[Damage], most: int = 3) -> str:
    """Return the first few reasons for damage, each with its first row and how many share it, for a message."""
    by_reason: dict[str, list[str]] = {}
    for damage in damaged:
        by_reason.setdefault(damage.reason, []).append(damage.origin)
    shown = [
        f"{origins[0]}: {reason}" + (f" (and {len(origins) - 1:,} more like it)" if len(origins) > 1 else "")
        for reason, origins in by_reason.items()
    ]
    rest = f"; and {len(shown) - most:,} other reasons" if len(shown) > most else ""
    return "; ".join(shown[:most]) + rest
