"""A language model adapted from data to a folder that is opened again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from alih.cli.main import main
from alih.compare.compare import adapt, resume
from alih.compare.comparison import Comparison
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.errors import OptionError, RunError
from alih.progress import Progress
from alih.tasks.generation import task as module
from alih.tasks.generation.adapted import AdaptedWriter

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
    basic = {
        "task": "generation", "model": str(model), "general": str(general), "runs": str(runs), "steps": 12,
        "max_new_tokens": 12, "learning_rate": 0.01,
    }  # fmt: skip
    return Options.from_mapping({**basic, **more})


def _adapt(data: Path, options: Options) -> Comparison:
    return adapt(data, None, options, _QUIET)


def _losses(result: Comparison) -> list[float]:
    return [point["validation_loss"] for point in result.trials[-1].history]


@pytest.mark.parametrize("route", ["lora", "finetune", "scratch", "qlora", "qalora"])
def test_every_route_learns_and_hands_over_a_plain_folder(
    tmp_path: Path, model: Path, general: Path, route: str
) -> None:
    more = {"group_size": 16} if route == "qalora" else {}
    data = write(tmp_path / "data.jsonl", ROWS)
    result = _adapt(data, _options(model, general, tmp_path, route=route, **more))
    assert result.handed_over is not None
    assert result.handed_over.agrees
    losses = _losses(result)
    assert losses[-1] < losses[0] - (0.1 if route == "qalora" else 0.3)  # few groups, few adapter weights
    (trial,) = (trial for trial in result.trials if trial.purpose == "full")
    assert {"exact_match", "token_f1", "rouge_l", "perplexity"} <= set(trial.metrics)
    assert (trial.closer is None or trial.closer.general is None) is (route == "scratch")
    if route in {"lora", "qlora", "qalora"}:
        assert trial.merged is not None
        assert trial.merged.metrics["perplexity"] == pytest.approx(trial.merged.before["perplexity"], rel=1e-3)
    again = AutoModelForCausalLM.from_pretrained(result.folder.model)
    ids = torch.tensor([[1, 20, 30]])
    expected = AdaptedWriter.open(tmp_path / "last").pretrained.model(input_ids=ids).logits
    torch.testing.assert_close(again(input_ids=ids).logits, expected)
    assert AutoTokenizer.from_pretrained(result.folder.model).chat_template


def test_the_adapter_folder_opens_in_peft_and_merges_to_the_same_model(
    tmp_path: Path, model: Path, general: Path
) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    result = _adapt(data, _options(model, general, tmp_path))
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), result.folder.path / "adapter")
    merged = AutoModelForCausalLM.from_pretrained(result.folder.model)
    ids = torch.tensor([[1, 20, 30, 40]])
    torch.testing.assert_close(adapted(input_ids=ids).logits, merged(input_ids=ids).logits, atol=1e-4, rtol=1e-4)


def test_what_was_forgotten_is_the_rise_of_the_loss_on_general_text(tmp_path: Path, model: Path, general: Path) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    result = _adapt(data, _options(model, general, tmp_path, route="finetune"))
    closer = result.trials[-1].closer
    assert closer is not None

    def loss(path: Path) -> float:
        opened, tokenizer = AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path)
        total, count = 0.0, 0
        for passage in general.read_text(encoding="utf-8").strip().split("\n\n"):
            ids = tokenizer(passage, return_tensors="pt")["input_ids"]
            total += float(opened(input_ids=ids, labels=ids).loss.detach()) * (ids.shape[1] - 1)
            count += ids.shape[1] - 1
        return total / count

    assert closer.general == pytest.approx(loss(result.folder.model) - loss(model), abs=1e-4)


def test_a_stopped_run_goes_on_to_the_same_weights(
    tmp_path: Path, model: Path, general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    whole = _adapt(data, _options(model, general, tmp_path / "a", route="finetune"))
    real, calls = module.objective, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "objective", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _adapt(data, _options(model, general, tmp_path / "b", route="finetune"))
    monkeypatch.setattr(module, "objective", real)
    stopped = next(path.parent for path in (tmp_path / "b").glob("*/spec.json"))
    gone_on = resume(stopped, progress=_QUIET)
    assert not gone_on.interrupted
    first, second = (AutoModelForCausalLM.from_pretrained(one.folder.model).state_dict() for one in (whole, gone_on))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(RunError, match="complete"):
        resume(stopped, progress=_QUIET)


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_last_good_weights(
    tmp_path: Path, model: Path, general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = module.objective, []

    def broken(scorer: Any, batch: Any) -> Any:
        loss, count = real(scorer, batch)
        calls.append(1)
        return (loss * float("nan") if len(calls) > 6 else loss), count

    monkeypatch.setattr(module, "objective", broken)
    data = write(tmp_path / "data.jsonl", ROWS)
    result = _adapt(data, _options(model, general, tmp_path, route="finetune"))
    assert result.trials[-1].stopped == "diverged"
    assert "diverged" in str(result)
    opened = AdaptedWriter.open(result.folder.path).pretrained.model
    assert all(bool(torch.isfinite(value).all()) for value in opened.parameters())


def test_learning_rates_are_tried_without_writing_answers(
    tmp_path: Path, model: Path, general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = module.Writer.answer
    monkeypatch.setattr(module.Writer, "answer", lambda *a, **b: written.append(1) or real(*a, **b))
    data = write(tmp_path / "data.jsonl", ROWS)
    options = _options(model, general, tmp_path, steps=30)
    result = _adapt(data, replace(options, learning_rate=None))
    tried = [trial for trial in result.trials if trial.purpose == "search"]
    assert len(tried) >= 3
    assert all(set(trial.metrics) == {"perplexity"} for trial in tried)
    best = min(tried, key=lambda trial: trial.metrics["perplexity"])
    assert result.trials[-1].setting["learning_rate"] == best.setting["learning_rate"]


def test_plain_text_is_learnt_by_perplexity(tmp_path: Path, model: Path, general: Path) -> None:
    data = tmp_path / "book.txt"
    data.write_text("\n\n".join(f"The number is {n}." for n in range(30)), encoding="utf-8")
    result = _adapt(data, _options(model, general, tmp_path, route="finetune"))
    assert result.decision.metric == "perplexity"
    assert result.handed_over is not None
    assert result.handed_over.test is not None
    before = AdaptedWriter.open(model, progress=_QUIET).evaluate(data).metrics["perplexity"]
    assert result.handed_over.test.metrics["perplexity"] < before
    with pytest.raises(OptionError, match="--metric"):
        _adapt(data, _options(model, general, tmp_path, metric="rouge_l"))


def test_the_time_limit_ends_training_with_a_model(tmp_path: Path, model: Path, general: Path) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)
    result = _adapt(data, _options(model, general, tmp_path, steps=3000, max_time="1s"))
    assert result.trials[-1].stopped == "deadline"
    assert (result.folder.model / "config.json").is_file()


def test_data_that_changed_since_are_refused(
    tmp_path: Path, model: Path, general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "data.jsonl", ROWS)

    def stop(*_: Any, **__: Any) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "objective", stop)
    with pytest.raises(KeyboardInterrupt):
        _adapt(data, _options(model, general, tmp_path))
    write(data, ROWS[:-1])
    with pytest.raises(RunError, match="has changed since"):
        resume(next(path.parent for path in tmp_path.glob("*/spec.json")), progress=_QUIET)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"route": "transfer"}, "new head"),
        ({"route": "nonsense"}, "no route"),
        ({"route": "finetune", "rank": 4}, "--rank"),
        ({"metric": "bleu"}, "--metric"),
        ({"steps": 0}, "--steps"),
        ({"steps": 3, "epochs": 2}, "--steps"),
        ({"shots": 3}, "--shots"),
        ({"bits": 2}, "--bits"),
        ({"text": "prompt"}, "--text"),
        ({"stepps": 3}, "did you mean"),
        ({"batching": "random"}, "--batching"),
        ({"batch_tokens": 4}, "--batch-tokens"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=f"(?i){words}"):
        Options.from_mapping(options).for_task("generation", "adapt")


def test_the_command_line_adapts_writes_scores_and_refuses(
    tmp_path: Path, model: Path, general: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, runs = write(tmp_path / "data.jsonl", ROWS), tmp_path / "runs"
    common = ["--task=generation", f"--model={model}", f"--general={general}", f"--runs={runs}", "--max-new-tokens=12"]
    assert main(["adapt", str(data), *common, "--steps=12", "--learning-rate=0.01"]) == 0
    assert "forgotten, nats a token" in capsys.readouterr().out
    assert main(["generate", str(runs / "last"), "Say number 3.", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prompt"] == "Say number 3."
    output = tmp_path / "answers.jsonl"
    assert main(["generate", str(runs / "last"), str(data), "-o", str(output)]) == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == len(ROWS)
    assert main(["evaluate", str(runs / "last"), str(data), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert (scores["examples"], scores["primary"]) == (len(ROWS), "rouge_l")
    assert main(["evaluate", str(runs / "last"), str(data), "--json", "--metric=perplexity"]) == 0
    assert json.loads(capsys.readouterr().out)["primary"] == "perplexity"
    assert main(["predict", str(runs / "last"), "a text"]) == 2
    assert "alih generate" in capsys.readouterr().err
    assert main(["resume", str(runs / "last")]) == 2
    assert "complete" in capsys.readouterr().err
    assert main(["adapt", str(data), *common, "--prefix=x"]) == 2
    assert "--prefix" in capsys.readouterr().err
    bad = write(tmp_path / "bad.jsonl", [*ROWS, {"instruction": "x", "output": ""}])
    assert main(["adapt", str(bad), *common]) == 2
    assert f"row {len(ROWS) + 1}" in capsys.readouterr().err
    assert len(list(runs.glob("*-*"))) == 1, "nothing was begun for what was refused"
    assert RunFolder.open(runs / "last").is_complete
