"""Clauses: who does what, and when; tense in English, a word before the verb in Indonesian."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from alih.translation.small import words as w
from alih.translation.small.phrases import Both, Phrases, Subject
from alih.translation.small.verbs import BE, Verb

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
