"""Reads instruction data: Alpaca, ShareGPT or messages, prompt and completion, or plain text; the form is found."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from alih.data.decoding import read_text
from alih.data.examples import Examples
from alih.data.messages import counted, listed, quoted, worst
from alih.data.sources import read_table
from alih.data.table import is_missing
from alih.errors import DataError
from alih.tasks.generation.conversation import ASSISTANT, SYSTEM, USER, Conversation, Form, Turn

#: What the roles are called in the data sets in circulation.
_ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), USER),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt", "bing", "bard"), ASSISTANT),
    "system": SYSTEM,
    **dict.fromkeys(("tool", "observation", "function", "ipython"), "tool"),
}
_LISTS = ("messages", "conversations", "conversation")
_COMPLETIONS = ("completion", "response", "answer", "output")
_PROMPTS = ("prompt", "question")
IN_WORDS: Mapping[Form, str] = {
    "alpaca": "Alpaca (instruction, input, output)",
    "messages": "messages (role and content, or ShareGPT's from and value)",
    "prompt-completion": "prompt and completion",
    "text": "plain text",
}
_SHAPES = (
    '{"instruction": …, "input": …, "output": …}, {"messages": [{"role": "user", "content": …}, {"role": "assistant", '
    '"content": …}]}, {"prompt": …, "completion": …} or {"text": …}'
)


@dataclass(frozen=True)
class Corpus:
    """Examples of one file.

    Args:
        name: the file's name.
        form: how its rows are written.
        conversations: the examples, in the file's order.
        notes: what was odd, for the user.
    """

    name: str
    form: Form
    conversations: tuple[Conversation, ...]
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """A number that changes with the data."""
        told = sha256(self.form.encode())
        for conversation in self.conversations:
            told.update(json.dumps([[turn.role, turn.content] for turn in conversation.turns]).encode())
        return told.hexdigest()


def read_corpus(data: str | Path) -> Corpus:
    """Read a file: .jsonl, .json, .csv, .tsv or .parquet with a row an example, or .txt with a text a paragraph.

    Raises:
        DataError: no such file, no known form, two forms in one file, or rows that no model can learn from: an empty
            answer, a conversation that starts or does not end with the assistant, an unknown role. The message names
            the first such rows and counts the rest.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        raise DataError(f"{path}: is a folder. For --task generation give one file: {_SHAPES}.")
    if not path.is_file():
        raise DataError(f"{path}: no such file. Give a .jsonl, .json, .csv, .parquet or .txt file.")
    if path.suffix.lower() in {".txt", ".md"}:
        return _texts(path)
    table = read_table(path)
    if table.damaged:
        raise DataError(f"{counted(len(table.damaged), 'row')} cannot be read: {worst(table.damaged)}. Mend them.")
    names = list(table.columns)
    rows = [
        {name: table.columns[name][row] for name in names if not is_missing(table.columns[name][row])}
        for row in range(len(table))
    ]
    forms: dict[Form, list[int]] = {}
    unknown: list[int] = []
    for number, row in enumerate(rows):
        form = form_of(row, names)
        if form is None:
            unknown.append(number)
        else:
            forms.setdefault(form, []).append(number)
    if not forms:
        raise DataError(f"{path.name}: no form is known with the columns {quoted(names)}. Write {_SHAPES}.")
    if unknown:
        raise DataError(
            f"{table.origins[unknown[0]]}: its columns make no example ({quoted(rows[unknown[0]]) or 'empty'}); "
            f"{counted(len(unknown), 'such row')} in all. Write {_SHAPES}."
        )
    if len(forms) > 1:
        seen = "; ".join(
            f"{IN_WORDS[form]} in {counted(len(where), 'row')} (first: {table.origins[where[0]]})"
            for form, where in forms.items()
        )
        raise DataError(f"{path.name}: mixes forms: {seen}. Write every row in one form, or split the file.")
    found_form = next(iter(forms))
    found: list[Conversation] = []
    wrong: dict[str, list[str]] = {}
    for row, origin in zip(rows, table.origins, strict=True):
        try:
            found.append(Conversation(turns_of(row, found_form), origin, found_form))
        except ValueError as error:
            wrong.setdefault(str(error), []).append(origin)
    if wrong:
        count = sum(len(where) for where in wrong.values())
        shown = "; ".join(
            f"{where[0]}: {why}" + (f" (and {len(where) - 1:,} more like it)" if len(where) > 1 else "")
            for why, where in list(wrong.items())[:3]
        )
        raise DataError(f"{shown}. {counted(count, 'row')} of {len(rows):,}: mend them, or take them out.")
    return Corpus(path.name, found_form, tuple(found), table.notes)


def form_of(row: Mapping[str, Any], columns: list[str]) -> Form | None:
    """How a row is written, by the names of its cells that are not missing; None if nothing is known.

    `columns` are those of the whole file: a row whose answer is missing still is of the form that has one.
    """
    if any(name in row for name in _LISTS):
        return "messages"
    if "instruction" in row:
        return "alpaca"
    if any(name in row for name in _PROMPTS) and any(name in columns for name in _COMPLETIONS):
        return "prompt-completion"
    return "text" if "text" in row else None


