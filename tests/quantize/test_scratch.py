"""Rows in memory that is used again, against rows in fresh memory."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from alih.quantize import scratch
from alih.quantize.groups import BITS, GroupFormat, GroupQuantized, dequantize, quantize
from alih.quantize.scratch import dense_rows


def _quantized(form: GroupFormat, inputs: int = 50, dtype: torch.dtype = torch.float32) -> GroupQuantized:
    return quantize(torch.randn(20, inputs, generator=torch.Generator().manual_seed(0), dtype=dtype), form)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_those_of_dequantising(bits: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    form = GroupFormat(bits, 16)
    quantized = _quantized(form, dtype=dtype)
    monkeypatch.setattr(scratch, "_AT_A_TIME", 3 * 64)
    rows = dense_rows(quantized, form, 50)
    assert rows.dtype == dtype
    assert torch.equal(rows, dequantize(quantized, form, 50))


def test_memory_is_used_again_by_the_next_call() -> None:
    form = GroupFormat(4, 16)
    first = dense_rows(_quantized(form), form, 50)
    second = dense_rows(_quantized(form, 40), form, 40)
    assert first.data_ptr() == second.data_ptr()


def test_memory_made_in_inference_mode_serves_outside_it() -> None:
    form = GroupFormat(4, 16)
    quantized = _quantized(form)

    def both() -> None:
        with torch.inference_mode():
            dense_rows(quantized, form, 50)
        found.append(dense_rows(quantized, form, 50).clone())

    found: list[Tensor] = []
    thread = threading.Thread(target=both)  # a thread begins without memory
    thread.start()
    thread.join()
    assert torch.equal(found[0], dequantize(quantized, form, 50))


def test_threads_do_not_share_memory() -> None:
    form = GroupFormat(4, 16)
    quantized = _quantized(form)
    here = dense_rows(quantized, form, 50)
    there: list[int] = []
    thread = threading.Thread(target=lambda: there.append(dense_rows(quantized, form, 50).data_ptr()))
    thread.start()
    thread.join()
    assert there[0] != here.data_ptr()
