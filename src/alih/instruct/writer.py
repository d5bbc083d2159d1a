"""A model that writes, opened from disk: one answer, a conversation, or a file of examples to be scored on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alih.data.decoding import read_text
from alih.errors import DataError, OptionError, RunError
from alih.instruct.conversation import ASSISTANT, SYSTEM, USER, Conversation, Turn
from alih.instruct.encode import Encoded, encode, prompt_ids
from alih.instruct.loss import Scorer
from alih.instruct.read import read_corpus
from alih.instruct.reasoning import BEGINNINGS, Reasoning, vote
from alih.instruct.scores import Scores, score
from alih.instruct.template import Template, choose_template, render, stop_ids
from alih.instruct.write import Sampling, answers
from alih.pretrained.open import Pretrained, find
from alih.pretrained.quiet import quiet
from alih.progress import Progress
from alih.quantize.model import quantized_layers
from alih.quantize.packed import make_fast
from alih.quantize.storage import save_quantized
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import device

#: How answers that vote are drawn (Wang et al. 2022, arXiv 2203.11171, section 3.1).
_VOTING_TEMPERATURE, _VOTING_TOP_K = 0.7, 40
_SIDECAR, _SCHEMA = "alih.json", 1


@dataclass(frozen=True)
class Told:
    """What `alih.json` beside the weights says.

    Args:
        chat: prompts are written with the chat template; otherwise they are taken as they are.
        max_length: most tokens of prompt and answer.
        max_new_tokens: most tokens of an answer.
        shots: examples that stand before every prompt, (role, content) each.
        reasoning: what an answer begins with; see `alih.instruct.reasoning`.
        samples: answers drawn for a prompt, of which the commonest final one is taken.
    """

    chat: bool
    max_length: int
    max_new_tokens: int = 128
    shots: tuple[tuple[str, str], ...] = ()
    reasoning: Reasoning = "auto"
    samples: int = 1


class Writer:
    """A language model ready to write.

    Args:
        opened: model and tokenizer.
        template: how prompts are written.
        told: lengths.
        progress: where long work reports to.
    """

    def __init__(self, opened: Pretrained, template: Template, told: Told, progress: Progress | None = None) -> None:
        self.opened, self.template, self.told = opened, template, told
        self.progress = progress or Progress()
        self.stops = stop_ids(opened.tokenizer, template)

    @classmethod
    def open(
        cls,
        name: str | Path,
        *,
        raw: bool = False,
        revision: str | None = None,
        allow_pickle: bool = False,
        progress: Progress | None = None,
    ) -> Writer:
        """Open a run ("runs/last"), a model folder, a built-in name or a Hub id.

        Args:
            name: which.
            raw: take prompts as they are, without the chat template.
            revision: branch, tag or commit on the Hub.
            allow_pickle: also read pickled weights, as tensors only.
            progress: where to report; standard error if not given.

        Raises:
            ModelError: it cannot be opened, or writes no text.
            RunError: a run folder without a model.
        """
        found = find(name, revision, allow_pickle=allow_pickle)
        found.check("causal")
        own = found.tokenizer.chat_template
        told = read_told(found.path) or Told(bool(own), found.context)
        told = replace(told, max_length=min(told.max_length, found.context), shots=() if raw else told.shots)
        if told.chat and not raw and own:
            template = choose_template(found.tokenizer, "messages", None)
        else:
            template = Template(None, "none: prompts as they are")
        opened = found.load("causal")
        opened.model.to(device())  # type: ignore[arg-type]
        return cls(opened, template, told, progress)

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Token numbers of what stands before an answer.

        Raises:
            DataError: the template refuses it.
        """
        try:
            text = render(self.opened.tokenizer, self.template, self._shown(turns), ask=True)
        except Exception as error:  # templates raise what they like
            raise DataError(f"the chat template refuses this conversation ({error}).") from error
        ids = prompt_ids(self.opened.tokenizer, text, chat=self.template.source is not None)
        begun = BEGINNINGS[self.told.reasoning]
        return (
            [*ids, *self.opened.tokenizer(begun, add_special_tokens=False, verbose=False)["input_ids"]]
            if begun
            else ids
        )

    def losses(self, conversations: Sequence[Conversation]) -> tuple[list[tuple[float, int]], Encoded]:
        """Cross-entropy of each example's answers in nats, and of how many tokens; and what became of the examples.

        An example that does not fit has (0, 0).
        """
        skip = sum(role == ASSISTANT for role, _ in self.told.shots) if self.template.source is not None else 0
        shown = [replace(one, turns=tuple(self._shown(one.turns))) for one in conversations]
        tokenizer, limit = self.opened.tokenizer, self.told.max_length
        encoded = encode(tokenizer, self.template, shown, limit, skip=skip)
        scorer = Scorer(self.opened.model, int(tokenizer.pad_token_id or 0))
        found = [(0.0, 0)] * len(shown)
        for place, (loss, count) in zip(encoded.owners, scorer.each(encoded.sequences), strict=True):
            found[place] = (found[place][0] + loss, found[place][1] + count)
        return found, encoded

    def _shown(self, turns: Sequence[Turn]) -> list[Turn]:
        """The turns with the examples before them; what the system says stays first."""
        shots = [Turn(role, content) for role, content in self.told.shots]
        first = 1 if turns and turns[0].role == SYSTEM else 0
        return [*turns[:first], *shots, *turns[first:]]

    def answer(
        self,
        prompts: Sequence[Sequence[Turn]],
        sampling: Sampling | None = None,
        say: Callable[[str], object] | None = None,
    ) -> list[str]:
        """Answer conversations that end with the user; `say` gets the one answer piece by piece.

        Where several answers are drawn for each, theirs vote; see `answer_often`.
        """
        if self.told.samples > 1:
            return [text for text, _ in self.answer_often(prompts, sampling)]
        return self._answers(prompts, sampling or Sampling(self.told.max_new_tokens), say)

    def answer_often(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling | None = None
    ) -> list[tuple[str, float]]:
        """Draw `Told.samples` answers to every prompt, and let them vote: (answer, share that agrees) each.

        Args:
            prompts: conversations that end with the user.
            sampling: how to draw; where it takes the likeliest token, at the temperature of the paper instead.
        """
        sampling = sampling or Sampling(self.told.max_new_tokens)
        if sampling.temperature == 0:
            sampling = replace(sampling, temperature=_VOTING_TEMPERATURE, top_k=_VOTING_TOP_K)
        count = self.told.samples
        drawn = self._answers([turns for turns in prompts for _ in range(count)], sampling)
        return [vote(drawn[start : start + count]) for start in range(0, len(drawn), count)]

    def _answers(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling, say: Callable[[str], object] | None = None
    ) -> list[str]:
        ids = [self.prompt(turns) for turns in prompts]
        empty = next((place for place, row in enumerate(ids) if not row), None)
        if empty is not None:
            raise DataError(f"prompt {empty + 1} is empty. Give a text to start from.")
        limit = self.told.max_length - min(sampling.max_new_tokens, max(1, self.told.max_length // 2))
        if long := sum(len(row) > limit for row in ids):
            self.progress.say(
                f"alih: {long:,} of {len(ids):,} prompts longer than {limit:,} tokens: their beginning is cut off."
            )
        begun = BEGINNINGS[self.told.reasoning]
        begun += " " if begun.endswith(".") else ""
        if say is not None and begun:
            say(begun)
        with (
            out_of_memory_in_words("writing"),
            self.progress.step("writing", len(ids), "answers") as advance,
        ):
            written = answers(
                self.opened.model,
                self.opened.tokenizer,
                ids,
                self.stops,
                self.told.max_length,
                sampling,
                advance,
                say,
            )
        return [begun + text for text in written]

    def make_fast(self) -> None:
        """Answer as fast as this processor can from now on; quantised weights may then round as bfloat16 does."""
        make_fast(self.opened.model)

    def ask(self, text: str, sampling: Sampling | None = None) -> str:
        """Answer one prompt."""
        return self.answer([[Turn(USER, text)]], sampling)[0]

    def evaluate(self, conversations: Sequence[Conversation]) -> Scores:
        """Write every last answer greedily and compare it; the perplexity is of all reference answers.

        Raises:
            DataError: nothing is left of the data at this length, or messages and no template.
        """
        losses, encoded = self.losses(conversations)
        for what, origins in (("cut at the beginning", encoded.cut), ("left out of the perplexity", encoded.dropped)):
            if origins:
                self.progress.say(
                    f"  {len(origins):,} examples of more than {self.told.max_length:,} tokens {what} "
                    f"(first: {origins[0]})"
                )
        if not encoded.sequences:
            raise DataError(f"every example has more than {self.told.max_length:,} tokens; nothing can be scored.")
        asked = [one for one in conversations if one.form != "text"]
        written = self.answer([one.prompt for one in asked]) if asked else []
        return score(len(conversations), written, [one.answer.strip() for one in asked], losses)

    def evaluate_file(self, data: str | Path) -> Scores:
        """Score a file of instruction data, in any of the forms of the training data.

        Raises:
            DataError: it cannot be read, or needs a chat template that the model has not.
        """
        corpus = read_corpus(data)
        if not corpus.conversations:
            raise DataError(f"{corpus.name}: holds no examples.")
        if corpus.form == "messages" and self.template.source is None:
            raise DataError(
                f"{corpus.name}: holds messages, but {self.opened.name} has no chat template. Adapt it with "
                "--chat-template, or give prompt and completion."
            )
        if corpus.form == "text":
            plain = Writer(self.opened, Template(None, "none"), replace(self.told, shots=()), self.progress)
            return plain.evaluate(corpus.conversations)
        return self.evaluate(corpus.conversations)


def history(turns: Sequence[Turn], text: str, answer: str | None = None) -> list[Turn]:
    """A conversation gone on with."""
    more = [Turn(USER, text), *([] if answer is None else [Turn(ASSISTANT, answer)])]
    return [*turns, *more]


def write_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: Template, told: Told, folder: Path
) -> None:
    """Write a plain Hugging Face folder that knows its template and where answers end, and `alih.json`."""
    if template.source is not None:
        tokenizer.chat_template = template.source
    stops = stop_ids(tokenizer, template)
    settings: Any = model.generation_config
    if settings is not None:
        settings.eos_token_id = list(stops) or None
        settings.pad_token_id = tokenizer.pad_token_id
    with quiet():
        if quantized_layers(model):
            save_quantized(model, folder)
        else:
            model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    sidecar = {"schema": _SCHEMA, "task": {"modality": "generation"}, "generation": asdict(told)}
    (folder / _SIDECAR).write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8")


def read_told(folder: Path) -> Told | None:
    """What `write_model` wrote; None where it did not.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / _SIDECAR
    if not path.is_file():
        return None
    try:
        sidecar = json.loads(path.read_text(encoding="utf-8"))
        if sidecar["task"]["modality"] != "generation":
            return None
        told = Told(**sidecar["generation"])
        told = replace(told, shots=tuple((str(role), str(content)) for role, content in told.shots))
        if told.max_length < 1 or told.max_new_tokens < 1 or told.samples < 1 or told.reasoning not in BEGINNINGS:
            raise ValueError("lengths or samples below 1, or unknown reasoning")
        return told
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: damaged ({error!r}). Delete the file to go by the model alone.") from error


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
