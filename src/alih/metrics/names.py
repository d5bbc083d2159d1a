"""Metrics by name, for what was read from a file: a report, a run folder."""

from __future__ import annotations

from alih.metrics import classification, ranking, tagging, text, translation
from alih.metrics.base import Metric

_KNOWN = {
    metric.name: metric
    for metrics in (*classification.METRICS.values(), text.METRICS, tagging.METRICS)
    for metric in metrics
}
_RANKING = {"recall": ranking.recall_at, "mrr": ranking.mrr_at, "ndcg": ranking.ndcg_at}
_TRANSLATION = {
    "bleu": Metric("bleu", translation.bleu_from_sums),
    "chrf": Metric("chrf", translation.chrf_from_sums),
}


def named(name: str) -> Metric:
    """The metric of that name; of BLEU and chrF without a signature, which depends on the language.

    Raises:
        KeyError: there is none.
    """
    metric = find(name)
    if metric is None:
        raise KeyError(name)
    return metric


def find(name: str) -> Metric | None:
    """The same; None for a name that this version does not know, as a report of another one may hold."""
    kind, _, places = name.partition("@")
    if kind in _RANKING and places.isdecimal():
        return _RANKING[kind](int(places))
    return _KNOWN.get(name) or _TRANSLATION.get(name)
