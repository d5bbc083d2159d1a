"""Clauses: who does what, and when; and sentences with their own form: hours, prices, the weather, illness, age.

Tense is in the verb in English, in a word before the verb in Indonesian.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recipes.translator import words as w
from recipes.translator.numbers import english, indonesian
from recipes.translator.phrases import Both, Phrases, Subject, at
from recipes.translator.verbs import BE, Verb

#: (English, Indonesian) without capital and full stop.
Clause = tuple[str, str]


def join(*parts: str) -> str:
    """Join what is not empty by spaces."""
    return " ".join(part for part in parts if part)


class Clauses:
    """Draws clauses."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.phrases = Phrases(random)

    def clause(self, subject: Subject | None = None, *, questions: bool = False) -> Clause:
        """Draw a clause in one of the aspects."""
        who = subject or self.phrases.subject()
        verb, rest_en, rest = self.phrases.verb_phrase()
        return self.aspect(who, verb, rest_en, rest, questions)

    def aspect(self, who: Subject, verb: Verb, rest_en: str, rest: str, question: bool) -> Clause:
        """Draw an aspect in which somebody does it: forms of the English verb, words before the Indonesian one."""
        time = self.phrases.time
        past, later, usual = time(w.PAST_TIMES), time(w.NEXT_TIMES), time(w.USUAL_TIMES)
        acts = join(verb.word, rest)
        base = join(verb.base, rest_en)
        if question:
            return self._asked(who, verb, rest_en, acts, past, later)
        forms: list[Callable[[], Clause]] = [
            lambda: (join(who.en, _present(who, verb), rest_en, usual[0]), join(who.word, acts, usual[1])),
            lambda: (join(who.en, who.be, verb.ing, rest_en), join(who.word, "sedang", acts)),
            lambda: (join(who.en, who.be, verb.ing, rest_en, "now"), join(who.word, "sedang", acts, "sekarang")),
            lambda: (join(who.en, verb.past, rest_en, past[0]), join(who.word, acts, past[1])),
            lambda: (join(who.en, verb.past, rest_en, past[0]), join(who.word, acts, past[1])),
            lambda: (join(who.en, "did not", base, past[0]), join(who.word, "tidak", acts, past[1])),
            lambda: (join(who.en, who.has, "already", verb.participle, rest_en), join(who.word, "sudah", acts)),
            lambda: (join(who.en, who.has, "not", verb.participle, rest_en, "yet"), join(who.word, "belum", acts)),
            lambda: (join(who.en, who.has, "just", verb.participle, rest_en), join(who.word, "baru saja", acts)),
            lambda: (join(who.en, "will", base, later[0]), join(who.word, "akan", acts, later[1])),
            lambda: (join(who.en, "will not", base, later[0]), join(who.word, "tidak akan", acts, later[1])),
            lambda: (join(who.en, who.does, "not", base), join(who.word, "tidak", acts)),
            lambda: (join(who.en, who.be, "still", verb.ing, rest_en), join(who.word, "masih", acts)),
            lambda: self._with_modal(who, base, acts),
            lambda: self._with_modal(who, base, acts),
            lambda: self._with_adverb(who, verb, rest_en, acts),
            lambda: self._liking(who),
        ]
        return self.random.choice(forms)()

    def _with_modal(self, who: Subject, base: str, acts: str) -> Clause:
        s = "s" if who.person == "3s" else ""
        wanting, needing, liking = f"want{s} to", f"need{s} to", f"like{s} to"
        en, word = self.random.choice(
            (
                ("can", "bisa"),
                ("cannot", "tidak bisa"),
                ("must", "harus"),
                (f"{who.does} not have to", "tidak harus"),
                ("should", "sebaiknya"),
                ("may", "boleh"),
                ("may not", "tidak boleh"),
                (wanting, "ingin"),
                (f"{who.does} not want to", "tidak ingin"),
                (needing, "perlu"),
                (liking, "suka"),
            )
        )
        return join(who.en, en, base), join(who.word, word, acts)

    def _with_adverb(self, who: Subject, verb: Verb, rest_en: str, acts: str) -> Clause:
        en, word = self.random.choice(w.ADVERBS)
        return join(who.en, en, _present(who, verb), rest_en), join(who.word, word, acts)

    def _liking(self, who: Subject) -> Clause:
        verb = self.random.choice(BE)
        person = "person" in verb.takes and (verb.takes == {"person"} or self.random.random() < 0.4)
        en, word = self.phrases.whom() if person else self.phrases.thing(verb.takes)
        if self.random.random() < 0.3:
            return join(who.en, who.does, "not", verb.base, en), join(who.word, "tidak", verb.word, word)
        return join(who.en, _present(who, verb), en), join(who.word, verb.word, word)

    def _asked(self, who: Subject, verb: Verb, rest_en: str, acts: str, past: Both, later: Both) -> Clause:
        base = join(verb.base, rest_en)
        does, be, has = who.does.capitalize(), who.be.capitalize(), who.has.capitalize()
        return self.random.choice(
            (
                (join(does, who.en, base), join("apakah", who.word, acts)),
                (join(be, who.en, verb.ing, rest_en), join("apakah", who.word, "sedang", acts)),
                (join("did", who.en, base, past[0]), join("apakah", who.word, acts, past[1])),
                (join("will", who.en, base, later[0]), join("apakah", who.word, "akan", acts, later[1])),
                (join(has, who.en, "already", verb.participle, rest_en), join("apakah", who.word, "sudah", acts)),
                (join("can", who.en, base), join("apakah", who.word, "bisa", acts)),
                (join(does, who.en, "want to", base), join("apakah", who.word, "ingin", acts)),
                (join("must", who.en, base), join("apakah", who.word, "harus", acts)),
                (join("may", who.en, base), join("apakah", who.word, "boleh", acts)),
            )
        )

    def second(self) -> Clause:
        """Draw how somebody feels, or any other clause."""
        return self.feeling() if self.random.random() < 0.35 else self.clause()

    def feeling(self) -> Clause:
        """Draw how somebody feels."""
        who = self.phrases.subject()
        en, word = self.random.choice(w.FEELINGS)
        pick = self.random.random()
        if pick < 0.5:
            return f"{who.en} {who.be} {en}", f"{who.word} {word}"
        if pick < 0.7:
            return f"{who.en} {who.be} very {en}", f"{who.word} sangat {word}"
        if pick < 0.85:
            return f"{who.en} {who.be} not {en}", f"{who.word} tidak {word}"
        return f"{who.en} {who.was} {en} yesterday", f"{who.word} {word} kemarin"


