"""Limits say by how much they are broken, and give up early only where more examples cannot help."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from alih.compare.limits import Limits


@dataclass(frozen=True)
class Needs:
    peak_memory_bytes: int
    latency_ms: float | None = None


@pytest.mark.parametrize(
    ("needs", "excess"), [(Needs(500), 0.5), (Needs(1500, 5.0), 1.5), (Needs(500, 30.0), 3.0), (Needs(0), 0.0)]
)
def test_the_excess_is_that_of_the_limit_broken_most(needs: Needs, excess: float) -> None:
    assert Limits(1000, 10.0).excess(needs) == excess
    assert Limits().excess(needs) == 0.0


def test_each_broken_limit_is_told_with_what_is_needed() -> None:
    told = [reason.say() for reason in Limits(1000, 10.0).broken(Needs(2000, 12.5))]
    assert told == ["2 kB of memory, limit 1 kB", "12.5 ms a prediction, limit 10 ms"]
    assert Limits(1000, 10.0).broken(Needs(1000, None)) == []


def test_what_is_clearly_over_on_few_examples_is_hopeless() -> None:
    limits = Limits(1000, 10.0)
    assert limits.hopeless(Needs(1200, 1.0))
    assert not limits.hopeless(Needs(1050, 19.0))
    assert limits.hopeless(Needs(1000, 21.0))
