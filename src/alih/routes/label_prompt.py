"""The prompt of a language model that classifies: what stands before the text, between text and label, and the labels.

A template is rendered once with marks in place of text and label, and cut at the marks; each part is made into tokens
by itself, so that a text has the same tokens wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from alih.errors import DataError, OptionError
from alih.generate.prompt import CHAT_TEMPLATE, LABEL, TEXT, TEXT_TEMPLATES, readable, render

#: Marks that no filter of a template leaves as they are, and no text holds.
_TEXT, _LABEL = "\ue000tExT\ue000", "\ue001lAbEl\ue001"
#: Least tokens of a text that a prompt leaves room for.
LEAST_ROOM = 16


@dataclass(frozen=True)
class LabelPrompt:
    """A prompt in tokens; the names are `AlihPromptedConfig`'s.

    Args:
        template: what it was made from.
        prefix_ids: before the text.
        suffix_ids: between text and label.
        label_ids: of each class.
        leading: special tokens that the tokenizer puts before a text.
        trailing: those after it.
        room: tokens that are left for a text.
        examples: how many examples stand in the prefix.
    """

    template: str
    prefix_ids: list[int]
    suffix_ids: list[int]
    label_ids: list[list[int]]
    leading: int
    trailing: int
    room: int
    examples: int

    def told(self) -> dict[str, Any]:
        """The fields of a configuration."""
        return dict(vars(self))


@dataclass(frozen=True)
class PromptMaker:
    """Makes prompts for one tokenizer and one list of classes.

    Args:
        tokenizer: of the language model.
        classes: names, in the order of the outputs.
        context: most tokens that the model takes.
    """

    tokenizer: Any
    classes: Sequence[str]
    context: int

    @property
    def templates(self) -> list[str]:
        """The built-in ones: what a model with a chat template was trained on comes first."""
        chat = [CHAT_TEMPLATE] if getattr(self.tokenizer, "chat_template", None) else []
        return [*chat, *TEXT_TEMPLATES]

    def make(self, template: str, shown: Sequence[tuple[str, int]] = ()) -> LabelPrompt | None:
        """Make the prompt.

        Args:
            template: `CHAT_TEMPLATE`, or a text with `{{ text }}` before `{{ label }}`.
            shown: examples (text, class), in their order.

        Returns:
            None where it leaves no room for a text.

        Raises:
            OptionError: the template has no place of its own for text and label.
            DataError: two classes have one name, up to signs.
        """
        names = [readable(name) for name in self.classes]
        parts = self._chat(template, shown, names) if template == CHAT_TEMPLATE else self._plain(template, shown, names)
        before, between, after = parts
        first, last = self._special()
        # A chat template writes its first token itself, as text.
        prefix = self._ids(before) if template == CHAT_TEMPLATE else first + self._ids(before)
        suffix, labels = self._labels(between, after, names)
        room = self.context - len(prefix) - len(suffix) - max(len(label) for label in labels)
        if room < LEAST_ROOM:
            return None
        return LabelPrompt(template, prefix, suffix, labels, len(first), len(last), room, len(shown))

    def tokens(self, text: str) -> int:
        """How many tokens an example's text has."""
        return len(self._ids(text))

    def _plain(self, template: str, shown: Sequence[tuple[str, int]], names: list[str]) -> tuple[str, str, str]:
        """What stands before the text, between text and label, and after the label."""

        def fill(text: str, label: str, first: bool) -> str:
            return render(template, {TEXT: text, LABEL: label, "classes": names, "first": first})

        done = [fill(text, names[label], place == 0) for place, (text, label) in enumerate(shown)]
        open_one = fill(_TEXT, _LABEL, not shown)
        parts = _cut(open_one)
        if parts is None:
            raise OptionError(
                "--template: a language model needs {{ text }} once, as it stands, and {{ label }} once, after it; for "
                'example "Text: {{ text }}\\nCategory: {{ label }}".'
            )
        before, between, after = parts
        return "\n\n".join([*done, before]), between, after or "\n"

    def _chat(self, template: str, shown: Sequence[tuple[str, int]], names: list[str]) -> tuple[str, str, str]:
        turns = []
        for place, (text, label) in enumerate([*((text, names[label]) for text, label in shown), (_TEXT, _LABEL)]):
            asked = render(template, {TEXT: text, "classes": names, "first": place == 0})
            turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": label}]
        written = self.tokenizer.apply_chat_template(turns, tokenize=False)
        parts = _cut(written)
        if parts is None:
            raise OptionError("the model's chat template changes what it is given; give another with --template.")
        return parts

    def _special(self) -> tuple[list[int], list[int]]:
        """What the tokenizer puts before and after a text."""
        alone, whole = self._ids("a"), list(self.tokenizer("a")["input_ids"])
        for start in range(len(whole) - len(alone) + 1):
            if whole[start : start + len(alone)] == alone:
                return whole[:start], whole[start + len(alone) :]
        return [], []

    def _labels(self, between: str, after: str, names: list[str]) -> tuple[list[int], list[list[int]]]:
        """Tokens that every label begins with (they belong to the prompt), and those of each label.

        Where one label begins another ("card", "card arrival"), what follows a label ends both.
        """
        whole = [self._ids(between + name) for name in names]
        if _clash(whole) is not None:
            whole = [self._ids(between + name + (after or "\n")) for name in names]
        clash = _clash(whole)
        if clash is not None:
            one, other = (self.classes[place] for place in sorted(clash))
            raise DataError(
                f"the classes {one!r} and {other!r} read the same to the model's tokenizer, so a language model cannot "
                "tell them apart by their names; rename one"
            )
        shared = 0
        while shared < min(map(len, whole)) - 1 and len({label[shared] for label in whole}) == 1:
            shared += 1
        return whole[0][:shared], [label[shared:] for label in whole]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) if text else []


def _cut(text: str) -> tuple[str, str, str] | None:
    """Cut at the marks; None where they are not there once each, in this order."""
    if text.count(_TEXT) != 1 or text.count(_LABEL) != 1 or text.index(_TEXT) > text.index(_LABEL):
        return None
    before, _, rest = text.partition(_TEXT)
    between, _, after = rest.partition(_LABEL)
    return before, between, after


def _clash(labels: list[list[int]]) -> tuple[int, int] | None:
    """Two labels of which one is the beginning of the other; in lexical order such ones are neighbours."""
    order = sorted(range(len(labels)), key=lambda place: labels[place])
    for one, other in pairwise(order):
        if labels[one] == labels[other][: len(labels[one])]:
            return one, other
    return None
