"""Metrics of tags: precision, recall and F1 of entities (equal to seqeval's), and accuracy of tokens.

An entity is right where its type, its first and its last token are (Tjong Kim Sang and De Meulder 2003, W03-0419,
section 2.3: the CoNLL-2003 task, exact matches alone).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alih.metrics.base import Floats, Metric, f1_of, mean_of, mean_where, ratio

#: Type, first token, last token.
Span = tuple[str, int, int]


def _counts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """(…, 3 · types) → true positives, false positives, false negatives by type, (…, types) each."""
    right, wrong, missed = np.split(sums, 3, axis=-1)
    return right, wrong, missed


def _micro_f1(sums: Floats) -> Floats:
    right, wrong, missed = (part.sum(axis=-1) for part in _counts(sums))
    return f1_of(right, 2 * right + wrong + missed)[0]


def _macro_f1(sums: Floats) -> Floats:
    """Types that are neither predicted nor there are left out of the mean."""
    right, wrong, missed = _counts(sums)
    return mean_where(*f1_of(right, 2 * right + wrong + missed))


def _precision(sums: Floats) -> Floats:
    right, wrong, _ = (part.sum(axis=-1) for part in _counts(sums))
    return np.nan_to_num(ratio(np.stack([right, right + wrong], axis=-1)))


def _recall(sums: Floats) -> Floats:
    right, _, missed = (part.sum(axis=-1) for part in _counts(sums))
    return np.nan_to_num(ratio(np.stack([right, right + missed], axis=-1)))


def _one_entity(sums: Floats) -> Floats:
    """An entity that is found, and one that is taken for another, spread over the types that are there."""
    there = sums.reshape(3, -1).sum(axis=0) > 0
    share = there / max(int(there.sum()), 1)
    return np.array([np.concatenate([share, 0 * share, 0 * share]), np.concatenate([0 * share, share, share])])


ENTITY_F1 = Metric("entity_f1", _micro_f1, pseudo_examples=_one_entity, in_points=True)
ENTITY_MACRO_F1 = Metric("entity_macro_f1", _macro_f1, pseudo_examples=_one_entity, in_points=True)
ENTITY_PRECISION = Metric("entity_precision", _precision, pseudo_examples=_one_entity, in_points=True)
ENTITY_RECALL = Metric("entity_recall", _recall, pseudo_examples=_one_entity, in_points=True)
#: Right tokens of all; an example's row is (right, tokens).
TOKEN_ACCURACY = mean_of("token_accuracy", in_points=True)
ENTITIES = (ENTITY_F1, ENTITY_MACRO_F1, ENTITY_PRECISION, ENTITY_RECALL)
METRICS = (*ENTITIES, TOKEN_ACCURACY)


def spans(tags: Sequence[str]) -> set[Span]:
    """Entities of one sentence in BIO tags, "B-PER I-PER O".

    An I without a B before it, or after another type, begins an entity, as conlleval reads it (so does seqeval unless
    it is told to be strict).
    """
    entities: set[Span] = set()
    kind, first = "", -1
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        goes_on = prefix == "I" and first >= 0 and name == kind
        if first >= 0 and not goes_on:
            entities.add((kind, first, place - 1))
            first = -1
        if prefix in {"B", "I"} and not goes_on:
            kind, first = name, place
    return entities


def by_type(entities: set[Span], predicted: set[Span], types: Sequence[str]) -> list[int]:
    """One sentence's row of the entity metrics: true positives, false positives, false negatives, by type."""
    parts = (entities & predicted, predicted - entities, entities - predicted)
    return [sum(kind == name for kind, _, _ in part) for part in parts for name in types]


def statistics(
    tags: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], types: Sequence[str]
) -> dict[str, Floats]:
    """The tables of every metric, by name: (sentences, 3 · types) of entities, (sentences, 2) of tokens.

    Args:
        tags: of each token of each sentence, in BIO; tags that are no BIO (parts of speech) hold no entities.
        predicted: as many.
        types: every type of entity that there may be, in the order of the columns.

    Raises:
        ValueError: a sentence has not as many predicted tags as tags.
    """
    pairs = list(zip(tags, predicted, strict=True))
    entities = np.array([by_type(spans(right), spans(said), types) for right, said in pairs], dtype=np.float32)
    tokens = [[sum(a == b for a, b in zip(right, said, strict=True)), len(right)] for right, said in pairs]
    tables: dict[str, Floats] = {metric.name: entities for metric in ENTITIES}
    return {**tables, TOKEN_ACCURACY.name: np.array(tokens, dtype=np.float64)}
