"""Feeds give every row once, with its own label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from alih.progress import Progress
from alih.training.boundary import FEATURES, frozen_outputs
from alih.training.feed import BoundaryFeed, ExampleFeed, FeatureFeed, InputFeed

from .models import make, texts

ROWS = np.array([9, 2, 5, 11, 0])


def _feeds(rows: np.ndarray | None) -> list[ExampleFeed]:
    pretrained, encoded = make("bert"), texts()
    labels = np.arange(12) * 10
    frozen = frozen_outputs(pretrained, encoded, [1, FEATURES], cache=None, progress=Progress(quiet=True))
    return [
        InputFeed(encoded, labels, batch_size=2, rows=rows),
        BoundaryFeed(frozen.at(1), encoded, labels, batch_size=2, rows=rows),
        FeatureFeed(frozen.at(FEATURES), labels, batch_size=2, rows=rows),
    ]


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("rows", [None, ROWS])
def test_every_row_comes_once_with_its_label(rows: np.ndarray | None, seed: int | None) -> None:
    for feed in _feeds(rows):
        positions, labels = [], []
        for batch, where in feed.batches(seed):
            assert {len(tensor) for tensor in batch.values()} == {len(where)}
            positions += where.tolist()
            labels += batch["labels"].tolist()
        assert sorted(positions) == list(range(len(feed)))
        assert labels == (feed.rows[positions] * 10).tolist()


def test_features_follow_the_rows() -> None:
    feed = _feeds(ROWS)[2]
    whole = _feeds(None)[2]
    assert torch.equal(feed.gather(np.array([1, 3]))["features"], whole.gather(np.array([2, 11]))["features"])


def test_epochs_are_shuffled_by_their_seed() -> None:
    for feed in _feeds(None):
        one, same, other = (np.concatenate(feed.plan(seed)).tolist() for seed in (1, 1, 2))
        assert one == same != other


def test_processes_share_an_epoch_evenly() -> None:
    for feed in _feeds(None):
        shares = [[where.tolist() for _, where in feed.batches(3, process, 4)] for process in range(4)]
        assert [len(share) for share in shares] == [feed.steps(4)] * 4
        seen = [row for share in shares for batch in share for row in batch]
        assert len(seen) == len(set(seen))


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 labels for 12 examples"):
        InputFeed(texts(), np.arange(3))
