"""What an embedding model learns from, and how it is looked at while it learns."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import Encoded, EncodedTexts, Indices, encode, length_batches
from alih.data.examples import Examples
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.rag.embed import Embedder, Vectors, longest_text
from alih.rag.pooling import Recipe
from alih.tasks.base import Predictions
from alih.tasks.retrieval.loss import ranking_loss
from alih.tasks.retrieval.pairs import Questions
from alih.tasks.retrieval.ranking import PLACES, ranked
from alih.training.choice import Look, Outputs, Rows
from alih.training.feed import Batch, Feed
from alih.training.memory import most_tokens
from alih.training.modules import constant_arguments, keep_frozen_in_evaluation
from alih.training.precision import Precision
from alih.training.scoring import device_of, to_device

_QUESTION, _PASSAGE = "question_", "passage_"
#: Texts that are embedded at once, at most.
_AT_ONCE = 128
IDs = NDArray[np.int64]


class EncodedQuestions(Encoded):
    """Questions, and the passages around them, as tokens.

    Args:
        texts: all of them, each once a prompt.
        asked: (n,) the questions, by their number in `texts`.
        answers: of each question, the passages that answer it.
        hard: of each question, passages that only seem to.
        others: passages that every question is looked for among, too.
    """

    def __init__(
        self, texts: EncodedTexts, asked: IDs, answers: Sequence[IDs], hard: Sequence[IDs], others: IDs
    ) -> None:
        self.texts, self.asked, self.answers, self.hard, self.others = texts, asked, answers, hard, others
        self.truncated = texts.truncated

    @classmethod
    def of(
        cls,
        pretrained: Pretrained,
        recipe: Recipe,
        examples: Questions,
        mined: Sequence[Sequence[str]],
        progress: Progress,
    ) -> EncodedQuestions:
        """Tokenise questions behind their prompt, and passages behind theirs.

        Args:
            pretrained: whose tokenizer reads them.
            recipe: the prompts.
            examples: the questions.
            mined: of each, hard negatives beside those of the user.
            progress: where to report.
        """
        hard = [dict.fromkeys((*one.negatives, *more)) for one, more in zip(examples.questions, mined, strict=True)]
        passages = list(dict.fromkeys([*examples.candidates, *(text for texts in hard for text in texts)]))
        read = [
            *(recipe.query_prompt + one.text for one in examples.questions),
            *(recipe.passage_prompt + text for text in passages),
        ]
        made = encode(
            pretrained.processor, Examples(read, None, [""] * len(read)), longest_text(pretrained), progress=progress
        )
        assert isinstance(made, EncodedTexts)
        count = len(examples)
        number = {text: place for place, text in enumerate(passages, count)}

        def numbers(texts: Any) -> IDs:
            return np.array([number[text] for text in texts], dtype=np.int64)

        return cls(
            made,
            np.arange(count, dtype=np.int64),
            [numbers(one.passages) for one in examples.questions],
            [numbers(texts) for texts in hard],
            numbers(examples.others),
        )

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each question with its passages and hard negatives."""
        tokens = self.texts.lengths
        return np.array([int(tokens[self._around(row)].sum()) for row in range(len(self.asked))], dtype=np.int64)

    @property
    def passages(self) -> IDs:
        """The passages that are ranked: those of the questions, and the others."""
        return np.unique(np.concatenate([self.others, *self.answers]))

    def digest(self) -> str:
        """Hash of the tokens, and of which texts belong to which question."""
        state = sha256(self.texts.digest().encode() + self.asked.tobytes() + self.others.tobytes())
        for answers, hard in zip(self.answers, self.hard, strict=True):
            state.update(answers.tobytes() + b"|" + hard.tobytes() + b";")
        return state.hexdigest()

    def collate(self, indices: Indices) -> dict[str, Tensor]:
        """All texts of these questions in one batch of the model's arguments."""
        return self.texts.collate(np.concatenate([self._around(int(row)) for row in indices]))

    def placeholder(self, indices: Indices) -> dict[str, Tensor]:
        """The whole batch."""
        return self.collate(indices)

    def select(self, indices: Indices) -> EncodedQuestions:
        """Return the questions at `indices`, in that order."""
        rows = [int(row) for row in indices]
        answers, hard = [self.answers[row] for row in rows], [self.hard[row] for row in rows]
        return EncodedQuestions(self.texts, self.asked[rows], answers, hard, self.others)

    def _around(self, row: int) -> IDs:
        return np.concatenate([self.asked[row : row + 1], self.answers[row], self.hard[row]])


