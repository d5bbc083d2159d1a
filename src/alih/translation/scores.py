"""BLEU and chrF of a set of translations, with their signatures and what they may be off by; as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alih.data.messages import counted
from alih.metrics import translation
from alih.metrics.bootstrap import Difference, Interval, difference, interval


@dataclass(frozen=True)
class Scores:
    """BLEU and chrF of translations, 0 to 100.

    Args:
        sentences: how many.
        bleu: BLEU, cased, on the tokens that its signature names.
        chrf: chrF2.
        signatures: sacrebleu's, of both; they tell what exactly was computed.
        gain: in BLEU, over the translations compared with; None where there are none.
        than: what those are, in words.
    """

    sentences: int
    bleu: Interval
    chrf: Interval
    signatures: tuple[str, str]
    gain: Difference | None = None
    than: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The scores as JSON-able data."""
        bleu, chrf = self.signatures
        return {
            "sentences": self.sentences,
            "bleu": {**_ends(self.bleu), "signature": bleu},
            "chrf": {**_ends(self.chrf), "signature": chrf},
            "gain": None if self.gain is None else _ends(self.gain),
            "than": self.than,
        }

    def __str__(self) -> str:
        lines = [counted(self.sentences, "sentence")]
        for name, score in (("BLEU", self.bleu), ("chrF", self.chrf)):
            lines.append(f"{name}  {score.point:5.1f}   95 % interval {score.words('.1f')}")
        if self.gain is not None:
            lines.append(f"BLEU  {self.gain.point:+5.1f}   over {self.than}; 95 % interval {self.gain.words('+.1f')}")
        lines += [f"{name}  {signature}" for name, signature in zip(("BLEU", "chrF"), self.signatures, strict=True)]
        return "\n".join(lines)


def score(
    translations: Sequence[str],
    references: Sequence[str],
    others: Sequence[str] | None = None,
    than: str | None = None,
    *,
    language: str | None = None,
) -> Scores:
    """Score translations.

    Args:
        translations: one a sentence.
        references: what a human translator wrote.
        others: other translations of the same sentences, to compare with.
        than: what those are, in words.
        language: of the references, where known; see `alih.metrics.translation.tokenizer_for`.
    """
    tokenizer = translation.tokenizer_for(references, language)
    bleu, chrf = translation.bleu(tokenizer), translation.chrf()
    tables = translation.statistics(translations, references, tokenizer)
    gain = None
    if others is not None:
        compared = translation.statistics(others, references, tokenizer)
        gain = difference(bleu, tables["bleu"], compared["bleu"])
    return Scores(
        len(references),
        interval(bleu, tables["bleu"]),
        interval(chrf, tables["chrf"]),
        (str(bleu.signature), str(chrf.signature)),
        gain,
        than,
    )


def _ends(found: Interval) -> dict[str, float]:
    return {"point": found.point, "low": found.low, "high": found.high}
