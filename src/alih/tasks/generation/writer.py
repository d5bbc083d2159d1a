"""A language model that is asked: prompts written out, answers, and losses of reference answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.data.examples import Examples
from alih.errors import DataError
from alih.metrics import text
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.quantize.packed import make_fast
from alih.tasks.base import Predictions
from alih.tasks.generation.conversation import ASSISTANT, SYSTEM, Conversation, Turn
from alih.tasks.generation.encode import Tokenized, encode, prompt_ids
from alih.tasks.generation.feed import EncodedConversations, SequenceFeed, losses
from alih.tasks.generation.loss import Scorer
from alih.tasks.generation.reasoning import BEGINNINGS, Reasoning, vote
from alih.tasks.generation.template import Template, render, stop_ids
from alih.tasks.generation.write import Sampling, answers
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import Precision

#: How answers that vote are drawn (Wang et al. 2022, arXiv 2203.11171, section 3.1).
_VOTING_TEMPERATURE, _VOTING_TOP_K = 0.7, 40


@dataclass(frozen=True)
class Asking:
    """How a model is asked.

    Args:
        chat: prompts are written with the chat template; otherwise they are taken as they are.
        max_length: most tokens of prompt and answer.
        max_new_tokens: most tokens of an answer.
        shots: examples that stand before every prompt, (role, content) each.
        reasoning: what an answer begins with; see `alih.tasks.generation.reasoning`.
        samples: answers drawn for a prompt, of which the commonest final one is taken.
        seed: of drawing them.
    """

    chat: bool
    max_length: int
    max_new_tokens: int = 128
    shots: tuple[tuple[str, str], ...] = ()
    reasoning: Reasoning = "auto"
    samples: int = 1
    seed: int = 0


def asking_from(values: dict[str, Any]) -> Asking:
    """An `Asking` that was written as JSON."""
    shots = tuple((str(role), str(content)) for role, content in values.get("shots", ()))
    return Asking(**{**values, "shots": shots})


class Writer:
    """A language model ready to write.

    Args:
        pretrained: model and tokenizer.
        template: how prompts are written.
        asking: how it is asked.
        progress: where long work reports to.
        scorer: of the model's losses, where there is one already.
    """

    def __init__(
        self,
        pretrained: Pretrained,
        template: Template,
        asking: Asking,
        progress: Progress | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        self.pretrained, self.template, self.asking = pretrained, template, asking
        self.progress = progress or Progress()
        self.stops = stop_ids(pretrained.tokenizer, template)
        self._scorer = scorer

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Token numbers of what stands before an answer.

        Raises:
            DataError: the template refuses it.
        """
        tokenizer = self.pretrained.tokenizer
        try:
            written = render(tokenizer, self.template, self._with_shots(turns), ask=True)
        except Exception as error:  # templates raise what they like
            raise DataError(f"the chat template refuses this conversation ({error}).") from error
        ids = prompt_ids(tokenizer, written, chat=self.template.source is not None)
        begun = BEGINNINGS[self.asking.reasoning]
        return [*ids, *tokenizer(begun, add_special_tokens=False, verbose=False)["input_ids"]] if begun else ids

    def losses(
        self, conversations: Sequence[Conversation], precision: Precision = "fp32"
    ) -> tuple[NDArray[np.float32], Tokenized]:
        """Cross-entropy of each example's answers in nats, and of how many tokens (n, 2); and what became of them.

        An example that does not fit has (0, 0).
        """
        skip = sum(role == ASSISTANT for role, _ in self.asking.shots) if self.template.source is not None else 0
        shown = [replace(one, turns=tuple(self._with_shots(one.turns))) for one in conversations]
        tokenizer, limit = self.pretrained.tokenizer, self.asking.max_length
        encoded = encode(tokenizer, self.template, shown, limit, skip=skip)
        if self._scorer is None:
            self._scorer = Scorer(self.pretrained.model, pad_of(self.pretrained))
        feed = SequenceFeed(EncodedConversations(encoded.sequences, self._scorer.pad, limit), limit)
        return losses(self._scorer, feed, precision), encoded

    def answer(
        self,
        prompts: Sequence[Sequence[Turn]],
        sampling: Sampling | None = None,
        say: Callable[[str], object] | None = None,
    ) -> list[str]:
        """Answer conversations that end with the user; `say` gets the one answer piece by piece.

        Where several answers are drawn for each, theirs vote; see `answer_often`.
        """
        if self.asking.samples > 1:
            return [answer for answer, _ in self.answer_often(prompts, sampling)]
        return self._answers(prompts, sampling or self._sampling, say)

    def answer_often(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling | None = None
    ) -> list[tuple[str, float]]:
        """Draw `Asking.samples` answers to every prompt, and let them vote: (answer, share that agrees) each.

        Args:
            prompts: conversations that end with the user.
            sampling: how to draw; where it takes the likeliest token, at the temperature of the paper instead.
        """
        sampling = sampling or self._sampling
        if sampling.temperature == 0:
            sampling = replace(sampling, temperature=_VOTING_TEMPERATURE, top_k=_VOTING_TOP_K)
        count = self.asking.samples
        drawn = self._answers([turns for turns in prompts for _ in range(count)], sampling)
        return [vote(drawn[start : start + count]) for start in range(0, len(drawn), count)]

    def make_fast(self) -> None:
        """Answer as fast as this processor can from now on; quantised weights may then round as bfloat16 does."""
        make_fast(self.pretrained.model)

    @property
    def _sampling(self) -> Sampling:
        return Sampling(self.asking.max_new_tokens, seed=self.asking.seed)

    def _with_shots(self, turns: Sequence[Turn]) -> list[Turn]:
        """The turns with the examples before them; what the system says stays first."""
        shots = [Turn(role, content) for role, content in self.asking.shots]
        first = 1 if turns and turns[0].role == SYSTEM else 0
        return [*turns[:first], *shots, *turns[first:]]

    def _answers(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling, say: Callable[[str], object] | None = None
    ) -> list[str]:
        ids = [self.prompt(turns) for turns in prompts]
        empty = next((place for place, row in enumerate(ids) if not row), None)
        if empty is not None:
            raise DataError(f"prompt {empty + 1} is empty. Give a text to start from.")
        context = self.asking.max_length
        limit = context - min(sampling.max_new_tokens, max(1, context // 2))
        if long := sum(len(row) > limit for row in ids):
            self.progress.say(
                f"alih: {long:,} of {len(ids):,} prompts longer than {limit:,} tokens: their beginning is cut off."
            )
        begun = BEGINNINGS[self.asking.reasoning]
        begun += " " if begun.endswith(".") else ""
        if say is not None and begun:
            say(begun)
        model, tokenizer = self.pretrained.model, self.pretrained.tokenizer
        with out_of_memory_in_words("writing"), self.progress.step("writing", len(ids), "answers") as advance:
            written = answers(model, tokenizer, ids, self.stops, context, sampling, advance, say)
        return [begun + answer for answer in written]


def pad_of(pretrained: Pretrained) -> int:
    """The token that fills up rows."""
    return int(pretrained.tokenizer.pad_token_id or 0)


def pack(written: Sequence[str]) -> Predictions:
    """Answers as arrays: `answers`, their UTF-8 bytes one after another, and `ends`, where each one ends: (n,)."""
    encoded = [answer.encode(errors="surrogatepass") for answer in written]
    ends = np.cumsum([len(each) for each in encoded], dtype=np.int64)
    return {"answers": np.frombuffer(b"".join(encoded), dtype=np.uint8), "ends": ends}


def unpack(predictions: Predictions) -> list[str]:
    """The answers of `pack`."""
    whole, ends = predictions["answers"].tobytes(), predictions["ends"].tolist()
    return [whole[start:end].decode(errors="surrogatepass") for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def statistics(predictions: Predictions, examples: Examples) -> dict[str, NDArray[np.floating]]:
    """Perplexity's table from `losses` (n, 2), and those of written answers where there are some."""
    tables: dict[str, NDArray[np.floating]] = {text.PERPLEXITY.name: predictions["losses"].astype(np.float64)}
    if "answers" in predictions:
        references = [conversation.answer.strip() for conversation in examples.inputs]
        tables |= text.statistics(unpack(predictions), references)
    return tables
