"""Embedding models compared, adapted by every route, handed over, evaluated and gone on with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModel

import alih
from alih.cli.main import main
from alih.compare.compare import adapt, compare, foresee, resume
from alih.compare.opening import open_adapted
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.errors import OptionError, RunError
from alih.progress import Progress
from alih.rag.embed import Embedder
from alih.tasks.retrieval.adapted import AdaptedEmbedder
from alih.tasks.retrieval.task import Retrieval
from tests.tasks.retrieval.conftest import ROWS

_QUIET = Progress(quiet=True)
RATE = 3e-3
RATES = dict.fromkeys(("finetune", "lora", "qalora", "qlora", "scratch"), RATE)


def _options(place: Path, runs: Path, **more: Any) -> Options:
    basic = {"task": "retrieval", "model": str(place / "tiny"), "runs": str(runs), "batch_size": 8}
    return Options.from_mapping({**basic, **more})


def _adapted(place: Path, runs: Path, route: str, **more: Any) -> Any:
    trained = {} if route == "zero-shot" else {"learning_rate": RATE, "epochs": 6}
    return adapt(place / "pairs.jsonl", route, _options(place, runs, **{**trained, **more}), _QUIET)


@pytest.mark.parametrize("route", ["zero-shot", "finetune", "lora", "qalora", "qlora", "scratch"])
def test_every_route_hands_over_a_model_that_ranks_from_disk_as_it_did(place: Path, tmp_path: Path, route: str) -> None:
    if route == "qlora":
        pytest.importorskip("bitsandbytes")
    found = _adapted(place, tmp_path, route, validation=0.2)
    assert found.handed_over is not None
    assert found.handed_over.agrees
    assert found.handed_over.largest_difference < 1e-3
    trial = found.trials[-1]
    if route in ("finetune", "scratch"):  # the others have hardly moved in so few steps
        first = trial.history[0]["validation_loss"]
        best = min(point["validation_loss"] for point in trial.history if point["validation_loss"] is not None)
        assert best < first
        chosen = next(p for p in trial.history if p["epoch"] == trial.best_epoch)
        assert chosen["validation_loss"] == best
    if route == "lora":
        assert trial.scope.trainable < trial.scope.total
        adapted = PeftModel.from_pretrained(AutoModel.from_pretrained(place / "tiny"), found.folder.path / "adapter")
        plain = AutoModel.from_pretrained(found.folder.model)
        ids = torch.tensor([[5, 6, 7]])
        expected = plain.eval()(input_ids=ids).last_hidden_state
        torch.testing.assert_close(adapted.eval()(input_ids=ids).last_hidden_state, expected, atol=1e-4, rtol=1e-4)


def test_a_comparison_has_what_every_comparison_has(place: Path, tmp_path: Path) -> None:
    chosen = {"learning_rate": RATES, "epochs": 4, "seeds": 2, "shifted": str(place / "pairs.jsonl")}
    found = compare(place / "pairs.jsonl", _options(place, tmp_path, **chosen), _QUIET)
    assert {record["route"] for record in found.records} >= {"zero-shot", "finetune", "lora"}
    assert found.decision.metric == "mrr@10"
    assert found.handed_over is not None
    assert found.handed_over.test is not None
    assert set(found.handed_over.test.metrics) == {"mrr@10", "recall@1", "recall@10", "ndcg@10", "ranking_loss"}
    as_it_is = next(trial for trial in found.trials if trial.route == "zero-shot" and trial.purpose == "full")
    assert as_it_is.scope.trainable == 0
    assert as_it_is.closer is not None
    assert set(as_it_is.closer.others) == {"pairs.jsonl"}
    assert isinstance(found.best, AdaptedEmbedder)
    for language in ("en", "id"):
        assert "mrr@10" in found.html(language)  # type: ignore[arg-type]


def test_a_rate_is_searched_by_the_ranking_loss_alone(place: Path, tmp_path: Path) -> None:
    found = adapt(place / "pairs.jsonl", "finetune", _options(place, tmp_path, epochs=2), _QUIET)
    searched = [trial for trial in found.trials if trial.purpose == "search"]
    assert len(searched) >= 3
    assert all(set(trial.metrics) == {"ranking_loss"} for trial in searched)
    assert (
        found.records[0]["learning_rate"]
        == min(searched, key=lambda t: t.metrics["ranking_loss"]).setting["learning_rate"]
    )


def test_what_it_takes_is_foreseen_for_every_variant(place: Path, tmp_path: Path) -> None:
    found = foresee(place / "pairs.jsonl", _options(place, tmp_path, epochs=2), _QUIET)
    assert [one.label for one in found] == ["zero-shot", "finetune top 1 of 2", "finetune all 2", "lora"]
    assert all(one.seconds >= 0 and one.peak_memory_bytes > 0 for one in found)
    assert not list(tmp_path.iterdir())


def test_a_model_without_blocks_is_not_trained_and_says_so(place: Path) -> None:
    pretrained = Embedder(str(place / "tiny")).pretrained
    task = Retrieval(None)
    assert task.cannot_train(pretrained, random_weights=False) is None
    bare = replace(pretrained, anatomy=replace(pretrained.anatomy, blocks=()))
    assert "no ordered list of blocks" in (task.cannot_train(bare, random_weights=False) or "")


def test_a_library_opens_what_was_handed_over(place: Path, tmp_path: Path) -> None:
    found = _adapted(place, tmp_path, "finetune", epochs=1)
    (tmp_path / "doc.md").write_text("# Shops\n\nThe shop in the street has thingaa and more.\n", encoding="utf-8")
    library = alih.Library("shops", root=tmp_path / "libraries", model=str(found.folder.model))
    library.add(tmp_path / "doc.md")
    assert library.search("who sells thingaa")[0].text
    more = {"library": "shops", "libraries": str(tmp_path / "libraries"), "hard_negatives": 2, "epochs": 1}
    again = _adapted(place, tmp_path, "finetune", **more)
    assert again.folder.spec["options"]["library"] == "shops"
    assert again.handed_over is not None
    assert again.handed_over.agrees


class Killed(BaseException):
    """What nothing catches, as kill -9 is caught by nothing."""


def test_a_killed_comparison_goes_on_to_the_same_model(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"routes": "finetune,lora", "learning_rate": RATES, "epochs": 2, "seeds": 1, "plan": "full"}
    whole = compare(place / "pairs.jsonl", _options(place, tmp_path / "whole", **chosen), _QUIET)
    real, written = RunFolder.append, 0

    def append(self: RunFolder, *arguments: Any) -> None:
        nonlocal written
        if written == 2:
            raise Killed
        real(self, *arguments)
        written += 1

    monkeypatch.setattr(RunFolder, "append", append)
    with pytest.raises(Killed):
        compare(place / "pairs.jsonl", _options(place, tmp_path / "cut", **chosen), _QUIET)
    monkeypatch.setattr(RunFolder, "append", real)
    folder = next(path for path in (tmp_path / "cut").iterdir() if (path / "spec.json").is_file())
    again = resume(folder, progress=_QUIET)
    for one, other in zip(whole.trials, again.trials, strict=True):
        assert (one.id, one.metrics) == (other.id, other.metrics)
        first, second = whole.folder.predictions(one), again.folder.predictions(other)
        assert all(np.array_equal(first[name], second[name]) for name in first)
    files = [run.folder.model / "model.safetensors" for run in (whole, again)]
    assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(RunError, match="complete"):
        resume(folder, progress=_QUIET)


def test_a_run_whose_pairs_have_changed_is_not_gone_on_with(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "pairs.jsonl"
    data.write_text((place / "pairs.jsonl").read_text(encoding="utf-8"), encoding="utf-8")

    def killed(self: RunFolder, *arguments: Any) -> None:
        raise Killed

    options = _options(place, tmp_path / "runs", learning_rate=RATE, epochs=1)
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "append", killed)
        with pytest.raises(Killed):
            adapt(data, "finetune", options, _QUIET)
    data.write_text(data.read_text(encoding="utf-8").replace("street", "market", 1), encoding="utf-8")
    folder = next(path for path in (tmp_path / "runs").iterdir() if (path / "spec.json").is_file())
    with pytest.raises(RunError, match="has changed"):
        resume(folder, progress=_QUIET)


def test_a_model_that_was_not_adapted_is_evaluated_too(place: Path, tmp_path: Path) -> None:
    run = _adapted(place, tmp_path, "zero-shot")
    opened = open_adapted(run.folder.path)
    plain = AdaptedEmbedder.open(place / "tiny", _QUIET)
    scores, before = opened.evaluate(place / "pairs.jsonl"), plain.evaluate(place / "pairs.jsonl")
    assert scores.metrics == pytest.approx(before.metrics, abs=1e-5)
    sizes = run.folder.spec["data"]["examples"]
    assert (scores.examples, scores.trained_on, before.trained_on) == (len(ROWS), sizes["train"], None)
    np.testing.assert_allclose(
        plain.query(ROWS[0]["question"]), Embedder(str(place / "tiny")).query("who sells thingaa")
    )
    assert plain.passages(["a", "b"]).shape == (2, 32)


def test_the_command_line_compares_adapts_scores_and_refuses(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, model, last = str(place / "pairs.jsonl"), str(place / "tiny"), str(tmp_path / "runs" / "last")
    common = ["--task=embedding", f"--model={model}", f"--runs={tmp_path / 'runs'}", "--batch-size=8"]
    assert main(["adapt", data, *common, "--max-time=60s", "--epochs=1"]) == 0
    assert "mrr@10" in capsys.readouterr().out
    assert main(["evaluate", last, data, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["examples"], told["primary"]) == (len(ROWS), "mrr@10")
    assert "recall@10" in told["metrics"]
    assert main(["report", last]) == 0
    assert main(["compare", data, *common, "--routes=zero-shot", "--seeds=1"]) == 0
    for command, words in [
        (["adapt", data, *common, "--route=transfer"], "no route"),
        (["adapt", data, *common, "--rank=4"], "--rank"),
        (["adapt", data, *common, "--blocks=9"], "--blocks"),
        (["adapt", data, *common, "--beam=3"], "--beam"),
        (["adapt", data, "--task=classification", "--hard-negatives=2"], "--hard-negatives"),
        (["evaluate", last, data, "--text=question"], "--text"),
        (["evaluate", last, data, "--metric=bleu"], "--metric"),
        (["predict", last, "a text"], "makes vectors"),
    ]:
        capsys.readouterr()
        assert main(command) == 2
        assert words in capsys.readouterr().err


def test_the_task_is_known_by_the_columns_and_said(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options.from_mapping({"model": str(place / "tiny"), "runs": str(tmp_path), "routes": "zero-shot"})
    found = compare(place / "pairs.jsonl", options, Progress())
    assert found.folder.spec["task"]["name"] == "retrieval"
    assert "questions with the passages that answer them" in capsys.readouterr().err


def test_python_has_what_the_command_line_has(place: Path, tmp_path: Path) -> None:
    data, model = str(place / "pairs.jsonl"), str(place / "tiny")
    found = alih.adapt(data, model, task="embedding", epochs=1, learning_rate=1e-3, runs=str(tmp_path), batch_size=8)
    assert found.query("who sells thingaa").shape == (32,)
    again = alih.open(tmp_path / "last")
    assert isinstance(again, AdaptedEmbedder)
    np.testing.assert_array_equal(again.query("who sells thingaa"), found.query("who sells thingaa"))
    with pytest.raises(OptionError, match="as a path"):
        alih.adapt(["text"], task="retrieval")  # type: ignore[call-overload]
