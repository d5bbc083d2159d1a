"""Progress of long work: what, how far, how long still.

On a terminal a bar is redrawn in place; in a log one line is printed after two seconds and then every ten, so that
neither is flooded. Steps shorter than two seconds stay silent.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

Advance = Callable[[int], object]
_QUIET_SECONDS = 2.0
_LOG_SECONDS = 10.0


class Progress:
    """Where steps report to; pass `Progress(quiet=True)` to keep silent.

    Args:
        stream: where to write; standard error by default, so that results on standard output stay clean.
        quiet: write nothing at all.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet

    @property
    def stream(self) -> TextIO:
        """The stream in use now (looked up late: test runners and notebooks replace `sys.stderr`)."""
        return self._stream or sys.stderr

    def say(self, message: str) -> None:
        """Print one line about what was found or decided."""
        if not self._quiet:
            tqdm.write(message, file=self.stream)

    @contextmanager
    def step(self, what: str, total: int, unit: str = "it") -> Iterator[Advance]:
        """Report one step of `total` units; the body calls the yielded function with the units done since last time."""
        if self._quiet:
            yield lambda _units: None
            return
        terminal = self.stream.isatty()
        with tqdm(
            total=total,
            desc=what,
            unit=unit,
            file=self.stream,
            leave=False,
            delay=_QUIET_SECONDS,
            disable=not terminal,
            dynamic_ncols=True,
        ) as bar:
            yield bar.update if terminal else self._log_lines(what, total, unit)

    def _log_lines(self, what: str, total: int, unit: str) -> Advance:
        start = time.monotonic()
        due = start + _QUIET_SECONDS
        done = 0

        def advance(units: int) -> None:
            nonlocal done, due
            done += units
            now = time.monotonic()
            if now >= due and done:
                due = now + _LOG_SECONDS
                left = (now - start) / done * max(total - done, 0)
                self.stream.write(f"{what}: {done:,} of {total:,} {unit}, about {left:.0f} s left\n")
                self.stream.flush()

        return advance
