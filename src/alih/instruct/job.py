"""One route of a language model: checked before weights are read, trained, merged, written, and opened from disk."""

from __future__ import annotations

import copy
import importlib.metadata
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from alih import files
from alih.compare.options import Options
from alih.errors import DataError, RunError
from alih.generate.general import general_passages
from alih.instruct import routes
from alih.instruct.comparison import Shown
from alih.instruct.conversation import Conversation
from alih.instruct.encode import Encoded, encode
from alih.instruct.general import encode_passages
from alih.instruct.loss import Scorer, objective
from alih.instruct.read import IN_WORDS, Corpus, read_corpus
from alih.instruct.split import Split, split
from alih.instruct.template import Template, choose_template
from alih.instruct.training import SequenceFeed, SequenceLook
from alih.instruct.trial import Measured
from alih.instruct.writer import Told, Writer, write_model
from alih.metrics import text
from alih.metrics.names import named
from alih.pretrained.open import Checkpoint, Pretrained, find
from alih.progress import Progress
from alih.training.cost import measure
from alih.training.loop import FitResult, FitSettings, fit
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import choose as precision_for
from alih.training.precision import device
from alih.training.search import SearchResult, search_by_short_runs

_PACKAGES = ("alih", "torch", "transformers", "accelerate", "safetensors", "numpy")
STATE, SEARCH, ADAPTER = "training.pt", "rates.json", "adapter"
#: Validation examples that choose the weights, those of them that are answered at every look, those that judge a
#: learning rate, and looks.
_MOST_VALIDATION, _MOST_WRITTEN, _JUDGES, _LOOKS = 200, 32, 100, 6
#: Where the user names neither: passes over the data, within these bounds of steps.
_EPOCHS, _LEAST_STEPS, _MOST_STEPS = 3, 60, 5000
#: Validation examples that a comparison halves, at least; and those that it shows.
_LEAST_TO_HALVE, _SHOWN = 40, 5


@dataclass(frozen=True)
class Trained:
    """What came of training one route, opened from disk.

    Args:
        writer: the model from disk.
        label: the route in words.
        batching: how examples were put together, in words.
        outcome: how training went.
        settings: how it was trained.
        tried: validation loss by learning rate, of those that were tried.
        trainable: trained parameters.
        parameters: all parameters.
        unmerged: validation cross-entropy with adapters beside the weights, nats a token.
        merged: the same of the model from disk.
        peak: bytes of the process at most.
        disk: bytes of the model's folder.
        seconds: of everything above.
        search_seconds: of trying learning rates.
    """

    writer: Writer
    label: str
    batching: str
    outcome: FitResult
    settings: FitSettings
    tried: dict[float, float]
    trainable: int
    parameters: int
    unmerged: float
    merged: float
    peak: int
    disk: int
    seconds: float
    search_seconds: float


