"""A language model adapted to a task: data read, trained, merged, written, opened again and scored; runs go on."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alih.compare.runfolder import RunFolder
from alih.compare.spec import check_versions
from alih.errors import DataError, RunError
from alih.instruct import routes
from alih.instruct.conversation import Conversation
from alih.instruct.encode import Encoded, encode
from alih.instruct.general import encode_passages, general_passages
from alih.instruct.loss import Scorer
from alih.instruct.opened import Found, Opened, find
from alih.instruct.options import GenerationOptions
from alih.instruct.read import IN_WORDS, Corpus, read_corpus
from alih.instruct.result import Adaptation, Answered
from alih.instruct.scores import score
from alih.instruct.search import Tried, chosen, search
from alih.instruct.split import Split, split
from alih.instruct.template import Template, choose_template
from alih.instruct.training import Outcome, Settings, batches_of, fit, forget
from alih.instruct.writer import Told, Writer, write_model
from alih.progress import Progress
from alih.training.cost import measure
from alih.training.precision import choose as precision_for
from alih.training.precision import device

_PACKAGES = ("alih", "torch", "transformers", "accelerate", "safetensors", "numpy")
_STATE, _SEARCH, _BEFORE, _ADAPTER = "training.pt", "search.json", "before.json", "adapter"
#: Validation examples that choose the weights, those of them that are answered at every look, and looks.
_MOST_VALIDATION, _MOST_WRITTEN, _LOOKS = 200, 32, 6
#: Where the user names neither: passes over the data, within these bounds of steps.
_EPOCHS, _LEAST_STEPS, _MOST_STEPS = 3, 60, 5000
_EXAMPLES = 10


def adapt(data: str | Path, options: GenerationOptions | None = None, progress: Progress | None = None) -> Adaptation:
    """Adapt a language model to instruction data or texts, and score it on examples that it has not seen.

    Args:
        data: a file; see `read.read_corpus`.
        options: what to run.
        progress: where to report; standard error if not given.

    Raises:
        AlihError: the data, the model or an option cannot be used; the data are looked at before any weights.
        KeyboardInterrupt: stopped before there was anything to hand over.
    """
    options, progress = options or GenerationOptions(), progress or Progress()
    job = _Job(data, options, progress)
    folder = RunFolder.create(options.runs, options.name or Path(data).stem)
    with folder:
        folder.write_spec(job.spec(data))
        progress.say(f"Run folder: {folder.path}")
        return job.run(folder)


def resume(path: str | Path, data: str | Path | None = None, progress: Progress | None = None) -> Adaptation:
    """Go on with a training that was stopped, to the weights of one that was not; a time limit counts anew.

    Args:
        path: the run folder.
        data: the data, where they have been moved since.
        progress: where to report.

    Raises:
        RunError: the run is complete, its data have changed, or another version wrote it.
    """
    folder, progress = RunFolder.open(path), progress or Progress()
    told = folder.spec
    if folder.is_complete:
        raise RunError(f"{folder.path}: this run is complete. See it with: alih report {folder.path}")
    check_versions(folder.path, told)
    job = _Job(data if data is not None else told["data"]["source"], GenerationOptions(**told["options"]), progress)
    if job.corpus.digest() != told["data"]["digest"]:
        raise RunError(
            f"{folder.path}: {told['data']['source']} has changed since. Put the data of then back to go on, or start "
            "anew with alih adapt. Nothing in the run was changed."
        )
    with folder:
        progress.say(f"Going on in {folder.path}")
        return job.run(folder)


def is_generation(spec: Mapping[str, Any]) -> bool:
    """Whether a run folder's specification is text generation's."""
    return (spec.get("task") or {}).get("modality") == "generation"


class _Job:
    """Everything that is checked before weights are read, and the run itself."""

    def __init__(self, data: str | Path, options: GenerationOptions, progress: Progress) -> None:
        self.options, self.progress = options, progress
        self.corpus: Corpus = read_corpus(data)
        progress.say(f"{self.corpus.name}: {len(self.corpus.conversations):,} examples; {IN_WORDS[self.corpus.form]}.")
        for note in self.corpus.notes:
            progress.say(f"  {note}")
        self.split: Split = split(
            self.corpus.conversations, options.seed, options.validation, options.test, options.max_examples
        )
        self.found: Found = find(
            options.model,
            options.revision,
            allow_pickle=options.allow_pickle,
            weights_needed=options.route != "scratch",
        )
        self.template: Template = choose_template(self.found.tokenizer, self.corpus.form, options.chat_template)
        progress.say(f"Template: {self.template.name}.")
        self.limit = min(self.found.context, options.max_length or self.found.context)
        self.notes: list[str] = [*self.corpus.notes]
        self.train = self._encoded("training", self.split.train).sequences
        self.held = self._encoded("validation", self.split.validation).sequences[:_MOST_VALIDATION]
        self.passages = general_passages(options.general)

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

    def run(self, folder: RunFolder) -> Adaptation:
        """Train, merge, write, open again, score."""
        start, options, progress = time.monotonic(), self.options, self.progress
        deadline = None if options.max_time is None else start + options.max_time
        opened = self.found.load(random_weights=options.route == "scratch", seed=options.seed)
        label = routes.label(opened, options)
        opened.model.to(device())  # type: ignore[arg-type]
        parameters = sum(value.numel() for value in opened.model.parameters())
        told = Told(self.template.source is not None, self.limit, options.max_new_tokens)
        before = None if options.route == "scratch" else self._before(folder, Writer(opened, self.template, told))
        with measure() as cost:
            adapters = routes.prepare(opened, options)
            scorer = Scorer(opened.model, int(opened.tokenizer.pad_token_id or 0))
            settings, batching = self._settings(scorer)
            tried = self._searched(folder, scorer, settings, deadline)
            settings = chosen(settings, tried) if tried else settings
            trainable = sum(value.numel() for value in opened.model.parameters() if value.requires_grad)
            progress.say(f"{label}: {opened.name}, {settings.steps:,} steps, learning rate {settings.rate:.1g}.")
            outcome = fit(
                scorer,
                self.train,
                self.held,
                self._write_scores(opened, told),
                settings,
                folder.path / _STATE,
                deadline=deadline,
                progress=progress,
            )
        if outcome.stopped == "interrupted":
            progress.say("Stopped. The best model so far is handed over; Ctrl-C again leaves without one.")
        unmerged = scorer.mean(self.held)
        if adapters is not None:
            routes.merged(adapters, opened.model, folder.path / _ADAPTER, opened.name)
        write_model(opened.model, opened.tokenizer, self.template, told, folder.model)
        del adapters, scorer
        writer = Writer.open(folder.model, raw=self.template.source is None, progress=progress)
        result = self._result(
            folder, writer, before,
            label=label,
            batching=batching,
            outcome=outcome,
            settings=settings,
            tried=tried,
            trainable=trainable,
            parameters=parameters,
            unmerged=unmerged,
            peak=cost.peak_memory_bytes,
            start=start,
        )  # fmt: skip
        folder.write_report(result.as_dict())
        folder.become_last()
        if not result.interrupted:
            forget(folder.path / _STATE)
        return result

    def _settings(self, scorer: Scorer) -> tuple[Settings, str]:
        options = self.options
        lengths = [len(example) for example in self.train]
        row = min(self.limit, options.batch_tokens) if options.batching == "packed" and scorer.packs else 0
        batching = "packed rows, checked: no example sees another" if row else "batches of like length"
        if options.batching == "packed" and not row:
            self.notes.append("packed, one example would leak into the next in this model: batches by length instead")
            self.progress.say(f"  {self.notes[-1]}")
        metric = options.metric or ("perplexity" if self.corpus.form == "text" else "rouge_l")
        if self.corpus.form == "text" and metric != "perplexity":
            raise DataError(f"--metric {metric}: plain text has no answers to compare; leave it out, or perplexity.")
        rates = routes.RATES[options.route]
        rate = options.learning_rate or rates[len(rates) // 2]
        precision = precision_for(device(), options.precision, self.progress)
        settings = Settings(1, rate, options.batch_tokens, row, 1, metric, options.seed, precision)
        batches = len(batches_of(lengths, settings, 0))
        steps = options.steps or (
            options.epochs * batches
            if options.epochs is not None
            else min(_MOST_STEPS, max(_LEAST_STEPS, _EPOCHS * batches))
        )
        look_every = max(1, -(-steps // _LOOKS))
        return Settings(steps, rate, options.batch_tokens, row, look_every, metric, options.seed, precision), batching

    def _searched(
        self, folder: RunFolder, scorer: Scorer, settings: Settings, deadline: float | None
    ) -> tuple[Tried, ...]:
        """Learning rates that were tried, also in the run that this one goes on from; none where the user gave one."""
        path = folder.path / _SEARCH
        if self.options.learning_rate is not None or settings.steps < _LEAST_STEPS // 2:
            return ()
        if path.is_file():
            try:
                return tuple(Tried(float(one["rate"]), float(one["loss"])) for one in json.loads(path.read_text()))
            except (ValueError, KeyError, TypeError):
                pass  # cut off by a crash: tried again
        if deadline is not None and time.monotonic() >= deadline:
            return ()
        tried = search(scorer, self.train, self.held, routes.RATES[self.options.route], settings, self.progress)
        path.write_text(json.dumps([asdict(one) for one in tried]), encoding="utf-8")
        return tuple(tried)

    def _write_scores(self, opened: Opened, told: Told) -> Any:
        asked = [one for one in self.split.validation if one.form != "text"][:_MOST_WRITTEN]
        writer = Writer(opened, self.template, told, Progress(quiet=True))
        references = [one.answer.strip() for one in asked]

        def write_scores() -> dict[str, float]:
            if not asked:
                return {}
            return dict(score(len(asked), writer.answer([one.prompt for one in asked]), references, 0.0).means)

        return write_scores

    def _before(self, folder: RunFolder, writer: Writer) -> dict[str, Any]:
        """Test answers, losses of the model as it is; kept, since they are asked once, also where the run goes on."""
        path = folder.path / _BEFORE
        if path.is_file():
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                return {name: kept[name] for name in ("answers", "loss", "general")}
            except (ValueError, KeyError, TypeError):
                pass  # cut off by a crash: asked again
        self.progress.say("Scoring the model as it is, to compare with.")
        told = self._measured(writer)
        path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        return told

    def _measured(self, writer: Writer) -> dict[str, Any]:
        """Answers to the test prompts, loss of the test examples, loss on general text."""
        opened = writer.opened
        scorer = Scorer(opened.model, int(opened.tokenizer.pad_token_id or 0))
        test = encode(opened.tokenizer, self.template, self.split.test, self.limit)
        general = encode_passages(opened.tokenizer, self.passages, self.limit)
        asked = [one.prompt for one in self.split.test if one.form != "text"]
        return {
            "answers": writer.answer(asked) if asked else [],
            "loss": scorer.mean(test.sequences),
            "general": scorer.mean(general.sequences),
        }

    def _result(
        self, folder: RunFolder, writer: Writer, before: dict[str, Any] | None, *, label: str, batching: str,
        outcome: Outcome, settings: Settings, tried: tuple[Tried, ...], trainable: int, parameters: int,
        unmerged: float, peak: int, start: float,
    ) -> Adaptation:  # fmt: skip
        """Score the model from disk."""
        self.progress.say("Scoring the model from disk.")
        after = self._measured(writer)
        merged = Scorer(writer.opened.model, int(writer.opened.tokenizer.pad_token_id or 0)).mean(self.held)
        asked = [one for one in self.split.test if one.form != "text"]
        references = [one.answer.strip() for one in asked]
        count = len(self.split.test)
        was = before["answers"] if before else [""] * len(asked)
        examples = [
            Answered(one.prompt[-1].content, one.answer, was[place], after["answers"][place])
            for place, one in enumerate(asked)
        ]
        return Adaptation(
            folder=folder.path,
            label=label,
            model=self.found.name,
            form=IN_WORDS[self.corpus.form],
            template=self.template.name,
            batching=batching,
            metric=settings.metric,
            sizes=self.split.sizes,
            outcome=outcome,
            tried=tried,
            rate=settings.rate,
            trainable=trainable,
            parameters=parameters,
            before=score(count, before["answers"], references, before["loss"]) if before else None,
            test=score(count, after["answers"], references, after["loss"]),
            unmerged_loss=unmerged,
            merged_loss=merged,
            general_before=before["general"] if before else None,
            general_after=after["general"],
            examples=tuple(examples[:: max(1, len(examples) // _EXAMPLES)][:_EXAMPLES]),
            peak_memory=peak,
            disk=sum(file.stat().st_size for file in folder.model.iterdir()),
            seconds=time.monotonic() - start,
            notes=tuple(self.notes),
        )

    def spec(self, data: str | Path) -> dict[str, Any]:
        """Everything needed to run the same again, and to go on with it."""
        options = self.options
        return {
            "command": "adapt",
            "command_line": options.command(str(data)),
            "data": {
                "source": str(Path(data).expanduser().resolve()),
                "name": self.corpus.name,
                "digest": self.corpus.digest(),
                "examples": self.split.sizes,
                "columns": {"form": self.corpus.form},
                "notes": list(self.corpus.notes),
            },
            "task": {"modality": "generation", "kind": self.corpus.form},
            "model": {"name": options.model},
            "template": self.template.source,
            "routes": [options.route],
            "options": asdict(options),
            "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
