"""A model that writes, opened from disk: one answer, a conversation, or a file of examples to be scored on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alih.data.decoding import read_text
from alih.data.examples import Examples
from alih.errors import DataError, OptionError, RunError
from alih.pretrained.open import Pretrained, find
from alih.progress import Progress
from alih.tasks.adapted import SIDECAR, Adapted, Scores, read_sidecar
from alih.tasks.base import Predictions
from alih.tasks.generation import writer as writing
from alih.tasks.generation.conversation import ASSISTANT, USER, Form, Turn
from alih.tasks.generation.read import corpus_examples, read_corpus
from alih.tasks.generation.reasoning import BEGINNINGS
from alih.tasks.generation.task import Generation
from alih.tasks.generation.template import Template, choose_template
from alih.tasks.generation.write import Sampling
from alih.tasks.generation.writer import Asking, Writer, asking_from
from alih.training.precision import choose, device


class AdaptedWriter(Adapted):
    """A language model that writes.

    Args:
        pretrained: model and tokenizer, on its device.
        template: how prompts are written.
        asking: how it is asked.
        folder: where it was opened from.
        progress: where long work reports to; standard error if not given.
        form: of the examples that it is scored on.
    """

    def __init__(
        self,
        pretrained: Pretrained,
        template: Template,
        asking: Asking,
        folder: Path,
        progress: Progress | None = None,
        form: Form = "prompt-completion",
    ) -> None:
        super().__init__(Generation(None, form), pretrained, folder, progress)
        self.writer = Writer(pretrained, template, asking, self.progress)

    @classmethod
    def open(
        cls,
        name: str | Path,
        *,
        raw: bool = False,
        revision: str | None = None,
        allow_pickle: bool = False,
        progress: Progress | None = None,
    ) -> AdaptedWriter:
        """Open a run ("runs/last"), a model folder, a built-in name or a Hub id.

        Args:
            name: which.
            raw: take prompts as they are, without the chat template.
            revision: branch, tag or commit on the Hub.
            allow_pickle: also read pickled weights, as tensors only.
            progress: where to report; standard error if not given.

        Raises:
            ModelError: it cannot be opened, or writes no text.
            RunError: a run folder without a model, or a damaged `alih.json`.
        """
        found = find(name, revision, allow_pickle=allow_pickle)
        found.check("causal")
        own = found.tokenizer.chat_template
        facts = read_sidecar(found.path)
        form: Form = "prompt-completion"
        asking = Asking(bool(own), found.context)
        if facts is not None and facts["task"]["name"] == Generation.name:
            asking, form = _asking(facts, found.path), facts["task"].get("form", form)
        asking = replace(asking, max_length=min(asking.max_length, found.context), shots=() if raw else asking.shots)
        if asking.chat and not raw and own:
            template = choose_template(found.tokenizer, "messages", None)
        else:
            template = Template(None, "none: prompts as they are")
        pretrained = found.load("causal")
        pretrained.model.to(device())  # type: ignore[arg-type]
        return cls(pretrained, template, asking, found.path, progress, form)

    @property
    def asking(self) -> Asking:
        """How it is asked; may be set."""
        return self.writer.asking

    @asking.setter
    def asking(self, asking: Asking) -> None:
        self.writer.asking = asking

    def ask(self, text: str, sampling: Sampling | None = None) -> str:
        """Answer one prompt."""
        return self.answer([[Turn(USER, text)]], sampling)[0]

    def answer(
        self,
        prompts: Sequence[Sequence[Turn]],
        sampling: Sampling | None = None,
        say: Callable[[str], object] | None = None,
    ) -> list[str]:
        """Answer conversations that end with the user; `say` gets the one answer piece by piece."""
        return self.writer.answer(prompts, sampling, say)

    def predictions(self, examples: Examples) -> Predictions:
        """Losses of the reference answers and, but for plain text, what the model writes; see `Generation`."""
        conversations, precision = examples.inputs, self.precision or choose(device())
        losses, encoded = self.writer.losses(conversations, precision)
        for what, origins in (("cut at the beginning", encoded.cut), ("left out of the perplexity", encoded.dropped)):
            if origins:
                self.progress.say(
                    f"  {len(origins):,} examples of more than {self.asking.max_length:,} tokens {what} "
                    f"(first: {origins[0]})"
                )
        if not losses[:, 1].any():
            raise DataError(f"every example has more than {self.asking.max_length:,} tokens; nothing can be scored.")
        if conversations[0].form == "text":
            return {"losses": losses}
        return {"losses": losses} | writing.pack(self.writer.answer([one.prompt for one in conversations]))

    def evaluate(self, data: str | Path | Examples, *, metric: str | None = None) -> Scores:
        """Score a file of instruction data, in any of the forms of training data; plain text by its perplexity.

        Raises:
            DataError: it cannot be read, or needs a chat template that the model has not.
            OptionError: there is no such metric.
        """
        examples = data if isinstance(data, Examples) else corpus_examples(read_corpus(data))
        form: Form = examples.inputs[0].form
        if form == "messages" and self.writer.template.source is None:
            raise DataError(
                f"{examples.origins[0]}: holds messages, but {self.pretrained.name} has no chat template. Adapt it "
                "with --chat-template, or give prompt and completion."
            )
        if (form == "text") != (self.task.metrics[0].name == "perplexity"):
            scores = self._for(form).evaluate(examples, metric=metric)
        else:
            self.task.metric(metric)
            scores = self.score(examples, self.predictions(examples), metric=metric)
        return scores if isinstance(data, Examples) else replace(scores, trained_on=self.trained_on(examples))

    def _for(self, form: Form) -> AdaptedWriter:
        """The same model for examples of another form."""
        template, asking = self.writer.template, self.asking
        if form == "text":
            template, asking = Template(None, "none"), replace(asking, shots=())
        other = AdaptedWriter(self.pretrained, template, asking, self.folder, self.progress, form)
        other.precision = self.precision
        return other


def history(turns: Sequence[Turn], text: str, answer: str | None = None) -> list[Turn]:
    """A conversation gone on with."""
    more = [Turn(USER, text), *([] if answer is None else [Turn(ASSISTANT, answer)])]
    return [*turns, *more]


def _asking(facts: dict[str, Any], folder: Path) -> Asking:
    try:
        asking = asking_from(facts["asking"])
        lengths = (asking.max_length, asking.max_new_tokens, asking.samples)
        if min(lengths) < 1 or asking.reasoning not in BEGINNINGS:
            raise ValueError("lengths or samples below 1, or unknown reasoning")
        Sampling(seed=asking.seed)
    except (ValueError, KeyError, TypeError, OptionError) as error:
        path = folder / SIDECAR
        raise RunError(f"{path}: damaged ({error!r}). Delete the file to go by the model alone.") from error
    return asking


def read_prompts(path: Path) -> list[list[Turn]]:
    """Prompts of a file: a line each (.txt), or rows of instruction data, whose last answers are left out.

    Raises:
        OptionError: no such file.
        DataError: it holds none.
    """
    if not path.is_file():
        raise OptionError(f"{path}: no such file.")
    if path.suffix.lower() in {".jsonl", ".json", ".csv", ".tsv", ".parquet", ".ndjson"}:
        from alih.data.sources import read_table

        table = read_table(path)
        name = next((name for name in ("prompt", "instruction", "question", "text") if name in table.columns), None)
        if name is not None and not {"messages", "conversations"} & set(table.columns):
            more = table.columns.get("input", [None] * len(table)) if name == "instruction" else [None] * len(table)
            texts = [
                f"{cell}\n\n{extra}" if extra else str(cell)
                for cell, extra in zip(table.columns[name], more, strict=True)
            ]
            return [[Turn(USER, text)] for text in texts]
        return [list(one.prompt) for one in read_corpus(path).conversations]
    lines = read_text(path).removeprefix("\ufeff").splitlines()
    found = [[Turn(USER, line)] for line in lines if line.strip()]
    if not found:
        raise DataError(f"{path.name}: holds no prompts. Write one a line.")
    return found
