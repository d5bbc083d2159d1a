"""The decision takes the cheapest candidate that cannot be told from the best one, and says so with its numbers."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist
from string import Formatter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.compare.decide import Candidate, Prefer, decide
from alih.compare.limits import Limits
from alih.messages import _SENTENCES
from alih.metrics.base import Floats, means
from alih.metrics.bootstrap import Difference
from alih.metrics.classification import ACCURACY, table
from alih.metrics.names import named
from alih.task import Kind


def candidate(label: str, wrong: int, seconds: float, memory: int = 100, disk: int = 10, start: int = 0) -> Candidate:
    """Wrong on `wrong` examples from `start` on."""
    right = np.ones(300, dtype=bool)
    right[start : start + wrong] = False
    return Candidate(label, means(right)[None], seconds, memory, disk)


def off(labels: np.ndarray, offset: float, metric: str) -> Floats:
    """The statistics of a regression that is off by so much on every example, of one seed."""
    return table(named(metric), Kind.REGRESSION, "", (labels + offset)[:, None].astype(np.float32), labels)[None]


def test_the_cheapest_among_those_that_cannot_be_told_apart_is_chosen() -> None:
    found = decide(ACCURACY, [candidate("cheap", 22, 1), candidate("dear", 20, 50, start=5)])
    assert (found.best, found.chosen) == ("dear", "cheap")


def test_a_candidate_worse_beyond_chance_is_never_chosen_however_cheap() -> None:
    found = decide(ACCURACY, [candidate("cheap", 90, 0.1), candidate("dear", 10, 1000)])
    assert found.chosen == found.best == "dear"
    assert any("Worse beyond chance: cheap" in words for words in found.words)


def test_a_cheaper_and_better_candidate_wins_in_words_too() -> None:
    found = decide(ACCURACY, [candidate("good", 5, 1), candidate("poor", 60, 9)])
    assert found.chosen == "good"
    assert "0.983" in found.words[0]
    assert "1.0 s" in found.words[0]


def test_for_an_error_the_lower_one_is_better() -> None:
    labels = np.linspace(0, 10, 200).astype(np.float32)
    near, far = (off(labels, offset, "mae") for offset in (0.1, 2.0))
    found = decide(named("mae"), [Candidate("far", far, 1, 1, 1), Candidate("near", near, 9, 1, 1)])
    assert found.best == found.chosen == "near"
    assert found.behind["far"].low > 0


def test_one_candidate_is_taken_without_claims_about_others() -> None:
    found = decide(ACCURACY, [candidate("only", 10, 0.0)])
    assert found.chosen == "only"
    assert "only variant" in found.words[1]


def test_equal_scores_go_to_the_cheaper() -> None:
    found = decide(ACCURACY, [candidate("dear", 10, 5), candidate("cheap", 10, 1)])
    assert found.chosen == "cheap"


def test_equal_scores_and_times_go_to_the_smaller() -> None:
    found = decide(ACCURACY, [candidate("a", 10, 5, disk=9), candidate("b", 10, 5, disk=1)])
    assert found.chosen == "b"


def taken(gap: Difference, prefer: Prefer) -> bool:
    """Not distinguishably worse; for the balanced rule no further behind than one standard error, either."""
    quantile = NormalDist().inv_cdf((1 + gap.level) / 2)
    return gap.low <= 0 and (prefer == "cheap" or gap.point <= (gap.high - gap.low) / 2 / quantile)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 5), st.integers(0, 60)), min_size=1, max_size=5),
    st.sampled_from(["cheap", "balanced"]),
)
def test_the_chosen_is_the_cheapest_of_those_not_worse(told: list[tuple[int, int, int]], prefer: Prefer) -> None:
    candidates = [candidate(str(i), wrong, s, start=start) for i, (wrong, s, start) in enumerate(told)]
    found = decide(ACCURACY, candidates, prefer=prefer)
    alike = [c for c in candidates if c.label == found.best or taken(found.behind[c.label], prefer)]
    chosen = next(c for c in candidates if c.label == found.chosen)
    assert chosen in alike
    assert all((chosen.seconds, chosen.disk_bytes) <= (c.seconds, c.disk_bytes) for c in alike)
    assert all(found.scores[found.best].point >= score.point for score in found.scores.values())
    assert found.best in found.front or any(
        found.scores[one].point == found.scores[found.best].point for one in found.front
    )
    assert set(found.behind) == {c.label for c in candidates} - {found.best}
    assert all(not c.isspace() and "nan" not in c for c in found.words)


def test_the_words_hold_the_numbers_behind_them() -> None:
    cheap, dear, poor = candidate("cheap", 22, 2), candidate("dear", 20, 50, start=5), candidate("poor", 150, 1)
    found = decide(ACCURACY, [cheap, dear, poor])
    words, gap = " ".join(found.words), found.behind["cheap"]
    score = found.scores["cheap"]
    for number in (
        f"{score.point:.3f} on 300 validation examples",
        f"95 % interval {score.low:.3f} to {score.high:.3f}",
        "adapted in 2.0 s",
        f"{100 * gap.point:.1f} points better",
        f"({100 * gap.low:.1f} points to {100 * gap.high:.1f} points)",
        "25.0 times the time",
        f"poor by {100 * found.behind['poor'].point:.1f} points",
        "one seed only",
    ):
        assert number in words


def test_differences_of_an_error_are_told_in_its_own_unit_and_not_in_points() -> None:
    labels = np.linspace(0, 1000, 200).astype(np.float32)
    near, far = (off(labels, offset, "rmse") for offset in (1.0, 250.0))
    found = decide(named("rmse"), [Candidate("far", far, 1, 1, 1), Candidate("near", near, 9, 1, 1)])
    assert "far by 249" in " ".join(found.words)
    assert "points" not in " ".join(found.words)


def test_seeds_are_not_called_one_where_every_candidate_has_several() -> None:
    one, two = (candidate(name, wrong, 1) for name, wrong in (("a", 10), ("b", 12)))
    both = [replace(c, statistics=np.repeat(c.statistics, 3, axis=0)) for c in (one, two)]
    assert "one seed" not in " ".join(decide(ACCURACY, both).words)


def test_the_front_equals_a_search_by_brute_force() -> None:
    generator = np.random.default_rng(0)
    candidates = [
        candidate(str(i), int(generator.integers(0, 50)), *(int(v) for v in generator.integers(1, 9, 3)))
        for i in range(12)
    ]
    found = decide(ACCURACY, candidates)

    def worth(one: Candidate) -> tuple[float, ...]:
        return (found.scores[one.label].point, -one.seconds, -one.peak_memory_bytes, -one.disk_bytes)

    expected = tuple(
        one.label
        for one in candidates
        if not any(
            worth(other) != worth(one) and all(a >= b for a, b in zip(worth(other), worth(one), strict=True))
            for other in candidates
        )
    )
    assert found.front == expected


@pytest.mark.parametrize("seconds", [0.0, 1e-9])
def test_no_time_at_all_is_no_trouble(seconds: float) -> None:
    found = decide(ACCURACY, [candidate("cheap", 22, seconds), candidate("dear", 20, 50, start=5)])
    assert found.chosen == "cheap"


def test_what_is_over_a_limit_is_not_chosen_and_said() -> None:
    candidates = [candidate("large", 5, 1, memory=900), candidate("small", 60, 5, memory=100)]
    found = decide(ACCURACY, candidates, limits=Limits(memory_bytes=500))
    assert (found.chosen, found.best) == ("small", "small")
    assert found.behind["large"].high < 0, "it is better"
    assert any("over your limits: large" in words for words in found.words)
    assert not any("Worse beyond chance" in words for words in found.words)


def test_what_the_limits_cost_is_told_with_what_it_would_need() -> None:
    small, large = candidate("small", 52, 1, memory=400), candidate("large", 15, 9, memory=2000)
    found = decide(ACCURACY, [small, large], limits=Limits(memory_bytes=500))
    told = " ".join(found.words)
    assert "large (2 kB of memory, limit 500 B)" in told
    assert "higher in score than what was taken: large by 12.3 points" in told  # 37 of 300
    assert "best one within your limits" in told
    assert "best one measured" not in told
    latency = replace(large, latency_ms=30.0, peak_memory_bytes=1)
    found = decide(ACCURACY, [small, latency], limits=Limits(latency_ms=20.0))
    assert "large (30.0 ms a prediction, limit 20 ms)" in " ".join(found.words)


def test_the_least_over_the_limits_is_not_called_the_best_where_it_is_not() -> None:
    candidates = [candidate("good", 15, 1, memory=900), candidate("light", 120, 9, memory=600)]
    found = decide(ACCURACY, candidates, limits=Limits(memory_bytes=500))
    told = " ".join(found.words)
    assert found.chosen == "light"
    assert "the least over them: 600 B of memory, limit 500 B." in told
    assert "higher in score than what was taken: good by 35.0 points" in told
    assert "best one" not in told


def test_what_the_limits_cost_is_reckoned_from_what_was_taken() -> None:
    cheap, middle = candidate("cheap", 30, 1), candidate("middle", 28, 9, start=10)
    large = candidate("large", 10, 90, memory=2000)
    found = decide(ACCURACY, [cheap, middle, large], limits=Limits(memory_bytes=500))
    told = " ".join(found.words)
    assert (found.chosen, found.best) == ("cheap", "middle")
    assert "Within your limits, the best score is that of middle" in told
    assert "large by 6.7 points" in told  # 20 of 300


def test_what_the_examples_can_show_is_told_of_the_nearest_rival() -> None:
    near, far = candidate("near", 22, 1, start=5), candidate("far", 140, 1)
    alone = decide(ACCURACY, [candidate("best", 20, 5), near], prefer="best")
    both = decide(ACCURACY, [candidate("best", 20, 5), near, far], prefer="best")
    hopeless = (both.behind["far"].high - both.behind["far"].low) / 2
    # A second comparison widens the intervals a little; the hopeless one's own is another matter.
    assert alone.resolution <= both.resolution < 1.3 * alone.resolution < hopeless


def test_where_everything_is_over_the_limits_the_nearest_is_taken_and_said() -> None:
    candidates = [candidate("large", 5, 1, memory=900), candidate("small", 60, 5, memory=600)]
    found = decide(ACCURACY, candidates, limits=Limits(memory_bytes=500))
    assert found.chosen == "small"
    assert any("Every variant measured is over your limits" in words for words in found.words)


@pytest.mark.parametrize(("prefer", "chosen"), [("cheap", "cheap"), ("balanced", "dear"), ("best", "dear")])
def test_a_gap_of_more_than_one_standard_error_is_taken_by_preference(prefer: Prefer, chosen: str) -> None:
    # 12 examples lost and 4 won: 8 behind, with a standard error of 4.
    candidates = [candidate("cheap", 12, 1, start=100), candidate("dear", 4, 50)]
    found = decide(ACCURACY, candidates, prefer=prefer)
    assert found.behind["cheap"].low <= 0
    assert found.chosen == chosen


def test_the_default_is_balanced_and_says_what_the_cheap_rule_would_take() -> None:
    candidates = [candidate("cheap", 12, 1, start=100), candidate("dear", 4, 50)]
    found = decide(ACCURACY, candidates)
    words = " ".join(found.words)
    assert found.chosen == "dear"
    assert "cheap by 2.7 points. With --prefer cheap" in words
    gap = found.behind["cheap"]
    # One standard error is 4 of 300; the pseudo-examples add a little.
    margin = 100 * (gap.point - gap.standard_error)
    assert margin == pytest.approx(100 * (8 - 4) / 300, abs=0.15)
    assert f"cheap, which is cheaper, would be taken if it scored {margin:.1f} points more" in words


@pytest.mark.parametrize("prefer", ["cheap", "balanced"])
def test_how_many_examples_would_tell_follows_the_square_of_the_width(prefer: Prefer) -> None:
    lost = 12 if prefer == "cheap" else 6
    candidates = [candidate("cheap", lost, 1, start=100), candidate("dear", 4, 50)]
    found = decide(ACCURACY, candidates, prefer=prefer)
    gap = found.behind["cheap"]
    width = gap.point - gap.low if prefer == "cheap" else gap.standard_error
    wanted = 300 * (width / gap.point) ** 2
    told = next(reason for reason in found.reasons if reason.key == "flip_examples")
    assert float(told.values["examples"].replace(",", "")) == pytest.approx(wanted, rel=0.05)
    assert "would show it, and dear would be taken" in told.say()


def test_what_was_cut_short_is_not_called_worse() -> None:
    found = decide(ACCURACY, [candidate("good", 5, 9), replace(candidate("cut", 90, 1), complete=False)])
    assert not any("Worse" in words for words in found.words)
    assert any("Cut short by the time limit, and perhaps better than measured: cut" in words for words in found.words)


def test_seeds_that_disagree_are_warned_of() -> None:
    steady, shaky = candidate("steady", 30, 1), candidate("shaky", 0, 9)
    runs = np.concatenate([candidate("", wrong, 9).statistics for wrong in (0, 60)])
    steady = replace(steady, statistics=np.concatenate([steady.statistics] * 2))
    found = decide(ACCURACY, [steady, replace(shaky, statistics=runs)])
    assert any("From seed to seed the score varies: shaky by 20.0 points" in words for words in found.words)


def test_every_reason_is_said_in_both_languages() -> None:
    assert _SENTENCES["en"].keys() == _SENTENCES["id"].keys()
    for key, sentence in _SENTENCES["en"].items():
        gaps = [
            {name for _, name, _, _ in Formatter().parse(text) if name} for text in (sentence, _SENTENCES["id"][key])
        ]
        assert gaps[0] == gaps[1], key


def test_the_only_one_measured_says_that_it_is_over_the_limits() -> None:
    found = decide(ACCURACY, [candidate("alone", 5, 1)], limits=Limits(memory_bytes=0.5))
    assert any("over your limits" in words for words in found.words)


def test_what_stopped_and_what_there_was_no_time_for_are_told_apart() -> None:
    found = decide(ACCURACY, [candidate("good", 5, 1)], stopped=["slow"], unmeasured=["late"])
    assert found.words[0].startswith("Take good")
    assert any("out of the running by their learning curves: slow." in words for words in found.words)
    assert any("Not measured on all examples" in words and words.endswith("late.") for words in found.words)


def test_where_every_example_scores_alike_no_interval_and_no_resolution_is_said() -> None:
    flat = means(np.full(40, 0.5))[None]
    candidates = [Candidate("cheap", flat, 1, 1, 1), Candidate("dear", flat, 9, 1, 1)]
    found = decide(named("rouge_l"), candidates)
    assert found.chosen == "cheap"
    assert "95 % interval not known: every resample scores the same" in found.words[0]
    assert "interval 95 % tidak diketahui" in found.reasons[0].say("id")
    assert not {"resolution", "worse"} & {reason.key for reason in found.reasons}


def test_answers_that_are_better_by_a_little_on_every_prompt_are_taken_over_the_untrained_model() -> None:
    generator = np.random.default_rng(3)
    before = generator.uniform(0.1, 0.7, 30)
    after = np.clip(before + generator.normal(0.06, 0.08, 30), 0, 1)
    candidates = [
        Candidate(name, means(values)[None], 1, 1, 1) for name, values in (("as it is", before), ("lora", after))
    ]
    found = decide(named("rouge_l"), [candidates[0], replace(candidates[1], seconds=100.0)], prefer="cheap")
    assert found.chosen == "lora"
    assert found.behind["as it is"].low > 0.02