def _present(who: Subject, verb: Verb) -> str:
    return verb.third if who.person == "3s" else verb.base


class Facts(Clauses):
    """Draws such sentences."""

    def clock(self) -> Both:
        """Draw an hour, a weekday or a date."""
        hour, minutes = self.random.randint(1, 12), self.random.choice((5, 10, 15, 20, 25))
        following = hour % 12 + 1
        (day, hari), (month, bulan) = self.random.choice(w.DAYS), self.random.choice(w.MONTHS)
        number, who = self.random.randint(1, 31), self.phrases.subject()
        verb, rest_en, rest = self.phrases.verb_phrase()
        does = f"{who.en} {join(verb.past, rest_en)}"
        return self.random.choice(
            (
                (f"it is {english(hour)} o'clock.", f"sekarang jam {indonesian(hour)}."),
                (f"it is half past {english(hour)}.", f"sekarang jam setengah {indonesian(following)}."),
                (
                    f"it is {english(minutes)} minutes past {english(hour)}.",
                    f"sekarang jam {indonesian(hour)} lewat {indonesian(minutes)} menit.",
                ),
                (
                    f"it is {english(minutes)} minutes to {english(following)}.",
                    f"sekarang jam {indonesian(following)} kurang {indonesian(minutes)} menit.",
                ),
                (f"today is {day}.", f"hari ini hari {hari}."),
                (f"tomorrow is {day}.", f"besok hari {hari}."),
                (f"today is {number} {month}.", f"hari ini tanggal {number} {bulan}."),
                (f"{does} on {day}.", f"{who.word} {join(verb.word, rest)} pada hari {hari}."),
                (f"my birthday is in {month}.", f"ulang tahun saya pada bulan {bulan}."),
            )
        )

    def price(self) -> Both:
        """Draw what something costs, or a question for it."""
        noun = self.phrases.noun("thing", "clothes", "vehicle", "food", "furniture")
        amount = self.random.randint(1, 99) * self.random.choice((100, 500, 1000, 5000, 10_000, 100_000))
        if self.random.random() < 0.3:
            return f"how much is this {noun.one}?", f"berapa harga {noun.word} ini?"
        if self.random.random() < 0.3:
            shown = f"{amount:,}"
            return f"this {noun.one} costs {shown} rupiah.", f"harga {noun.word} ini {shown.replace(',', '.')} rupiah."
        return f"this {noun.one} costs {english(amount)} rupiah.", f"harga {noun.word} ini {indonesian(amount)} rupiah."

    def weather(self) -> Both:
        """Draw the weather."""
        en, word = self.random.choice(w.WEATHER)
        place = self.phrases.place()
        later = self.random.choice((("tomorrow", "besok"), ("tonight", "nanti malam"), ("next week", "minggu depan")))
        return self.random.choice(
            (
                (f"it is {en} today.", f"hari ini {word}."),
                (f"it is very {en} today.", f"hari ini sangat {word}."),
                (f"it is {en} {at(place[0])} {place[0]}.", f"cuaca di {place[1]} {word}."),
                (f"the weather was {en} yesterday.", f"cuaca kemarin {word}."),
                ("it is raining.", "sedang hujan."),
                (f"it is raining {at(place[0])} {place[0]}.", f"sedang hujan di {place[1]}."),
                (f"it will rain {later[0]}.", f"akan hujan {later[1]}."),
                ("it rained all day yesterday.", "kemarin hujan sepanjang hari."),
                ("it has not rained for two weeks.", "sudah dua minggu tidak hujan."),
            )
        )

    def ailment(self) -> Both:
        """Draw what somebody suffers from."""
        who = self.phrases.subject()
        en, word = self.random.choice(w.AILMENTS)
        days = self.random.randint(2, 10)
        return self.random.choice(
            (
                (f"{who.en} {who.has} {en}.", f"{who.word} {word}."),
                (f"{who.en} had {en} yesterday.", f"{who.word} {word} kemarin."),
                (f"{who.does} {who.en} have {en}?", f"apakah {who.word} {word}?"),
                (
                    f"{who.en} {who.has} had {en} for {english(days)} days.",
                    f"{who.word} sudah {word} selama {indonesian(days)} hari.",
                ),
                (f"{who.en} must see a doctor because {who.en} {who.has} {en}.",
                 f"{who.word} harus pergi ke dokter karena {who.word} {word}."),
            )
        )  # fmt: skip

    def age(self) -> Both:
        """Draw somebody's age."""
        who, years = self.phrases.subject(), self.random.randint(2, 90)
        en, word = f"{english(years)} years old", f"berumur {indonesian(years)} tahun"
        if self.random.random() < 0.3:
            return f"how old {who.be} {who.en}?", f"berapa umur {who.word}?"
        if self.random.random() < 0.3:
            return f"{who.en} will be {en} next year.", f"{who.word} akan {word} tahun depan."
        return f"{who.en} {who.be} {en}.", f"{who.word} {word}."
