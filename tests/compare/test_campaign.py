"""The order of the trials, and what a time limit leaves out."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest

from alih.compare import campaign as campaigns
from alih.compare.budget import Budget
from alih.compare.campaign import Campaign
from alih.compare.compare import compare
from alih.compare.contender import Contender
from alih.compare.effort import FAR
from alih.compare.options import Options
from alih.compare.trial import Costs, Scope, Trial
from alih.data.read import read
from alih.errors import OptionError
from alih.metrics.classification import ACCURACY
from alih.progress import Progress
from alih.routes.base import Variant
from alih.training.search import SearchResult
from small_tasks import RATES, reviews

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


def test_a_budget_leaves_room_for_scoring_which_does_not_grow_with_the_passes() -> None:
    budget = Budget(100.0)
    budget.learn(ONE, seconds=10.0, example_passes=1000, scoring=50.0)
    budget.learn(ONE, seconds=10.0, example_passes=1000, scoring=5.0)
    assert budget.estimate(ONE, 500) == 5.0
    assert budget.allows(ONE, 4_000)
    assert not budget.allows(ONE, 5_100)


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


def test_what_takes_too_much_memory_on_few_examples_stops_there_and_is_said(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Contender.peak_memory_bytes.fget
    assert real is not None
    heavy = lambda c: 10**12 if c.variant.is_everything else real(c)  # noqa: E731
    monkeypatch.setattr(Contender, "peak_memory_bytes", property(heavy))
    monkeypatch.setattr(campaigns, "stops", lambda *_arguments, **_more: [])
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "learning_rate": RATES, "epochs": 1, "seeds": 1}
    wanted |= {"routes": "transfer,finetune", "max_memory": 10**11}
    found = compare(reviews_csv, Options.from_mapping(wanted), Progress(quiet=True))
    full = {trial.label for trial in found.trials if trial.purpose == "full"}
    assert "finetune all 3" not in full
    assert {"transfer", "finetune top 1 of 3"} <= full
    assert any(
        "Over your limits on fewer examples already" in w and "finetune all 3" in w for w in found.decision.words
    )
    assert any("finetune all 3 was not measured on all examples: it takes 1 TB" in note for note in found.notes)


def test_what_trains_no_block_is_measured_on_all_examples_at_once_and_a_trained_head_first(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "learning_rate": RATES, "epochs": 1, "seeds": 1}
    routes = {"routes": "zero-shot,few-shot,transfer,finetune", "blocks": 1, "pooling": "mean"}
    found = compare(reviews_csv, Options.from_mapping({**wanted, **routes}), Progress(quiet=True))
    ran = [(t.route, t.purpose) for t in found.trials if t.purpose != "search"]
    assert ran[:3] == [("transfer", "full"), ("zero-shot", "full"), ("few-shot", "full")]
    assert [record["route"] for record in found.records][:3] == ["zero-shot", "few-shot", "transfer"]


def test_a_size_between_is_left_out_where_the_leader_could_not_be_measured_on_all_examples_after_it() -> None:
    slow, leader = Contender(Variant("lora", 3, 3)), Contender(Variant("finetune", 3, 3))
    campaign = object.__new__(Campaign)
    campaign.contenders, campaign.skipped, campaign.metric = [slow, leader], [], ACCURACY
    campaign.order, campaign.budget, campaign.progress = np.arange(900), Budget(100.0), Progress(quiet=True)
    campaign.options = Options()
    campaign.efforts = _Efforts()  # type: ignore[assignment]
    for contender, accuracy in ((slow, 0.6), (leader, 0.8)):
        contender.trials.append(_curve_trial(contender, 100, accuracy))
        campaign.budget.learn(contender.variant, seconds=10.0, example_passes=100)
    assert campaign._leaves_time_for_the_leader(slow, 50)
    assert not campaign._leaves_time_for_the_leader(slow, 300), "30 s, and 90 s for the leader"
    assert "time is kept to measure finetune all 3 on all examples" in campaign.skipped[0]
    assert [one.label for one in campaign._in_order(True)] == [leader.label, slow.label]
    campaign.budget = Budget()
    assert campaign._leaves_time_for_the_leader(slow, 300), "no limit"
    assert [one.label for one in campaign._in_order(True)] == [slow.label, leader.label]


class _Efforts:
    def epochs(self, variant: Variant, size: int) -> int:
        return 1


def _curve_trial(contender: Contender, examples: int, accuracy: float) -> Trial:
    costs = Costs(seconds=1.0, peak_memory_bytes=1, disk_bytes=1, examples_seen=100)
    return Trial(
        id=f"{contender.label}-{examples}",
        route=contender.variant.route,
        label=contender.label,
        setting={},
        examples=examples,
        seed=0,
        purpose="curve",
        metrics={"accuracy": accuracy},
        train_metrics={},
        shifted_metrics={},
        scope=Scope("all", 1, 1),
        costs=costs,
        history=(),
        best_epoch=1,
        stopped=None,
    )


def test_a_rate_is_searched_again_near_what_was_found_on_fewer_examples(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def search(
        _self: Campaign, variant: Variant, _base: object, _grid: object, size: int, before: SearchResult | None = None
    ) -> SearchResult:
        if variant.trainable_blocks:
            assert (before is None) == (not sizes)  # the later ones start from what was found
            sizes.append(size)
        return SearchResult(1e-2, {1e-2: 0.0}, 0.0, True)

    monkeypatch.setattr(Campaign, "_search", search)
    monkeypatch.setattr(campaigns, "stops", lambda *_arguments, **_more: [])
    data = reviews(tmp_path / "long.csv", 300)
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "epochs": 1, "seeds": 1, "routes": "transfer,finetune"}
    compare(data, Options.from_mapping({**wanted, "blocks": "all"}), Progress(quiet=True))
    assert len(sizes) == 2
    assert sizes[1] >= FAR * sizes[0]
