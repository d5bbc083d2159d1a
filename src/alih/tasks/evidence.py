"""What a report shows of single predictions, as plain data; each task fills in what it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Confusion:
    """`counts[i][j]`: examples of class i that were taken for class j."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Bin:
    """Predictions of like confidence: their mean confidence, the share that is right, how many they are."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Calibration:
    """Non-empty bins, ascending, and the expected calibration error (arXiv 1706.04599, section 2)."""

    bins: tuple[Bin, ...]
    error: float


@dataclass(frozen=True)
class Mistake:
    """A wrong prediction.

    Args:
        actual: the true label.
        predicted: what the model said.
        probability: that it gave to what it said.
        text: the input, where it is a text.
        picture: the input as a PNG data URI, where it is a picture.
        origin: where it came from ("reviews.csv, row 812").
    """

    actual: str
    predicted: str
    probability: float
    text: str | None = None
    picture: str | None = None
    origin: str = ""


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    Args:
        prompt: what it was asked, or given to translate.
        reference: what it should have written.
        answer: what it wrote.
        origin: where the example came from ("data.jsonl, row 3").
    """

    prompt: str
    reference: str
    answer: str
    origin: str = ""
