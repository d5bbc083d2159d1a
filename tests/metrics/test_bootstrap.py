"""The bootstrap's intervals hold what they promise, by simulation and against the normal approximation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alih.metrics import bootstrap, text
from alih.metrics.base import Floats, Metric, mean_of, means
from alih.metrics.bootstrap import Bootstrap, Difference, Interval, difference
from alih.metrics.classification import METRICS, statistics
from alih.metrics.names import named
from alih.task import Kind

#: Kind and classes.
Task = tuple[Kind, str]
TWO: Task = (Kind.SINGLE, "ny")


def table(task: Task, metric: str, logits: np.ndarray, labels: np.ndarray) -> Floats:
    """The statistics of logits (n, outputs) or (seeds, n, outputs)."""
    if logits.ndim == 2:
        return statistics(*task, logits, labels)[metric]
    return np.stack([statistics(*task, run, labels)[metric] for run in logits])


def score(task: Task, metric: str, logits: np.ndarray, labels: np.ndarray) -> float:
    return named(metric).score(table(task, metric, logits, labels))


def interval(
    task: Task, metric: str, logits: np.ndarray, labels: np.ndarray, groups: list[str] | None = None, seed: int = 0
) -> Interval:
    return bootstrap.interval(named(metric), table(task, metric, logits, labels), groups, seed)


def differences(
    task: Task, metric: str, first: np.ndarray, others: list[np.ndarray], labels: np.ndarray, seed: int = 0
) -> list[Difference]:
    tables = [table(task, metric, logits, labels) for logits in (first, *others)]
    return Bootstrap(named(metric), tables, seed=seed).differences()


def answers(right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right exactly where `right` says so, and labels."""
    labels = np.arange(right.shape[-1]) % 2
    guess = np.where(right, labels, 1 - labels)
    return np.eye(2, dtype=np.float32)[guess.astype(int)], labels


def told_apart(found: Difference) -> bool:
    return found.low > 0 or found.high < 0


def test_the_interval_of_an_accuracy_equals_the_normal_approximation() -> None:
    right = np.arange(1000) % 5 != 0
    found = interval(TWO, "accuracy", *answers(right))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert found.point == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.004)


@pytest.mark.parametrize("chance", [0.5, 0.8, 0.98, 0.995])
def test_the_stated_95_percent_hold_in_simulation(chance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 300)
    generator = np.random.default_rng(0)
    found = [interval(TWO, "accuracy", *answers(generator.random(150) < chance), seed=i) for i in range(200)]
    held = np.mean([one.low <= chance <= one.high for one in found])
    assert 0.90 <= held <= 0.99


