"""Write docs/OPTIONS.md from the declarations of the options.

python docs/options.py
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from alih.compare.options import GROUPS_OF_OPTIONS, readers_in_words
from alih.option import default_in_words, flag

_PAGE = Path(__file__).with_name("OPTIONS.md")
_TOP = """# Options of `alih compare` and `alih adapt`

Made by `python docs/options.py` from the declarations, which stand next to what reads them. In Python the same names
are keywords of `alih.compare` and `alih.adapt`, with underscores: `alih.compare("a.csv", max_time="20m")`.
An option that nothing reads for the task and the routes that run is refused, with where it is read.
"""


def page() -> str:
    """The page, a table for each group of options."""
    parts = [_TOP]
    for group in GROUPS_OF_OPTIONS:
        titled: Any = group
        parts.append(f"\n## {titled.TITLE.capitalize()}\n")
        parts.append("| option | default | read by | what it does |\n|---|---|---|---|\n")
        for declared in fields(titled):
            commands = declared.metadata["commands"]
            only = f"`alih {commands[0]}`" if len(commands) == 1 else ""
            readers = "; ".join(part for part in (only, readers_in_words(declared)) if part) or "all"
            cells = (f"`{flag(declared.name)}`", default_in_words(declared) or "–", readers, declared.metadata["help"])
            parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    _PAGE.write_text(page(), encoding="utf-8")
