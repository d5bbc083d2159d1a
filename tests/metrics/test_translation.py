"""BLEU and chrF equal sacrebleu's, on all sentences and on every resample of them; the tokenizer fits the script."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from alih.metrics import translation
from alih.metrics.bootstrap import difference, interval
from alih.metrics.translation import statistics, tokenizer_for


def corpus(count: int, share: float, seed: int, longest: int = 15) -> tuple[list[str], list[str]]:
    """References, and translations with a share of the words wrong."""
    chooser = random.Random(seed)
    words = [f"word{number}" for number in range(50)]
    references = [" ".join(chooser.choices(words, k=chooser.randint(1, longest))) for _ in range(count)]
    said = [" ".join(w if chooser.random() > share else "wrong" for w in one.split()) for one in references]
    return said, references


CORPORA = [
    corpus(50, 0.2, 0),
    corpus(3, 0.6, 1),  # orders without a match: smoothed
    corpus(2, 0.0, 2, longest=2),  # orders without n-grams: 0
    (["", "a b c d e"], ["a b", "a b c d f g h i"]),  # shorter than the references
    (["", ""], ["a b c d", "b"]),
    (["x", "y z"], ["a b c d", "b"]),
]


@pytest.mark.parametrize(("said", "references"), CORPORA)
def test_scores_are_sacrebleus(said: list[str], references: list[str]) -> None:
    tables = statistics(said, references)
    expected = sacrebleu.corpus_bleu(said, [references]).score
    assert translation.bleu().score(tables["bleu"]) == pytest.approx(expected, abs=1e-9)
    expected = sacrebleu.corpus_chrf(said, [references]).score
    assert translation.chrf().score(tables["chrf"]) == pytest.approx(expected, abs=1e-9)


def test_scores_of_many_resamples_at_once_are_sacrebleus() -> None:
    said, references = corpus(8, 0.5, 5)
    weights = np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), size=60)
    tables = statistics(said, references)
    bleu = translation.bleu_from_sums(weights @ tables["bleu"])
    chrf = translation.chrf_from_sums(weights @ tables["chrf"])
    for row, one, other in zip(weights, bleu, chrf, strict=True):
        some = [[text for text, n in zip(texts, row, strict=True) for _ in range(n)] for texts in (said, references)]
        assert one == pytest.approx(sacrebleu.corpus_bleu(some[0], [some[1]]).score, abs=1e-9)
        assert other == pytest.approx(sacrebleu.corpus_chrf(some[0], [some[1]]).score, abs=1e-9)


def test_signatures_are_sacrebleus() -> None:
    said, references = corpus(5, 0.2, 0)
    for ours, theirs in (
        (translation.bleu(), BLEU()),
        (translation.bleu("zh"), BLEU(tokenize="zh")),
        (translation.chrf(), CHRF()),
    ):
        theirs.corpus_score(said, [references])
        assert ours.signature == str(theirs.get_signature())


@pytest.mark.parametrize(("name", "metric"), [("bleu", BLEU()), ("chrf", CHRF())])
def test_intervals_are_as_wide_as_sacrebleus_own_bootstrap(name: str, metric: BLEU | CHRF) -> None:
    said, references = corpus(200, 0.3, 1)
    theirs = metric.corpus_score(said, [references], n_bootstrap=1000)
    ours = interval(getattr(translation, name)(), statistics(said, references)[name])
    assert ours.low < ours.point < ours.high
    assert (ours.high - ours.low) / 2 == pytest.approx(theirs._ci, rel=0.15)


def test_a_difference_is_surer_than_the_scores_it_is_of() -> None:
    said, references = corpus(200, 0.3, 2)
    worse = [one.replace("word7", "wrong") for one in said]
    first, second = (statistics(some, references)["bleu"] for some in (said, worse))
    gap = difference(translation.bleu(), first, second)
    own = interval(translation.bleu(), first)
    assert gap.low > 0
    assert gap.high - gap.low < (own.high - own.low) / 2
    assert not difference(translation.bleu(), first, first).has_width


CHINESE = ["今天我们买那个小的树。", "今天你想要那个旧的书。", "他们昨天看见了一只大的红色的鸟。"]


def test_chinese_is_cut_into_characters() -> None:
    said = [CHINESE[0], CHINESE[1].replace("旧", "新"), CHINESE[2]]
    tokenizer = tokenizer_for(CHINESE)
    assert tokenizer == "zh"
    found = translation.bleu(tokenizer).score(statistics(said, CHINESE, tokenizer)["bleu"])
    assert found == pytest.approx(sacrebleu.corpus_bleu(said, [CHINESE], tokenize="zh").score)
    assert found > 80
    assert "tok:zh" in str(translation.bleu(tokenizer).signature)


@pytest.mark.parametrize(
    ("reference", "language", "known"),
    [
        ("今天我们买那个小的树。", None, {"zh"}),
        ("我在 Tokyo 买了 2 本书。", "zho_Hans", {"zh"}),
        ("私はその小さな木を買いました。", None, {"ja-mecab", "char"}),
        ("東京大学", "ja", {"ja-mecab", "char"}),
        ("우리는 오늘 작은 나무를 삽니다.", None, {"ko-mecab", "char"}),
        ("วันนี้เราซื้อต้นไม้เล็ก", None, {"char"}),
        ("Kami membeli pohon kecil itu hari ini.", "id", {"13a"}),
        ("Мы покупаем маленькое дерево.", None, {"13a"}),
        ("1 2 3", None, {"13a"}),
    ],
)
def test_the_tokenizer_follows_the_script(reference: str, language: str | None, known: set[str]) -> None:
    assert tokenizer_for([reference], language) in known
