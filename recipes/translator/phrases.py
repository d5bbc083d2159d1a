"""Subjects, noun phrases and verb phrases: each an English and an Indonesian string that mean the same."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from recipes.translator import words as w
from recipes.translator.nouns import NOUNS, STUFF, Noun
from recipes.translator.numbers import english, indonesian
from recipes.translator.verbs import ALONE, DO, MOVE, Verb

#: (English, Indonesian)
Both = tuple[str, str]

#: Kinds that an adjective goes with are those of the noun; a place has its own.
_MINE = (("my", "saya"), ("your", "kamu"), ("our", "kami"), ("their", "mereka"))


@dataclass(frozen=True)
class Subject:
    """Who does it.

    Args:
        en, word: English, Indonesian.
        person: "1s", "3s" or "p" (you, we, they): decides the form of the English verb.
        pronoun: whether it is one.
    """

    en: str
    word: str
    person: str
    pronoun: bool = False

    @property
    def be(self) -> str:
        """Return am, is or are."""
        return {"1s": "am", "3s": "is", "p": "are"}[self.person]

    @property
    def was(self) -> str:
        """Return was or were."""
        return "were" if self.person == "p" else "was"

    @property
    def has(self) -> str:
        """Return has or have."""
        return "has" if self.person == "3s" else "have"

    @property
    def does(self) -> str:
        """Return does or do."""
        return "does" if self.person == "3s" else "do"


PRONOUNS = (
    Subject("I", "saya", "1s", True),
    Subject("you", "kamu", "p", True),
    Subject("he", "dia", "3s", True),
    Subject("she", "dia", "3s", True),
    Subject("we", "kami", "p", True),
    Subject("they", "mereka", "p", True),
)


def article(noun: str) -> str:
    """Return the noun with a or an."""
    vowel = noun[0] in "aeio" or noun.startswith(("umb", "ugl", "under"))
    return f"{'an' if vowel else 'a'} {noun}"


class Phrases:
    """Draws phrases; the same generator gives the same ones."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def subject(self, *, pronouns: float = 0.5) -> Subject:
        """Draw a pronoun, a name, somebody's relative, or a person by what they are."""
        pick = self.random.random()
        if pick < pronouns:
            return self.random.choice(PRONOUNS)
        if pick < pronouns + 0.5 * (1 - pronouns):
            return self.somebody()
        if pick < pronouns + 0.6 * (1 - pronouns):
            one, two = self.random.sample(w.NAMES, 2)
            return Subject(f"{one} and {two}", f"{one} dan {two}", "p")
        person = self.noun("person")
        kind = self.random.random()
        if kind < 0.6:
            return Subject(f"the {person.one}", f"{person.word} itu", "3s")
        if kind < 0.75:
            return Subject(f"this {person.one}", f"{person.word} ini", "3s")
        return Subject(f"the {person.many}", f"{_twice(person.word)} itu", "p")

    def somebody(self) -> Subject:
        """Draw a name or a relative: one person."""
        if self.random.random() < 0.5:
            name = self.random.choice(w.NAMES)
            return Subject(name, name, "3s")
        english_word, word = self.random.choice(w.FAMILY)
        (en, owner), *_ = self.random.sample(self._owners(), 1)
        return Subject(f"{en} {english_word}", f"{word}{owner}", "3s")

    def _owners(self) -> list[Both]:
        name = self.random.choice(w.NAMES)
        owners = [(en, f" {word}") for en, word in _MINE]
        return [*owners, owners[0], ("his", "nya"), ("her", "nya"), (f"{name}'s", f" {name}")]

    def noun(self, *kinds: str) -> Noun:
        """Draw a noun of one of the kinds."""
        wanted = set(kinds)
        return self.random.choice([noun for noun in NOUNS if noun.kinds & wanted])

    def thing(self, kinds: frozenset[str] | set[str], *, definite: bool = False) -> Both:
        """Draw a noun phrase of one of the kinds: a, the, this, my, a number of, many; with an adjective or without."""
        stuff = [(en, word) for en, word, what in STUFF if what & kinds]
        nouns = [noun for noun in NOUNS if noun.kinds & kinds]
        if stuff and (not nouns or self.random.random() < 0.4) and not definite:
            return self.random.choice(stuff)
        noun = self.random.choice(nouns)
        adjective = self.adjective(noun.kinds) if self.random.random() < 0.25 else None
        before, after = (f"{adjective[0]} ", f" {adjective[1]}") if adjective else ("", "")
        one, many, word = before + noun.one, before + noun.many, noun.word + after
        pick = self.random.random() * (0.6 if definite else 1)
        if pick < 0.25:
            return f"the {one}", f"{word} itu"
        if pick < 0.38:
            return f"this {one}", f"{word} ini"
        if pick < 0.55:
            (en, owner), *_ = self.random.sample(self._owners(), 1)
            return f"{en} {one}", f"{word}{owner}" if owner != "nya" or not after else f"{noun.word}nya yang{after}"
        if pick < 0.6:
            return f"the {many}", f"{_twice(noun.word)}{after} itu"
        if pick < 0.8:
            return article(one), f"{_one(noun.counter)} {word}"
        if pick < 0.9:
            count = self.random.randint(2, 12)
            return f"{english(count)} {many}", f"{indonesian(count)} {noun.counter} {word}"
        en, quantity = self.random.choice((("many", "banyak"), ("some", "beberapa"), ("all the", "semua")))
        return f"{en} {many}", f"{quantity} {word}"

    def adjective(self, kinds: frozenset[str] | set[str]) -> Both:
        """Draw a quality that goes with one of the kinds, or a colour for what has one."""
        if kinds & {"thing", "clothes", "vehicle"} and self.random.random() < 0.35:
            en, word = self.random.choice(w.COLOURS)
            return en, word
        fitting = [(row[0], row[3]) for row in w.ADJECTIVES if row[4] & kinds]
        return self.random.choice(fitting) if fitting else tuple(self.random.choice(w.COLOURS))  # type: ignore[return-value]

    def verb_phrase(self) -> tuple[Verb, str, str]:
        """Draw a verb with what it takes: (verb, rest in English, rest in Indonesian)."""
        pick = self.random.random()
        if pick < 0.6:
            verb = self.random.choice(DO)
            if "person" in verb.takes and self.random.random() < 0.7:
                return verb, *self.whom()
            if verb.takes == {"person"}:
                return verb, *self.whom()
            return verb, *self.thing(verb.takes)
        if pick < 0.75:
            verb = self.random.choice(ALONE)
            if self.random.random() < 0.5:
                en, word = self.place()
                return verb, f"{at(en)} {en}", f"di {word}"
            return verb, "", ""
        if pick < 0.92:
            verb = self.random.choice(MOVE)
            en, word = self.place()
            if self.random.random() < 0.25:
                vehicle = self.random.choice(_BY)
                if verb.base == "go":
                    return verb, f"to {en} {vehicle[0]}", f"{word} {vehicle[1]}"
            return verb, f"to {en}", word
        verb = self.random.choice((_LIVE, _STUDY, _TEACH))
        if verb is _LIVE:
            en, word = self.place()
            return verb, f"{at(en)} {en}", word
        en, word = self.random.choice(w.SUBJECTS_AT_SCHOOL)
        return verb, en, word

    def whom(self) -> Both:
        """Draw a person as object."""
        if self.random.random() < 0.35:
            pairs = (
                ("me", "saya"),
                ("you", "kamu"),
                ("him", "dia"),
                ("her", "dia"),
                ("us", "kami"),
                ("them", "mereka"),
            )
            return self.random.choice(pairs)
        person = self.subject(pronouns=0)
        return person.en, person.word

    def place(self) -> Both:
        """Draw a place."""
        en, word = self.random.choice(w.PLACES)
        return en, word

    def time(self, table: list[list[str]]) -> Both:
        """Draw a time from one of the tables, a weekday or an hour."""
        pick = self.random.random()
        if table is w.NEXT_TIMES and pick < 0.2:
            day, hari = self.random.choice(w.DAYS)
            return f"on {day}", f"pada hari {hari}"
        if table is not w.PAST_TIMES and pick < 0.35:
            hour = self.random.randint(1, 12)
            return f"at {english(hour)} o'clock", f"pada jam {indonesian(hour)}"
        en, word = self.random.choice(table)
        return en, word