def batches(questions: Sequence[Hashable], size: int, seed: int | None) -> list[list[int]]:
    """The batches of an epoch over pairs: those of the same question are in different ones.

    Args:
        questions: of each pair.
        size: pairs a batch.
        seed: of the order, which leaves out what would be alone in a batch, since nothing would be wrong for it; None
            takes every pair in the order that they have.
    """
    order = np.arange(len(questions)) if seed is None else np.random.default_rng(seed).permutation(len(questions))
    found: list[list[int]] = []
    held: list[set[Hashable]] = []
    open_from = 0
    for number in order.tolist():
        question = questions[number]
        place = next(
            (at for at in range(open_from, len(found)) if len(found[at]) < size and question not in held[at]), None
        )
        if place is None:
            found.append([number])
            held.append({question})
        else:
            found[place].append(number)
            held[place].add(question)
        while open_from < len(found) and len(found[open_from]) == size:
            open_from += 1
    return [batch for batch in found if len(batch) > 1 or seed is None]


class RankingModel(nn.Module):
    """An embedding model as it is trained: the questions and the passages of a batch to their vectors.

    Args:
        embedder: the model. What of it makes no embedding (BERT's own pooler) does not train.
    """

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.model: nn.Module = embedder.model
        self._embedder = embedder
        self._always = constant_arguments(embedder.model)
        self.training = self.model.training
        for name, parameter in self.model.named_parameters():
            if "pooler." in name:
                parameter.requires_grad_(False)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Vectors of the questions (n, width), and of the passages (m, width)."""
        recipe = self._embedder.recipe
        parts = [
            {name.removeprefix(prefix): value for name, value in batch.items() if name.startswith(prefix)}
            for prefix in (_QUESTION, _PASSAGE)
        ]
        return self._pooled(parts[0], recipe.query_prompt), self._pooled(parts[1], recipe.passage_prompt)

    def train(self, mode: bool = True) -> RankingModel:
        """Set the mode of what trains; the frozen part stays in evaluation mode."""
        super().train(mode)
        if mode:
            keep_frozen_in_evaluation(self.model)
        return self

    @torch.inference_mode()
    def vectors(self, texts: EncodedTexts, numbers: IDs, *, queries: bool) -> Vectors:
        """Embed some texts, in 32 bits as a library does: (numbers, width). The mode is as before afterwards."""
        recipe, training, on = self._embedder.recipe, self.training, device_of(self)
        prompt = recipe.query_prompt if queries else recipe.passage_prompt
        found = np.empty((len(numbers), self._embedder.dimension), dtype=np.float32)
        self.eval()
        try:
            for part in length_batches(
                texts.lengths[numbers], _AT_ONCE, shuffle_seed=None, most_tokens=most_tokens(on)
            ):
                batch = to_device(texts.collate(numbers[part]), on)
                found[part] = self._pooled(batch, prompt).float().cpu().numpy()
        finally:
            self.train(training)
        return found

    def ranked(self, encoded: EncodedQuestions, rows: Rows | None = None) -> Predictions:
        """Rank the passages of some questions, and the others, for each of them; see `ranking.ranked`."""
        encoded = encoded if rows is None else encoded.select(rows)
        passages = encoded.passages
        return ranked(
            self.vectors(encoded.texts, encoded.asked, queries=True),
            self.vectors(encoded.texts, passages, queries=False),
            [np.searchsorted(passages, own) for own in encoded.answers],
        )

    def _pooled(self, inputs: Batch, prompt: str) -> Tensor:
        hidden = self.model(**inputs, **self._always).last_hidden_state
        return self._embedder.pooled_states(hidden, inputs["attention_mask"], prompt)


def objective(module: nn.Module, batch: Batch) -> tuple[Tensor, int]:
    """The ranking loss, summed over the questions of a batch, and how many there are."""
    questions, passages = module(batch)
    count = len(questions)
    return ranking_loss(questions.float(), passages.float(), batch["forbidden"]) * count, count


class RankingFeed(Feed):
    """Pairs of a question and a passage that answers it, with hard negatives; no question is twice in a batch.

    Args:
        encoded: the questions.
        rows: some of them; all if not given.
        batch_size: pairs a step.
    """

    def __init__(self, encoded: EncodedQuestions, rows: Rows | None, batch_size: int) -> None:
        self.encoded = encoded if rows is None else encoded.select(rows)
        self._size = batch_size
        #: Row and passage of each pair.
        self._pairs = [(row, int(text)) for row, own in enumerate(self.encoded.answers) for text in own]

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def plan(self, epoch_seed: int | None) -> list[list[int]]:
        """Pairs of each batch; see `batches`."""
        return batches([row for row, _ in self._pairs], self._size, epoch_seed)

    def gather(self, part: list[int]) -> Batch:
        """Tokens of the questions, and of their passages and all hard negatives; which of them are no negatives."""
        encoded, pairs = self.encoded, [self._pairs[number] for number in part]
        rows = [row for row, _ in pairs]
        own = [text for _, text in pairs]
        passages = np.array([*own, *dict.fromkeys(int(text) for row in rows for text in encoded.hard[row])])
        answers = np.stack([np.isin(passages, encoded.answers[row]) for row in rows])
        forbidden = answers | (passages == np.array(own)[:, None])
        np.fill_diagonal(forbidden, False)
        batch = {"forbidden": torch.from_numpy(forbidden)}
        for prefix, numbers in ((_QUESTION, encoded.asked[rows]), (_PASSAGE, passages)):
            batch |= {f"{prefix}{name}": tensor for name, tensor in encoded.texts.collate(numbers).items()}
        return batch

    def digest(self) -> str:
        """Tells these pairs, their negatives and the size of batches from others."""
        return f"{self.encoded.digest()} {self._size}"


class RankingLook(Look):
    """Judges an embedding model by its ranking loss for held-out questions, among all passages that they are ranked in.

    MRR over some hundred questions jumps where two passages change places, and says nothing of those that are first
    already or not among ten; the loss moves with every cosine. It does not punish being sure, as the cross-entropy of
    classes does, since cosines end at 1.

    Args:
        encoded: the questions.
        groups: of them.
    """

    def __init__(self, encoded: EncodedQuestions, groups: Sequence[str] | None = None) -> None:
        self._encoded, self.groups = encoded, groups

    def __len__(self) -> int:
        """How many questions there are."""
        return len(self._encoded)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """Of each question its loss, how many passages answer it, and which places they are at: (n, 12)."""
        assert isinstance(module, RankingModel)
        found = module.ranked(self._encoded)
        return np.column_stack([found["loss"], found["relevant"], found["hits"]]).astype(np.float32)

    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """The mean loss."""
        loss = float(outputs[:, 0].mean(dtype=np.float64))
        return loss, loss

    def digest(self) -> str:
        """Tells these questions and passages from others."""
        return self._encoded.digest()


def unpacked(outputs: Outputs) -> Predictions:
    """What `RankingLook.outputs` gave, as `RankingModel.ranked` gives it."""
    hits = outputs[:, 2 : 2 + PLACES].astype(np.int8)
    return {"hits": hits, "relevant": outputs[:, 1].astype(np.int32), "loss": outputs[:, 0]}
