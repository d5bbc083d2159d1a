"""What is predicted, and from what: the task that every layer above agrees on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: The tasks, by the names that users give them.
TASKS = ("classification", "generation", "translation", "retrieval", "tagging")
CLASSIFICATION, GENERATION, TRANSLATION, RETRIEVAL, TAGGING = TASKS
#: Sizes of the paper's Transformer, and its names as a new model, with random weights.
TRANSFORMER_SIZES = ("tiny", "small", "base", "paper")
NEW_TRANSLATORS = tuple(f"transformer-{size}" for size in TRANSFORMER_SIZES)


class Modality(StrEnum):
    """What an input is."""

    TEXT = "text"
    IMAGE = "image"


class Kind(StrEnum):
    """What a label is."""

    SINGLE = "single-label"
    MULTI = "multi-label"
    REGRESSION = "regression"


#: `problem_type` of `transformers` configurations, by kind.
PROBLEM_TYPES = {
    Kind.SINGLE: "single_label_classification",
    Kind.MULTI: "multi_label_classification",
    Kind.REGRESSION: "regression",
}


@dataclass(frozen=True)
class Task:
    """One task: modality of the input, kind of the label, and the classes in output order.

    Args:
        modality: text or image.
        kind: one label, several labels, or a number for each example.
        classes: class names; position = output index. Empty for regression.
        pair: text inputs are pairs (premise and hypothesis, question and passage, …).
    """

    modality: Modality
    kind: Kind
    classes: tuple[str, ...] = ()
    pair: bool = False

    @property
    def outputs(self) -> int:
        """Width of the head: the number of classes, or 1 for regression."""
        return len(self.classes) or 1

    @property
    def problem_type(self) -> str:
        """The name `transformers` gives this kind of label in a model's configuration."""
        return PROBLEM_TYPES[self.kind]