def at(place: str) -> str:
    """Return the English preposition of being at a place."""
    return "at" if place in _AT else "in"


_AT = frozenset(
    """
the market;school;the office;the beach;the airport;the station;the post office;the bank;the zoo;the cinema
the bus stop;the university;the pharmacy;the river
""".strip()
    .replace("\n", ";")
    .split(";")
)
_BY = (
    ("by bus", "naik bus"),
    ("by car", "naik mobil"),
    ("by train", "naik kereta"),
    ("by bicycle", "naik sepeda"),
    ("on foot", "berjalan kaki"),
)
_THEM = (("me", "saya"), ("you", "kamu"), ("him", "dia"), ("her", "dia"), ("us", "kami"), ("them", "mereka"))
_LIVE = Verb("live", "lives", "lived", "lived", "living", "tinggal di", "", frozenset())
_STUDY = Verb("study", "studies", "studied", "studied", "studying", "belajar", "", frozenset())
_TEACH = Verb("teach", "teaches", "taught", "taught", "teaching", "mengajar", "", frozenset())


def _one(counter: str) -> str:
    return f"se{counter}"


def _twice(word: str) -> str:
    """Return the plural: the first word twice."""
    first, _, rest = word.partition(" ")
    return f"{first}-{first}" + (f" {rest}" if rest else "")
