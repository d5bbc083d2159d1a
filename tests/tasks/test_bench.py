"""The bench: limits of length, splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alih.data.read import read
from alih.errors import DataError, OptionError
from alih.progress import Progress
from alih.routes.base import Effort
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Bench
from alih.tasks.classification.task import Classification
from small_tasks import prices


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prices(tmp_path_factory.mktemp("data") / "prices.csv")


def test_longer_texts_than_the_model_takes_are_refused(data: Path, tiny_bert: Path) -> None:
    with pytest.raises(OptionError, match=r"--max-length 4000: .* takes at most 48 tokens"):
        Bench(
            Classification(read(data)),
            ModelChoice(str(tiny_bert)),
            None,
            max_length=4000,
            progress=Progress(quiet=True),
        )


def test_an_empty_split_is_refused(data: Path, tiny_bert: Path) -> None:
    dataset = read(data)
    empty = replace(dataset, validation=dataset.validation.select([]))
    with pytest.raises(DataError, match="a split is empty"):
        Bench(Classification(empty), ModelChoice(str(tiny_bert)), None, progress=Progress(quiet=True))


def test_epochs_grow_as_data_shrink_within_bounds() -> None:
    effort = Effort(least_epochs=3, most_epochs=10, least_steps=120, patience=None)
    assert [effort.epochs(size, 32) for size in (100_000, 640, 10)] == [3, 6, 10]
    assert effort.epochs(10, 32, share=0.01) == 1
