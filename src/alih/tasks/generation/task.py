"""Text generation as a task of the engine: instructions with answers, conversations, completions, plain texts."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.examples import Damage, Dataset, Examples
from alih.data.messages import listed
from alih.data.shift import shifted
from alih.errors import DataError, OptionError
from alih.generate.prompt import PromptForm
from alih.metrics import text
from alih.metrics.base import Metric
from alih.pretrained.open import Pretrained, find
from alih.progress import Progress
from alih.task import GENERATION, Kind, Modality
from alih.task import Task as Problem
from alih.tasks.adapted import Adapted, write_sidecar
from alih.tasks.base import ModelChoice, Predictions, Statistics, Task
from alih.tasks.bench import Adaptation, Bench, Part, Phase, Stage
from alih.tasks.evidence import Answer
from alih.tasks.generation import writer as writing
from alih.tasks.generation.conversation import USER, Conversation, Form, Turn
from alih.tasks.generation.encode import encode
from alih.tasks.generation.feed import EncodedConversations, SequenceFeed, SequenceLook, losses
from alih.tasks.generation.few_shot import choose_shots, no_room
from alih.tasks.generation.loss import Scorer, objective
from alih.tasks.generation.read import IN_WORDS, examples_of, read_corpus, recognised
from alih.tasks.generation.reasoning import Reasoning
from alih.tasks.generation.split import split
from alih.tasks.generation.template import Template, choose_template, stop_ids
from alih.tasks.generation.writer import Asking, Writer, asking_from, pad_of
from alih.tasks.generation.written import Answers
from alih.training.choice import Look, Outputs
from alih.training.feed import Batch, Feed
from alih.training.precision import Precision, choose, device
from alih.training.result import FitResult, FitSettings, untrained
from alih.training.scoring import device_of

#: Fewest validation examples that are halved, one half to choose weights and one to judge; most that choose weights.
_LEAST_TO_HALVE, _MOST_CHOOSING = 40, 200
#: Metrics that decide where the user names none: of written answers, of plain text.
_DECIDING = text.ROUGE_L
#: What functions that ask for a kind of label are given: a conversation has none.
_TEXTS = Problem(Modality.TEXT, Kind.SINGLE)
_TYPED = "typing mistakes"
#: Examples that a report shows.
_SHOWN = 10


@dataclass(frozen=True)
class Settings:
    """What the user asked for of text generation alone.

    Args:
        chat_template: see `alih.tasks.generation.template.choose_template`.
        max_new_tokens: most tokens of an answer.
        batching: several sequences a row, or rows padded beside others like them.
        batch_tokens: most tokens of a batch.
        reasoning, samples: of the prompted routes; see `Asking`.
    """

    chat_template: str | None = None
    max_new_tokens: int = 128
    batching: Literal["packed", "length"] = "packed"
    batch_tokens: int = 1024
    reasoning: Reasoning = "auto"
    samples: int = 1


@dataclass
class Prompted(Pretrained):
    """A language model that is asked in a way of its own; see `Asking`."""

    asking: Asking | None = None


class Generation(Task):
    """What a language model writes after a prompt; of plain text, how likely it finds it.

    Predictions are `losses`: (n, 2), the cross-entropy of each reference answer in nats and its tokens; and, but for
    plain text, the written answers (see `alih.tasks.generation.writer.pack`).
    """

    name: ClassVar[str] = GENERATION
    freezes: ClassVar[bool] = False  # packed rows start at the embeddings
    scored_rows: ClassVar[int] = 64
    timed: ClassVar[int] = 8

    def __init__(self, dataset: Dataset | None, form: Form, settings: Settings | None = None) -> None:
        super().__init__(dataset)
        self.form, self.own = form, settings or Settings()
        self.shifts = () if form == "text" else (_TYPED,)
        self.template: Template | None = None
        self._packs = False
        self._limit = 0
        self._said: set[str] = set()
        self._answers = Answers()
        self._choosing = self._judged = None if dataset is None else dataset.validation
        if dataset is not None and len(dataset.validation) >= _LEAST_TO_HALVE:
            half = len(dataset.validation) // 2
            self._choosing = dataset.validation.select(range(min(half, _MOST_CHOOSING)))
            self._judged = dataset.validation.select(range(half, len(dataset.validation)))

    @classmethod
    def recognises(cls, data: Any) -> str | None:
        """A file whose columns are instructions with answers, or conversations."""
        return recognised(data)

    @classmethod
    def read(cls, data: Any, options: Any, progress: Progress | None = None) -> Self:
        """A file; see `alih.tasks.generation.read.read_corpus`."""
        if not isinstance(data, str | Path):
            raise OptionError(f"task='generation': give the data as a path, not as {type(data).__name__}.")
        corpus = read_corpus(data)
        parts = split(corpus.conversations, options.seed, options.validation, options.test, options.max_examples)
        notes = [
            f"{corpus.name}: {len(corpus.conversations):,} examples; {IN_WORDS[corpus.form]}.",
            *(f"  {note}" for note in corpus.notes),
        ]
        if len(parts.validation) < _LEAST_TO_HALVE:
            count = len(parts.validation)
            notes.append(
                f"  {count} validation examples are too few to halve: they choose weights and judge them, too."
            )
        train, validation, test = map(examples_of, (parts.train, parts.validation, parts.test))
        dataset = Dataset(Path(data).stem, str(data), _TEXTS, train, validation, test, notes=tuple(notes))
        settings = Settings(
            options.chat_template,
            options.max_new_tokens,
            options.batching,
            options.batch_tokens or Settings.batch_tokens,
            options.reasoning,
            options.samples,
        )
        return cls(dataset, corpus.form, settings)

    def facts(self) -> dict[str, Any]:
        """How the examples are written."""
        return {"form": self.form}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """ROUGE-L first; plain text has perplexity alone."""
        if self.form == "text":
            return (text.PERPLEXITY,)
        return (_DECIDING, *(metric for metric in text.METRICS if metric is not _DECIDING))

    def metric(self, chosen: str | None = None) -> Metric:
        """The metric that decides."""
        if chosen is not None and self.form == "text" and chosen != text.PERPLEXITY.name:
            raise OptionError(
                f"--metric {chosen}: plain text has no answers to compare; leave it out, or take perplexity."
            )
        return super().metric(chosen)

    def statistics(self, predictions: Predictions, examples: Examples) -> Statistics:
        """See `alih.metrics.text`."""
        return writing.statistics(predictions, examples)

    @property
    def smooth_metric(self) -> str:
        """The loss of reference answers, as perplexity."""
        return text.PERPLEXITY.name

    # Data

    @property
    def choosing(self) -> Examples:
        """One half of the validation examples, where there are enough to halve."""
        assert self._choosing is not None
        return self._choosing

    @property
    def judged(self) -> Examples:
        """The other half."""
        assert self._judged is not None
        return self._judged

    def read_more(self, path: Path, damaged: list[Damage], notes: list[str], progress: Progress) -> Examples:
        """A file in the form of the dataset."""
        corpus = read_corpus(path)
        if (corpus.form == "text") != (self.form == "text"):
            raise DataError(f"{corpus.name}: is {IN_WORDS[corpus.form]}; the data are {IN_WORDS[self.form]}.")
        notes.extend(corpus.notes)
        return examples_of(corpus.conversations)

    def shifted(
        self, examples: Examples, seed: int, progress: Progress | None = None, kinds: Collection[str] | None = None
    ) -> Examples:
        """Prompts whose last turn was typed carelessly; see `alih.data.shift`."""
        last = replace(examples, inputs=[conversation.prompt[-1].content for conversation in examples.inputs])
        typed = shifted(last, _TEXTS, seed, progress, (_TYPED,)).inputs
        changed = [
            replace(one, turns=(*one.prompt[:-1], Turn(USER, str(prompt)), one.turns[-1]))
            for one, prompt in zip(examples.inputs, typed, strict=True)
        ]
        return replace(examples, inputs=changed)

    # The model

    @property
    def default_model(self) -> str:
        """A small language model."""
        return "alih/lm-small"

    def open(self, choice: ModelChoice, *, seed: int, random_weights: bool = False) -> Pretrained:
        """As a language model, with its output layer."""
        found = find(
            choice.name,
            choice.revision,
            allow_pickle=choice.allow_pickle,
            weights_needed=not random_weights,
            to_adapt=True,
        )
        return found.load("causal", random_weights=random_weights, seed=seed)

    def begin(self, pretrained: Pretrained) -> None:
        """Choose the template, and try whether examples can share a row without seeing each other."""
        self.template = choose_template(pretrained.tokenizer, self.form, self.own.chat_template)
        self._packs = self.own.batching == "packed" and Scorer(pretrained.model, pad_of(pretrained)).packs

    def encode(
        self, pretrained: Pretrained, examples: Examples, max_length: int | None, progress: Progress
    ) -> EncodedConversations:
        """As token numbers, with a mask of what is learnt."""
        limit = min(pretrained.context, max_length or pretrained.context)
        if not self._said:
            self._say(progress, f"Template: {self._template.name}.")
            if self.own.batching == "packed" and not self._packs:
                self._say(
                    progress, "Packed, one example would leak into the next in this model: batches by length instead."
                )
        self._limit = limit
        found = encode(pretrained.tokenizer, self._template, examples.inputs, limit)
        for what, origins in (
            ("lost the beginning of their prompt", found.cut),
            ("are left out of training and perplexity: the answer alone is longer", found.dropped),
        ):
            if origins:
                count = f"{len(origins):,} of {len(examples):,} examples"
                self._say(progress, f"  {count} of more than {limit:,} tokens {what} (first: {origins[0]})")
        if not any(found.sequences):
            raise DataError(
                f"every example ({listed(examples.origins, 2)}) has an answer of more than {limit:,} tokens. Shorten "
                "them, raise --max-length, or take a model with a longer context."
            )
        return EncodedConversations(found.sequences, pad_of(pretrained), limit)

    def module(self, pretrained: Pretrained) -> nn.Module:
        """See `Scorer`."""
        return Scorer(pretrained.model, pad_of(pretrained))

    def examples_a_step(self, bench: Bench) -> float:
        """By the tokens of a batch."""
        return max(1.0, self.own.batch_tokens / max(1.0, float(bench.parts["train"].encoded.lengths.mean())))

    def feed(self, part: Part, rows: NDArray[np.int64] | None, batch_size: int) -> SequenceFeed:
        """Batches of so many tokens, whatever `batch_size` says."""
        encoded = part.encoded
        assert isinstance(encoded, EncodedConversations)
        row = min(encoded.limit, self.own.batch_tokens) if self._packs else 0
        return SequenceFeed(encoded, self.own.batch_tokens, row, rows)

    # Training

    def loss(self, module: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Cross-entropy in nats of the learnt tokens."""
        return objective(module, batch)

    def outputs(self, module: nn.Module, feed: Feed, precision: Precision | None) -> Outputs:
        """Nats, and tokens that they are of: (rows, 2)."""
        assert isinstance(module, Scorer)
        assert isinstance(feed, SequenceFeed)
        return losses(module, feed, precision or choose(device_of(module)))

    def look(self, stage: Stage, metric: Metric) -> Look:
        """By the loss of reference answers, whatever decides."""
        feed = stage.feed("validation")
        assert isinstance(feed, SequenceFeed)
        return SequenceLook(feed, stage.bench.parts["validation"].examples.groups)

    def settings(self, settings: FitSettings, stage: Stage, rows: int) -> FitSettings:
        """With a look before the first step: what the model was before may be the best."""
        return replace(settings, look_first=True)

    # Prediction

    def predict(self, stage: Stage, name: str, rows: NDArray[np.int64] | None = None) -> Predictions:
        """Losses of the reference answers, and what the model writes itself."""
        bench, whole = stage.bench, stage.bench.parts[name]
        part = whole if rows is None else whole.select(rows)
        writer = self._writer(stage)
        if writer.asking.shots:
            found = writer.losses(part.examples.inputs, bench.precision or choose(device()))[0]
        else:
            found = self.outputs(stage.module, self.feed(part, None, bench.batch_size), bench.precision)
        if self.form == "text":
            return {"losses": found}
        return {"losses": found} | writing.pack(self._answers.of(writer, whole.examples.inputs, rows))

    def predict_one(self, stage: Stage, row: int) -> None:
        """Write one answer; plain text is read."""
        if self.form == "text":
            super().predict_one(stage, row)
        else:
            self._writer(stage).answer([stage.bench.parts["judged"].examples.inputs[row].prompt])

    def tried(self, stage: Stage, result: FitResult) -> Predictions:
        """Losses of the examples that choose, each half as the look gave it that the other half chose: no answers."""
        assert result.held_out is not None
        return {"losses": result.held_out}

    def tokens(self, stage: Stage) -> float | None:
        """Of a prompt, with all that stands before it; of a plain text."""
        part = stage.bench.parts["judged"]
        if self.form == "text":
            return float(part.encoded.lengths.mean())
        writer = self._writer(stage)
        return float(np.mean([len(writer.prompt(one.prompt)) for one in part.examples.inputs]))

    # Hand-over

    def save(self, pretrained: Pretrained, folder: Path, max_length: int | None) -> None:
        """With its template, where answers end, and in `alih.json` how it is asked."""
        asking, tokenizer = self._asking(pretrained), pretrained.tokenizer
        if self._template.source is not None:
            tokenizer.chat_template = self._template.source
        settings: Any = pretrained.model.generation_config
        if settings is not None:
            settings.eos_token_id = list(stop_ids(tokenizer, self._template)) or None
            settings.pad_token_id = tokenizer.pad_token_id
        pretrained.save(folder)
        write_sidecar(folder, self, {"asking": asdict(asking)})

    @classmethod
    def adapted(cls, folder: Path, progress: Progress | None = None) -> Adapted:
        """See `AdaptedWriter`."""
        from alih.tasks.generation.adapted import AdaptedWriter

        return AdaptedWriter.open(folder, progress=progress)

    def evidence(self, predictions: Predictions) -> dict[str, Any]:
        """A few prompts with the reference answer and what was written."""
        if "answers" not in predictions:
            return {}
        answers, shown = writing.unpack(predictions), []
        for place in range(0, len(answers), max(1, len(answers) // _SHOWN))[:_SHOWN]:
            one: Conversation = self.judged.inputs[place]
            answer = Answer(one.prompt[-1].content, one.answer, answers[place], self.judged.origins[place])
            shown.append(asdict(answer))
        return {"answers": shown}

    # Without training

    def cannot_prompt(self, pretrained: Pretrained, form: PromptForm) -> str | None:
        """Few-shot needs answers to show, and room for them."""
        if not form.shots:
            return None
        if self.form == "text":
            return "plain text has no answers that could be shown"
        train = self.dataset.train.inputs
        return no_room(pretrained.tokenizer, self._template, train, self._limit, form.shots)

    def prompted(
        self, bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
    ) -> Adaptation:
        """The model as it is, or with examples before every prompt; see `alih.tasks.generation.few_shot`."""
        start = time.monotonic()
        pretrained = self._prompted(bench, self._asking(None), settings.seed)
        asking = replace(self._asking(None), reasoning=self.own.reasoning, samples=self.own.samples)
        asking = replace(asking, seed=settings.seed) if asking.samples > 1 else asking  # else nothing is drawn
        if form.shots:
            writer = Writer(pretrained, self._template, asking, Progress(quiet=True))
            train = [bench.parts["train"].examples.inputs[row] for row in rows.tolist()]
            shots = choose_shots(writer, train, min(form.shots, len(train)), settings.seed)
            asking = replace(asking, shots=shots)
        pretrained.asking = asking
        stage = bench.whole(pretrained)
        held_out = self.outputs(stage.module, stage.feed("validation"), bench.precision)
        result = untrained(settings.epochs, time.monotonic() - start, held_out)
        return Adaptation(pretrained, (Phase(stage, result),), asdict(asking))

    def prompt_again(self, bench: Bench, prompt: dict[str, Any]) -> Pretrained:
        """The same model, asked in the same way."""
        return self._prompted(bench, asking_from(prompt), bench.seed)

    # Inside

    @property
    def _template(self) -> Template:
        assert self.template is not None, "`begin` chooses it"
        return self.template

    def _say(self, progress: Progress, line: str) -> None:
        """Once, however many parts it holds for."""
        if line not in self._said:
            self._said.add(line)
            progress.say(line)

    def _asking(self, pretrained: Pretrained | None) -> Asking:
        asking = pretrained.asking if isinstance(pretrained, Prompted) else None
        return asking or Asking(self._template.source is not None, self._limit, self.own.max_new_tokens)

    def _prompted(self, bench: Bench, asking: Asking, seed: int) -> Prompted:
        fresh = bench.fresh(seed)
        fresh.model.requires_grad_(False)
        nn.Module.to(fresh.model, device())
        return Prompted(**vars(fresh), asking=asking)

    def _writer(self, stage: Stage) -> Writer:
        scorer = stage.module if isinstance(stage.module, Scorer) else None
        asking = self._asking(stage.pretrained)
        return Writer(stage.pretrained, self._template, asking, stage.bench.progress, scorer)
