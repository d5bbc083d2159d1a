"""Routes of a model that writes, side by side: measured, decided, handed over, gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alih.cli.main import main
from alih.compare.compare import compare, foresee, resume
from alih.compare.options import Options
from alih.compare.report.from_run import report_data
from alih.compare.runfolder import RunFolder
from alih.errors import OptionError, RunError
from alih.progress import Progress
from alih.tasks.generation import task as module
from alih.tasks.generation.adapted import AdaptedWriter

from .tiny import ROWS, folder, write

_QUIET = Progress(quiet=True)
_ROUTES = "zero-shot,few-shot,finetune,lora,qlora,qalora,scratch"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a tiny Llama, general text and data."""
    path = tmp_path_factory.mktemp("comparison")
    folder(path / "tiny")
    (path / "general.txt").write_text("The sea is deep and blue.\n\nBirds fly south in autumn.\n", encoding="utf-8")
    write(path / "data.jsonl", ROWS)
    return path


def _options(place: Path, runs: Path, **more: Any) -> Options:
    basic = {
        "task": "generation", "model": str(place / "tiny"), "general": str(place / "general.txt"), "runs": str(runs),
        "max_new_tokens": 10, "seeds": 1,
    }  # fmt: skip
    trains = set(more["routes"].split(",")) - {"zero-shot", "few-shot"}
    if trains:
        basic |= {"steps": 8, "learning_rate": 0.01}
    if trains - {"scratch"}:
        basic |= {"blocks": "all"}
    return Options.from_mapping({**basic, **more})


def test_every_route_is_measured_on_the_same_examples_and_the_chosen_one_handed_over(
    place: Path, tmp_path: Path
) -> None:
    options = _options(place, tmp_path, routes=_ROUTES, shots=2, group_size=16, plan="full")
    result = compare(place / "data.jsonl", options, _QUIET)
    by_route = {record["route"]: record for record in result.records}
    assert set(by_route) == set(_ROUTES.split(","))
    assert not result.skipped
    for route, record in by_route.items():
        assert record["score"]["low"] <= record["score"]["point"] <= record["score"]["high"]
        assert (record["merged"] is not None) is (route in {"lora", "qlora", "qalora"})
    changes = {route: record["closer"]["general"] for route, record in by_route.items()}
    assert (changes["zero-shot"], changes["few-shot"], changes["scratch"]) == (0.0, 0.0, None)
    assert changes["finetune"] != 0.0
    assert by_route["few-shot"]["tokens"] > by_route["zero-shot"]["tokens"]
    assert by_route["few-shot"]["scope"]["trainable"] == 0 < by_route["lora"]["scope"]["trainable"]
    assert by_route["finetune"]["scope"]["layers"] == "everything"
    assert by_route["lora"]["scope"]["layers"] == "adapters"
    assert RunFolder.open(result.folder.path).is_complete
    data = report_data(result.folder)
    assert data.choice is not None
    assert data.choice.chosen == result.decision.chosen
    assert data.answers[0].prompt in result.html("id")
    assert data.answers[0].reference == {r["instruction"]: r["output"] for r in ROWS}[data.answers[0].prompt]


def test_a_forecast_names_every_route_and_writes_nothing(place: Path, tmp_path: Path) -> None:
    found = foresee(place / "data.jsonl", _options(place, tmp_path / "runs", routes="zero-shot,finetune,lora"), _QUIET)
    assert [one.label for one in found] == ["zero-shot", "finetune all 2", "lora"]
    assert all(one.seconds > 0 and one.peak_memory_bytes > 0 for one in found[1:])
    assert not (tmp_path / "runs").exists()


def test_a_comparison_that_was_stopped_goes_on_to_the_same_result(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = {"routes": "zero-shot,finetune,lora", "plan": "full"}
    whole = compare(place / "data.jsonl", _options(place, tmp_path / "a", **routes), _QUIET)
    real, calls = module.objective, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 12:  # in the middle of the second route that trains
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "objective", interrupted)
    part = compare(place / "data.jsonl", _options(place, tmp_path / "b", **routes), _QUIET)
    assert part.interrupted
    assert part.best.ask("Say number 3.") is not None  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "objective", real)
    gone_on = resume(part.folder.path, progress=_QUIET)
    assert [one["metrics"] for one in gone_on.records] == [one["metrics"] for one in whole.records]
    assert [one["closer"] for one in gone_on.records] == [one["closer"] for one in whole.records]
    assert gone_on.handed_over is not None
    assert whole.handed_over is not None
    assert gone_on.handed_over.test == whole.handed_over.test
    with pytest.raises(RunError, match="complete"):
        resume(part.folder.path, progress=_QUIET)


def test_few_shot_is_handed_over_with_its_examples(place: Path, tmp_path: Path) -> None:
    options = _options(place, tmp_path, routes="few-shot", shots=2, samples=2, reasoning="steps")
    result = compare(place / "data.jsonl", options, _QUIET)
    writer = AdaptedWriter.open(result.folder.path)
    assert (writer.asking.samples, writer.asking.reasoning) == (2, "steps")
    assert [role for role, _ in writer.asking.shots] == ["user", "assistant"] * 2
    answers = {row["instruction"]: row["output"] for row in ROWS}
    for (_, asked), (_, said) in zip(writer.asking.shots[::2], writer.asking.shots[1::2], strict=True):
        assert answers[asked] == said
    assert AdaptedWriter.open(result.folder.path, raw=True).asking.shots == ()


