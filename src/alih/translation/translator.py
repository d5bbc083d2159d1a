"""A translator, opened from disk: what translates sentences and is scored on pairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alih.data.messages import counted, excerpt, listed
from alih.errors import DataError, OptionError, RunError
from alih.pretrained.open import Pretrained, load
from alih.progress import Progress
from alih.training.precision import device
from alih.translation.corpus import read_test
from alih.translation.encode import EncodedSources, encode_sources
from alih.translation.languages import Direction, direction_of
from alih.translation.pairs import Pairs
from alih.translation.scores import Scores, score
from alih.translation.search import search

SIDECAR = "alih.json"
_SCHEMA = 1
#: Longest sentence in tokens where neither model nor training says otherwise.
_LONGEST = 512


@dataclass(frozen=True)
class Told:
    """What `alih.json` says beside a translator's weights.

    Args:
        source: column or ending of the training data's source sentences.
        target: the same of their translations.
        source_language: as the model names it.
        target_language: as the model names it.
        prefix: words before every sentence.
        max_tokens: longest sentence that it was trained on, in tokens.
        beam: hypotheses that its test score was found with.
    """

    source: str | None = None
    target: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    prefix: str | None = None
    max_tokens: int | None = None
    beam: int = 4


class Translator:
    """A model that translates.

    Args:
        opened: model and tokenizer.
        told: what its training says.
        direction: what the model must be told.
        progress: where long work reports to; standard error if not given.
    """

    def __init__(self, opened: Pretrained, told: Told, direction: Direction, progress: Progress | None = None) -> None:
        self.model, self.tokenizer, self.folder = opened.model, opened.tokenizer, opened.folder
        self.told, self.direction = told, direction
        self.progress = progress or Progress()
        limits = [limit for limit in (opened.max_length, told.max_tokens) if limit is not None]
        self.max_tokens = min(limits, default=_LONGEST)
        self.model.to(device())  # type: ignore[arg-type]

    @classmethod
    def open(
        cls,
        name: str | Path,
        source: str | None = None,
        target: str | None = None,
        *,
        prefix: str | None = None,
        revision: str | None = None,
        allow_pickle: bool = False,
        progress: Progress | None = None,
    ) -> Translator:
        """Open a run ("runs/last"), a folder, a built-in name or a Hub id.

        Args:
            name: the model.
            source: language of the sentences, where the model needs to be told; as it was trained, by default.
            target: language of the translations, likewise.
            prefix: words before every sentence, likewise.
            revision: branch, tag or commit on the Hub.
            allow_pickle: also read pickled weights, as tensors only.
            progress: where long work reports to.

        Raises:
            ModelError: nothing there translates.
            OptionError: the model needs a language, or does not know the one given.
            RunError: a run that has no model yet.
        """
        opened = load(name, form="seq2seq", revision=revision, allow_pickle=allow_pickle)
        told = read_told(opened.folder)
        direction = direction_of(
            opened.tokenizer,
            source or told.source_language,
            target or told.target_language,
            told.prefix if prefix is None else prefix,
        )
        _check_direction(told, target, direction, opened)
        return cls(opened, told, direction, progress)

    def translate(self, texts: Sequence[str], *, beam: int | None = None) -> list[str]:
        """Translate sentences; an empty one stays empty.

        Args:
            texts: the sentences.
            beam: hypotheses that beam search keeps; 1 is greedy.

        Raises:
            DataError: not a list of texts.
            OptionError: no such beam.
        """
        if isinstance(texts, str):
            raise DataError(f'translate takes a list: write translate(["{excerpt(texts)}"]).')
        for number, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise DataError(f"input {number}: {type(text).__name__}, no text. Give texts.")
        said, _ = self.translate_lines(texts, beam=beam)
        return said

    def translate_lines(
        self, texts: Sequence[str], *, beam: int | None = None, what: str = "input", first: int = 1
    ) -> tuple[list[str], list[str]]:
        """Translate, and tell what was cut or not known, in sentences that name the line.

        Args:
            texts: the sentences.
            beam: as for `translate`.
            what: what a sentence is called: "line".
            first: number of the first one.
        """
        beam = self.told.beam if beam is None else beam
        if beam < 1:
            raise OptionError(f"--beam: must be at least 1, not {beam}.")
        clean = [" ".join(text.split()) for text in texts]
        rows = [row for row, text in enumerate(clean) if text]
        encoded = encode_sources(self.tokenizer, [clean[row] for row in rows], self.direction, self.max_tokens)
        with self.progress.step("translating", len(rows), "sentences") as advance:
            found = search(self.model, self.tokenizer, encoded.ids, self.direction, beam, advance)
        said = [""] * len(texts)
        for row, text in zip(rows, found, strict=True):
            said[row] = text
        return said, self._notes(encoded, [clean[row] for row in rows], [f"{what} {first + row}" for row in rows])

    def evaluate(
        self,
        data: str | Path | Pairs,
        *,
        source: str | None = None,
        target: str | None = None,
        beam: int | None = None,
    ) -> Scores:
        """Score the translator on pairs: a table, a folder with aligned files, or pairs read before.

        Raises:
            DataError: they cannot be read; nothing is translated then.
        """
        pairs = data if isinstance(data, Pairs) else self.read(data, source, target)
        said, notes = self.translate_lines(pairs.sources, beam=beam, what="pair")
        for note in notes:
            self.progress.say(note)
        return score(said, pairs.targets, language=self.direction.target)

    def read(self, data: str | Path, source: str | None = None, target: str | None = None) -> Pairs:
        """Read pairs to score on, by the training data's columns where nothing else is said."""
        pairs = read_pairs_like(data, self.told, source, target)
        for note in pairs.notes:
            self.progress.say(note)
        return pairs

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and `alih.json` as a plain Hugging Face folder."""
        write(self.model, self.tokenizer, self.told, folder)

    def _notes(self, encoded: EncodedSources, texts: Sequence[str], origins: Sequence[str]) -> list[str]:
        notes = []
        for row in encoded.cut[:5]:
            count = counted(len(texts[row].split()), "word")
            notes.append(
                f"{origins[row]}: {count}, cut after {self.max_tokens} tokens; what is beyond is not "
                "translated. Give a sentence a line."
            )
        if len(encoded.cut) > 5:
            notes.append(f"{len(encoded.cut):,} sentences in all were cut after {self.max_tokens} tokens.")
        if encoded.unknown:
            words = list(dict.fromkeys(" ".join(encoded.unknown.values()).split()))
            which = listed((origins[row] for row in encoded.unknown), 5)
            notes.append(
                f"{which}: the model does not know {listed(words, 8) or 'some words'}; it reads "
                f"{self.tokenizer.unk_token} there."
            )
        return notes


def read_pairs_like(data: str | Path, told: Told, source: str | None, target: str | None) -> Pairs:
    """Read pairs by the columns named, or else by the training data's where they are there, or else by their order."""
    if source is not None or target is not None or told.source is None:
        return read_test(data, source, target)
    try:
        return read_test(data, told.source, told.target)
    except DataError as error:
        if "no column" not in str(error):
            raise
        return read_test(data)


def write(model: Any, tokenizer: Any, told: Told, folder: Path) -> None:
    """Write a translator's folder."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    content = {"schema": _SCHEMA, "task": {"modality": "translation"}, "translation": asdict(told)}
    (folder / SIDECAR).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_told(folder: Path) -> Told:
    """What `alih.json` says; nothing where there is none, or where it is another task's.

    Raises:
        RunError: it is damaged, or of another version.
    """
    path = folder / SIDECAR
    if not path.is_file():
        return Told()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA:
            raise RunError(f"{path}: schema {content['schema']}, but this version reads {_SCHEMA}. Update Alih.")
        return Told(**content["translation"]) if "translation" in content else Told()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: damaged ({error!r}). Delete the file to go by config.json alone.") from error


def _check_direction(told: Told, target: str | None, direction: Direction, opened: Pretrained) -> None:
    """A model of one direction cannot be asked for another."""
    known = told.target_language
    if target is not None and not direction.prefix and direction.first_token is None and target != known:
        raise OptionError(
            f"--to {target}: {opened.name} translates one way{f', into {known}' if known else ''}; leave --to out, or "
            "take a model of several languages."
        )