def turns_of(row: Mapping[str, Any], form: Form) -> tuple[Turn, ...]:
    """The turns of one row.

    Raises:
        ValueError: it makes no example; the message says why.
    """
    if form == "text":
        return (Turn(ASSISTANT, _said(row["text"], "the text")),)
    if form == "messages":
        return _messages(next(row[name] for name in _LISTS if name in row), row.get("system"))
    answer = next((row[name] for name in _COMPLETIONS if name in row), None)
    if form == "prompt-completion":
        prompt = next(row[name] for name in _PROMPTS if name in row)
        if isinstance(prompt, list):  # messages on both sides, as TRL has them
            return _messages([*prompt, *(answer if isinstance(answer, list) else [])], None)
        return (Turn(USER, _said(prompt, "the prompt")), Turn(ASSISTANT, _said(answer, "the completion")))
    prompt = _said(row["instruction"], "the instruction")
    if row.get("input") is not None and str(row["input"]).strip():
        prompt = f"{prompt}\n\n{row['input']}"
    turns = (Turn(USER, prompt), Turn(ASSISTANT, _said(answer, "the output")))
    return (Turn(SYSTEM, str(row["system"])), *turns) if str(row.get("system") or "").strip() else turns


def _messages(cell: Any, system: Any) -> tuple[Turn, ...]:
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except ValueError:
            raise ValueError("the messages are no JSON list") from None
    if not isinstance(cell, list) or not cell:
        raise ValueError("the messages are no list, or an empty one")
    turns = [Turn(SYSTEM, str(system))] if isinstance(system, str) and system.strip() else []
    for number, message in enumerate(cell, 1):
        if not isinstance(message, dict):
            raise ValueError(f"message {number} is no object with a role and a content")
        role = message.get("role", message.get("from"))
        known = _ROLES.get(str(role).lower())
        if known is None:
            raise ValueError(f"message {number} has the role {role!r}; known are {listed(_ROLES, 20)}")
        content = message.get("content", message.get("value"))
        turns.append(Turn(known, _said(content, f"message {number} ({known})")))
    spoken = [turn for turn in turns if turn.role != SYSTEM]
    if not spoken or spoken[0].role == ASSISTANT:
        raise ValueError("the conversation starts with the assistant; nobody has asked anything")
    if any(turn.role == SYSTEM for turn in turns[1:]):
        raise ValueError("a system message stands behind the first place")
    for first, second in itertools.pairwise(spoken):
        if first.role == second.role and first.role != "tool":
            raise ValueError(f"two messages of the {first.role} follow each other; join them")
    while turns and turns[-1].role != ASSISTANT:
        if not any(turn.role == ASSISTANT for turn in turns):
            raise ValueError("the assistant says nothing, so there is no answer to learn")
        turns.pop()  # what the user says last has no answer to learn from
    return tuple(turns)


def _said(value: Any, what: str) -> str:
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise ValueError(f"{what} is empty" if value is None or isinstance(value, str) else f"{what} is no text")
    return str(value)


def _texts(path: Path) -> Corpus:
    text = read_text(path).removeprefix("\ufeff")
    found = []
    line = 1
    for part in text.replace("\r\n", "\n").split("\n\n"):
        if part.strip():
            start = line + len(part) - len(part.lstrip("\n"))
            found.append(Conversation((Turn(ASSISTANT, part.strip()),), f"{path.name}, line {start}", "text"))
        line += part.count("\n") + 2
    return Corpus(path.name, "text", tuple(found))


def examples_of(conversations: Sequence[Conversation]) -> Examples:
    """Conversations as examples; those with the same prompt are one group."""
    keys = [conversation.key() for conversation in conversations]
    groups = keys if len(set(keys)) < len(keys) else None
    return Examples(list(conversations), None, [conversation.origin for conversation in conversations], groups)


def corpus_examples(corpus: Corpus) -> Examples:
    """The examples of a file.

    Raises:
        DataError: it holds none.
    """
    if not corpus.conversations:
        raise DataError(f"{corpus.name}: holds no examples.")
    return examples_of(corpus.conversations)


def recognised(data: Any) -> str | None:
    """Why data are for text generation, in words; None where they are not, or where that is not sure.

    Only a .json or .jsonl file is looked at, and of it the first row: instructions with an output, or messages.
    """
    if not isinstance(data, str | Path):
        return None
    path = Path(data).expanduser()
    if path.suffix.lower() not in {".json", ".jsonl", ".ndjson"} or not path.is_file():
        return None
    row = _first_row(path)
    if row is None:
        return None
    if any(isinstance(row.get(name), list) for name in _LISTS):
        return "its rows hold messages"
    if "instruction" in row and any(name in row for name in _COMPLETIONS):
        return "its rows hold an instruction and an output"
    return None


def _first_row(path: Path) -> dict[str, Any] | None:
    try:
        with path.open(encoding="utf-8-sig") as file:
            start = file.read(_LOOKED_AT)
        row, _ = json.JSONDecoder().raw_decode(start.lstrip().removeprefix("[").lstrip())
    except (OSError, ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


#: Characters in which the first row has to end.
_LOOKED_AT = 1 << 16