def test_intervals_of_macro_f1_hold_in_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 300)
    generator = np.random.default_rng(4)
    held = 0
    for number in range(200):
        # Each class is right with chance 0.7 and taken for the other one with 0.3: its F1 is 0.7 in the long run.
        logits, labels = answers(generator.random(150) < 0.7)
        found = interval(TWO, "macro_f1", logits, labels, seed=number)
        held += found.low <= 0.7 <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_being_right_on_every_example_is_not_certainty() -> None:
    found = interval(TWO, "accuracy", *answers(np.ones(150, dtype=bool)))
    exact = 0.025 ** (1 / 150)  # Clopper and Pearson's lower end
    assert (found.point, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(exact, abs=0.01)


def test_systems_that_answer_alike_have_a_difference_of_about_zero_and_not_exactly() -> None:
    logits, labels = answers(np.arange(150) % 10 != 0)
    found = differences(TWO, "accuracy", logits, [logits], labels)[0]
    assert found.point == 0.0
    assert not told_apart(found)
    assert 1 / 152 <= found.high <= 4 / 152


@pytest.mark.parametrize("chance", [0.8, 0.97])
def test_equal_systems_are_rarely_told_apart(chance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 400)
    generator = np.random.default_rng(1)
    told = np.zeros(2)
    for number in range(300):
        first, labels = answers(generator.random(150) < chance)
        others = [answers(generator.random(150) < chance)[0] for _ in range(4)]
        found = differences(TWO, "accuracy", first, others, labels, seed=number)
        alone = differences(TWO, "accuracy", first, others[:1], labels, seed=number)
        told += [told_apart(alone[0]), any(told_apart(one) for one in found)]
    assert (told / 300 <= 0.07).all()


def test_a_clear_difference_is_found_with_its_sign() -> None:
    good, labels = answers(np.arange(300) % 10 != 0)
    bad, _ = answers(np.arange(300) % 2 == 0)
    found = differences(TWO, "accuracy", good, [bad], labels)[0]
    assert told_apart(found)
    assert found.point == pytest.approx(0.4)
    assert found.low > 0.3


def test_pairing_narrows_the_interval_of_systems_that_err_together() -> None:
    generator = np.random.default_rng(2)
    right = generator.random(400) < 0.7
    almost = right.copy()
    almost[:10] = ~almost[:10]
    unrelated = generator.permutation(right)
    (first, labels), (second, _), (third, _) = answers(right), answers(almost), answers(unrelated)
    together, apart = (differences(TWO, "accuracy", first, [other], labels)[0] for other in (second, third))
    assert together.high - together.low < 0.6 * (apart.high - apart.low)


def test_the_level_is_corrected_for_the_number_of_comparisons() -> None:
    first, labels = answers(np.arange(100) % 4 != 0)
    second, _ = answers(np.arange(100) % 3 != 0)
    alone = differences(TWO, "accuracy", first, [second], labels)[0]
    among = differences(TWO, "accuracy", first, [second] * 5, labels)[0]
    assert (alone.level, among.level) == pytest.approx((0.95, 0.99))
    assert among.high - among.low > alone.high - alone.low


def test_seeds_that_disagree_widen_the_interval() -> None:
    steady = np.stack([answers(np.arange(200) % 5 != 0)[0]] * 3)
    shaky = np.stack([answers(np.arange(200) < n)[0] for n in (120, 160, 200)])
    labels = np.arange(200) % 2
    one, other = (interval(TWO, "accuracy", logits, labels) for logits in (steady, shaky))
    assert other.point == pytest.approx(one.point)
    assert other.high - other.low > 1.3 * (one.high - one.low)


EVERY = [(kind, metric.name) for kind in Kind for metric in METRICS[kind]]


def some(kind: Kind, seeds: int, seed: int = 0) -> tuple[Task, np.ndarray, np.ndarray]:
    """A task, logits of (seeds, n, outputs) that are better than chance, and labels."""
    generator = np.random.default_rng(seed)
    if kind is Kind.REGRESSION:
        labels = generator.normal(size=90)
        return (kind, ""), labels[None, :, None] + generator.normal(size=(seeds, 90, 1)), labels
    task = (kind, "abcd")
    labels = generator.integers(0, 4, 90) if kind is Kind.SINGLE else generator.integers(0, 2, (90, 4))
    truth = np.eye(4)[labels] if kind is Kind.SINGLE else labels
    return task, truth[None] * 2 - 1 + generator.normal(size=(seeds, 90, 4)), labels


@pytest.mark.parametrize(("kind", "metric"), EVERY)
def test_every_metric_has_an_interval_around_its_score_and_repeats_by_seed(kind: Kind, metric: str) -> None:
    task, logits, labels = some(kind, seeds=2)
    first, again, other = (interval(task, metric, logits, labels, seed=seed) for seed in (3, 3, 4))
    assert first == again != other
    assert first.low <= first.point <= first.high
    assert first.point == pytest.approx(np.mean([score(task, metric, run, labels) for run in logits]))


@pytest.mark.parametrize(("kind", "metric"), EVERY)
def test_resampled_scores_equal_scores_of_the_resampled_examples(
    kind: Kind, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(named(metric), pseudo_examples=None)
    monkeypatch.setattr(bootstrap, "_CHUNK", 90 * 7)  # several chunks
    task, logits, labels = some(kind, seeds=1)
    generator = np.random.default_rng((5, 0))
    draws = [rows for part in range(20) for rows in bootstrap._draws(generator, min(7, 135 - 7 * part), 90)]
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 135)
    found = bootstrap._resample(plain, [table(task, metric, logits, labels)], None, seed=5)[0]
    rows = [np.repeat(np.arange(90), times) for times in draws]
    assert found == pytest.approx([score(task, metric, logits[0][row], labels[row]) for row in rows])


@pytest.mark.parametrize(("kind", "metric"), EVERY)
def test_a_difference_has_the_opposite_sign_the_other_way_round(kind: Kind, metric: str) -> None:
    task, first, labels = some(kind, seeds=1)
    second = first + np.random.default_rng(9).normal(size=first.shape)
    there, back = (differences(task, metric, a, [b], labels)[0] for a, b in ((first, second), (second, first)))
    assert (there.low, there.point, there.high) == pytest.approx((-back.high, -back.point, -back.low), abs=0.02)


def test_the_score_itself_is_never_left_out_of_its_interval() -> None:
    task = (Kind.SINGLE, "abcd")
    # As right as it is sure: no resample is calibrated as well as that.
    chances = np.array([[tenths, *[(10 - tenths) / 3] * 3] for tenths in (4, 5, 6, 7, 8, 9) for _ in range(10)])
    logits, labels = np.log(chances), np.array([int(right >= t) for t in (4, 5, 6, 7, 8, 9) for right in range(10)])
    found = interval(task, "calibration_error", logits, labels)
    assert found.low <= found.point <= found.high
    assert found.point == pytest.approx(0.0, abs=1e-9)
    assert found.high > 0.1


def test_labels_that_are_all_equal_and_one_example_are_no_trouble() -> None:
    number = (Kind.REGRESSION, "")
    assert interval(number, "r2", np.ones((5, 1)), np.full(5, 3.0)).point == 0.0
    found = interval(TWO, "macro_f1", np.array([[0.0, 1.0]]), np.array([1]))
    assert (found.point, found.high) == (1.0, 1.0)


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
def test_a_perfect_f1_is_no_more_certain_than_a_perfect_accuracy(metric: str) -> None:
    if metric == "micro_f1":
        task, labels = (Kind.MULTI, "abc"), np.eye(3, dtype=np.int64)[np.arange(150) % 3]
        logits = (labels * 2.0 - 1.0) * 5
    else:
        task = TWO
        logits, labels = answers(np.ones(150, dtype=bool))
    found = interval(task, metric, logits, labels)
    exact = 0.025 ** (1 / 150)  # Clopper and Pearson's lower end of 150 out of 150
    assert (found.point, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(exact, abs=0.012)


def test_examples_of_one_group_count_as_one_when_they_are_alike() -> None:
    right = np.repeat(np.arange(50) % 5 != 0, 4)  # 50 patients of four pictures each, all right or all wrong
    logits, labels = answers(right)
    patients = [str(number) for number in np.repeat(np.arange(50), 4)]
    alone, together = (
        interval(TWO, "accuracy", logits, labels),
        interval(TWO, "accuracy", logits, labels, groups=patients),
    )
    assert together.high - together.low == pytest.approx(2 * (alone.high - alone.low), rel=0.1)


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize("deviation", [0.0, 0.08])
def test_equal_routes_that_vary_by_seed_are_rarely_told_apart(
    seeds: int, deviation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 300)
    generator = np.random.default_rng(7)
    labels, told = np.ones(200, dtype=np.int64), 0
    for number in range(200):
        easy = generator.normal(1.2, 1.0, 200)
        systems = [
            np.stack([_margins(easy + generator.normal(0, deviation), generator) for _ in range(seeds)])
            for _ in range(3)
        ]
        tables = [table(TWO, "accuracy", system, labels) for system in systems]
        found = Bootstrap(named("accuracy"), tables, seed=number).differences()
        told += any(told_apart(one) for one in found)
    assert told / 200 <= 0.08


def _margins(margins: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    noisy = margins + generator.normal(0, 0.2, len(margins))
    return np.stack([np.zeros(len(noisy)), noisy], axis=1)


@pytest.mark.parametrize("chance", [0.7, 0.98, 0.995])
def test_intervals_of_f1_of_classes_need_the_pseudo_examples_and_are_not_widened_by_them_elsewhere(
    chance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 300)
    generator = np.random.default_rng(8)
    macro_f1, held, widths = named("macro_f1"), np.zeros(2), np.zeros(2)
    for number in range(200):
        logits, labels = answers(generator.random(150) < chance)
        found = table(TWO, "macro_f1", logits, labels)
        for column, metric in enumerate((macro_f1, replace(macro_f1, pseudo_examples=None))):
            one = bootstrap.interval(metric, found, seed=number)
            held[column] += one.low <= chance <= one.high  # as many of each class: its F1 in the long run
            widths[column] += one.high - one.low
    with_them, without = held / 200
    assert 0.90 <= with_them <= 0.99
    if chance == 0.7:
        assert widths[0] == pytest.approx(widths[1], rel=0.03)
    if chance == 0.995:
        assert without < 0.7


def written(count: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """ROUGE of two systems: hard and easy examples in common, the first a little better on each."""
    generator = np.random.default_rng(seed)
    easy = generator.uniform(0.1, 0.7, count)
    return np.clip(easy + generator.normal(0.06, 0.08, count), 0, 1), easy


@pytest.mark.parametrize("metric", [text.ROUGE_L, text.TOKEN_F1])
def test_what_scores_in_between_gets_the_plain_paired_bootstrap(metric: Metric) -> None:
    first, second = written(30)
    found = difference(metric, means(first), means(second))
    rows = np.random.default_rng(0).integers(0, 30, (20_000, 30))
    low, high = np.quantile((first - second)[rows].mean(axis=1), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)
    assert found.low > 0.02  # a difference that is there: 3 to 9 points
    assert found.high < 0.1
    # One example won and one lost by everything, as for shares, would hide it: -3 points and less to 14 and more.
    padded = difference(metric, means([*first, 1, 0]), means([*second, 0, 1]))
    assert padded.low < -0.02
    assert padded.high > 0.13


@pytest.mark.parametrize("count", [20, 80])
def test_intervals_of_what_scores_in_between_hold_in_simulation(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 400)
    found = [difference(text.ROUGE_L, *map(means, written(count, seed)), seed=seed) for seed in range(300)]
    # 0.06 but for what is cut off at 0
    truth = np.mean([np.subtract(*written(2000, seed)).mean() for seed in range(50)])
    assert 0.89 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.99


def test_examples_that_are_partly_right_are_no_share() -> None:
    recall = mean_of("recall@5", is_share=True, in_points=True)
    whole, partly = np.ones(20), np.array([0.5, *np.ones(19)])
    assert bootstrap.interval(recall, means(whole)).low < 0.95
    assert bootstrap.interval(recall, means(partly)).low == pytest.approx(0.925, abs=0.03)


def test_an_interval_of_no_width_is_not_printed_as_a_finding() -> None:
    flat = bootstrap.interval(named("rouge_l"), means(np.full(9, 0.5)))
    assert not flat.has_width
    assert flat.words() == "not known: every resample scores the same"
    assert flat.words(language="id") == "tidak diketahui: semua sampel ulang memberi skor yang sama"
    assert Interval(0.9451, 0.96, 0.982).words() == "0.945 to 0.982"
    assert Difference(-0.012, 0.0, 0.03).words("+.2f", "id") == "-0.01 sampai +0.03"


def test_the_standard_error_of_a_normal_interval_is_its_deviation() -> None:
    assert Interval(-1.959964, 0.0, 1.959964).standard_error == pytest.approx(1.0)
    assert Interval(-2.575829, 0.0, 2.575829, 0.99).standard_error == pytest.approx(1.0)
