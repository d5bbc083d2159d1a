"""Progress that remembers what was reported to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alih.progress import Advance, Progress


class Heard(Progress):
    """Remembers each step: how many units in all, and how many were done."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.steps: dict[str, tuple[int, int]] = {}

    @contextmanager
    def step(self, what: str, total: int, unit: str = "it") -> Iterator[Advance]:
        """Take down a step."""
        done = 0

        def advance(units: int) -> None:
            nonlocal done
            done += units

        yield advance
        self.steps[what] = (total, done)
