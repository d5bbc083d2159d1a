"""An example of the small language model's data, and the made-up names of people, places and things that occur in it.

Names are of syllables: what a passage says about them can stand nowhere else.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

_ONSETS: Final = (
    "b", "br", "c", "d", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w",
)  # fmt: skip
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_CODAS: Final = ("", "", "", "l", "m", "n", "r", "s", "t", "nd", "rk")
_FIRST: Final = [
    "Ana", "Ben", "Cora", "Dewi", "Eko", "Fay", "Gus", "Hana", "Ida", "Joko", "Kim", "Lena", "Mia", "Nils",
    "Oto", "Putri", "Rosa", "Sari", "Tom", "Uma", "Vera", "Wayan", "Yuli", "Zoe", "Adi", "Bella", "Carl",
    "Dina", "Emil", "Fitri", "Greta", "Hugo", "Indra", "Jana", "Karl", "Lia", "Marta", "Nina", "Oskar", "Paul",
    "Rini", "Sam", "Tara", "Ulf", "Viola", "Will",
]  # fmt: skip
_SHOPS: Final = (
    "bakery", "museum", "library", "cafe", "pharmacy", "market", "theatre", "garage", "hotel", "school", "clinic",
    "bookshop", "gallery", "pool", "zoo", "bank", "restaurant", "garden", "cinema", "workshop",
)  # fmt: skip
_STREETS: Final = ("Street", "Road", "Lane", "Square", "Avenue")


@dataclass(frozen=True)
class Example:
    """A prompt and the answer to it, or a plain text.

    Args:
        kind: what it exercises: "passage", "absent", "addition", …; figures are given by it.
        prompt: what the user says; empty for a plain text.
        answer: what the model says; worked steps, if any, stand in front between <think> and </think>.
    """

    kind: str
    prompt: str
    answer: str

    @property
    def result(self) -> str:
        """The answer without its worked steps."""
        return final_answer(self.answer)


def final_answer(text: str) -> str:
    """What stands after </think>; all of it where there are no worked steps."""
    return text.rpartition("</think>")[2].strip()


def made_up(rng: random.Random, syllables: int) -> str:
    """A capitalised word of that many syllables."""
    parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)]
    return ("".join(parts) + rng.choice(_CODAS)).capitalize()


def first_name(rng: random.Random) -> str:
    """A person's first name, known or made up."""
    return rng.choice(_FIRST) if rng.random() < 0.6 else made_up(rng, rng.randint(1, 2))


def person(rng: random.Random) -> str:
    """A person's name, half of them with a surname."""
    return first_name(rng) if rng.random() < 0.5 else f"{first_name(rng)} {made_up(rng, 2)}"


def town(rng: random.Random) -> str:
    """A town or a country."""
    return made_up(rng, rng.randint(2, 3))


def place(rng: random.Random) -> str:
    """A public place with its article: `the Maron bakery`, `the bakery`."""
    kind = rng.choice(_SHOPS)
    return f"the {made_up(rng, 2)} {kind}" if rng.random() < 0.7 else f"the {kind}"


def street(rng: random.Random) -> str:
    """An address without town: `12 Belo Street`, `Belo Street`."""
    name = f"{made_up(rng, 2)} {rng.choice(_STREETS)}"
    return f"{rng.randint(1, 199)} {name}" if rng.random() < 0.5 else name
