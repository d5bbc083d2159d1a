"""Counts, bytes and durations as people write them."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int) -> str:
    """A number of parameters as people write it: 22.7M."""
    return _scaled(number, ("", "k", "M", "B", "T"))


def size_of(number: int) -> str:
    """Bytes as people write them: 90.9 MB."""
    return _scaled(number, (" B", " kB", " MB", " GB", " TB"))


def duration(seconds: float) -> str:
    """Seconds as people write them: 0.4 s, 12 s, 3.5 min, 2.5 h."""
    if seconds < 119.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7197 else f"{seconds / 3600:.1f} h"


def _scaled(number: int, units: Sequence[str]) -> str:
    """Three significant digits in the unit that keeps them below a thousand."""
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g}{units[unit]}"