def test_a_route_that_cannot_run_is_named_and_the_rest_goes_on(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alih.routes.nf4.is_available", lambda: False)
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="zero-shot,qlora"), _QUIET)
    assert [one["route"] for one in result.records] == ["zero-shot"]
    assert "bitsandbytes" in str(result)
    with pytest.raises(OptionError, match="bitsandbytes"):
        compare(place / "data.jsonl", _options(place, tmp_path, routes="qlora"), _QUIET)


def test_examples_that_leave_no_room_are_refused_with_what_to_do(place: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--shots"):
        compare(place / "data.jsonl", _options(place, tmp_path, routes="few-shot", shots=30), _QUIET)


def test_plain_text_is_compared_by_perplexity(place: Path, tmp_path: Path) -> None:
    data = tmp_path / "book.txt"
    data.write_text("\n\n".join(f"The number is {n}." for n in range(30)), encoding="utf-8")
    result = compare(data, _options(place, tmp_path, routes="zero-shot,finetune"), _QUIET)
    assert result.decision.metric == "perplexity"
    assert result.decision.best == "finetune all 2"
    scores = {one["route"]: one["score"]["point"] for one in result.records}
    assert scores["finetune"] < scores["zero-shot"]
    with pytest.raises(OptionError, match="no answers that could be shown"):
        compare(data, _options(place, tmp_path, routes="few-shot"), _QUIET)


def test_a_file_from_elsewhere_is_scored_too(place: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", [{"prompt": f"Say {n}.", "completion": f"It is {n}."} for n in range(8)])
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="zero-shot", shifted=str(other)), _QUIET)
    assert set(result.records[0]["closer"]["others"]) == {"other.jsonl"}


def test_the_command_line_compares_reports_and_refuses(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [f"--model={place / 'tiny'}", f"--general={place / 'general.txt'}", f"--runs={tmp_path}"]
    data = str(place / "data.jsonl")
    command = ["compare", data, *common, "--seeds=1", "--max-new-tokens=10", "--steps=4", "--blocks=all"]
    assert main([*command, "--routes=zero-shot,finetune", "--learning-rate=0.01"]) == 0
    captured = capsys.readouterr()
    assert "Task generation: its rows hold an instruction and an output" in captured.err
    assert "* recommended" in captured.out
    assert "forgotten, nats a token" in captured.out
    assert main(["report", str(tmp_path / "last"), "--lang=id"]) == 0
    capsys.readouterr()
    assert main([*command, "--routes=transfer"]) == 2
    assert "new head" in capsys.readouterr().err
    assert main([*command, "--routes=zero-shot,finetune", "--dry-run"]) == 0
    assert "Forecast" in capsys.readouterr().out
    assert main(["compare", data, "--task=classification", "--chat-template=default"]) == 2
    assert "--task generation" in capsys.readouterr().err


def test_python_has_what_the_command_line_has(place: Path, tmp_path: Path) -> None:
    import alih

    common: dict[str, Any] = {"general": str(place / "general.txt"), "runs": str(tmp_path), "max_new_tokens": 8}
    data, model = str(place / "data.jsonl"), str(place / "tiny")
    writer = alih.adapt(data, model, task="generation", route="finetune", steps=4, learning_rate=0.01, **common)
    assert isinstance(writer.ask("Say number 3."), str)
    assert writer.evaluate(data).examples == len(ROWS)
    result = alih.compare(data, model, task="generation", routes="zero-shot", **common)
    assert result.best.ask("Say number 3.") == alih.open(result.folder.path).ask("Say number 3.")  # type: ignore[union-attr,attr-defined]
    with pytest.raises(OptionError, match="as a path"):
        alih.compare(["text"], task="generation")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="is none of"):
        alih.adapt(data, task="summary")  # type: ignore[call-overload]
    with pytest.raises(RunError, match="complete"):
        alih.resume(result.folder.path)


def test_a_run_of_the_version_before_is_recognised_and_said_what_to_do(place: Path, tmp_path: Path) -> None:
    import json

    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="zero-shot"), _QUIET)
    path = result.folder.path / "spec.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["task"] = {"modality": "generation", "kind": "alpaca"}
    path.write_text(json.dumps(told), encoding="utf-8")
    (result.folder.path / "report.json").unlink()
    with pytest.raises(RunError, match="earlier version"):
        resume(result.folder.path, progress=_QUIET)


def test_inspect_takes_a_run_also_one_whose_model_is_quantised(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = _options(place, tmp_path, routes="qalora", group_size=16)
    result = compare(place / "data.jsonl", options, _QUIET)
    assert main(["inspect", str(tmp_path / "last")]) == 0
    assert str(result.folder.path.name) in str((tmp_path / "last").resolve())
    assert "parameters" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "nothing")]) == 2


def test_weights_of_further_seeds_do_not_fill_the_disk(place: Path, tmp_path: Path) -> None:
    options = _options(place, tmp_path, routes="finetune", seeds=3, plan="full")
    result = compare(place / "data.jsonl", options, _QUIET)
    assert result.records[0]["seeds"] == [0, 1, 2]
    assert not result.folder.weights.exists()
