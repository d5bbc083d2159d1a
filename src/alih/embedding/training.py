"""What an embedding model learns from, and how it is looked at while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor, nn

from alih.embedding.loss import SCALE, false_negatives, ranking_loss
from alih.embedding.pairs import Pair
from alih.embedding.retrieval import Vectors, answers_of, ranked
from alih.rag.embed import Embedder
from alih.training.choice import Look, Outputs, Rows
from alih.training.feed import Batch, Feed
from alih.training.precision import Precision

_QUESTION, _PASSAGE = "question_", "passage_"


def batches(pairs: Sequence[Pair], size: int, seed: int) -> list[list[int]]:
    """The batches of an epoch, whole ones of at least two pairs; the same question is in one batch but once."""
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    found: list[list[int]] = []
    held: list[set[str]] = []
    open_from = 0
    for number in order:
        question = pairs[number].question
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
    return [batch for batch in found if len(batch) > 1]


class Encoder(nn.Module):
    """An embedding model as it is trained: questions and passages of a batch to their vectors.

    Args:
        embedder: the model.
    """

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.model: nn.Module = embedder.model
        self._embedder = embedder

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Vectors of the questions (n, width), and of the passages (m, width)."""
        recipe = self._embedder.recipe
        return self._pooled(batch, _QUESTION, recipe.query_prompt), self._pooled(batch, _PASSAGE, recipe.passage_prompt)

    def _pooled(self, batch: Batch, prefix: str, prompt: str) -> Tensor:
        inputs = {name.removeprefix(prefix): value for name, value in batch.items() if name.startswith(prefix)}
        hidden = self.model(**inputs).last_hidden_state
        return self._embedder.pooled_states(hidden, inputs["attention_mask"], prompt)


def objective(module: nn.Module, batch: Batch) -> tuple[Tensor, int]:
    """The ranking loss, summed over the questions of a batch, and how many there are."""
    questions, passages = module(batch)
    count = len(questions)
    return ranking_loss(questions, passages, batch["forbidden"]) * count, count


class RankingFeed(Feed):
    """Pairs with their hard negatives; no question is twice in a batch.

    Args:
        embedder: reads the texts.
        pairs: to learn from.
        negatives: of each pair.
        batch: pairs a step.
    """

    def __init__(
        self, embedder: Embedder, pairs: Sequence[Pair], negatives: Sequence[tuple[str, ...]], batch: int
    ) -> None:
        self._embedder, self._pairs, self.negatives, self._batch = embedder, pairs, negatives, batch
        self._answers = answers_of(pairs)

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def plan(self, epoch_seed: int | None) -> list[list[int]]:
        """Pairs of each batch; see `batches`."""
        return batches(self._pairs, self._batch, epoch_seed or 0)

    def gather(self, part: list[int]) -> Batch:
        """Tokens of the questions, and of their passages and all hard negatives; which of them are no negatives."""
        recipe = self._embedder.recipe
        questions = [self._pairs[number].question for number in part]
        hard = dict.fromkeys(text for number in part for text in self.negatives[number])
        passages = [*(self._pairs[number].passage for number in part), *hard]
        batch = {"forbidden": false_negatives(questions, passages, self._answers)}
        for prefix, prompt, texts in (
            (_QUESTION, recipe.query_prompt, questions),
            (_PASSAGE, recipe.passage_prompt, passages),
        ):
            found = self._embedder.tokenized(texts, prompt)
            batch |= {f"{prefix}{name}": tensor for name, tensor in found.items()}
        return batch

    def digest(self) -> str:
        """Tells these pairs, their negatives and the size of batches from others."""
        found = sha256(str(self._batch).encode())
        for pair, negatives in zip(self._pairs, self.negatives, strict=True):
            found.update(repr((pair.question, pair.passage, negatives)).encode())
        return found.hexdigest()


class RankingLook(Look):
    """Judges an embedding model by its ranking loss for held-out questions, among all passages shown.

    MRR over some hundred questions jumps where two passages change places, and says nothing of those that are first
    already or not among ten; the loss moves with every cosine. It does not punish being sure, as the cross-entropy of
    classes does, since cosines end at 1.

    Args:
        embedder: the model.
        pairs: held out; a question may have several passages.
        passages: to look among, theirs included.
    """

    def __init__(self, embedder: Embedder, pairs: Sequence[Pair], passages: Sequence[str]) -> None:
        self._embedder, self._passages, self._answers = embedder, passages, answers_of(pairs)
        self._scores: dict[str, float] = {}

    def __len__(self) -> int:
        """How many questions there are."""
        return len(self._answers)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """Of each question, the mean over its passages of −log softmax(20 · cos) among the wrong ones: (n, 1)."""
        training = module.training
        module.eval()
        try:
            passages = self._embedder.passages(self._passages).vectors
            questions = self._embedder.queries(list(self._answers))
        finally:
            module.train(training)
        self._scores = {"mrr@10": ranked(questions, passages, self._answers, self._passages).mean("mrr@10")}
        return _losses(questions, passages, self._answers, self._passages)

    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """The mean loss."""
        loss = float(outputs.mean(dtype=np.float64))
        return loss, loss

    def scores(self, module: nn.Module) -> dict[str, float]:
        """Mean reciprocal rank among the first ten."""
        return self._scores

    def digest(self) -> str:
        """Tells these questions and passages from others."""
        answers = [(question, sorted(texts)) for question, texts in self._answers.items()]
        return sha256(repr((answers, list(self._passages))).encode()).hexdigest()


def _losses(questions: Vectors, passages: Vectors, answers: dict[str, set[str]], texts: Sequence[str]) -> Outputs:
    place = {text: number for number, text in enumerate(texts)}
    asked, among = (nn.functional.normalize(torch.from_numpy(one), dim=-1) for one in (questions, passages))
    scores = SCALE * (asked @ among.T).double()  # (questions, passages)
    found = np.empty((len(answers), 1), dtype=np.float32)
    for row, own in enumerate(answers.values()):
        right = torch.tensor([place[text] for text in own])
        wrong = scores[row].clone()
        wrong[right] = -torch.inf
        found[row] = float((torch.logaddexp(scores[row, right], wrong.logsumexp(0)) - scores[row, right]).mean())
    return found
