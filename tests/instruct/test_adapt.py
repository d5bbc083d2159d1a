"""A language model adapted from data to a folder that is opened again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from alih.cli.main import main
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.errors import DataError, OptionError, RunError
from alih.instruct import job
from alih.instruct.adapt import adapt, resume
from alih.instruct.writer import Writer
from alih.progress import Progress

from .tiny import ROWS, folder, write

_QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Llama."""
    return folder(tmp_path_factory.mktemp("generation") / "tiny")


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Passages that have nothing to do with the task."""
    path = tmp_path_factory.mktemp("general") / "general.txt"
    path.write_text("The sea is deep and blue.\n\nBirds fly south in autumn.\n", encoding="utf-8")
    return path


def _options(model: Path, general: Path, runs: Path, **more: Any) -> Options:
    basic = {"model": str(model), "general": str(general), "runs": str(runs), "steps": 12, "max_new_tokens": 12}
    return Options.from_mapping({**basic, **more})


@pytest.mark.parametrize("route", ["lora", "finetune", "scratch", "qlora", "qalora"])
def test_every_route_learns_and_hands_over_a_plain_folder(
    tmp_path: Path, model: Path, general: Path, route: str
) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    result = adapt(data, _options(model, general, tmp_path, route=route, learning_rate=0.01), _QUIET)
    assert result.agrees
    losses = [point.validation_loss for point in result.outcome.curve]
    assert losses[-1] < losses[0] - (0.1 if route == "qalora" else 0.3)  # few groups, few adapter weights
    assert {"exact_match", "token_f1", "rouge_l"} <= set(result.outcome.curve[0].scores)
    assert (result.forgetting is None) is (route == "scratch")
    told = json.loads((result.folder / "report.json").read_text(encoding="utf-8"))
    assert told["generation"]["validation_loss"]["after_merge"] == pytest.approx(result.unmerged_loss, rel=1e-3)
    assert not (result.folder / "training.pt").exists()
    again = AutoModelForCausalLM.from_pretrained(result.folder / "model")
    ids = torch.tensor([[1, 20, 30]])
    expected = Writer.open(tmp_path / "last").opened.model(input_ids=ids).logits
    torch.testing.assert_close(again(input_ids=ids).logits, expected)
    assert AutoTokenizer.from_pretrained(result.folder / "model").chat_template


def test_the_adapter_folder_opens_in_peft_and_merges_to_the_same_model(
    tmp_path: Path, model: Path, general: Path
) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    result = adapt(data, _options(model, general, tmp_path, learning_rate=0.01), _QUIET)
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), result.folder / "adapter")
    merged = AutoModelForCausalLM.from_pretrained(result.folder / "model")
    ids = torch.tensor([[1, 20, 30, 40]])
    torch.testing.assert_close(adapted(input_ids=ids).logits, merged(input_ids=ids).logits, atol=1e-4, rtol=1e-4)


def test_a_stopped_run_goes_on_to_the_same_weights(
    tmp_path: Path, model: Path, general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    whole = adapt(data, _options(model, general, tmp_path / "a", route="finetune", learning_rate=0.01), _QUIET)
    real, calls = job.objective, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(job, "objective", interrupted)
    part = adapt(data, _options(model, general, tmp_path / "b", route="finetune", learning_rate=0.01), _QUIET)
    assert part.interrupted
    assert part.outcome.steps == 7
    monkeypatch.setattr(job, "objective", real)
    gone_on = resume(part.folder, progress=_QUIET)
    assert not gone_on.interrupted
    first, second = (
        AutoModelForCausalLM.from_pretrained(one.folder / "model").state_dict() for one in (whole, gone_on)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(RunError, match="complete"):
        resume(part.folder, progress=_QUIET)


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_last_good_weights(
    tmp_path: Path, model: Path, general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = job.objective, []

    def broken(module: Any, batch: Any) -> Any:
        loss, count = real(module, batch)
        calls.append(1)
        return (loss * float("nan") if len(calls) > 6 else loss), count

    monkeypatch.setattr(job, "objective", broken)
    data = write(tmp_path / "data.jsonl", ROWS)
    result = adapt(data, _options(model, general, tmp_path, route="finetune", learning_rate=0.01), _QUIET)
    assert result.outcome.stopped == "diverged"
    assert result.outcome.best_step in {2, 4, 6}
    assert "no number" in str(result)
    assert all(bool(torch.isfinite(value).all()) for value in Writer.open(result.folder).opened.model.parameters())


def test_learning_rates_are_tried_and_written_down(tmp_path: Path, model: Path, general: Path) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    result = adapt(data, _options(model, general, tmp_path, steps=30), _QUIET)
    assert len(result.tried) >= 3
    assert result.rate == min(result.tried, key=lambda rate: result.tried[rate])


def test_plain_text_is_learnt_by_perplexity(tmp_path: Path, model: Path, general: Path) -> None:
    data = tmp_path / "book.txt"
    data.write_text("\n\n".join(f"The number is {n}." for n in range(30)), encoding="utf-8")
    result = adapt(data, _options(model, general, tmp_path, route="finetune", learning_rate=0.01), _QUIET)
    assert result.metric == "perplexity"
    assert result.before is not None
    assert result.test.perplexity < result.before.perplexity
    with pytest.raises(DataError, match="--metric"):
        adapt(data, _options(model, general, tmp_path, metric="rouge_l"), _QUIET)


def test_the_time_limit_ends_training_with_a_model(tmp_path: Path, model: Path, general: Path) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    result = adapt(data, _options(model, general, tmp_path, steps=3000, max_time="1s"), _QUIET)
    assert result.outcome.stopped == "deadline"
    assert (result.folder / "model" / "config.json").is_file()


def test_data_that_changed_since_are_refused(
    tmp_path: Path, model: Path, general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)

    def stop(*_: Any, **__: Any) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "objective", stop)
    part = adapt(data, _options(model, general, tmp_path, learning_rate=0.01), _QUIET)
    write(data, ROWS[:-1])
    with pytest.raises(RunError, match="has changed since"):
        resume(part.folder, progress=_QUIET)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"route": "transfer"}, "new head"),
        ({"routes": "lora,transfer"}, "new head"),
        ({"route": "nonsense"}, "no route"),
        ({"route": "finetune", "rank": 4}, "--rank"),
        ({"metric": "bleu"}, "--metric"),
        ({"steps": 0}, "--steps"),
        ({"steps": 3, "epochs": 2}, "--steps"),
        ({"shots": 3}, "--shots"),
        ({"bits": 2}, "--bits"),
        ({"lora_targets": "attention"}, "--lora-targets"),
        ({"stepps": 3}, "did you mean"),
        ({"batching": "random"}, "--batching"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=f"(?i){words}"):
        Options.from_mapping(options).for_task("generation", "compare" if "routes" in options else "adapt")


def test_the_command_line_adapts_writes_scores_and_refuses(
    tmp_path: Path, model: Path, general: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, runs = write(tmp_path / "data.jsonl", ROWS), tmp_path / "runs"
    common = ["--task=generation", f"--model={model}", f"--general={general}", f"--runs={runs}", "--max-new-tokens=12"]
    assert main(["adapt", str(data), *common, "--steps=12", "--learning-rate=0.01"]) == 0
    assert "Merged: validation loss" in capsys.readouterr().out
    assert main(["generate", str(runs / "last"), "Say number 3.", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prompt"] == "Say number 3."
    output = tmp_path / "answers.jsonl"
    assert main(["generate", str(runs / "last"), str(data), "-o", str(output)]) == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == len(ROWS)
    assert main(["evaluate", str(runs / "last"), str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answered"] == len(ROWS)
    assert main(["predict", str(runs / "last"), "a text"]) == 2
    assert "alih generate" in capsys.readouterr().err
    assert main(["resume", str(runs / "last")]) == 2
    assert "complete" in capsys.readouterr().err
    assert main(["adapt", str(data), "--chat-template=default"]) == 2
    assert "--task generation" in capsys.readouterr().err
    assert main(["adapt", str(data), *common, "--prefix=x"]) == 2
    assert "--prefix" in capsys.readouterr().err
    bad = write(tmp_path / "bad.jsonl", [*ROWS, {"instruction": "x", "output": ""}])
    assert main(["adapt", str(bad), *common]) == 2
    assert f"row {len(ROWS) + 1}" in capsys.readouterr().err
    assert len(list(runs.glob("*-*"))) == 1, "nothing was begun for what was refused"
    assert RunFolder.open(runs / "last").is_complete
