"""An adapted translator, opened from disk: what translates sentences and is scored on pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from torch import nn

from alih.data.examples import Examples
from alih.data.messages import counted, excerpt, listed
from alih.errors import DataError, OptionError, RunError
from alih.metrics.translation import tokenizer_for
from alih.pretrained.open import Pretrained, load
from alih.progress import Progress
from alih.tasks.adapted import SIDECAR, Adapted, Scores, read_sidecar, write_sidecar
from alih.tasks.base import Predictions
from alih.tasks.translation.encode import EncodedSources, encode_sources
from alih.tasks.translation.languages import Direction, direction_of
from alih.tasks.translation.predictions import examples_of, pairs_of, predictions, read_like
from alih.tasks.translation.search import search
from alih.tasks.translation.setup import Setup
from alih.tasks.translation.task import Translation
from alih.training.precision import device

#: Longest sentence in tokens where neither model nor training says otherwise.
_LONGEST = 512


class AdaptedTranslator(Adapted):
    """A model that translates.

    Args:
        task: its languages, lengths and beam.
        pretrained: model and tokenizer.
        folder: where it was opened from.
        progress: where long work reports to; standard error if not given.
    """

    task: Translation

    def __init__(
        self, task: Translation, pretrained: Pretrained, folder: Path, progress: Progress | None = None
    ) -> None:
        super().__init__(task, pretrained, folder, progress)
        self.model, self.tokenizer = pretrained.model, pretrained.tokenizer
        limits = [limit for limit in (pretrained.max_length, task.setup.max_tokens) if limit is not None]
        self.max_tokens = min(limits, default=_LONGEST)
        #: Whether the folder says which script BLEU's tokenizer is for.
        self.knows_tokenizer = False
        nn.Module.to(self.model, device())

    @property
    def direction(self) -> Direction:
        """What is translated into what."""
        return self.task.direction

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
    ) -> AdaptedTranslator:
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
        pretrained = load(name, form="seq2seq", revision=revision, allow_pickle=allow_pickle)
        setup, tokenizer = read_setup(pretrained.folder)
        direction = direction_of(
            pretrained.tokenizer,
            source or setup.source_language,
            target or setup.target_language,
            setup.prefix if prefix is None else prefix,
        )
        _check_direction(setup, target, direction, pretrained)
        task = Translation(None, setup, tokenizer)
        task.direction = direction
        found = cls(task, pretrained, pretrained.folder, progress)
        found.knows_tokenizer = tokenizer is not None
        return found

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
        beam = self.task.setup.beam if beam is None else beam
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

    def predictions(self, examples: Examples) -> Predictions:
        """See `Translation`."""
        return self._predictions(examples, None)

    def evaluate(
        self,
        data: str | Path | Examples,
        *,
        source: str | None = None,
        target: str | None = None,
        beam: int | None = None,
        metric: str | None = None,
    ) -> Scores:
        """Score the translator on pairs: a table, a folder with aligned files, or pairs read before.

        Raises:
            DataError: they cannot be read; nothing is translated then.
        """
        self.task.metric(metric)  # refused before anything is read
        examples = data if isinstance(data, Examples) else self.read(data, source, target)
        if not self.knows_tokenizer:
            self.task.tokenizer = tokenizer_for([one for _, one in pairs_of(examples)], self.direction.target)
        scores = self.score(examples, self._predictions(examples, beam), metric=metric)
        return scores if isinstance(data, Examples) else replace(scores, trained_on=self.trained_on(examples))

    def read(self, data: str | Path, source: str | None = None, target: str | None = None) -> Examples:
        """Read pairs to score on, by the training data's columns where nothing else is said."""
        pairs = read_like(data, self.task.setup, source, target)
        for note in pairs.notes:
            self.progress.say(note)
        return examples_of(pairs)

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and `alih.json` as a plain Hugging Face folder.

        Raises:
            ModelError: it cannot be written.
            OSError: `alih.json` cannot.
        """
        self.pretrained.save(folder)
        write_sidecar(folder, self.task, {})

    def _predictions(self, examples: Examples, beam: int | None) -> Predictions:
        beam = self.task.setup.beam if beam is None else beam
        if beam < 1:
            raise OptionError(f"--beam: must be at least 1, not {beam}.")
        with self.progress.step("translating", len(examples), "sentences") as advance:
            found = predictions(
                self.pretrained, examples, self.direction, self.max_tokens, beam, self.precision, advance
            )
        sources = [source for source, _ in pairs_of(examples)]
        encoded = encode_sources(self.tokenizer, sources, self.direction, self.max_tokens)
        for note in self._notes(encoded, sources, examples.origins):
            self.progress.say(f"  {note}")
        return found

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


def read_setup(folder: Path) -> tuple[Setup, str | None]:
    """What `alih.json` says, and BLEU's tokenizer; the defaults where there is none, or where it is another task's.

    Raises:
        RunError: it is damaged, or of another version.
    """
    facts = read_sidecar(folder)
    if facts is None or facts["task"]["name"] != Translation.name:
        return Setup(), None
    told: dict[str, Any] = facts["task"]
    try:
        return Setup(**{one.name: told[one.name] for one in fields(Setup)}), str(told["bleu_tokenizer"])
    except KeyError as error:
        raise RunError(
            f"{folder / SIDECAR}: damaged (no {error} in it). Delete the file to go by config.json alone."
        ) from error


def _check_direction(setup: Setup, target: str | None, direction: Direction, pretrained: Pretrained) -> None:
    """A model of one direction cannot be asked for another."""
    known = setup.target_language
    if target is not None and not direction.prefix and direction.first_token is None and target != known:
        raise OptionError(
            f"--to {target}: {pretrained.name} translates one way{f', into {known}' if known else ''}; leave --to out, "
            "or take a model of several languages."
        )
