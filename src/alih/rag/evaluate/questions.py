"""Questions with what is known about them: answers, sources, or that the documents hold no answer."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alih.data.messages import did_you_mean, listed
from alih.errors import DataError
from alih.rag.catalogue import Root
from alih.rag.passage import Passage
from alih.rag.roots import documents_at

_KEYS = ("question", "answer", "answers", "source", "sources", "page", "id")
_FORM = 'Each line is {"question": …, "answer": … or [several] or "" where the documents hold none, "source": …}.'


@dataclass(frozen=True)
class Question:
    """One question.

    Args:
        text: in words.
        answers: each of them right; empty where there is none in the documents; None where none was given.
        relevant: name of each document that holds the answer, and how relevant it is (1 unless graded).
        page: of the document, where only one counts.
        verbatim: an answer stands word for word in a passage of a source, so that this passage is to be found, not just
            any of the document; found out by `alih.rag.evaluate.evaluation.checked`.
    """

    text: str
    answers: tuple[str, ...] | None = None
    relevant: Mapping[str, float] = field(default_factory=dict)
    page: int | None = None
    verbatim: bool = False

    @property
    def unanswerable(self) -> bool:
        """The documents hold no answer."""
        return self.answers == ()

    @property
    def ranked(self) -> bool:
        """What was found can be judged."""
        return bool(self.relevant) or bool(self.answers)


def read_questions(path: str | Path) -> list[Question]:
    """Read a JSON Lines file (or a JSON list) of questions.

    Raises:
        DataError: the file is missing or empty, or a line is not of the form; the message names it.
    """
    path = Path(path).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file.{did_you_mean(path.name, near)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    found = [_question(f"{path}, {place}", told) for place, told in _objects(path, text)]
    if not found:
        raise DataError(f"{path}: holds no questions. {_FORM}")
    return found


def _objects(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    if text.lstrip().startswith("["):
        try:
            for number, told in enumerate(json.loads(text), 1):
                yield f"item {number}", told
        except ValueError as error:
            raise DataError(f"{path}: not valid JSON ({error}). {_FORM}") from error
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}, line {number}: not valid JSON ({error}). {_FORM}") from error


def _question(place: str, told: Any) -> Question:
    if not isinstance(told, dict):
        raise DataError(f"{place}: not an object. {_FORM}")
    text = told.get("question")
    if not isinstance(text, str) or not text.strip():
        near = next((did_you_mean(name, _KEYS) for name in told if did_you_mean(name, ["question"])), "")
        raise DataError(f'{place}: has no "question".{near} {_FORM}')
    answers = told.get("answer", told.get("answers"))
    if answers is not None:
        several = [answers] if isinstance(answers, str | int | float) else answers
        if not isinstance(several, list) or not all(isinstance(one, str | int | float) for one in several):
            raise DataError(f'{place}: "answer" is neither a text nor a list of texts. {_FORM}')
        answers = tuple(str(one).strip() for one in several if str(one).strip())
    page = told.get("page")
    if page is not None and (not isinstance(page, int) or page < 1):
        raise DataError(f'{place}: "page" is a number from 1.')
    relevant = _relevant(place, told.get("source", told.get("sources")))
    if answers == () and relevant:
        raise DataError(f"{place}: has a source but no answer. Leave out the source, or the empty answer.")
    return Question(text.strip(), answers, relevant, page)


def _relevant(place: str, told: Any) -> dict[str, float]:
    if told is None or told == "":
        return {}
    graded = {told: 1} if isinstance(told, str) else dict.fromkeys(told, 1) if isinstance(told, list) else told
    if not isinstance(graded, dict) or not all(
        isinstance(name, str) and isinstance(grade, int | float) and grade >= 0 for name, grade in graded.items()
    ):
        raise DataError(
            f'{place}: "source" is the name of a document, a list of names, or an object from names to how relevant '
            "each is (0 or more)."
        )
    return {name: float(grade) for name, grade in graded.items() if grade > 0}


def resolve(questions: Sequence[Question], roots: Sequence[Root], known: Collection[str]) -> list[Question]:
    """Turn the sources of questions into names of the library's documents.

    A source may be the document's name ("docs/leave.pdf"), a path, or the end of its name where that is unique.

    Raises:
        DataError: the library has no such document, or several end so.
    """
    return [
        Question(
            one.text,
            one.answers,
            {name: grade for told, grade in one.relevant.items() for name in _named(told, one, roots, known)},
            one.page,
        )
        for one in questions
    ]


def _named(told: str, question: Question, roots: Sequence[Root], known: Collection[str]) -> list[str]:
    if told in known:
        return [told]
    found = documents_at(told, roots, known) or [name for name in known if name.endswith(f"/{told}")]
    if not found:
        raise DataError(
            f'"{question.text}": its source {told} is no document of the library.{did_you_mean(told, known)} '
            "See: alih rag list --library …"
        )
    if len(found) > 1:
        raise DataError(f'"{question.text}": its source {told} could be {listed(found)}. Write the whole name.')
    return found


def grades(question: Question, passages: Sequence[Passage], holds: Any) -> tuple[list[float], list[float]]:
    """How relevant what was found is, best first, and how relevant everything relevant is.

    Where an answer stands word for word in a source, passages of the sources that hold it count; where there are no
    sources, all passages that hold it. Nobody knows how many there are, so the first one counts for all. Otherwise the
    documents (or their pages) are ranked, each at its first passage.

    Args:
        question: with resolved sources.
        passages: best first.
        holds: whether a text holds one of the answers.

    Returns:
        a grade for each place of the ranking, and the grades of all relevant documents.
    """
    if question.verbatim or not question.relevant:
        hits = [
            bool(holds(one.text))
            and (not question.relevant or any(row.document in question.relevant for row in one.sources))
            for one in passages
        ]
        first = hits.index(True) if True in hits else None
        return [1.0 if place == first else 0.0 for place in range(len(hits))], [1.0]
    found: list[float] = []
    seen: set[str] = set()
    for one in passages:
        fresh = []
        for number, row in enumerate(one.sources):
            place = one.place_of(0, len(one.text), number)
            right = question.page is None or _on_page(one, number, question.page)
            key = place.document if question.page is None else f"{place.document}\0{place.page}"
            if key not in seen:
                seen.add(key)
                fresh.append(question.relevant.get(row.document, 0.0) if right else 0.0)
        found += [grade for grade in fresh if grade] or [0.0][: len(fresh)]  # one text in many documents is one miss
    return found, sorted(question.relevant.values(), reverse=True)


def _on_page(one: Passage, number: int, page: int) -> bool:
    places = one.sources[number].places
    return any(told == page for _, told, _ in places)
