"""Chat templates: which one a model gets, and a conversation written out with the places that are learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from transformers import PreTrainedTokenizerBase

from alih.errors import DataError, OptionError
from alih.tasks.generation.conversation import ASSISTANT, USER, Conversation, Form, Turn

#: What `--chat-template default` stands for: a heading for each role; the end token closes an answer.
DEFAULT: Final = (
    "{% for message in messages %}"
    "{{ '### ' + message['role'] | capitalize + ':\\n' + message['content'] }}"
    "{{ eos_token + '\\n' if message['role'] == 'assistant' else '\\n\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\\n' }}{% endif %}"
)
#: The prompt that Alpaca data were written for (Taori et al. 2023, github.com/tatsu-lab/stanford_alpaca).
ALPACA: Final = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ 'Below is an instruction that describes a task. Write a response that appropriately completes the request."
    "\\n\\n### Instruction:\\n' + message['content'] + '\\n\\n### Response:\\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token + '\\n' }}"
    "{% else %}{{ message['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
)
_PROBE = ({"role": USER, "content": "a question"}, {"role": ASSISTANT, "content": "an answer"})


@dataclass(frozen=True)
class Template:
    """How a model's inputs are written.

    Args:
        source: Jinja text; None where prompt and completion are put one after the other as they are.
        name: what it is, for the user.
    """

    source: str | None
    name: str


def choose_template(tokenizer: PreTrainedTokenizerBase, form: Form, wanted: str | None) -> Template:
    """Choose how the data are written for the model, and check that it can be done.

    Args:
        tokenizer: of the model; its own template is taken where there is one.
        form: of the data.
        wanted: "default", "alpaca", "none", or a file with a Jinja template; None = by tokenizer and data.

    Raises:
        OptionError: no such file, or the template fails or gives no place to answer.
        DataError: messages, and no template to write them with.
    """
    if form == "text":
        if wanted not in {None, "none"}:
            raise OptionError("--chat-template: the data are plain text, which is written as it is; leave it out.")
        return Template(None, "none: the text as it is")
    if wanted == "none":
        if form == "messages":
            raise OptionError("--chat-template none: messages need a template to tell the roles apart.")
        return Template(None, "none: prompt and completion as they are")
    own = tokenizer.chat_template
    if wanted is None and isinstance(own, dict):
        own = own.get("default")
    if wanted is not None:
        found = Template(*_named(wanted))
    elif isinstance(own, str) and own:
        found = Template(own, "the model's own")
    elif form == "alpaca":
        found = Template(ALPACA, "Alpaca's (the model has none)")
    elif form == "prompt-completion":
        return Template(None, "none: prompt and completion as they are (the model has no chat template)")
    else:
        raise DataError(
            "the data are messages, but the model's tokenizer has no chat template. Add --chat-template FILE with the "
            'one it was trained with (Jinja), or --chat-template default for headings ("### User:"), which a base '
            "model learns."
        )
    _check(tokenizer, found)
    return found


def render(tokenizer: PreTrainedTokenizerBase, template: Template, turns: Sequence[Turn], *, ask: bool) -> str:
    """Write turns out; `ask` ends with what invites the answer."""
    if template.source is None:
        return "".join(turn.content for turn in turns)
    text = tokenizer.apply_chat_template(
        [{"role": turn.role, "content": turn.content} for turn in turns],
        chat_template=template.source,
        tokenize=False,
        add_generation_prompt=ask,
    )
    assert isinstance(text, str)
    return text


@dataclass(frozen=True)
class Written:
    """A conversation as one text.

    Args:
        text: the text.
        learnt: (start, end) of every answer in characters, with what closes it.
    """

    text: str
    learnt: tuple[tuple[int, int], ...]


def write_out(
    tokenizer: PreTrainedTokenizerBase, template: Template, conversation: Conversation, skip: int = 0
) -> list[Written]:
    """Write a conversation as one text, every answer learnt but the first `skip`.

    Some templates change earlier answers (Qwen3 drops their thoughts), so that the parts are no beginnings of the
    whole; then every answer becomes a text of its own, behind the history as the model will see it.

    Raises:
        DataError: the template refuses the conversation, or does not go on from its own prompt.
    """
    turns = conversation.turns
    try:
        if template.source is None:
            prompt = render(tokenizer, template, turns[:-1], ask=True)
            return [Written(prompt + turns[-1].content, ((len(prompt), len(prompt) + len(turns[-1].content)),))]
        places = [place for place, turn in enumerate(turns) if turn.role == ASSISTANT][skip:]
        parts = [
            (
                render(tokenizer, template, turns[:place], ask=True),
                render(tokenizer, template, turns[: place + 1], ask=False),
            )
            for place in places
        ]
    except Exception as error:  # templates raise what they like
        raise DataError(f"{conversation.origin}: the chat template refuses it ({error}).") from error
    for prompt, said in parts:
        if not said.startswith(prompt) or len(said) == len(prompt):
            raise DataError(
                f"{conversation.origin}: the chat template does not go on from its own prompt, so nobody can tell "
                "where the answer begins. Give another one with --chat-template FILE."
            )
    whole = parts[-1][1]
    if all(whole.startswith(said) for _, said in parts):
        return [Written(whole, tuple((len(prompt), len(said)) for prompt, said in parts))]
    return [Written(said, ((len(prompt), len(said)),)) for prompt, said in parts]


def stop_ids(tokenizer: PreTrainedTokenizerBase, template: Template) -> tuple[int, ...]:
    """Tokens that end an answer: the end token, and the special token that the template puts behind one."""
    found = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
    if template.source is not None:
        turns = [Turn(**turn) for turn in _PROBE]
        text = render(tokenizer, template, turns, ask=False)
        tail: Any = tokenizer(text.rpartition(turns[-1].content)[2], add_special_tokens=False, verbose=False)[
            "input_ids"
        ]
        if tail and int(tail[0]) in tokenizer.all_special_ids:
            found.append(int(tail[0]))
    return tuple(dict.fromkeys(found))


def _named(wanted: str) -> tuple[str, str]:
    if wanted == "default":
        return DEFAULT, "default (headings)"
    if wanted == "alpaca":
        return ALPACA, "Alpaca's"
    path = Path(wanted).expanduser()
    if not path.is_file():
        raise OptionError(f"--chat-template {wanted}: no such file. Name a Jinja file, or write default, alpaca, none.")
    try:
        return path.read_text(encoding="utf-8-sig"), path.name
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--chat-template {wanted}: cannot be read ({error}).") from error


def _check(tokenizer: PreTrainedTokenizerBase, template: Template) -> None:
    turns = tuple(Turn(**turn) for turn in _PROBE)
    try:
        prompt = render(tokenizer, template, turns[:1], ask=True)
        said = render(tokenizer, template, turns, ask=False)
    except Exception as error:
        raise OptionError(f"--chat-template: the template ({template.name}) fails: {error}.") from error
    if not said.startswith(prompt) or turns[1].content not in said[len(prompt) :] or turns[0].content not in prompt:
        raise OptionError(
            f"--chat-template: the template ({template.name}) does not go on from its own prompt: the text with "
            "add_generation_prompt must be the beginning of the text with the answer."
        )
