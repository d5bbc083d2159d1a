"""The user's limits: what a variant may take, what is over them, and what is so on few examples already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from alih.compare.quantities import size_of
from alih.messages import Reason

#: One prediction is timed on a machine that may be doing other things: what is over a limit by less than this factor on
#: few examples may be within it on all of them.
_CLEARLY_SLOW = 2.0
#: What a process holds depends on what it did before, by about a tenth.
_CLEARLY_HEAVY = 1.1


class Needs(Protocol):
    """What was measured of a variant or a trial."""

    @property
    def peak_memory_bytes(self) -> int:
        """While adapting."""

    @property
    def latency_ms(self) -> float | None:
        """Of one prediction; None where it was not measured."""


@dataclass(frozen=True)
class Limits:
    """What the chosen variant may take; None = no limit.

    Args:
        memory_bytes: peak memory while adapting.
        latency_ms: time of one prediction.
    """

    memory_bytes: float | None = None
    latency_ms: float | None = None

    def excess(self, needs: Needs) -> float:
        """By what factor the needs are over the limit they break most; at most 1 within all of them."""
        used = [
            (needs.peak_memory_bytes, self.memory_bytes),
            (needs.latency_ms, self.latency_ms),
        ]
        return max((value / limit for value, limit in used if value is not None and limit), default=0.0)

    def broken(self, needs: Needs) -> list[Reason]:
        """What the needs are over, each with its limit, in words."""
        found = []
        if self.memory_bytes and needs.peak_memory_bytes > self.memory_bytes:
            told = {"needed": size_of(needs.peak_memory_bytes), "limit": size_of(round(self.memory_bytes))}
            found.append(Reason("needs_memory", told))
        if self.latency_ms and needs.latency_ms is not None and needs.latency_ms > self.latency_ms:
            told = {"needed": f"{needs.latency_ms:.1f}", "limit": f"{self.latency_ms:g}"}
            found.append(Reason("needs_latency", told))
        return found

    def hopeless(self, needs: Needs) -> bool:
        """Whether what a variant needs on few examples leaves no hope: on more it takes no less memory, nor time."""
        latency = None if needs.latency_ms is None else needs.latency_ms / _CLEARLY_SLOW
        return self.excess(_Needs(round(needs.peak_memory_bytes / _CLEARLY_HEAVY), latency)) > 1


@dataclass(frozen=True)
class _Needs:
    peak_memory_bytes: int
    latency_ms: float | None
