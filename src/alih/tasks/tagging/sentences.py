"""Sentences with tagged words: CoNLL columns, JSONL of tokens and tags, or JSONL of texts and spans of characters."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alih.data.decoding import STANDARD_INPUT, read_text, text_of
from alih.data.examples import Damage, Examples
from alih.data.messages import counted
from alih.errors import AlihError, DataError

#: The tag of words outside any entity.
OUTSIDE = "O"
_COLUMNS, _JSON = {".txt", ".conll", ".conllu", ".bio", ".iob", ".iob2", ".tsv", ""}, {".jsonl", ".ndjson"}
_TAGS, _SPANS = ("tags", "ner_tags", "pos_tags"), ("spans", "entities")
_ENTITY_TAG = re.compile(r"O|[BIESLU]-\S.*")
_IN_BIO = {"E": "I", "L": "I", "S": "B", "U": "B"}
_CJK = "\u3040-\u30ff\u3400-\u9fff"  # no spaces between words: each character is one
#: Runs of letters, digits and vowel signs; every other visible character is a word by itself.
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}][\w\u0300-\u036f\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff]*(?<![{_CJK}])|\S")
#: Lines that are looked at to recognise a file.
_LOOKED_AT = 200


@dataclass(frozen=True)
class Sentence:
    """One example.

    Args:
        text: as written; of columns, the words with a space between them.
        words: first character and end of each word.
        tags: of each word; None where they are unknown.
    """

    text: str
    words: tuple[tuple[int, int], ...]
    tags: tuple[str, ...] | None = None

    @classmethod
    def of_text(cls, text: str) -> Sentence:
        """Of a text whose words are found by spaces and punctuation."""
        return cls(text, tuple(match.span() for match in _WORD.finditer(text)))

    @classmethod
    def of_words(cls, words: Sequence[str], tags: Sequence[str]) -> Sentence:
        """Of words that are given."""
        places, end = [], -1
        for word in words:
            places.append((end + 1, end + 1 + len(word)))
            end = places[-1][1]
        return cls(" ".join(words), tuple(places), tuple(tags))


class _RowError(ValueError):
    """Why a row cannot be used."""


def are_entities(tags: Sequence[str]) -> bool:
    """Whether tags mark entities ("B-PER", "O"), and not each word for itself, as parts of speech do."""
    return any(tag != OUTSIDE for tag in tags) and all(_ENTITY_TAG.fullmatch(tag) for tag in tags)


def recognised(path: Path) -> str | None:
    """How a file holds tagged words, in words; None where it does not seem to. It raises nothing."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = [line.rstrip("\r\n") for _, line in zip(range(_LOOKED_AT), file, strict=False)]
        if path.suffix.lower() in _JSON:
            sentence = _from_record(json.loads(next(line for line in lines if line.strip())), Counter())
            return None if sentence is None else "words or texts with tags, a JSON object a line"
    except (OSError, ValueError, StopIteration):
        return None
    filled = [_fields(line) for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if path.suffix.lower() not in _COLUMNS or len(filled) < 2 or len(filled) == len(lines):
        return None
    alike = len({len(fields) for fields in filled}) == 1 and len(filled[0]) > 1
    short = all(field and " " not in field.strip() for fields in filled for field in (fields[0], fields[-1]))
    repeated = 2 * len({fields[-1] for fields in filled}) <= len(filled)  # there are few tags, and many words
    return "words with tags in columns, a blank line between sentences" if alike and short and repeated else None


def read_sentences(path: Path, damaged: list[Damage], notes: list[str]) -> Examples:
    """Read one file.

    Args:
        path: of columns, the first one is the word and the last one its tag (of CoNLL-U, the second and the fourth).
        damaged: sentences that cannot be used are put here.
        notes: what was made of tags and spans that do not fit BIO is said here.

    Raises:
        DataError: the file cannot be read, or holds no sentence that can be used.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    said: Counter[str] = Counter()
    read = _read_records if path.suffix.lower() in _JSON else _read_columns
    found = []
    for origin, made in read(read_text(path), path.name, said):
        if isinstance(made, str):
            damaged.append(Damage(origin, made))
        else:
            found.append((origin, made))
    if not found:
        why = f" First: {damaged[0].origin}: {damaged[0].reason}." if damaged else ""
        raise DataError(
            f"{path.name}: no sentence with tags in it.{why} Write a word and its tag a line with a blank line between "
            'sentences, or JSON lines: {"tokens": […], "tags": […]} or {"text": …, "spans": [{"start": …, "end": …, '
            '"label": …}]}.'
        )
    sentences = _in_bio([sentence for _, sentence in found], said)
    notes.extend(f"  {path.name}: {counted(count, 'time')}: {what}" for what, count in said.items())
    return Examples(sentences, None, [origin for origin, _ in found])


def read_plain(path: Path | None, tags: Collection[str], damaged: list[Damage], notes: list[str]) -> Examples:
    """Read what is to be tagged: a file as `read_sentences` takes it, JSON lines with a "text", or a text a line.

    Args:
        path: the file; None for standard input.
        tags: those of the model; a file that holds none of them is no file of columns.
        damaged: lines that cannot be used are put here.
        notes: what was made of tags is said here.

    Raises:
        DataError: the file cannot be read.
    """
    if path is not None and recognised(path) is not None:
        left_out, said = list[Damage](), list[str]()
        found = read_sentences(path, left_out, said)
        if path.suffix.lower() in _JSON or any(set(one.tags or ()) & set(tags) for one in found.inputs):
            damaged.extend(left_out)
            notes.extend(said)
            return found
    name = STANDARD_INPUT if path is None else path.name
    content = text_of(sys.stdin.buffer.read(), STANDARD_INPUT) if path is None else read_text(path)
    texts: list[tuple[str, str]] = []
    for number, line in enumerate(content.splitlines(), 1):
        origin, text = f"{name}, line {number}", line
        if Path(name).suffix.lower() in _JSON and line.strip():
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError):
                text = ""
        if isinstance(text, str) and text.strip():
            texts.append((text, origin))
        else:
            damaged.append(Damage(origin, "no text in it"))
    return Examples([Sentence.of_text(text) for text, _ in texts], None, [origin for _, origin in texts])


def _fields(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split()


def _read_columns(text: str, name: str, said: Counter[str]) -> Iterator[tuple[str, Sentence | str]]:
    words: list[str] = []
    tags: list[str] = []
    fault, first = "", 1
    universal = name.lower().endswith(".conllu")
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not line.strip() or line.startswith("-DOCSTART-"):
            if words or fault:
                yield f"{name}, line {first}", fault or Sentence.of_words(words, tags)
            words, tags, fault, first = [], [], "", number + 1
            continue
        fields = _fields(line)
        if universal:
            if line.startswith("#") or not fields[0].isdecimal():
                continue  # comments, and the parts of contracted words
            fields = [fields[1], fields[3]] if len(fields) > 3 else []
        if len(fields) < 2 or not fields[0].strip() or not fields[-1].strip():
            fault = fault or f"line {number} holds no word with a tag beside it"
            continue
        words.append(fields[0].strip())
        tags.append(fields[-1].strip())


def _read_records(text: str, name: str, said: Counter[str]) -> Iterator[tuple[str, Sentence | str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            made: Sentence | str | None = _from_record(json.loads(line), said)
        except json.JSONDecodeError as error:
            made = f"no JSON ({error.msg})"
        except _RowError as error:
            made = str(error)
        yield f"{name}, row {number}", made or "neither tokens with tags nor a text with spans"


def _from_record(record: Any, said: Counter[str]) -> Sentence | None:
    """The sentence of one JSON object; None where it is not for this task."""
    if not isinstance(record, dict):
        return None
    tags = next((record[name] for name in _TAGS if isinstance(record.get(name), list)), None)
    tokens, text = record.get("tokens"), record.get("text")
    if isinstance(tokens, list) and tags is not None:
        if not tokens or len(tokens) != len(tags):
            raise _RowError(f"{counted(len(tokens), 'token')} and {counted(len(tags), 'tag')}")
        if not all(isinstance(one, str) and one.strip() for one in (*tokens, *tags)):
            raise _RowError("a token or a tag is empty or no text; write tags by their names")
        return Sentence.of_words(tokens, tags)
    spans = next((record[name] for name in _SPANS if isinstance(record.get(name), list)), None)
    if not isinstance(text, str) or spans is None:
        return None
    if not text.strip():
        raise _RowError("the text is empty")
    return _from_spans(Sentence.of_text(text), spans, said)


def _from_spans(sentence: Sentence, spans: Sequence[Any], said: Counter[str]) -> Sentence:
    """BIO tags of spans. Of spans that overlap, the longest one is kept; one that cuts a word takes the whole word."""
    tags = [OUTSIDE] * len(sentence.words)
    wanted = set()
    for span in spans:
        try:
            start, end, label = span["start"], span["end"], span["label"]
            if not (0 <= start < end <= len(sentence.text)) or not isinstance(label, str) or not label.strip():
                raise ValueError
        except (KeyError, TypeError, ValueError) as error:
            raise _RowError(f'the span {span!r} is no {{"start", "end", "label"}} within the text') from error
        wanted.add((start, end, label.strip()))
    for start, end, label in sorted(wanted, key=lambda span: (span[0] - span[1], span)):
        covered = [place for place, (first, last) in enumerate(sentence.words) if first < end and last > start]
        if not covered:
            raise _RowError(f"the span from {start} to {end} covers no word")
        if any(tags[place] != OUTSIDE for place in covered):
            said["a span overlaps a longer one, and is left out: a word has one tag"] += 1
            continue
        whole = sentence.text[sentence.words[covered[0]][0] : sentence.words[covered[-1]][1]]
        if whole != sentence.text[start:end].strip():
            said["a span that begins or ends inside a word is widened to the whole word"] += 1
        for place in covered:
            tags[place] = f"{'B' if place == covered[0] else 'I'}-{label}"
    return replace(sentence, tags=tuple(tags))


def _in_bio(sentences: list[Sentence], said: Counter[str]) -> list[Sentence]:
    """Tags of entities in BIO: BIOES and BILOU are rewritten, and what an I- without a B- means is said."""
    every = {tag for sentence in sentences for tag in sentence.tags or ()}
    if not are_entities(sorted(every)):
        return sentences
    found = []
    for sentence in sentences:
        tags = [_IN_BIO.get(tag[0], tag[0]) + tag[1:] for tag in sentence.tags or ()]
        changed = sum(a != b for a, b in zip(tags, sentence.tags or (), strict=True))
        said["a tag of BIOES or BILOU is read as its tag in BIO"] += changed
        for before, tag in zip([OUTSIDE, *tags], tags, strict=False):
            if tag.startswith("I-") and before[1:] != tag[1:]:
                said["an I- without a B- before it begins an entity, as conlleval and seqeval read it"] += 1
        found.append(replace(sentence, tags=tuple(tags)))
    for what in [what for what, count in said.items() if not count]:
        del said[what]
    return found


def looks_tagged(data: Any) -> str | None:
    """Why a file, or a folder with a file train.*, is for tagging; None where it is not."""
    if not isinstance(data, str | Path):
        return None
    try:
        path = Path(data).expanduser()
        files = parts_of(path) if path.is_dir() else {"train": path} if path.is_file() else {}
    except (OSError, AlihError):
        return None
    return recognised(files["train"]) if "train" in files else None


def parts_of(folder: Path) -> dict[str, Path]:
    """The files of a folder by split, for those that are there.

    Raises:
        DataError: two files are for one split.
    """
    names = {"train": "train", "valid": "validation", "val": "validation", "validation": "validation"}
    names |= {"dev": "validation", "test": "test"}
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        part = names.get(re.split(r"[._-]", path.name.lower())[0])
        if part is None or path.suffix.lower() not in _COLUMNS | _JSON or not path.is_file():
            continue
        if part in found:
            raise DataError(f"{folder}: {found[part].name} and {path.name} are both for {part}. Leave one of them.")
        found[part] = path
    return found
