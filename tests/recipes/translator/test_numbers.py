"""Numbers in words: as people say them, and no two alike."""

from __future__ import annotations

import pytest

from recipes.translator.numbers import english, indonesian


@pytest.mark.parametrize(
    ("number", "en", "word"),
    [
        (0, "zero", "nol"),
        (10, "ten", "sepuluh"),
        (11, "eleven", "sebelas"),
        (12, "twelve", "dua belas"),
        (19, "nineteen", "sembilan belas"),
        (21, "twenty-one", "dua puluh satu"),
        (100, "one hundred", "seratus"),
        (115, "one hundred and fifteen", "seratus lima belas"),
        (1000, "one thousand", "seribu"),
        (1945, "one thousand nine hundred and forty-five", "seribu sembilan ratus empat puluh lima"),
        (21_000, "twenty-one thousand", "dua puluh satu ribu"),
        (100_007, "one hundred thousand and seven", "seratus ribu tujuh"),
        (1_500_000, "one million five hundred thousand", "satu juta lima ratus ribu"),
    ],
)
def test_numbers_are_said_as_people_say_them(number: int, en: str, word: str) -> None:
    assert english(number) == en
    assert indonesian(number) == word


def test_no_two_numbers_are_said_alike() -> None:
    numbers = [*range(3000), *range(3000, 2_000_000, 997)]
    assert len({english(number) for number in numbers}) == len(numbers)
    assert len({indonesian(number) for number in numbers}) == len(numbers)
