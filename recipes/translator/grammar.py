"""A synchronous grammar: every production writes an English sentence and the Indonesian one that means the same.

Indonesian verbs have no tense. What English says by the verb, Indonesian says by a word before it (sedang: is …ing;
sudah: has already; belum: has not yet; akan: will; masih: still; baru saja: has just) or by the time that is named. It
negates verbs and adjectives by tidak, nouns by bukan, commands by jangan; counts with a counter (seekor kucing, dua
buah buku); and puts adjectives, owners and this or that after the noun. Half past seven is setengah delapan, half of
the eighth.

English he and she are both dia; back from it, either may come. English you is kamu, we is kami.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from recipes.translator import words as w
from recipes.translator.clauses import Facts, join
from recipes.translator.nouns import NOUNS
from recipes.translator.numbers import english, indonesian
from recipes.translator.phrases import PRONOUNS, Both, article, at
from recipes.translator.verbs import DO, Verb


class Grammar(Facts):
    """Draws pairs of sentences; the same seed gives the same series."""

    def __init__(self, seed: int) -> None:
        super().__init__(Random(seed))
        self._sentences: list[tuple[float, Callable[[], Both]]] = [
            (10, self.statement),
            (5, self.joined),
            (4, self.question),
            (3, self.asking),
            (3, self.described),
            (3, self.compared),
            (2, self.is_a),
            (2, self.state),
            (3, self.placed),
            (2, self.command),
            (2, self.passive),
            (2, self.clock),
            (2, self.price),
            (1, self.weather),
            (1, self.ailment),
            (1, self.age),
            (2, self.giving),
            (2, self.thinking),
            (1, self.relative),
            (1, self.polite),
            (1, self.phrase),
        ]

    def pair(self) -> Both:
        """Draw one pair of sentences; one in twelve as people type in haste: no capital, no full stop."""
        draw = self.random.choices([f for _, f in self._sentences], [weight for weight, _ in self._sentences])[0]
        en, word = draw()
        if self.random.random() < 1 / 12:
            return en.rstrip(".?!"), word.rstrip(".?!")
        return _written(en), _written(word)

    def statement(self) -> Both:
        """Draw a clause; sometimes with its time in front."""
        en, word = self.clause()
        return f"{en}.", f"{word}."

    def joined(self) -> Both:
        """Draw two clauses and what joins them."""
        one, two = self.clause(), self.second()
        en, word = self.random.choice(
            (
                ("because", "karena"),
                ("but", "tetapi"),
                ("and", "dan"),
                ("if", "jika"),
                ("when", "ketika"),
                ("before", "sebelum"),
                ("after", "setelah"),
                ("although", "meskipun"),
                ("so", "jadi"),
                ("while", "sementara"),
            )
        )
        comma = "," if en in {"but", "so"} else ""
        if en in {"because", "if", "when", "although", "before", "after"} and self.random.random() < 0.35:
            return f"{en} {two[0]}, {one[0]}.", f"{word} {two[1]}, {one[1]}."
        return f"{one[0]}{comma} {en} {two[0]}.", f"{one[1]}{comma} {word} {two[1]}."

    def state(self) -> Both:
        """Draw how somebody feels."""
        if self.random.random() < 0.25:
            who = self.phrases.subject()
            en, word = self.random.choice(w.FEELINGS)
            if self.random.random() < 0.4:
                return f"why {who.be} {who.en} {en}?", f"mengapa {who.word} {word}?"
            return f"{who.be} {who.en} {en}?", f"apakah {who.word} {word}?"
        en, word = self.feeling()
        return f"{en}.", f"{word}."

    def question(self) -> Both:
        """Draw a question with yes or no as its answer."""
        en, word = self.clause(questions=True)
        return f"{en}?", f"{word}?"

    def asking(self) -> Both:
        """Draw a question for a place, a time, a person, a reason, a number."""
        phrases, who = self.phrases, self.phrases.subject()
        verb, rest_en, rest = phrases.verb_phrase()
        base, acts = join(verb.base, rest_en), join(verb.word, rest)
        thing = phrases.thing({"thing", "animal", "vehicle"}, definite=True)
        noun = phrases.noun("thing", "animal", "vehicle", "own")
        place = phrases.place()
        be = "are" if _is_many(thing[0]) else "is"
        return self.random.choice(
            (
                (f"who {join(verb.past, rest_en, 'yesterday')}?", f"siapa yang {acts} kemarin?"),
                (f"who is {join(verb.ing, rest_en)}?", f"siapa yang sedang {acts}?"),
                (f"when will {who.en} {base}?", f"kapan {who.word} akan {acts}?"),
                (f"when did {who.en} {base}?", f"kapan {who.word} {acts}?"),
                (f"why did {who.en} {base}?", f"mengapa {who.word} {acts}?"),
                (f"why {who.be} {who.en} {join(verb.ing, rest_en)}?", f"mengapa {who.word} sedang {acts}?"),
                (f"where {be} {thing[0]}?", f"di mana {thing[1]}?"),
                (f"where {who.does} {who.en} live?", f"di mana {who.word} tinggal?"),
                (f"where {who.does} {who.en} work?", f"di mana {who.word} bekerja?"),
                (f"where {who.be} {who.en} going?", f"{who.word} pergi ke mana?"),
                (f"what {who.be} {who.en} doing?", f"apa yang sedang dilakukan {who.word}?"),
                (f"what {who.does} {who.en} want?", f"apa yang {who.word} inginkan?"),
                (f"how many {noun.many} {who.does} {who.en} have?", f"berapa {noun.word} yang {who.word} punya?"),
                (f"how do I get to {place[0]}?", f"bagaimana cara pergi ke {place[1]}?"),
                (f"how far is {place[0]} from here?", f"seberapa jauh {place[1]} dari sini?"),
                (f"whose {noun.one} is this?", f"{noun.word} siapa ini?"),
            )
        )

    def described(self) -> Both:
        """Draw what a thing is like."""
        noun = self.phrases.noun("thing", "clothes", "animal", "vehicle", "furniture", "food", "read", "person")
        en, word = self.phrases.adjective(noun.kinds)
        many = self.random.random() < 0.2
        who, be, was = (f"the {noun.many}", "are", "were") if many else (f"the {noun.one}", "is", "was")
        whom = f"{noun.word}-{noun.word} itu" if many and " " not in noun.word else f"{noun.word} itu"
        if many and " " in noun.word:
            who, be, was = f"the {noun.one}", "is", "was"
        if not many and self.random.random() < 0.4:
            en_owner, owner = self.random.choice((("my", "saya"), ("your", "kamu"), ("our", "kami"), ("this", "ini")))
            who, whom = f"{en_owner} {noun.one}", f"{noun.word} {owner}"
        return self.random.choice(
            (
                (f"{who} {be} {en}.", f"{whom} {word}."),
                (f"{who} {be} very {en}.", f"{whom} sangat {word}."),
                (f"{who} {be} too {en}.", f"{whom} terlalu {word}."),
                (f"{who} {be} not {en}.", f"{whom} tidak {word}."),
                (f"{be} {who} {en}?", f"apakah {whom} {word}?"),
                (f"{who} {was} {en} before.", f"{whom} {word} dulu."),
            )
        )

    def compared(self) -> Both:
        """Draw a comparison of two things of one sort, or the most of them all."""
        row = self.random.choice(w.ADJECTIVES)
        nouns = [noun for noun in NOUNS if noun.kinds & row[4]]
        if not nouns:
            (one, satu), (two, dua) = self.random.sample([(a, b) for a, b in w.PLACES], 2)
            return f"{one} is {row[1]} than {two}.", f"{satu} lebih {row[3]} daripada {dua}."
        noun = self.random.choice(nouns)
        other = self.random.choice([other for other in nouns if other is not noun] or nouns)
        pick = self.random.random()
        if pick < 0.3:
            return f"this {noun.one} is {row[1]} than that one.", f"{noun.word} ini lebih {row[3]} daripada yang itu."
        if pick < 0.6:
            return (
                f"the {noun.one} is {row[1]} than the {other.one}.",
                f"{noun.word} itu lebih {row[3]} daripada {other.word} itu.",
            )
        if pick < 0.8:
            return f"this is the {row[2]} {noun.one}.", f"ini adalah {noun.word} yang paling {row[3]}."
        return (
            f"my {noun.one} is as {row[0]} as your {noun.one}.",
            f"{noun.word} saya sama {row[3]}nya dengan {noun.word} kamu.",
        )

    def is_a(self) -> Both:
        """Draw what somebody or something is, or is not."""
        pick = self.random.random()
        if pick < 0.6:
            who = self.random.choice((*PRONOUNS[:1], *PRONOUNS[2:4], self.phrases.somebody(), self.phrases.somebody()))
            job = self.phrases.noun("job")
            if pick < 0.3:
                return f"{who.en} {who.be} {article(job.one)}.", f"{who.word} adalah seorang {job.word}."
            if pick < 0.45:
                return f"{who.en} {who.be} not {article(job.one)}.", f"{who.word} bukan seorang {job.word}."
            return f"{who.en} wants to become {article(job.one)}." if who.person == "3s" else (
                f"{who.en} want to become {article(job.one)}."
            ), f"{who.word} ingin menjadi seorang {job.word}."
        noun = self.phrases.noun("thing", "clothes", "animal", "vehicle", "furniture", "food")
        if pick < 0.75:
            return f"this is {article(noun.one)}.", f"ini adalah se{noun.counter} {noun.word}."
        if pick < 0.9:
            owner = self.phrases.somebody()
            return f"this is not {owner.en}'s {noun.one}.", f"ini bukan {noun.word} {owner.word}."
        return f"is that your {noun.one}?", f"apakah itu {noun.word} kamu?"

    def placed(self) -> Both:
        """Draw where something is."""
        where, di = self.random.choice(w.WHERE)
        ground = self.phrases.noun("furniture", "vehicle", "open")
        pick = self.random.random()
        if pick < 0.35:
            en, word = self.phrases.thing({"thing", "animal", "clothes"}, definite=True)
            be = "are" if _is_many(en) else "is"
            return f"{en} {be} {where} the {ground.one}.", f"{word} ada {di} {ground.word} itu."
        if pick < 0.6:
            noun = self.phrases.noun("thing", "animal", "food", "person")
            there = f"there is {article(noun.one)} {where} the {ground.one}."
            return there, f"ada se{noun.counter} {noun.word} {di} {ground.word} itu."
        if pick < 0.8:
            noun, count = self.phrases.noun("thing", "animal", "food", "person"), self.random.randint(2, 30)
            en, word = self.phrases.place()
            return (
                f"there are {english(count)} {noun.many} {at(en)} {en}.",
                f"ada {indonesian(count)} {noun.counter} {noun.word} di {word}.",
            )
        who = self.phrases.subject()
        en, word = self.phrases.place()
        if pick < 0.9:
            return f"{who.en} {who.be} {at(en)} {en} now.", f"{who.word} ada di {word} sekarang."
        return f"{who.en} {who.be} not {at(en)} {en}.", f"{who.word} tidak ada di {word}."

    def command(self) -> Both:
        """Draw a request, a prohibition or a proposal."""
        verb, rest_en, rest = self.phrases.verb_phrase()
        base, acts = join(verb.base, rest_en), join(verb.word, rest)
        return self.random.choice(
            (
                (f"please {base}.", f"tolong {acts}."),
                (f"do not {base}!", f"jangan {acts}!"),
                (f"please do not {base}.", f"tolong jangan {acts}."),
                (f"let's {base}.", f"mari kita {acts}."),
                (f"let's {base} together.", f"mari kita {acts} bersama-sama."),
                (f"can you {base}?", f"bisakah kamu {acts}?"),
            )
        )

    def passive(self) -> Both:
        """Draw what was done by whom."""
        verb = self.random.choice([verb for verb in DO if verb.passive and verb.takes & _TOUCHED])
        en, word = self.phrases.thing(verb.takes - {"person"}, definite=True)
        who = self.phrases.subject(pronouns=0)
        many = _is_many(en)
        was, has = ("were", "have") if many else ("was", "has")
        past = self.phrases.time(w.PAST_TIMES)
        return self.random.choice(
            (
                (f"{en} {was} {verb.participle} by {who.en}.", f"{word} {verb.passive} oleh {who.word}."),
                (f"{en} {was} {verb.participle} {past[0]}.", f"{word} {verb.passive} {past[1]}."),
                (f"{en} {has} already been {verb.participle}.", f"{word} sudah {verb.passive}."),
                (f"{en} {has} not been {verb.participle} yet.", f"{word} belum {verb.passive}."),
                (f"{en} will be {verb.participle} tomorrow.", f"{word} akan {verb.passive} besok."),
                (f"{en} cannot be {verb.participle}.", f"{word} tidak bisa {verb.passive}."),
            )
        )

    def giving(self) -> Both:
        """Draw somebody who gives, shows or sends something to somebody."""
        who, whom = self.phrases.subject(), self.phrases.whom()
        thing = self.phrases.thing({"thing", "read", "food", "clothes"})
        give = self.random.choice(
            (
                Verb("give", "gives", "gave", "given", "giving", "memberikan", "", frozenset()),
                Verb("show", "shows", "showed", "shown", "showing", "menunjukkan", "", frozenset()),
                Verb("send", "sends", "sent", "sent", "sending", "mengirim", "", frozenset()),
                Verb("sell", "sells", "sold", "sold", "selling", "menjual", "", frozenset()),
                Verb("lend", "lends", "lent", "lent", "lending", "meminjamkan", "", frozenset()),
            )
        )
        en, word = self.aspect(who, give, f"{thing[0]} to {whom[0]}", f"{thing[1]} kepada {whom[1]}", False)
        return f"{en}.", f"{word}."

    def thinking(self) -> Both:
        """Draw what somebody thinks, says, knows, hopes."""
        who = self.phrases.subject()
        verb, kata = self.random.choice(
            (
                (("think", "thinks", "thought"), "berpikir"),
                (("say", "says", "said"), "berkata"),
                (("know", "knows", "knew"), "tahu"),
                (("hope", "hopes", "hoped"), "berharap"),
                (("hear", "hears", "heard"), "mendengar"),
                (("believe", "believes", "believed"), "percaya"),
            )
        )
        en, word = self.second()
        said = verb[1] if who.person == "3s" else verb[0]
        return f"{who.en} {said} that {en}.", f"{who.word} {kata} bahwa {word}."

    def relative(self) -> Both:
        """Draw a person told by what they do."""
        person = self.phrases.noun("person")
        verb, rest_en, rest = self.phrases.verb_phrase()
        acts = join(verb.word, rest)
        en, word = self.random.choice(
            (
                (f"the {person.one} who is {join(verb.ing, rest_en)}", f"{person.word} yang sedang {acts}"),
                (f"the {person.one} who {join(verb.past, rest_en)} yesterday", f"{person.word} yang {acts} kemarin"),
            )
        )
        relation, hubungan = self.random.choice(w.FAMILY)
        if self.random.random() < 0.5:
            return f"{en} is my {relation}.", f"{word} adalah {hubungan} saya."
        return f"I know {en}.", f"saya mengenal {word}."

    def polite(self) -> Both:
        """Draw an offer or a wish."""
        thing = self.phrases.thing({"food", "drink", "thing"})
        verb, rest_en, rest = self.phrases.verb_phrase()
        return self.random.choice(
            (
                (f"I would like to buy {thing[0]}.", f"saya ingin membeli {thing[1]}."),
                (f"would you like to {join(verb.base, rest_en)}?", f"apakah Anda mau {join(verb.word, rest)}?"),
                (f"may I borrow {thing[0]}?", f"bolehkah saya meminjam {thing[1]}?"),
                (f"may I {join(verb.base, rest_en)}?", f"bolehkah saya {join(verb.word, rest)}?"),
            )
        )

    def phrase(self) -> Both:
        """Draw a set phrase."""
        en, word = self.random.choice(w.PHRASES)
        return en, word


_TOUCHED = frozenset(kind for noun in NOUNS for kind in noun.kinds) - {"person"}


def _is_many(phrase: str) -> bool:
    """Whether an English noun phrase is plural."""
    last = phrase.rsplit(" ", 1)[-1]
    return any(last == noun.many.rsplit(" ", 1)[-1] and last != noun.one.rsplit(" ", 1)[-1] for noun in NOUNS)


def _written(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
