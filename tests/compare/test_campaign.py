"""The order of the trials, and what a time limit leaves out."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from alih.compare.budget import Budget
from alih.compare.compare import compare
from alih.compare.options import Options
from alih.data.read import read
from alih.errors import OptionError
from alih.progress import Progress
from alih.routes.base import Variant
from small_tasks import RATES

ONE = Variant("finetune", 1, 3)


def test_what_matters_most_is_measured_first(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    wanted = {
        "model": str(tiny_bert),
        "runs": str(tmp_path),
        "learning_rate": RATES,
        "epochs": 1,
        "seeds": 2,
        "plan": "full",
    }
    found = compare(reviews_csv, Options.from_mapping(wanted), Progress(quiet=True))
    ran = [(t.purpose, t.examples, t.seed) for t in found.trials if t.purpose != "search"]
    variants = 5  # transfer, finetune 1 and all, lora, scratch
    cheapest = [("full", 54, 0)]  # so that there is something to hand over, whenever it is stopped
    curve = [("curve", 18, 0)] * variants
    assert ran == cheapest + curve + [("full", 54, 0)] * (variants - 1) + [("full", 54, 1)] * variants


def test_every_trial_of_one_size_sees_the_same_examples(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alih.compare.runner import Runner

    seen: dict[int, set[tuple[int, ...]]] = {}
    real = Runner.run

    def run(self, variant, settings, head_settings, rows, **more):  # type: ignore[no-untyped-def]
        seen.setdefault(len(rows), set()).add(tuple(rows.tolist()))
        return real(self, variant, settings, head_settings, rows, **more)

    monkeypatch.setattr(Runner, "run", run)
    wanted = {
        "model": str(tiny_bert),
        "runs": str(tmp_path),
        "learning_rate": RATES,
        "epochs": 1,
        "seeds": 2,
        "plan": "full",
    }
    compare(reviews_csv, Options.from_mapping({**wanted, "routes": "transfer,finetune"}), Progress(quiet=True))
    assert {len(rows) for rows in seen.values()} == {1}
    ordered = [next(iter(seen[size])) for size in sorted(seen)]
    for smaller, larger in itertools.pairwise(ordered):
        assert larger[: len(smaller)] == smaller


def test_a_budget_refuses_what_would_not_end_in_time() -> None:
    budget = Budget(100.0)
    assert budget.allows(ONE, 10**9), "nothing is known yet"
    budget.learn(ONE, seconds=10.0, example_passes=1000)
    assert budget.estimate(ONE, 500) == 5.0
    assert budget.allows(ONE, 9_000)
    assert not budget.allows(ONE, 10_100)
    assert budget.allows(Variant("finetune", 2, 3), 10_100)


def test_a_budget_without_a_limit_refuses_nothing() -> None:
    budget = Budget()
    budget.learn(ONE, 1e9, 1)
    assert budget.allows(ONE, 10**9)
    assert budget.deadline is None


def test_the_deadline_is_the_limit_after_the_start() -> None:
    before = time.monotonic()
    deadline = Budget(50.0).deadline
    assert deadline is not None
    assert before + 50.0 <= deadline <= time.monotonic() + 50.0


def test_a_time_limit_that_is_over_at_once_still_gives_a_trained_head(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "max_time": 0.001, "seeds": 1}
    found = compare(reviews_csv, Options.from_mapping(wanted), Progress(quiet=True))
    (full,) = [trial for trial in found.trials if trial.purpose == "full"]
    assert (full.route, full.stopped) != ("transfer", "deadline")
    assert full.costs.examples_seen > 54
    assert any("time limit" in skipped for skipped in found.skipped)


def test_options_of_reading_are_refused_where_the_data_was_read_before(reviews_csv: Path, tiny_bert: Path) -> None:
    dataset = read(reviews_csv)
    with pytest.raises(OptionError, match=r"max_examples.*alih\.read"):
        compare(dataset, Options(model=str(tiny_bert), max_examples=20), Progress(quiet=True))


def test_what_breaks_the_limits_stops_nobody_and_is_said(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "learning_rate": RATES, "epochs": 1, "seeds": 1}
    found = compare(reviews_csv, Options.from_mapping({**wanted, "max_latency": 1e-6}), Progress(quiet=True))
    full = {trial.label for trial in found.trials if trial.purpose == "full"}
    assert full == {record["label"] for record in found.records}, "all were measured on all examples"
    assert any("Every variant measured is over your limits" in words for words in found.decision.words)