class Job:
    """Everything that is checked before weights are read, and the training itself."""

    def __init__(self, data: str | Path, options: Options, progress: Progress) -> None:
        self.options, self.progress = options, progress
        self.corpus: Corpus = read_corpus(data)
        self.notes: list[str] = [*self.corpus.notes]
        progress.say(f"{self.corpus.name}: {len(self.corpus.conversations):,} examples; {IN_WORDS[self.corpus.form]}.")
        for note in self.corpus.notes:
            progress.say(f"  {note}")
        self.split: Split = split(
            self.corpus.conversations, options.seed, options.validation, options.test, options.max_examples
        )
        self.metric = options.metric or ("perplexity" if self.corpus.form == "text" else "rouge_l")
        if self.corpus.form == "text" and self.metric != "perplexity":
            raise DataError(
                f"--metric {self.metric}: plain text has no answers to compare; leave it out, or perplexity."
            )
        self.judged: list[Conversation] = self.split.validation
        if options.routes is not None:
            self._set_judges_apart()
        routes_run = options.routes or (options.route,)
        self.found: Checkpoint = find(
            str(options.model),
            options.revision,
            allow_pickle=options.allow_pickle,
            weights_needed=set(routes_run) != {"scratch"},
            to_adapt=True,
        )
        self.found.check("causal")
        self.template: Template = choose_template(self.found.tokenizer, self.corpus.form, options.chat_template)
        progress.say(f"Template: {self.template.name}.")
        self.limit = min(self.found.context, options.max_length or self.found.context)
        self.train_set = self._encoded("training", self.split.train).sequences
        self.held = self._encoded("validation", self.split.validation).sequences[:_MOST_VALIDATION]
        self.passages = general_passages(options.general)

    def for_route(self, route: str, seed: int) -> Job:
        """The same data and model for one route of a comparison; the split stays as it is."""
        one = copy.copy(self)
        one.options = self.options.for_route(route, seed)
        return one

    def check_unchanged(self, folder: Path, told: Mapping[str, Any]) -> None:
        """Refuse to go on with other data.

        Raises:
            RunError: they have changed since.
        """
        if self.corpus.digest() != told["data"]["digest"]:
            raise RunError(
                f"{folder}: {told['data']['source']} has changed since. Put the data of then back to go on, or start "
                "anew. Nothing in the run was changed."
            )

    def _set_judges_apart(self) -> None:
        """Half of the validation examples choose rates and steps; the other half, which did not, judges."""
        found = self.split.validation
        if len(found) < _LEAST_TO_HALVE:
            note = f"{len(found)} validation examples are too few to halve: they choose weights and judge them, too."
            self.notes.append(note)
            self.progress.say(f"  {note}")
            return
        half = len(found) // 2
        self.split, self.judged = replace(self.split, validation=found[:half]), found[half:]

    def _encoded(self, what: str, conversations: Sequence[Conversation]) -> Encoded:
        encoded = encode(self.found.tokenizer, self.template, conversations, self.limit)
        kinds = (
            ("lost the beginning of their prompt", encoded.cut),
            ("left out: the answer is longer", encoded.dropped),
        )
        for happened, origins in kinds:
            if origins:
                self.notes.append(
                    f"{len(origins):,} {what} examples of more than {self.limit:,} tokens {happened} "
                    f"(first: {origins[0]})"
                )
                self.progress.say(f"  {self.notes[-1]}")
        if not encoded.sequences:
            raise DataError(
                f"{self.corpus.name}: every {what} example has an answer of more than {self.limit:,} tokens. Shorten "
                "them, raise --max-length, or take a model with a longer context."
            )
        return encoded

    @property
    def told(self) -> Told:
        """What the model's folder says of how it is asked."""
        return Told(self.template.source is not None, self.limit, self.options.max_new_tokens)

    def train(self, place: Path, model_folder: Path, deadline: float | None) -> Trained:
        """Train, merge, write, and open again.

        Args:
            place: folder of the training's state, by which it goes on, and of the adapter.
            model_folder: where the model is written.
            deadline: `time.monotonic()` after which no further step is made.
        """
        start, progress, options = time.monotonic(), self.progress, self.options
        opened = self.found.load("causal", random_weights=options.route == "scratch", seed=options.seed)
        label = routes.label(opened, options)
        opened.model.to(device())  # type: ignore[arg-type]
        parameters = sum(value.numel() for value in opened.model.parameters())
        with measure() as cost:
            adapters = routes.prepare(opened, options, self.train_set)
            scorer = Scorer(opened.model, int(opened.tokenizer.pad_token_id or 0))
            feed, settings, batching = self._settings(scorer)
            before_search = time.monotonic()
            searched = self._searched(place, scorer, feed, settings, deadline)
            search_seconds = time.monotonic() - before_search
            settings = replace(settings, learning_rate=searched.learning_rate) if searched else settings
            trainable = sum(value.numel() for value in opened.model.parameters() if value.requires_grad)
            progress.say(
                f"{label}: {opened.name}, {settings.steps:,} steps, learning rate {settings.learning_rate:.1g}."
            )
            with out_of_memory_in_words("training the language model"):
                outcome = fit(
                    scorer,
                    feed,
                    objective,
                    SequenceLook(scorer, self.held, self._write_scores(opened)),
                    settings,
                    progress=progress,
                    deadline=deadline,
                    state=place / STATE,
                    ctrl_c_ends=True,
                    what="training the language model",
                )
        if outcome.stopped == "interrupted":
            progress.say("Stopped. The best model so far is handed over; Ctrl-C again leaves without one.")
        unmerged = scorer.mean(self.held)
        routes.merged(adapters, opened.model, place / ADAPTER, opened.name)
        with files.replacing_folder(model_folder) as fresh:
            write_model(opened.model, opened.tokenizer, self.template, self.told, fresh)
        del adapters, scorer, opened
        writer = Writer.open(model_folder, progress=progress)
        merged = Scorer(writer.opened.model, int(writer.opened.tokenizer.pad_token_id or 0)).mean(self.held)
        disk = sum(file.stat().st_size for file in model_folder.iterdir())
        seconds = time.monotonic() - start
        return Trained(
            writer, label, batching, outcome, settings, searched.values if searched else {}, trainable, parameters,
            unmerged, merged, cost.peak_memory_bytes, disk, seconds, search_seconds,
        )  # fmt: skip

    def _settings(self, scorer: Scorer) -> tuple[SequenceFeed, FitSettings, str]:
        """What is learnt from, how, and how it is put together, in words."""
        options, batch_tokens = self.options, self.options.batch_tokens or 0
        row = min(self.limit, batch_tokens) if options.batching == "packed" and scorer.packs else 0
        batching = "packed rows, checked: no example sees another" if row else "batches of like length"
        if options.batching == "packed" and not row:
            self.notes.append("packed, one example would leak into the next in this model: batches by length instead")
            self.progress.say(f"  {self.notes[-1]}")
        rates = routes.RATES[options.chosen_route]
        feed = SequenceFeed(self.train_set, scorer.pad, batch_tokens, row)
        batches = feed.steps()
        steps = options.steps or (
            options.epochs * batches
            if options.epochs is not None
            else min(_MOST_STEPS, max(_LEAST_STEPS, _EPOCHS * batches))
        )
        settings = FitSettings(
            options.chosen_rate or rates[len(rates) // 2],
            steps=steps,
            validate_every=max(1, -(-steps // _LOOKS)),
            look_first=True,
            seed=options.seed,
            precision=precision_for(device(), options.precision, self.progress),
        )
        return feed, settings, batching

    def _searched(
        self, place: Path, scorer: Scorer, feed: SequenceFeed, settings: FitSettings, deadline: float | None
    ) -> SearchResult | None:
        """The search for a learning rate; None where the user gave one, or there are too few steps for it."""
        if self.options.chosen_rate is not None or (settings.steps or 0) < _LEAST_STEPS // 2:
            return None
        look = SequenceLook(scorer, self.held[:_JUDGES])
        grid = routes.RATES[self.options.chosen_route]
        return search_by_short_runs(
            scorer, feed, objective, look, settings, grid, place / SEARCH, deadline=deadline, progress=self.progress
        )

    def _write_scores(self, opened: Pretrained) -> Any:
        asked = [one for one in self.split.validation if one.form != "text"][:_MOST_WRITTEN]
        writer = Writer(opened, self.template, self.told, Progress(quiet=True))
        references = [one.answer.strip() for one in asked]

        def write_scores() -> dict[str, float]:
            if not asked:
                return {}
            tables = text.statistics(writer.answer([one.prompt for one in asked]), references)
            return {name: named(name).score(table) for name, table in tables.items()}

        return write_scores

    def measured(self, writer: Writer) -> dict[str, Any]:
        """Answers to the test prompts, losses of the test examples (nats, tokens), loss on general text."""
        asked = [one.prompt for one in self.split.test if one.form != "text"]
        return {
            "answers": writer.answer(asked) if asked else [],
            "losses": writer.losses(self.split.test)[0],
            "general": self.general(writer),
        }

    def general(self, writer: Writer) -> float:
        """Cross-entropy on general text, nats a token."""
        opened = writer.opened
        scorer = Scorer(opened.model, int(opened.tokenizer.pad_token_id or 0))
        return scorer.mean(encode_passages(opened.tokenizer, self.passages, self.limit).sequences)

    def examples(self, found: Mapping[str, Sequence[Measured]]) -> tuple[Shown, ...]:
        """A few validation prompts with what every route wrote."""
        asked = [one for one in self.judged if one.form != "text"][:_SHOWN]
        return tuple(
            Shown(
                one.prompt[-1].content,
                one.answer,
                {label: runs[0].answers[place] for label, runs in found.items()},
            )
            for place, one in enumerate(asked)
        )

    def spec(self, data: str | Path) -> dict[str, Any]:
        """Everything needed to run the same again, and to go on with it."""
        options = self.options
        return {
            "command": "adapt" if options.routes is None else "compare",
            "data": {
                "source": str(Path(data).expanduser().resolve()),
                "name": self.corpus.name,
                "digest": self.corpus.digest(),
                "examples": {**self.split.sizes, "validation": len(self.judged)},
                "columns": {"form": self.corpus.form},
                "notes": list(self.corpus.notes),
            },
            "task": {"modality": "generation", "kind": self.corpus.form},
            "model": {"name": options.model},
            "template": self.template.source,
            "routes": list(options.routes or [options.route]),
            "options": asdict(options),
            "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
