"""Short passages of made-up facts with one question each, answered by a span of the passage or by its absence."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from recipes.lm_small.examples import Example, first_name, made_up, person, place, street, town

ABSENT: Final = "The passage does not say."
_JOBS: Final = [
    "doctor", "baker", "teacher", "pilot", "farmer", "nurse", "painter", "singer", "lawyer", "cook", "driver",
    "writer", "tailor", "engineer", "sailor", "judge", "plumber", "actor", "dentist", "gardener",
]  # fmt: skip
_COLOURS: Final = [
    "red", "blue", "green", "yellow", "white", "black", "brown", "grey", "orange", "purple", "pink", "silver",
]  # fmt: skip
_FOODS: Final = [
    "rice", "soup", "bread", "cheese", "noodles", "fish", "pancakes", "salad", "curry", "dumplings", "honey",
    "mango", "beans", "cake",
]  # fmt: skip
_DAYS: Final = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
]  # fmt: skip
_MONTHS: Final = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
]  # fmt: skip
_ANIMALS: Final = [
    "dog", "cat", "horse", "parrot", "goat", "rabbit", "turtle", "donkey", "sheep", "cow",
]  # fmt: skip
_GOODS: Final = [
    "lamp", "chair", "radio", "kettle", "bicycle", "jacket", "camera", "drum", "clock", "tent", "ladder",
    "carpet", "violin", "desk",
]  # fmt: skip
_CURRENCIES: Final = ("euros", "dollars", "rupiah", "francs", "crowns")
_HOBBIES: Final = [
    "chess", "swimming", "hiking", "fishing", "dancing", "cycling", "reading", "sailing", "running", "knitting",
    "tennis",
]  # fmt: skip


def _time(rng: random.Random) -> str:
    return f"{rng.randint(5, 23)}:{rng.choice(('00', '15', '30', '45'))}"


def _price(rng: random.Random) -> str:
    return f"{rng.randint(1, 999)} {rng.choice(_CURRENCIES)}"


def _year(rng: random.Random) -> str:
    return str(rng.randint(1700, 2025))


def _count(rng: random.Random) -> str:
    return str(rng.randint(2, 999))


def _age(rng: random.Random) -> str:
    return str(rng.randint(2, 99))


def _phone(rng: random.Random) -> str:
    return f"{rng.randint(100, 999)} {rng.randint(100, 999)}"


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(_MONTHS)}"


def _of(words: list[str]) -> Callable[[random.Random], str]:
    return lambda rng: rng.choice(words)


@dataclass(frozen=True)
class Relation:
    """One thing that can be said of an entity.

    Args:
        value: makes the value that a question asks for.
        statements: sentences with {e} for the entity and {v} for the value.
        questions: questions with {e}; the last one is never trained on, only evaluated with.
    """

    value: Callable[[random.Random], str]
    statements: tuple[str, ...]
    questions: tuple[str, ...]


_PERSON: Final = (
    Relation(town, ("{e} lives in {v}.", "{e} moved to {v}.", "The home of {e} is in {v}."),
             ("Where does {e} live?", "In which town does {e} live?", "Where is the home of {e}?")),
    Relation(town, ("{e} was born in {v}.", "{e} comes from {v}."),
             ("Where was {e} born?", "Where does {e} come from?", "What is the birthplace of {e}?")),
    Relation(_of(_JOBS), ("{e} works as a {v}.", "{e} is a {v}.", "{e} earns a living as a {v}."),
             ("What is the job of {e}?", "What does {e} work as?", "What work does {e} do?")),
    Relation(_of(_FOODS), ("{e} likes to eat {v}.", "The favourite food of {e} is {v}."),
             ("What does {e} like to eat?", "What is the favourite food of {e}?", "Which food does {e} like?")),
    Relation(_of(_COLOURS), ("{e} has a {v} car.", "The car of {e} is {v}."),
             ("What colour is the car of {e}?", "Which colour does the car of {e} have?",
              "What colour of car does {e} have?")),
    Relation(_age, ("{e} is {v} years old.", "{e} has reached the age of {v}."),
             ("How old is {e}?", "What is the age of {e}?", "At what age is {e}?")),
    Relation(_of(_HOBBIES), ("The hobby of {e} is {v}.", "{e} spends the weekend {v}."),
             ("What is the hobby of {e}?", "What does {e} do on the weekend?", "What does {e} do as a hobby?")),
    Relation(first_name, ("The {a} of {e} is called {v}.", "{e} has a {a} named {v}."),
             ("What is the {a} of {e} called?", "What is the name of the {a} of {e}?", "How is the {a} of {e} named?")),
    Relation(_date, ("{e} has a birthday on {v}.", "The birthday of {e} is on {v}."),
             ("When is the birthday of {e}?", "On which day is the birthday of {e}?",
              "When does {e} have a birthday?")),
)  # fmt: skip
_PLACE: Final = (
    Relation(_time, ("{e} opens at {v}.", "The doors of {e} open at {v}."),
             ("When does {e} open?", "At what time does {e} open?", "What is the opening time of {e}?")),
    Relation(_time, ("{e} closes at {v}.", "{e} is open until {v}."),
             ("When does {e} close?", "At what time does {e} close?", "Until when is {e} open?")),
    Relation(street, ("{e} is at {v}.", "You find {e} at {v}.", "The address of {e} is {v}."),
             ("Where is {e}?", "What is the address of {e}?", "Where do you find {e}?")),
    Relation(_price, ("A ticket for {e} costs {v}.", "To enter {e} you pay {v}."),
             ("How much is a ticket for {e}?", "What does a ticket for {e} cost?",
              "What is the price of a ticket for {e}?")),
    Relation(_of(_DAYS), ("{e} is closed on {v}.", "On {v} {e} stays closed."),
             ("On which day is {e} closed?", "When is {e} closed?", "Which day does {e} stay closed?")),
    Relation(person, ("{e} is run by {v}.", "The owner of {e} is {v}.", "{e} belongs to {v}."),
             ("Who runs {e}?", "Who is the owner of {e}?", "To whom does {e} belong?")),
    Relation(_year, ("{e} was founded in {v}.", "{e} has existed since {v}."),
             ("When was {e} founded?", "In which year was {e} founded?", "Since when does {e} exist?")),
    Relation(_phone, ("The phone number of {e} is {v}.", "You can call {e} at {v}."),
             ("What is the phone number of {e}?", "Which number do you call to reach {e}?", "How can you call {e}?")),
    Relation(_count, ("{e} has {v} rooms.", "There are {v} rooms in {e}."),
             ("How many rooms does {e} have?", "How many rooms are in {e}?", "What is the number of rooms in {e}?")),
)  # fmt: skip
_TOWN: Final = (
    Relation(_count, ("{e} has {v} thousand people.", "About {v} thousand people live in {e}."),
             ("How many thousand people live in {e}?", "How many thousand people does {e} have?",
              "How many thousand people are in {e}?")),
    Relation(person, ("The mayor of {e} is {v}.", "{e} has elected {v} as mayor.", "{v} is the mayor of {e}."),
             ("Who is the mayor of {e}?", "What is the name of the mayor of {e}?", "Whom did {e} elect as mayor?")),
    Relation(town, ("{e} lies on the river {v}.", "The river of {e} is the {v}."),
             ("On which river does {e} lie?", "What is the river of {e} called?", "Which river is {e} on?")),
    Relation(town, ("{e} is the capital of {v}.", "The capital of {v} is {e}."),
             ("Of which country is {e} the capital?", "{e} is the capital of what?",
              "Which country has the capital {e}?")),
    Relation(_year, ("{e} was founded in {v}.", "The first houses of {e} were built in {v}."),
             ("When was {e} founded?", "In which year was {e} founded?", "Which year was {e} founded?")),
    Relation(_of(_FOODS), ("{e} is known for its {v}.", "{e} is famous for {v}."),
             ("What is {e} known for?", "What is {e} famous for?", "For what do people know {e}?")),
)  # fmt: skip
_GOOD: Final = (
    Relation(_price, ("{e} costs {v}.", "The price of {e} is {v}."),
             ("What does {e} cost?", "How much is {e}?", "What is the price of {e}?")),
    Relation(_of(_COLOURS), ("{e} is {v}.", "The colour of {e} is {v}."),
             ("What colour is {e}?", "What is the colour of {e}?", "Which colour has {e}?")),
    Relation(_count, ("{e} weighs {v} grams.", "The weight of {e} is {v} grams."),
             ("How many grams does {e} weigh?", "What is the weight of {e} in grams?", "How heavy is {e} in grams?")),
    Relation(town, ("{e} was made in {v}.", "{e} comes from {v}."),
             ("Where was {e} made?", "Where does {e} come from?", "In which town was {e} made?")),
    Relation(person, ("{e} was bought by {v}.", "{v} bought {e}."),
             ("Who bought {e}?", "By whom was {e} bought?", "Who is the buyer of {e}?")),
    Relation(_year, ("{e} was built in {v}.", "{e} dates from {v}."),
             ("When was {e} built?", "In which year was {e} built?", "From which year is {e}?")),
)  # fmt: skip


_FILLERS: Final = (
    "It rained all morning.", "Nobody had expected so many visitors.", "The weather was cold.",
    "Last year was different.",
    "The newspaper wrote about it.", "Many people know that.", "It was a quiet day.", "The road there is long.",
    "Children like it very much.", "This has not changed for years.", "A letter arrived the next day.",
    "Not everyone agreed.", "The music could be heard from far away.", "There is a bench under the tree.",
)  # fmt: skip
_LONG, _MOST_MORE = 0.2, 5  # share of passages that others surround, and of how many


def _good(rng: random.Random) -> str:
    return f"the {rng.choice(_COLOURS) + ' ' if rng.random() < 0.1 else ''}{rng.choice(_GOODS)}"


_DOMAINS: Final[tuple[tuple[Callable[[random.Random], str], tuple[Relation, ...]], ...]] = (
    (person, _PERSON),
    (place, _PLACE),
    (town, _TOWN),
    (_good, _GOOD),
)


def passage(rng: random.Random, *, absent: bool = False, unseen_wording: bool = False) -> Example:
    """Make a passage of two to six facts about one to three entities, and a question.

    Other entities carry the same kind of fact more often than not, so that the answer must be looked up by entity.

    Args:
        absent: the question asks what the passage does not say.
        unseen_wording: ask in the words that no training example uses.
    """
    sentences, prompt, answer = _one(rng, absent, unseen_wording)
    if rng.random() < _LONG:
        for _ in range(rng.randint(1, _MOST_MORE)):
            more = _one(rng, False, False)[0]
            sentences = sentences + more if rng.random() < 0.5 else more + sentences
    if rng.random() < 0.3:
        sentences.insert(rng.randrange(len(sentences) + 1), rng.choice(_FILLERS))
    kind = "absent" if absent else "passage"
    return Example(f"{kind} (unseen wording)" if unseen_wording else kind, asked(" ".join(sentences), prompt), answer)


def _one(rng: random.Random, absent: bool, unseen_wording: bool) -> tuple[list[str], str, str]:
    """The sentences of a passage, a question, and its answer."""
    maker, relations = rng.choice(_DOMAINS)
    entities: list[str] = []
    while len(entities) < rng.randint(1, 3):
        name = maker(rng)
        if name not in entities:
            entities.append(name)
    about = rng.sample(relations, rng.randint(1, min(3, len(relations) - 1)))
    facts = [(entity, relation) for entity in entities for relation in about if rng.random() < 0.85]
    while len(facts) < 2:
        facts.append((rng.choice(entities), rng.choice(relations)))
    facts = list(dict.fromkeys(facts))
    rng.shuffle(facts)
    facts = facts[:6]
    kin = rng.choice(("brother", "sister", "daughter", "son", *_ANIMALS))
    values = [relation.value(rng) for _, relation in facts]
    sentences = [
        _sentence(rng.choice(relation.statements), entity, value, kin)
        for (entity, relation), value in zip(facts, values, strict=True)
    ]
    if absent:
        unsaid = [(e, r) for e in [*entities, maker(rng)] for r in relations if (e, r) not in facts]
        near = [pair for pair in unsaid if pair[1] in about] if rng.random() < 0.5 else []
        entity, relation = rng.choice(near or unsaid)
        if any(entity == e and relation.questions == r.questions for e, r in facts):
            return _one(rng, absent, unseen_wording)
        answer = ABSENT
    else:
        chosen = rng.randrange(len(facts))
        (entity, relation), answer = facts[chosen], values[chosen]
    questions = relation.questions[-1:] if unseen_wording else relation.questions[:-1]
    return sentences, _sentence(rng.choice(questions), entity, "", kin), answer


def asked(text: str, question: str) -> str:
    """The prompt that asks for an answer from a passage."""
    return f"Passage: {text}\nQuestion: {question}"


def _sentence(template: str, entity: str, value: str, kin: str) -> str:
    text = template.format(e=entity, v=value, a=kin)
    return text[0].upper() + text[1:]


def repeat(rng: random.Random) -> Example:
    """A line of made-up words and numbers to be said again: what looking up in a passage rests on."""
    words = [made_up(rng, rng.randint(1, 3)) if rng.random() < 0.7 else _count(rng) for _ in range(rng.randint(2, 8))]
    line = " ".join(words)
    return Example("repeat", f"Repeat: {line}", line)
