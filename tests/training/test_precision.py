"""The compute type follows the instructions that the processor has."""

from __future__ import annotations

import pytest
import torch

from alih.progress import Progress
from alih.training.precision import choose

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tests are told to compute in fp32; see conftest.py."""
    monkeypatch.delenv("ALIH_PRECISION")


def test_a_cpu_without_bf16_tiles_computes_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose(CPU) == "fp32"


def test_a_cpu_with_bf16_tiles_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert choose(CPU) == "bf16"


@pytest.mark.parametrize(("capability", "expected"), [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "fp16")])
def test_a_gpu_uses_what_its_generation_has(
    capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert choose(torch.device("cuda", 0)) == expected


def test_a_slow_choice_of_the_user_is_honoured_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose(CPU, "bf16", Progress()) == "bf16"
    assert "slower" in capsys.readouterr().err
    assert choose(CPU, "fp32", Progress()) == "fp32"
    assert capsys.readouterr().err == ""


def test_the_environment_keeps_to_fp32_where_nothing_else_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setenv("ALIH_PRECISION", "fp32")
    assert choose(CPU) == "fp32"
    assert choose(CPU, "bf16") == "bf16"
