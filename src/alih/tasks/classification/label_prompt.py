"""The prompt of a language model that classifies: what stands before the text, between text and label, and the labels.

A template is rendered once with marks in place of text (or both texts of a pair) and label, and cut at the marks; each
part is made into tokens by itself, so that a text has the same tokens wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from alih.errors import DataError, OptionError
from alih.generate.prompt import (
    CHAT_PAIR_TEMPLATE,
    CHAT_TEMPLATE,
    LABEL,
    PAIR,
    PAIR_TEMPLATES,
    TEXT,
    TEXT_TEMPLATES,
    readable,
    render,
)
from alih.pretrained.pairs import Layout, layout

#: Marks that no filter of a template leaves as they are, and no text holds.
_TEXT, _LABEL, _PAIR = "\ue000tExT\ue000", "\ue001lAbEl\ue001", "\ue002pAiR\ue002"
#: Least tokens of a text that a prompt leaves room for; twice as many for two.
LEAST_ROOM = 16

#: A text or a pair of texts, and the number of its class.
Shown = tuple[str | tuple[str, str], int]


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
        room: tokens that are left for a text, or for both of a pair.
        examples: how many examples stand in the prefix.
        middle_ids: between the texts of a pair.
        between_ids: special tokens that the tokenizer puts between them; empty for single texts.
        pair_first: the template has the second text before the first one.
    """

    template: str
    prefix_ids: list[int]
    suffix_ids: list[int]
    label_ids: list[list[int]]
    leading: int
    trailing: int
    room: int
    examples: int
    middle_ids: list[int]
    between_ids: list[int]
    pair_first: bool

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
        pair: inputs are pairs of texts.
    """

    tokenizer: Any
    classes: Sequence[str]
    context: int
    pair: bool = False

    @property
    def templates(self) -> list[str]:
        """The built-in ones: what a model with a chat template was trained on comes first."""
        ours = (CHAT_PAIR_TEMPLATE, PAIR_TEMPLATES) if self.pair else (CHAT_TEMPLATE, TEXT_TEMPLATES)
        chat = [ours[0]] if getattr(self.tokenizer, "chat_template", None) else []
        return [*chat, *ours[1]]

    @property
    def layout(self) -> Layout:
        """What the tokenizer puts around and between texts."""
        return layout(self.tokenizer, pair=self.pair)

    @property
    def least_room(self) -> int:
        """Least tokens of a text, or of both, that a prompt has to leave room for."""
        return 2 * LEAST_ROOM if self.pair else LEAST_ROOM

    def make(self, template: str, shown: Sequence[Shown] = ()) -> LabelPrompt | None:
        """Make the prompt.

        Args:
            template: `CHAT_TEMPLATE` (for pairs `CHAT_PAIR_TEMPLATE`), or a text with `{{ text }}`, and for pairs
                `{{ pair }}`, before `{{ label }}`.
            shown: examples (text or pair, class), in their order.

        Returns:
            None where it leaves no room for a text.

        Raises:
            OptionError: the template has no place of its own for text (or both texts) and label.
            DataError: two classes have one name, up to signs.
        """
        names = [readable(name) for name in self.classes]
        is_chat = template in (CHAT_TEMPLATE, CHAT_PAIR_TEMPLATE)
        parts = self._chat(template, shown, names) if is_chat else self._plain(template, shown, names)
        special = self.layout
        # A chat template writes its first token itself, as text.
        prefix = self._ids(parts.before) if is_chat else special.leading + self._ids(parts.before)
        middle = self._ids(parts.middle)
        suffix, labels = self._labels(parts.between, parts.after, names)
        room = self.context - len(prefix) - len(middle) - len(suffix) - max(len(label) for label in labels)
        if room < self.least_room:
            return None
        return LabelPrompt(
            template=template,
            prefix_ids=prefix,
            suffix_ids=suffix,
            label_ids=labels,
            leading=len(special.leading),
            trailing=len(special.trailing),
            room=room,
            examples=len(shown),
            middle_ids=middle,
            between_ids=special.between,
            pair_first=parts.pair_first,
        )

    def _plain(self, template: str, shown: Sequence[Shown], names: list[str]) -> _Parts:
        def fill(given: str | tuple[str, str], label: str, first: bool) -> str:
            return render(template, _values(given) | {LABEL: label, "classes": names, "first": first})

        done = [fill(given, names[label], place == 0) for place, (given, label) in enumerate(shown)]
        parts = _cut(fill(self._marks, _LABEL, not shown), pair=self.pair)
        if parts is None and self.pair:
            raise OptionError(
                "--template: the inputs are pairs, so a language model needs {{ text }} and {{ pair }} once each, as "
                "they stand, and {{ label }} once, after them; for example "
                '"Premise: {{ text }}\\nHypothesis: {{ pair }}\\nRelation: {{ label }}".'
            )
        if parts is None:
            raise OptionError(
                "--template: a language model needs {{ text }} once, as it stands, and {{ label }} once, after it; for "
                'example "Text: {{ text }}\\nCategory: {{ label }}".'
            )
        return replace(parts, before="\n\n".join([*done, parts.before]), after=parts.after or "\n")

    def _chat(self, template: str, shown: Sequence[Shown], names: list[str]) -> _Parts:
        turns = []
        known = ((given, names[label]) for given, label in shown)
        for place, (given, label) in enumerate([*known, (self._marks, _LABEL)]):
            asked = render(template, _values(given) | {"classes": names, "first": place == 0})
            turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": label}]
        parts = _cut(self.tokenizer.apply_chat_template(turns, tokenize=False), pair=self.pair)
        if parts is None:
            raise OptionError("the model's chat template changes what it is given; give another with --template.")
        return parts

    @property
    def _marks(self) -> str | tuple[str, str]:
        return (_TEXT, _PAIR) if self.pair else _TEXT

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


@dataclass(frozen=True)
class _Parts:
    """A template's text: before the text(s), between two of them, between text and label, and after the label."""

    before: str
    middle: str
    between: str
    after: str
    pair_first: bool


def _values(given: str | tuple[str, str]) -> dict[str, object]:
    return {TEXT: given} if isinstance(given, str) else {TEXT: given[0], PAIR: given[1]}


def _cut(text: str, *, pair: bool) -> _Parts | None:
    """Cut at the marks; None where they are not there once each, the label last."""
    marks = [_TEXT, _PAIR, _LABEL] if pair else [_TEXT, _LABEL]
    if any(text.count(mark) != 1 for mark in marks):
        return None
    order = sorted(marks, key=text.index)
    if order[-1] != _LABEL:
        return None
    before, _, rest = text.partition(order[0])
    middle = ""
    if pair:
        middle, _, rest = rest.partition(order[1])
    between, _, after = rest.partition(_LABEL)
    return _Parts(before, middle, between, after, order[0] == _PAIR)


def _clash(labels: list[list[int]]) -> tuple[int, int] | None:
    """Two labels of which one is the beginning of the other; in lexical order such ones are neighbours."""
    order = sorted(range(len(labels)), key=lambda place: labels[place])
    for one, other in pairwise(order):
        if labels[one] == labels[other][: len(labels[one])]:
            return one, other
    return None
