"""How well an embedding model finds the passages that answer a question, and by how far it prefers them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alih.errors import ModelError
from alih.metrics import ranking
from alih.metrics.base import Metric, mean_of, means
from alih.rag.embed import Vectors
from alih.tasks.base import Predictions, Statistics
from alih.tasks.retrieval.loss import SCALE

#: Places of a ranking that are looked at.
PLACES = 10
#: Mean over the questions of −log softmax(20 · cos) at their passages, among the passages that are ranked.
LOSS = mean_of("ranking_loss", higher_is_better=False)
_OF_PLACES = (ranking.mrr_at(PLACES), ranking.recall_at(1), ranking.recall_at(PLACES), ranking.ndcg_at(PLACES))
#: The first one decides.
METRICS: tuple[Metric, ...] = (*_OF_PLACES, LOSS)


def ranked(questions: Vectors, passages: Vectors, answers: Sequence[Sequence[int] | NDArray[np.int64]]) -> Predictions:
    """Rank passages for each question, by the dot product that a library uses.

    Args:
        questions: (n, width).
        passages: (m, width).
        answers: of each question, the passages that answer it.

    Returns:
        `hits`: (n, 10) 0/1, whether the passage at each place answers; `relevant`: (n,) how many there are; `loss`:
        (n,) mean over them of −log softmax(20 · cos), in which the other answers do not stand.
    """
    hits = np.zeros((len(answers), PLACES), dtype=np.int8)
    loss = np.empty(len(answers), dtype=np.float32)
    lengths = np.linalg.norm(passages, axis=1).clip(1e-12)
    for row, own in enumerate(answers):
        products = passages @ questions[row]
        first = np.argsort(-products, kind="stable")[:PLACES]
        hits[row, : len(first)] = np.isin(first, own)
        scores = SCALE * products.astype(np.float64) / (lengths * np.linalg.norm(questions[row]).clip(1e-12))
        wrong = np.delete(scores, own)
        rest = np.logaddexp.reduce(wrong) if len(wrong) else -np.inf
        loss[row] = (np.logaddexp(scores[own], rest) - scores[own]).mean()
    return {"hits": hits, "relevant": np.array([len(own) for own in answers], dtype=np.int32), "loss": loss}


def statistics(predictions: Predictions) -> Statistics:
    """The tables (questions, 2) of every metric, by name; of the loss alone where there are no places.

    Raises:
        ModelError: a loss is no finite number.
    """
    if not np.isfinite(predictions["loss"]).all():
        raise ModelError("the model gives vectors that are not finite numbers; adapt it with a lower --learning-rate.")
    loss: Statistics = {LOSS.name: means(predictions["loss"])}
    if "hits" not in predictions:
        return loss
    found = ranking.statistics(
        predictions["hits"].astype(float).tolist(),
        [[1.0] * int(count) for count in predictions["relevant"]],
        _OF_PLACES,
    )
    return {**found, **loss}
