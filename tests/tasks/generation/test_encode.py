"""Which tokens are learnt."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from alih.errors import DataError, OptionError
from alih.pretrained.builtin import BUILT_IN
from alih.tasks.generation.conversation import ASSISTANT, USER, Conversation, Turn
from alih.tasks.generation.encode import Tokens, encode, prompt_ids
from alih.tasks.generation.template import ALPACA, DEFAULT, Template, choose_template, render, stop_ids

from .tiny import tokenizer

_TURNS = (Turn(USER, "Say number 3."), Turn(ASSISTANT, "The number is 3."), Turn(USER, "Again."), Turn(ASSISTANT, "3."))
_CHAT = Conversation(_TURNS, "row 1", "messages")
#: Drops earlier answers' thoughts, as Qwen3's does, so that parts are no beginnings of the whole.
_FORGETFUL = (
    "{% for m in messages %}{{ '<' + m.role + '>' }}"
    "{{ m.content if loop.last or m.role == 'user' else '…' }}{{ eos_token if m.role == 'assistant' else '' }}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def _learnt(made: PreTrainedTokenizerBase, tokens: Tokens) -> str:
    return str(made.decode([number for number, told in zip(tokens.ids, tokens.learnt, strict=True) if told]))


@pytest.mark.parametrize("source", [DEFAULT, ALPACA])
def test_answers_and_what_closes_them_are_learnt_and_nothing_else(source: str) -> None:
    made = tokenizer()
    ((tokens,),) = encode(made, Template(source, "t"), [_CHAT], 400).sequences
    assert _learnt(made, tokens) == "The number is 3.</s>\n3.</s>\n"
    assert made.decode(tokens.ids) == render(made, Template(source, "t"), _TURNS, ask=False)


def test_a_template_that_changes_earlier_answers_gives_one_sequence_an_answer() -> None:
    made = tokenizer()
    (found,) = encode(made, Template(_FORGETFUL, "t"), [_CHAT], 400).sequences
    assert [_learnt(made, tokens) for tokens in found] == ["The number is 3.</s>", "3.</s>"]
    assert "…" in made.decode(found[1].ids)


@pytest.mark.parametrize("name", ["alih/lm-small"])
def test_the_prompt_at_use_is_what_stood_before_the_answer_in_training(name: str) -> None:
    made = AutoTokenizer.from_pretrained(BUILT_IN[name].locate())
    template = choose_template(made, "messages", None)
    ((tokens,),) = encode(made, template, [Conversation(_TURNS[:2], "row 1", "messages")], 400).sequences
    start = tokens.learnt.index(True)
    assert list(tokens.ids[:start]) == prompt_ids(made, render(made, template, _TURNS[:1], ask=True), chat=True)
    assert all(tokens.learnt[start:])
    assert tokens.ids[-1] in stop_ids(made, template)


def test_prompt_and_completion_without_a_template_learn_the_completion_and_the_end() -> None:
    made = tokenizer()
    pair = Conversation(
        (Turn(USER, "Say number 3.\n"), Turn(ASSISTANT, "The number is 3.")), "row 1", "prompt-completion"
    )
    ((tokens,),) = encode(made, Template(None, "none"), [pair], 400).sequences
    assert _learnt(made, tokens) == "The number is 3.</s>"


def test_of_a_text_everything_but_its_first_token_is_learnt_and_long_ones_are_cut_into_parts() -> None:
    made = tokenizer()
    text = Conversation((Turn(ASSISTANT, "The number is 3. " * 9),), "row 1", "text")
    ((whole,),) = encode(made, Template(None, "none"), [text], 400).sequences
    assert whole.learnt == (False, *([True] * (len(whole) - 1)))
    (parts,) = encode(made, Template(None, "none"), [text], 16).sequences
    assert max(map(len, parts)) <= 16
    assert tuple(number for part in parts for number in part.ids[1:]) == whole.ids[1:]


def test_a_long_prompt_loses_its_beginning_and_a_long_answer_is_dropped_and_both_are_counted() -> None:
    made = tokenizer()
    long_prompt = Conversation((Turn(USER, "number " * 50), Turn(ASSISTANT, "3.")), "row 1", "messages")
    long_answer = Conversation((Turn(USER, "a"), Turn(ASSISTANT, "number " * 50)), "row 2", "messages")
    found = encode(made, Template(DEFAULT, "t"), [long_prompt, long_answer], 30)
    assert (found.cut, found.dropped) == (("row 1",), ("row 2",))
    ((shortened,), none) = found.sequences
    assert not none
    assert len(shortened) == 30
    assert _learnt(made, shortened) == "3.</s>\n"


def test_of_a_sequence_longer_than_the_context_transformers_gives_no_warning_of_errors_that_do_not_come() -> None:
    made = tokenizer()
    made.model_max_length = 30
    long_answer = Conversation((Turn(USER, "a"), Turn(ASSISTANT, "number " * 50)), "row 2", "messages")
    assert encode(made, Template(DEFAULT, "t"), [long_answer], 30).dropped == ("row 2",)
    assert not made.deprecation_warnings  # where it keeps that it has warned


def test_messages_without_a_template_are_refused_with_a_way_out() -> None:
    with pytest.raises(DataError, match="--chat-template default"):
        choose_template(tokenizer(), "messages", None)


def test_the_template_follows_data_and_model(tmp_path: Path) -> None:
    made = tokenizer()
    assert choose_template(made, "alpaca", None).source == ALPACA
    assert choose_template(made, "prompt-completion", None).source is None
    file = tmp_path / "mine.jinja"
    file.write_text(DEFAULT, encoding="utf-8")
    assert choose_template(made, "messages", str(file)).source == DEFAULT
    made.chat_template = DEFAULT
    assert choose_template(made, "prompt-completion", None).source == DEFAULT


@pytest.mark.parametrize("text", ["{% for", "{{ messages[0].content }}", "{{ raise_exception('no') }}"])
def test_a_template_that_cannot_serve_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.jinja"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match="--chat-template"):
        choose_template(tokenizer(), "messages", str(file))
