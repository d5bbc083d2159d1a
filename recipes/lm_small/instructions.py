"""The mixture that the small language model is trained on, and the held-out prompts it is judged by."""

from __future__ import annotations

import random
from typing import Final

from alih.generate.general import documentation
from recipes.lm_small.arithmetic import arithmetic
from recipes.lm_small.examples import Example
from recipes.lm_small.passages import passage, repeat

#: Kind → share of the examples (texts of documentation are longer than the others).
MIXTURE: Final[dict[str, float]] = {
    "passage": 0.40,
    "absent": 0.10,
    "addition": 0.08,
    "subtraction": 0.08,
    "multiplication": 0.06,
    "story": 0.08,
    "repeat": 0.12,
    "continuation": 0.04,
    "text": 0.04,
}
#: What the first parts consist of: looking up has to be learnt before answers from passages can be. Without this start
#: 14 million tokens of the mixture taught no copying at all; with it, it takes less than one million.
START: Final[dict[str, float]] = {"repeat": 0.7, "passage": 0.3}
START_PARTS: Final = 6
_HELD_OUT_EVERY = 20  # every 20th docstring is for evaluation


class Instructions:
    """Training examples, drawn in parts that depend on seed and part alone, so that a run goes on anywhere.

    Args:
        seed: of everything drawn.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.texts = [text for number, text in enumerate(documentation()) if number % _HELD_OUT_EVERY]

    def part(self, number: int, count: int) -> list[Example]:
        """The examples of one part of the endless series; the same on every machine with the same Python."""
        rng = random.Random(f"training {self._seed} {number}")
        mixture = START if 0 <= number < START_PARTS else MIXTURE
        kinds = rng.choices(list(mixture), list(mixture.values()), k=count)
        return [_make(rng, kind, self.texts) for kind in kinds]


def held_out(each: int) -> list[Example]:
    """`each` prompts of every kind that no training seed draws, with two kinds asked in words never trained on.

    Sums of few digits can occur in training by chance; passages cannot but by names drawn alike.
    """
    texts = [text for number, text in enumerate(documentation()) if not number % _HELD_OUT_EVERY]
    rng = random.Random("held out")
    made = [_make(rng, kind, texts) for kind in MIXTURE for _ in range(each)]
    made += [passage(rng, unseen_wording=True) for _ in range(each)]
    made += [passage(rng, absent=True, unseen_wording=True) for _ in range(each)]
    return made


def plain(text: str) -> Example:
    """The text itself, to be learnt as it stands."""
    return Example("text", "", text)


def continued(rng: random.Random, text: str) -> Example:
    """The text's beginning, to be continued to its end."""
    words = text.split(" ")
    cut = rng.randint(3, max(3, len(words) // 2))
    return Example("continuation", f"Continue: {' '.join(words[:cut])}", " ".join(words[cut : cut + 30]))


def _make(rng: random.Random, kind: str, texts: list[str]) -> Example:
    if kind in ("passage", "absent"):
        return passage(rng, absent=kind == "absent")
    if kind == "repeat":
        return repeat(rng)
    if kind == "text":
        return plain(rng.choice(texts))
    if kind == "continuation":
        return continued(rng, rng.choice(texts))
    return arithmetic(rng, kind)
