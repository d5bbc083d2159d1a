"""The grammar writes pairs that mean the same: what can be checked without knowing both languages."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from recipes.translator import words as w
from recipes.translator.grammar import Grammar
from recipes.translator.nouns import NOUNS, STUFF
from recipes.translator.numbers import english, indonesian
from recipes.translator.phrases import article
from recipes.translator.sentences import MARKERS, both_ways, is_held_out, pairs
from recipes.translator.verbs import ALONE, BE, DO, MOVE


@pytest.fixture(scope="module")
def many() -> list[tuple[str, str]]:
    return pairs(7, 60_000)


def test_the_same_seed_gives_the_same_series_and_another_one_does_not() -> None:
    one, same, other = Grammar(3), Grammar(3), Grammar(4)
    series = [one.pair() for _ in range(200)]
    assert series == [same.pair() for _ in range(200)]
    assert series != [other.pair() for _ in range(200)]


def test_no_sentence_is_empty_or_has_a_gap(many: list[tuple[str, str]]) -> None:
    for pair in many:
        for sentence in pair:
            assert sentence == sentence.strip()
            assert "  " not in sentence
            assert not re.search(r"[{}|_]|None| [,.?!]", sentence)


def test_both_sides_end_alike(many: list[tuple[str, str]]) -> None:
    ends = {".", "?", "!"}
    for one, two in many:
        assert (one[-1] if one[-1] in ends else "") == (two[-1] if two[-1] in ends else "")


def test_what_english_negates_indonesian_negates(many: list[tuple[str, str]]) -> None:
    no = re.compile(r"\b(not|cannot|never)\b")
    tidak = re.compile(r"\b(tidak|bukan|belum|jangan)\b", re.IGNORECASE)
    for one, two in many:
        if one.rstrip(".") == "No problem":
            continue
        assert bool(no.search(one)) == bool(tidak.search(two)), (one, two)


def test_names_are_carried_over(many: list[tuple[str, str]]) -> None:
    names = set(w.NAMES)
    for one, two in many:
        found = Counter(word for word in re.findall(r"[A-Z][a-z]+", one) if word in names)
        assert all(len(re.findall(rf"\b{name}", two)) >= times for name, times in found.items()), (one, two)


def test_every_word_of_the_tables_is_used(many: list[tuple[str, str]]) -> None:
    text = " ".join(f"{one} {two}" for one, two in many).lower()
    wanted = [noun.word for noun in NOUNS] + [noun.one for noun in NOUNS] + [word for _, word, _ in STUFF]
    wanted += [verb.word for verb in (*DO, *BE, *ALONE, *MOVE)] + [verb.participle for verb in (*DO, *MOVE)]
    wanted += [row[3] for row in w.ADJECTIVES] + [row[1] for row in w.ADJECTIVES]
    for table in (w.PLACES, w.FEELINGS, w.COLOURS, w.WEATHER, w.AILMENTS, w.FAMILY, w.DAYS, w.MONTHS, w.WHERE):
        wanted += [word for row in table for word in row[:2]]
    missing = [word for word in wanted if word.lower() not in text]
    assert not missing


def test_half_hours_are_half_of_the_next_one_in_indonesian(many: list[tuple[str, str]]) -> None:
    found = {(one, two) for one, two in many if "half past" in one and one.startswith("It")}
    assert found
    for hour in range(1, 13):
        said = f"It is half past {english(hour)}."
        assert {two for one, two in found if one == said} <= {f"Sekarang jam setengah {indonesian(hour % 12 + 1)}."}


@pytest.mark.parametrize(("noun", "said"), [("apple", "an apple"), ("umbrella", "an umbrella"), ("bus", "a bus")])
def test_the_article_fits_the_sound(noun: str, said: str) -> None:
    assert article(noun) == said


def test_training_and_held_out_sentences_are_apart() -> None:
    train, test = pairs(0, 3000), pairs(0, 300, held_out=True)
    assert len(set(train)) == 3000
    assert len(set(test)) == 300
    assert not any(is_held_out(one) for one, _ in train)
    assert all(is_held_out(one) for one, _ in test)


def test_both_ways_mark_the_language_to_translate_into() -> None:
    into_indonesian, into_english = MARKERS
    assert both_ways([("It is hot.", "Panas.")]) == [
        (f"{into_indonesian} It is hot.", "Panas."),
        (f"{into_english} Panas.", "It is hot."),
    ]
