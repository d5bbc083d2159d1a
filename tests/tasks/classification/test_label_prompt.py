"""A prompt in tokens reads as its template does in text, keeps room for a text, and tells labels apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.errors import DataError, OptionError
from alih.generate.prompt import CHAT_PAIR_TEMPLATE, CHAT_TEMPLATE, PAIR_TEMPLATES, TEXT_TEMPLATES
from alih.pretrained.open import load
from alih.pretrained.pairs import set_apart
from alih.tasks.classification.label_prompt import LEAST_ROOM, PromptMaker

TEMPLATE = "Text: {{ text }}\nCategory: {{ label }}"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load("alih/lm-small").processor


def written(tokenizer: Any, *parts: list[int]) -> str:
    return str(tokenizer.decode([token for part in parts for token in part]))


def test_prefix_text_suffix_and_label_are_the_template_filled_in(tokenizer: Any) -> None:
    made = PromptMaker(tokenizer, ["good_news", "bad_news"], 512).make(TEMPLATE, [("It rains.", 1), ("Hooray!", 0)])
    assert made is not None
    text = tokenizer("Sun again.", add_special_tokens=False)["input_ids"]
    for label, name in zip(made.label_ids, ("good news", "bad news"), strict=True):
        assert written(tokenizer, made.prefix_ids, text, made.suffix_ids, label).strip() == (
            "Text: It rains.\nCategory: bad news\n\nText: Hooray!\nCategory: good news\n\n"
            f"Text: Sun again.\nCategory: {name}"
        )
    longest = max(len(label) for label in made.label_ids)
    assert made.room == 512 - len(made.prefix_ids) - len(made.suffix_ids) - longest
    assert made.examples == 2


def test_a_chat_template_makes_turns_of_examples_and_names_the_classes_once(tokenizer: Any) -> None:
    made = PromptMaker(tokenizer, ["yes", "no"], 512).make(CHAT_TEMPLATE, [("Is it?", 0)])
    assert made is not None
    found = written(tokenizer, made.prefix_ids, made.suffix_ids, made.label_ids[1])
    assert found.count("yes, no") == 1
    assert found.count("<|user|>") == found.count("<|assistant|>") == 2
    assert found.rstrip().endswith("no")


@pytest.mark.parametrize("template", TEXT_TEMPLATES)
def test_every_template_of_ours_can_be_used(tokenizer: Any, template: str) -> None:
    assert PromptMaker(tokenizer, ["a", "b"], 512).make(template, [("x", 0)]) is not None


@pytest.fixture(scope="module")
def of_pairs() -> Any:
    tokenizer = load("alih/lm-small").processor
    set_apart(tokenizer)
    return tokenizer


@pytest.mark.parametrize("template", [CHAT_PAIR_TEMPLATE, *PAIR_TEMPLATES])
def test_every_template_of_ours_for_pairs_can_be_used(of_pairs: Any, template: str) -> None:
    maker = PromptMaker(of_pairs, ["a", "b"], 512, pair=True)
    assert template in maker.templates
    made = maker.make(template, [(("x", "y"), 0)])
    assert made is not None
    assert made.between_ids == [of_pairs.eos_token_id]


@pytest.mark.parametrize("pair_first", [False, True])
def test_a_pair_s_prompt_is_the_template_filled_in(of_pairs: Any, pair_first: bool) -> None:
    template = "P: {{ text }}\nH: {{ pair }}\nR: {{ label }}"
    if pair_first:
        template = "H: {{ pair }}\nP: {{ text }}\nR: {{ label }}"
    made = PromptMaker(of_pairs, ["yes", "no"], 512, pair=True).make(template, [(("It rains.", "It is wet."), 0)])
    assert made is not None
    assert made.pair_first is pair_first
    texts = [of_pairs(text, add_special_tokens=False)["input_ids"] for text in ("Sun.", "Rain.")]
    first, second = reversed(texts) if pair_first else texts
    found = written(of_pairs, made.prefix_ids, first, made.middle_ids, second, made.suffix_ids, made.label_ids[1])
    lines = ["P: It rains.\nH: It is wet.", "P: Sun.\nH: Rain."]
    if pair_first:
        lines = ["H: It is wet.\nP: It rains.", "H: Rain.\nP: Sun."]
    assert found.strip() == f"{lines[0]}\nR: yes\n\n{lines[1]}\nR: no"
    taken = sum(map(len, (made.prefix_ids, made.middle_ids, made.suffix_ids))) + max(map(len, made.label_ids))
    assert made.room == 512 - taken


@pytest.mark.parametrize(
    "template",
    ["{{ text }} {{ label }} {{ pair }}", "{{ text }} {{ pair }} {{ pair }} {{ label }}", "{{ text }} {{ label }}"],
)
def test_a_template_without_places_for_both_texts_is_refused(of_pairs: Any, template: str) -> None:
    with pytest.raises(OptionError, match=r"\{\{ text \}\} and \{\{ pair \}\} once each"):
        PromptMaker(of_pairs, ["a", "b"], 512, pair=True).make(template)


names = st.lists(st.text("abc ", min_size=1, max_size=5).filter(lambda name: name.strip() == name), min_size=2)


@given(names)
@settings(deadline=None, max_examples=60)
def test_no_label_begins_another(classes: list[str]) -> None:
    tokenizer = load_once()
    classes = list(dict.fromkeys(" ".join(name.split()) for name in classes))
    if len(classes) < 2:
        return
    made = PromptMaker(tokenizer, classes, 512).make(TEMPLATE)
    assert made is not None
    for place, one in enumerate(made.label_ids):
        assert one
        for other in made.label_ids[place + 1 :]:
            short, long = sorted((one, other), key=len)
            assert long[: len(short)] != short


_loaded: list[Any] = []


def load_once() -> Any:
    if not _loaded:
        _loaded.append(load("alih/lm-small").processor)
    return _loaded[0]


def test_classes_of_one_name_are_refused(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="'card-lost' and 'card_lost'"):
        PromptMaker(tokenizer, ["card-lost", "other", "card_lost"], 512).make(TEMPLATE)


@pytest.mark.parametrize(
    "template",
    [
        "{{ label }}: {{ text }}",
        "{{ text }} {{ text }} {{ label }}",
        "{{ text | upper }} {{ label }}",
        "{{ text }} {{ label }} {{ label }}",
    ],
)
def test_a_template_without_its_places_is_refused(tokenizer: Any, template: str) -> None:
    with pytest.raises(OptionError, match=r"once, as it stands"):
        PromptMaker(tokenizer, ["a", "b"], 512).make(template)


def test_without_room_for_a_text_there_is_no_prompt(tokenizer: Any) -> None:
    shown = [("word " * 20, 0)]
    made = PromptMaker(tokenizer, ["a", "b"], 512).make(TEMPLATE, shown)
    assert made is not None
    taken = 512 - made.room
    assert PromptMaker(tokenizer, ["a", "b"], taken + LEAST_ROOM).make(TEMPLATE, shown) is not None
    assert PromptMaker(tokenizer, ["a", "b"], taken + LEAST_ROOM - 1).make(TEMPLATE, shown) is None
