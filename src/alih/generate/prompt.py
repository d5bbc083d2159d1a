"""Prompt templates: Jinja text in a sandbox, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alih.errors import OptionError

#: What a template for a class may use, and has to.
LABEL: Final = "label"
#: Templates that describe a class to an encoder; a class is the mean over them (prompt ensembling: Radford et al. 2021,
#: arXiv 2103.00020, section 3.1.4).
LABEL_TEMPLATES: Final = ("{{ label }}", "This text is about {{ label }}.", "{{ label }}: a message of this kind")

#: What a template for a language model may use beside it: the text (the first one of a pair), the second one of a pair,
#: all class names, and whether this is the first example of the prompt.
TEXT: Final = "text"
PAIR: Final = "pair"
NAMES: Final = (LABEL, TEXT, PAIR, "classes", "first")
#: Templates in which a language model reads a text and continues with a label: two plain ones, one in Indonesian, and
#: one that names the classes first.
TEXT_TEMPLATES: Final = (
    "Text: {{ text }}\nCategory: {{ label }}",
    "{{ text }}\nThis is about: {{ label }}",
    "Teks: {{ text }}\nKategori: {{ label }}",
    "{% if first %}Choose one of these: {{ classes | join(', ') }}.\n\n{% endif %}"
    "Text: {{ text }}\nAnswer: {{ label }}",
)
#: The same for pairs: premise and hypothesis, question and answer, two texts of any kind.
PAIR_TEMPLATES: Final = (
    "First text: {{ text }}\nSecond text: {{ pair }}\nTogether: {{ label }}",
    "Premise: {{ text }}\nHypothesis: {{ pair }}\nRelation: {{ label }}",
    "Question: {{ text }}\nAnswer: {{ pair }}\nThe answer is: {{ label }}",
    "Teks 1: {{ text }}\nTeks 2: {{ pair }}\nHubungan: {{ label }}",
    "{% if first %}Choose one of these: {{ classes | join(', ') }}.\n\n{% endif %}"
    "Text 1: {{ text }}\nText 2: {{ pair }}\nAnswer: {{ label }}",
)
#: For models with a chat template: the user's turn; the assistant's is the label.
CHAT_TEMPLATE: Final = (
    "{% if first %}Which of these fits the text best: {{ classes | join(', ') }}? Answer with one of them, and nothing "
    "else.\n\n{% endif %}"
    "{{ text }}"
)
CHAT_PAIR_TEMPLATE: Final = (
    "{% if first %}Which of these fits the two texts best: {{ classes | join(', ') }}? Answer with one of them, and "
    "nothing else.\n\n{% endif %}"
    "Text 1: {{ text }}\nText 2: {{ pair }}"
)

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_LONGEST = 20_000


@dataclass(frozen=True)
class PromptForm:
    """How classes are described to a model that is prompted, not trained.

    Args:
        template: Jinja text that describes a class by its `label`; None = the built-in ones.
        shots: examples a class (few-shot).
        shots_by: how they are chosen: typical ones, spread ones, or by lot.
    """

    template: str | None = None
    shots: int = 8
    shots_by: Literal["similarity", "diversity", "random"] = "diversity"


def read_template(value: str) -> str:
    """A template's text, from a file's name or as it stands where it holds `{{`.

    Raises:
        OptionError: no such file, or a text that is no template.
    """
    if "{{" in value:
        return value
    path = Path(value).expanduser()
    if not path.is_file():
        raise OptionError(f"--template {value}: no such file. Name a Jinja file that uses {{{{ {LABEL} }}}}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError(f"--template {value}: is no UTF-8 text ({error}). Save it as UTF-8.") from error
    if len(text) > _LONGEST:
        raise OptionError(f"--template {value}: has {len(text):,} characters; at most {_LONGEST:,} are read.")
    return text.strip("\n")


def check_template(text: str, names: tuple[str, ...] = (LABEL,)) -> None:
    """Refuse a template that is broken, that uses names there are none of, or that leaves the first name out.

    Raises:
        OptionError: one of these.
    """
    try:
        used = meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
    except TemplateError as error:
        raise OptionError(f"--template: is no Jinja template ({error}).") from error
    unknown = sorted(used - set(names))
    if unknown:
        raise OptionError(f"--template: {', '.join(unknown)} is not there; a template may use {', '.join(names)}.")
    if names[0] not in used:
        raise OptionError(f"--template: does not use {{{{ {names[0]} }}}}, so every class would read the same.")


def uses(text: str, name: str) -> bool:
    """Whether a template uses a name."""
    return name in meta.find_undeclared_variables(_ENVIRONMENT.parse(text))


def render(text: str, values: Mapping[str, object]) -> str:
    """Fill a template in; it can read the values and nothing else.

    Raises:
        OptionError: it cannot be filled in, or asks for what the sandbox forbids.
    """
    try:
        return _ENVIRONMENT.from_string(text).render(values)
    except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise OptionError(f"--template: cannot be filled in ({error}).") from error


def readable(label: str) -> str:
    """A class name as words: `card_arrival` → `card arrival`."""
    return " ".join(label.replace("_", " ").replace("-", " ").split()) or label
