"""Entity scores equal conlleval's on hand-worked sentences, and seqeval's on drawn ones."""

from __future__ import annotations

import numpy as np
import pytest

from alih.metrics import bootstrap
from alih.metrics.names import named
from alih.metrics.tagging import by_type, spans, statistics

TYPES = ("LOC", "PER")


def scores(tags: list[list[str]], predicted: list[list[str]]) -> dict[str, float]:
    return {name: named(name).score(table) for name, table in statistics(tags, predicted, TYPES).items()}


def test_an_entity_goes_from_its_b_to_its_last_i() -> None:
    assert spans(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"]) == {("PER", 0, 1), ("LOC", 3, 3), ("LOC", 4, 4)}
    assert spans([]) == set()


def test_an_i_without_a_b_begins_an_entity() -> None:
    assert spans(["I-PER", "I-PER", "O", "I-LOC"]) == {("PER", 0, 1), ("LOC", 3, 3)}
    assert spans(["B-PER", "I-LOC"]) == {("PER", 0, 0), ("LOC", 1, 1)}


def test_scores_worked_by_hand() -> None:
    tags = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"]]
    said = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "B-PER"]]
    # Right: both LOC. Wrong: PER 0-0, PER 1-1. Missed: PER 0-1. Tokens: 4 of 6.
    found = scores(tags, said)
    assert found["entity_precision"] == pytest.approx(2 / 4)
    assert found["entity_recall"] == pytest.approx(2 / 3)
    assert found["entity_f1"] == pytest.approx(2 * 2 / (4 + 3))
    assert found["entity_macro_f1"] == pytest.approx((1 + 0) / 2)
    assert found["token_accuracy"] == pytest.approx(4 / 6)
    assert by_type(spans(tags[0]), spans(said[0]), TYPES) == [1, 0, 0, 1, 0, 1]


def test_types_that_are_nowhere_are_left_out_of_the_macro_mean() -> None:
    assert scores([["B-PER"]], [["B-PER"]])["entity_macro_f1"] == 1
    assert scores([["O"]], [["O"]])["entity_f1"] == 0


def test_a_perfect_f1_is_not_certain() -> None:
    table = statistics([["B-PER", "O"]] * 100, [["B-PER", "O"]] * 100, TYPES)["entity_f1"]
    found = bootstrap.interval(named("entity_f1"), table)
    assert found.high == 1
    assert found.low == pytest.approx(0.025 ** (1 / 100), abs=0.012)  # Clopper and Pearson's of 100 of 100


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.filterwarnings("ignore")
def test_scores_equal_seqevals(seed: int) -> None:
    reference = pytest.importorskip("seqeval.metrics")
    generator = np.random.default_rng(seed)
    known = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    lengths = generator.integers(1, 12, 40)
    tags = [[known[one] for one in generator.integers(0, 6, length)] for length in lengths]
    said = [[one if generator.random() < 0.7 else known[generator.integers(6)] for one in row] for row in tags]
    found = scores(tags, said)
    assert found["entity_precision"] == pytest.approx(reference.precision_score(tags, said))
    assert found["entity_recall"] == pytest.approx(reference.recall_score(tags, said))
    assert found["entity_f1"] == pytest.approx(reference.f1_score(tags, said))
    assert found["entity_macro_f1"] == pytest.approx(reference.f1_score(tags, said, average="macro"))
    assert found["token_accuracy"] == pytest.approx(reference.accuracy_score(tags, said))
