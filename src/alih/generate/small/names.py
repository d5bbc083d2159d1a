"""Made-up names of people, places and things, from syllables: what a passage says about them can stand nowhere else."""

from __future__ import annotations

import random
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
