"""Freed memory goes back to the system, and where it cannot nothing breaks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from alih.training import memory


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads resident memory from /proc")
def test_freed_blocks_leave_the_process() -> None:
    blocks = [bytearray(60_000) for _ in range(2000)]
    pinned = blocks[::50]  # keeps the heap from shrinking by itself
    del blocks
    before = _resident()
    memory.release_free_memory()
    assert _resident() < before - 50_000_000
    assert len(pinned) == 40


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    memory._trim.cache_clear()
    memory.release_free_memory()
    memory._trim.cache_clear()


def test_running_out_of_memory_names_what_every_task_has() -> None:
    with pytest.raises(memory.OutOfMemoryError) as said, memory.out_of_memory_in_words("training"):
        raise MemoryError
    assert all(flag in str(said.value) for flag in ("--batch-size", "--batch-tokens", "--max-length", "--max-tokens"))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
