"""Scores of translations in words: sacrebleu's numbers and signatures, and differences that pair the sentences."""

from __future__ import annotations

import random

import pytest
import sacrebleu

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
    assert found.bleu.point == pytest.approx(sacrebleu.corpus_bleu(said, [references]).score)
    assert found.chrf.point == pytest.approx(sacrebleu.corpus_chrf(said, [references]).score)
    assert found.signatures[0].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert all(signature in str(found) for signature in found.signatures)


def test_a_difference_is_said_with_what_it_is_over() -> None:
    said, references = corpus(200, 0.3, 2)
    found = score(said, references, [one.replace("word7", "wrong") for one in said], "a worse one")
    assert found.gain is not None
    assert found.gain.low > 0
    assert "over a worse one; 95 % interval +" in str(found)


def test_equal_translations_differ_by_nothing_and_no_interval_is_printed() -> None:
    said, references = corpus(30, 0.3, 3)
    found = score(said, references, said, "itself")
    assert found.gain is not None
    assert (found.gain.low, found.gain.point, found.gain.high) == (0, 0, 0)
    assert "+0.0   over itself; 95 % interval not known" in str(found)


def test_perfect_and_empty_translations_are_100_and_0() -> None:
    _, references = corpus(10, 0, 4)
    assert score(references, references).bleu.point == pytest.approx(100)
    nothing = score([""] * 10, references)
    assert nothing.bleu.point == 0
    assert "BLEU    0.0   95 % interval not known" in str(nothing)


def test_chinese_is_scored_by_characters_and_says_so() -> None:
    references = ["今天我们买那个小的树。", "今天你想要那个旧的书。", "他昨天看见了两只白色的猫。"]
    found = score([references[0], references[1].replace("旧", "新"), references[2]], references, language="zh")
    assert found.bleu.point > 85
    assert "tok:zh" in found.signatures[0]
