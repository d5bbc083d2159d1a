"""A table in the source text: a line is a row, columns are separated by "|"."""

from __future__ import annotations


def rows(table: str) -> list[list[str]]:
    """Return the cells of every line."""
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
