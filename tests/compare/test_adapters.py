"""Comparisons with adapters: resumed, handed over merged, and refused in words where they do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alih.compare.compare import adapt, compare, resume
from alih.compare.options import Options
from alih.compare.report.again import command_again
from alih.compare.runfolder import RunFolder
from alih.errors import ModelError, OptionError
from alih.pretrained.open import load
from alih.progress import Progress
from small_tasks import pictures

QUIET = Progress(quiet=True)


def options(model: Path, runs: Path, **more: Any) -> Options:
    few = {"seeds": 1, "epochs": 1, "plan": "full", "rank": 2, "learning_rate": {"lora": 1e-2, "transfer": 1e-2}}
    return Options.from_mapping({"model": str(model), "runs": str(runs), **few, **more})


def alone(model: Path, runs: Path, **more: Any) -> Options:
    """Options of one adaptation, which has no plan."""
    return options(model, runs, plan=None, **more)


class Killed(BaseException):
    """What nothing catches, as kill -9 is caught by nothing."""


def test_a_resumed_comparison_with_lora_gives_the_same_bits(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"routes": "transfer,lora", "prefer": "best"}
    whole = compare(reviews_csv, options(tiny_bert, tmp_path / "whole", **chosen), QUIET)
    real, written = RunFolder.append, 0

    def append(self: RunFolder, *arguments: Any) -> None:
        nonlocal written
        if written == 2:
            raise Killed
        real(self, *arguments)
        written += 1

    monkeypatch.setattr(RunFolder, "append", append)
    with pytest.raises(Killed):
        compare(reviews_csv, options(tiny_bert, tmp_path / "cut", **chosen), QUIET)
    monkeypatch.setattr(RunFolder, "append", real)
    folder = next(path for path in (tmp_path / "cut").iterdir() if (path / "spec.json").is_file())
    again = resume(folder, progress=QUIET)
    for one, other in zip(whole.trials, again.trials, strict=True):
        assert (one.id, one.metrics, one.merged) == (other.id, other.metrics, other.merged)
        if one.purpose != "search":
            assert np.array_equal(*(run.folder.predictions(it)["logits"] for run, it in ((whole, one), (again, other))))
    files = [run.folder.model / "model.safetensors" for run in (whole, again)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_merged_model_and_its_adapter_are_handed_over(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    found = adapt(reviews_csv, "lora", alone(tiny_bert, tmp_path, learning_rate=1e-2), QUIET)
    record = found.records[0]
    assert found.handed_over is not None
    assert found.handed_over.agrees
    assert record["merged"]["model_bytes"] >= 4 * sum(p.numel() for p in found.best.pretrained.model.parameters())
    assert {path.name for path in (found.folder.path / "adapter").iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert "before and after merging" in str(found)
    assert "--rank=2" in command_again(found.folder.spec)
    with pytest.raises(ModelError, match=r"adapter of .* alone; the merged model is .*model: give that folder"):
        load(found.folder.path / "adapter")


def test_a_route_that_does_not_apply_is_skipped_with_its_reason(tmp_path: Path, tiny_resnet: Path) -> None:
    photos = pictures(tmp_path / "photos")
    rates = {"transfer": 1e-2}
    found = compare(
        photos, options(tiny_resnet, tmp_path / "runs", routes="transfer,qalora", learning_rate=rates), QUIET
    )
    assert found.skipped[0].startswith("qalora: a convolutional network has no linear layers")
    with pytest.raises(OptionError, match="cannot be adapted so: qalora: a convolutional network"):
        adapt(photos, "qalora", alone(tiny_resnet, tmp_path / "runs", learning_rate=1e-2), QUIET)


@pytest.mark.parametrize(
    ("route", "more", "words"),
    [
        ("transfer", {"rank": 4}, "--rank: is read by the routes lora, qlora, qalora"),
        ("lora", {"bits": 3}, "--bits: is read by the route qalora"),
        ("lora", {"bits": 5}, "--bits: must be 2, 3, 4 or 8, not 5"),
        ("lora", {"rank": 0}, "--rank: must be at least 1"),
        ("lora", {"alpha": -1.0}, "--alpha: must be above zero"),
        ("lora", {"lora_targets": "attention,dense"}, "--lora-targets: attention stands alone"),
        ("lora", {"lora_targets": "q_proj"}, "those there are end in: dense, key, query, value"),
    ],
)
def test_flags_that_do_not_fit_are_refused_before_anything_runs(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, route: str, more: dict[str, Any], words: str
) -> None:
    given = {"learning_rate": None, "epochs": None, **more}
    with pytest.raises(OptionError) as caught:
        adapt(reviews_csv, route, alone(tiny_bert, tmp_path / "runs", **given), QUIET)
    assert words in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_calibrated_rounding_is_handed_over_as_it_was_trained(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    found = {}
    for rounding in ("nearest", "calibrated"):
        wanted = alone(tiny_bert, tmp_path, bits=2, rounding=rounding, learning_rate={"qalora": 1e-2})
        run = adapt(reviews_csv, "qalora", wanted, QUIET)
        assert run.handed_over is not None
        assert run.handed_over.agrees
        found[rounding] = run.handed_over.predictions["logits"]
    assert not np.allclose(found["nearest"], found["calibrated"], atol=1e-6)


def test_what_is_merged_into_nf4_again_has_sixteen_values_a_block(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    wanted = alone(tiny_bert, tmp_path, merge="nf4", learning_rate={"qlora": 1e-2})
    run = adapt(reviews_csv, "qlora", wanted, QUIET)
    assert run.handed_over is not None
    assert run.handed_over.agrees
    merged = run.trials[-1].merged
    assert merged is not None
    assert merged.nf4 == merged.metrics
    layer = load(run.folder.model).model.get_submodule("bert.encoder.layer.0.attention.self.query")
    weight = layer.weight.detach().flatten()
    for block in weight.split(64):
        assert len(block.unique()) <= 16
