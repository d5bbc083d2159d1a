"""What a piece of work costs: wall time, peak memory, floating-point operations."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from alih.training.memory import release_free_memory

_STATUS = Path("/proc/self/status")
_POWERCAP = Path("/sys/class/powercap")
_CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass
class Cost:
    """What the work inside `measure()` cost; filled in when it ends.

    Args:
        seconds: wall time.
        energy_joules: that the processor's packages took meanwhile, by their own counters (RAPL), whatever ran on them;
            None where the machine does not tell.
        peak_memory_bytes: the most memory the process held at once during the work: resident memory (VmHWM) on a CPU;
            memory allocated on the GPU where there is one. 0 where the system does not tell.
    """

    seconds: float = 0.0
    peak_memory_bytes: int = 0
    energy_joules: float | None = None


#: Measurements under way, outermost first: an inner one resets the peak that an outer one still needs.
_OPEN: list[Cost] = []


@contextmanager
def measure() -> Iterator[Cost]:
    """Measure the work inside the block; measurements may nest.

    What earlier work freed but the C library still holds is given back first: it would count as used.
    """
    _note_peak()
    release_free_memory()
    cost = Cost()
    _OPEN.append(cost)
    _reset_peak()
    meters, start = _energy(), time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        cost.energy_joules = _used(meters, _energy())
        _note_peak()
        _OPEN.remove(cost)


def _energy() -> dict[Path, int]:
    """Microjoules counted by each processor package; empty where there is no counter, or it may not be read."""
    found = {}
    for file in _POWERCAP.glob("intel-rapl:?/energy_uj"):  # AMD processors use the same name
        with suppress(OSError, ValueError):
            found[file] = int(file.read_text(encoding="ascii"))
    return found


def _used(before: dict[Path, int], after: dict[Path, int]) -> float | None:
    """Joules between two readings; a counter that began again at zero went on from its largest value."""
    if not before or before.keys() != after.keys():
        return None
    total = 0
    for file, start in before.items():
        used = after[file] - start
        if used < 0:
            try:
                used += int((file.parent / "max_energy_range_uj").read_text(encoding="ascii"))
            except (OSError, ValueError):
                return None
        total += used
    return total / 1e6


@torch.no_grad()
def flops(work: Callable[[], object]) -> int:
    """Count the floating-point operations of a forward pass; training costs about three times as many.

    Matrix products, convolutions and attention count, with a multiply-add as two operations.
    """
    # The counter does not know the processor's fused attention; plain matrix products it does.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def _note_peak() -> None:
    peak = _peak() if _OPEN else 0
    for cost in _OPEN:
        cost.peak_memory_bytes = max(cost.peak_memory_bytes, peak)


def _peak() -> int:
    """The peak since the last reset, in bytes."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    with suppress(OSError, ValueError, IndexError):
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return _peak_of_life()


def _peak_of_life() -> int:
    """The peak since the process started, where the system knows no other."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _reset_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError):  # "5" resets VmHWM, see proc_pid_clear_refs(5)
        _CLEAR_REFS.write_text("5", encoding="ascii")
