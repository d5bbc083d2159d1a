"""What is known of a variant from its trials."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from alih.compare.contender import Contender
from alih.routes.base import PromptForm, Variant


def trial(purpose: str, latency: float | None, p95: float | None = None, memory: int = 1) -> Any:
    costs = SimpleNamespace(latency_ms=latency, latency_p95_ms=p95, peak_memory_bytes=memory)
    return SimpleNamespace(purpose=purpose, costs=costs)


@pytest.mark.parametrize(("prompted", "expected"), [(False, (3.0, 9.0)), (True, (5.0, 6.0))])
def test_latency_is_the_shortest_of_trials_of_the_same_model(prompted: bool, expected: tuple[float, float]) -> None:
    variant = Variant("few-shot", 0, 3, prompt=PromptForm()) if prompted else Variant("transfer", 0, 3)
    trials = [trial("search", None), trial("curve", 3.0, 9.0), trial("full", 8.0, 8.5), trial("full", 5.0, 6.0)]
    found = Contender(variant, trials=trials)
    assert found.latencies_ms == expected
    assert found.latency_ms == expected[0]
    assert Contender(variant, trials=trials[:2]).latency_ms == 3.0
    assert Contender(variant).latencies_ms == (None, None)


def test_memory_is_that_of_the_trials_on_all_examples_as_soon_as_there_is_one() -> None:
    few, whole = trial("curve", None, memory=9), trial("full", None, memory=7)
    assert Contender(Variant("transfer", 0, 3), trials=[few]).peak_memory_bytes == 9
    assert Contender(Variant("transfer", 0, 3), trials=[few, whole]).peak_memory_bytes == 7
