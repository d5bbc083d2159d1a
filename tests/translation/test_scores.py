"""Scores: sacrebleu's numbers, its intervals, and differences that pair the sentences."""

from __future__ import annotations

import random

import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from alih.translation.scores import score


def corpus(count: int, share: float, seed: int) -> tuple[list[str], list[str]]:
    """References, and translations with a share of the words wrong."""
    chooser = random.Random(seed)
    words = [f"word{number}" for number in range(50)]
    references = [" ".join(chooser.choices(words, k=chooser.randint(5, 15))) for _ in range(count)]
    said = [" ".join(w if chooser.random() > share else "wrong" for w in one.split()) for one in references]
    return said, references


def test_points_and_signatures_are_sacrebleus() -> None:
    said, references = corpus(50, 0.2, 0)
    found = score(said, references)
    assert found.bleu.point == sacrebleu.corpus_bleu(said, [references]).score
    assert found.chrf.point == sacrebleu.corpus_chrf(said, [references]).score
    assert found.bleu.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert found.bleu.signature in str(found)


@pytest.mark.parametrize(("name", "metric"), [("bleu", BLEU()), ("chrf", CHRF())])
def test_intervals_are_as_wide_as_sacrebleus_own_bootstrap(name: str, metric: BLEU | CHRF) -> None:
    said, references = corpus(200, 0.3, 1)
    theirs = metric.corpus_score(said, [references], n_bootstrap=1000)
    ours = getattr(score(said, references), name)
    assert ours.low < ours.point < ours.high
    assert (ours.high - ours.low) / 2 == pytest.approx(theirs._ci, rel=0.15)


def test_a_difference_is_surer_than_the_scores_it_is_of() -> None:
    said, references = corpus(200, 0.3, 2)
    worse = [one.replace("word7", "wrong") for one in said]
    found = score(said, references, worse, "a worse one")
    assert found.gain is not None
    assert found.gain.low > 0
    assert found.gain.high - found.gain.low < (found.bleu.high - found.bleu.low) / 2
    assert "over a worse one" in str(found)


def test_equal_translations_differ_by_nothing() -> None:
    said, references = corpus(30, 0.3, 3)
    gain = score(said, references, said, "itself").gain
    assert gain is not None
    assert (gain.low, gain.point, gain.high) == (0, 0, 0)


def test_perfect_and_empty_translations_are_100_and_0() -> None:
    _, references = corpus(10, 0, 4)
    assert score(references, references).bleu.point == pytest.approx(100)
    assert score([""] * 10, references).bleu.point == 0
