"""BLEU and chrF by sacrebleu, with their signatures and what they may be off by.

Papineni et al. 2002 (P02-1040), Popović 2015 (W15-3049), Post 2018 (W18-6319). Intervals and differences are by the
paired bootstrap over sentences (Koehn 2004, W04-3250): both systems are scored on the same resampled sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.data.messages import counted

#: Resamples, as in sacrebleu.
_RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    """One metric of one set of translations.

    Args:
        point: the score, 0 to 100.
        low: end of its 95 % interval.
        high: end of its 95 % interval.
        signature: sacrebleu's, which tells what exactly was computed.
    """

    point: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class Gain:
    """How much better one set of translations is than another of the same sentences.

    Args:
        point: first less second.
        low: end of its 95 % interval.
        high: end of its 95 % interval.
    """

    point: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """BLEU and chrF of translations.

    Args:
        sentences: how many.
        bleu: BLEU, 13a tokens, cased.
        chrf: chrF2.
        gain: in BLEU, over the translations compared with; None where there are none.
        than: what those are, in words.
    """

    sentences: int
    bleu: Score
    chrf: Score
    gain: Gain | None = None
    than: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The scores as JSON-able data."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [counted(self.sentences, "sentence")]
        for name, score in (("BLEU", self.bleu), ("chrF", self.chrf)):
            lines.append(f"{name}  {score.point:5.1f}   95 % interval {score.low:.1f} to {score.high:.1f}")
        if self.gain is not None:
            gain = self.gain
            lines.append(
                f"BLEU  {gain.point:+5.1f}   over {self.than}; 95 % interval {gain.low:+.1f} to {gain.high:+.1f}"
            )
        lines += [f"BLEU  {self.bleu.signature}", f"chrF  {self.chrf.signature}"]
        return "\n".join(lines)


def score(
    translations: Sequence[str],
    references: Sequence[str],
    others: Sequence[str] | None = None,
    than: str | None = None,
    *,
    seed: int = 0,
) -> Scores:
    """Score translations.

    Args:
        translations: one a sentence.
        references: what a translator of flesh and blood wrote.
        others: other translations of the same sentences, to compare with.
        than: what those are, in words.
        seed: of the resampling.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    drawn = np.random.default_rng(seed).integers(0, len(references), (_RESAMPLES, len(references)))
    bleu, chrf = BLEU(), CHRF()
    point, resampled = _resampled(bleu, translations, references, drawn)
    gain = None
    if others is not None:
        other, other_resampled = _resampled(bleu, others, references, drawn)
        gain = Gain(point - other, *_ends(resampled - other_resampled, point - other))
    chrf_point, chrf_resampled = _resampled(chrf, translations, references, drawn)
    return Scores(
        len(references),
        Score(point, *_ends(resampled, point), str(bleu.get_signature())),
        Score(chrf_point, *_ends(chrf_resampled, chrf_point), str(chrf.get_signature())),
        gain,
        than,
    )


def _resampled(
    metric: Any, translations: Sequence[str], references: Sequence[str], drawn: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """The score, and that of each resample: sums of what each sentence adds."""
    point = float(metric.corpus_score(list(translations), [list(references)]).score)
    # What sacrebleu's own significance tests read; it has no public name.
    found = np.array(metric._extract_corpus_statistics(list(translations), [list(references)]), dtype=np.float64)
    scores = [float(metric._compute_score_from_stats(found[rows].sum(axis=0).tolist()).score) for rows in drawn]
    return point, np.array(scores)


def _ends(values: NDArray[np.float64], point: float) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return min(float(low), point), max(float(high), point)
