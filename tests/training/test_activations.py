"""What was written in any order is read back example by example."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from alih.training.activations import Activations, ActivationWriter


def _ragged(path: Path) -> tuple[Activations, list[torch.Tensor]]:
    examples = [torch.randn(length, 3, generator=torch.Generator().manual_seed(length)) for length in (2, 5, 1, 4)]
    writer = ActivationWriter(path, 4)
    for rows in (np.array([1, 3]), np.array([0, 2])):
        lengths = np.array([len(examples[row]) for row in rows])
        padded = torch.nn.utils.rnn.pad_sequence([examples[row] for row in rows], batch_first=True, padding_value=7.0)
        writer.write(rows, padded, lengths)
    writer.close()
    return Activations(path, writer.layout()), examples


def test_examples_come_back_padded_with_zeros(tmp_path: Path) -> None:
    found, examples = _ragged(tmp_path / "values.bin")
    expected = torch.nn.utils.rnn.pad_sequence([examples[2], examples[0]], batch_first=True)
    assert torch.equal(found.collate([2, 0]), expected)
    assert (tmp_path / "values.bin").stat().st_size == found.nbytes == 4 * 3 * 12
    assert len(found) == 4


def test_a_file_that_was_unlinked_can_still_be_read(tmp_path: Path) -> None:
    found, examples = _ragged(tmp_path / "values.bin")
    (tmp_path / "values.bin").unlink()
    assert torch.equal(found.select([3]).collate([0])[0], examples[3])


def test_a_file_that_was_cut_is_noticed(tmp_path: Path) -> None:
    found, _ = _ragged(tmp_path / "values.bin")
    with (tmp_path / "values.bin").open("r+b") as file:
        file.truncate(20)
    with pytest.raises(OSError, match="cut"):
        found.collate([0, 1, 2, 3])
