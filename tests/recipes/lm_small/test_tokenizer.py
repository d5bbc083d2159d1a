"""The small tokenizer: loses nothing, cuts numbers into digits, and its template is what training writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from recipes.lm_small.examples import Example
from recipes.lm_small.instructions import Instructions
from recipes.lm_small.tokenizer import IGNORED, batches, collate, encode, pad_id, train_tokenizer


def _tokenizer() -> PreTrainedTokenizerFast:
    examples = Instructions(0).part(0, 300)
    return train_tokenizer((text for e in examples for text in (e.prompt, e.answer)), 600, 128)


TOKENIZER = _tokenizer()


def ids(text: str) -> list[int]:
    found: list[int] = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    return found


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60).filter(lambda text: "<" not in text))
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert TOKENIZER.decode(ids(text)) == text


@given(st.integers(0, 10**12))
def test_numbers_are_cut_into_digits(number: int) -> None:
    assert [TOKENIZER.decode([i]) for i in ids(str(number))] == list(str(number))


def test_worked_steps_stay_when_special_tokens_are_dropped() -> None:
    text = "<think>2+2=4.</think>4"
    assert len(ids(text)) == 9
    assert TOKENIZER.decode(ids(text), skip_special_tokens=True) == text


def test_training_writes_what_the_chat_template_writes() -> None:
    example = Example("passage", "What is 1 + 1?", "<think>1+1=2, write 2.</think>2")
    messages = [{"role": "user", "content": example.prompt}, {"role": "assistant", "content": example.answer}]
    wanted = TOKENIZER.apply_chat_template(messages)["input_ids"]
    asked = TOKENIZER.apply_chat_template(messages[:1], add_generation_prompt=True)["input_ids"]
    (encoded,) = encode(TOKENIZER, [example], 128)
    assert encoded.ids == wanted
    assert encoded.learnt_from == len(asked)


def test_only_the_answer_and_its_end_are_learnt() -> None:
    example = Example("repeat", "Repeat: ba be", "ba be")
    inputs, labels, weights = collate(encode(TOKENIZER, [example, Example("text", "", "All of it.")], 128), 0)
    answer = [*ids("ba be"), TOKENIZER.eos_token_id]
    learnt = labels[0] != IGNORED
    assert labels[0][learnt].tolist() == answer
    assert (labels[1] != IGNORED).sum() == len(ids("All of it.")) + 1
    assert weights[0].sum().item() == pytest.approx(len(answer) ** 0.5)
    follows = inputs[0, 1:][learnt[:-1]]
    assert follows.tolist() == labels[0][:-1][learnt[:-1]].tolist()


def test_a_prompt_is_learnt_where_it_has_weight() -> None:
    example = encode(TOKENIZER, [Example("repeat", "Repeat: ba be", "ba be")], 128)
    inputs, labels, weights = collate(example, 0, prompt_weight=0.5)
    prompt = ids("Repeat: ba be")
    assert labels[0, 1 : 1 + len(prompt)].tolist() == prompt == inputs[0, 2 : 2 + len(prompt)].tolist()
    assert labels[0, 0] == labels[0, 1 + len(prompt)] == IGNORED
    assert weights[0, 1 : 1 + len(prompt)].sum().item() == pytest.approx(0.5 * len(prompt) ** 0.5)


def test_batches_hold_every_example_once_and_keep_their_bound() -> None:
    encoded = encode(TOKENIZER, Instructions(1).part(0, 400), 128)
    made = batches(encoded, 512, "seed")
    assert sorted(id(e) for batch in made for e in batch) == sorted(id(e) for e in encoded)
    assert max(len(batch) * max(len(e.ids) for e in batch) for batch in made) <= 512
    padded = sum(len(b) * max(len(e.ids) for e in b) for b in made) / sum(len(e.ids) for e in encoded)
    assert padded < 1.2
    assert made == batches(encoded, 512, "seed")
    assert pad_id(TOKENIZER) == 0
