"""Sentences with their own form: hours and days, prices, the weather, illness, age."""

from __future__ import annotations

from alih.translation.small import words as w
from alih.translation.small.clauses import Clauses, join
from alih.translation.small.numbers import english, indonesian
from alih.translation.small.phrases import Both, at


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
