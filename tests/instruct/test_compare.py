"""Routes of a model that writes, side by side: measured, decided, handed over, gone on with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from alih.cli.main import main
from alih.compare.options import Options
from alih.compare.report.from_run import report_data
from alih.compare.runfolder import RunFolder
from alih.errors import OptionError, RunError
from alih.instruct import compare as comparing
from alih.instruct import job
from alih.instruct.compare import compare, resume
from alih.instruct.writer import Writer
from alih.progress import Progress

from .tiny import ROWS, folder, write

_QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a tiny Llama, general text and data."""
    path = tmp_path_factory.mktemp("comparison")
    folder(path / "tiny")
    (path / "general.txt").write_text("The sea is deep and blue.\n\nBirds fly south in autumn.\n", encoding="utf-8")
    write(path / "data.jsonl", ROWS)
    return path


def _options(place: Path, runs: Path, **more: Any) -> Options:
    basic: dict[str, Any] = {
        "model": str(place / "tiny"), "general": str(place / "general.txt"), "runs": str(runs), "steps": 8,
        "max_new_tokens": 10, "learning_rate": 0.01, "seeds": 1, "group_size": 16,
    }  # fmt: skip
    if "qalora" not in more["routes"]:
        del basic["group_size"]
    if set(more["routes"].split(",")) <= {"zero-shot", "few-shot"}:
        del basic["steps"], basic["learning_rate"]
    return Options.from_mapping({**basic, **more})


def test_every_route_is_measured_on_the_same_examples_and_the_chosen_one_handed_over(
    place: Path, tmp_path: Path
) -> None:
    routes = "zero-shot,few-shot,finetune,lora,qlora,qalora,scratch"
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes=routes, shots=2), _QUIET)
    by_route = {record["route"]: record for record in result.records}
    assert set(by_route) == set(routes.split(","))
    assert not result.skipped
    for route, record in by_route.items():
        assert record["score"]["low"] <= record["score"]["point"] <= record["score"]["high"]
        assert (record["merged_loss"] is not None) is (route in {"lora", "qlora", "qalora"})
        if record["merged_loss"]:
            assert record["merged_loss"][0] == pytest.approx(record["merged_loss"][1], rel=1e-3)
    assert by_route["zero-shot"]["general"]["after"] == by_route["zero-shot"]["general"]["before"]
    assert by_route["finetune"]["general"]["after"] != by_route["zero-shot"]["general"]["before"]
    assert by_route["few-shot"]["tokens_per_answer"][0] > by_route["zero-shot"]["tokens_per_answer"][0]
    assert by_route["few-shot"]["scope"]["trainable"] == 0 < by_route["lora"]["scope"]["trainable"]
    told = json.loads((result.folder / "report.json").read_text(encoding="utf-8"))
    assert told["handed_over"]["test"]["examples"] == result.test.examples
    assert RunFolder.open(result.folder).is_complete
    assert not (result.folder / "routes").exists()
    data = report_data(result.folder)
    assert data.choice is not None
    assert data.choice.chosen == result.decision.chosen
    assert "<html" in result.html("id")


def test_a_comparison_that_was_stopped_goes_on_to_the_same_result(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compare(place / "data.jsonl", _options(place, tmp_path / "a", routes="zero-shot,finetune,lora"), _QUIET)
    real, calls = job.objective, []

    def interrupted(*arguments: Any, **named: Any) -> float:
        calls.append(1)
        if len(calls) == 12:  # in the middle of the second route that trains
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(job, "objective", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(place / "data.jsonl", _options(place, tmp_path / "b", routes="zero-shot,finetune,lora"), _QUIET)
    monkeypatch.setattr(job, "objective", real)
    run = next(path.parent for path in (tmp_path / "b").glob("*/spec.json"))
    gone_on = resume(run, progress=_QUIET)
    assert [one["metrics"] for one in gone_on.records] == [one["metrics"] for one in whole.records]
    assert [one["general"] for one in gone_on.records] == [one["general"] for one in whole.records]
    assert gone_on.test == whole.test
    with pytest.raises(RunError, match="complete"):
        resume(run, progress=_QUIET)


def test_few_shot_is_handed_over_with_its_examples(place: Path, tmp_path: Path) -> None:
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="few-shot", shots=2), _QUIET)
    writer = Writer.open(result.folder)
    assert [role for role, _ in writer.told.shots] == ["user", "assistant"] * 2
    answers = {row["instruction"]: row["output"] for row in ROWS}
    for (_, asked), (_, said) in zip(writer.told.shots[::2], writer.told.shots[1::2], strict=True):
        assert answers[asked] == said
    assert Writer.open(result.folder, raw=True).told.shots == ()


def test_a_route_that_cannot_run_is_named_and_the_rest_goes_on(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> Any:
        raise OptionError("no NF4 here")

    monkeypatch.setattr("alih.instruct.routes.nf4.quantize", none)
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="zero-shot,qlora"), _QUIET)
    assert [one["route"] for one in result.records] == ["zero-shot"]
    assert "no NF4 here" in str(result)
    with pytest.raises(OptionError, match="no NF4 here"):
        compare(place / "data.jsonl", _options(place, tmp_path, routes="qlora"), _QUIET)


def test_examples_that_leave_no_room_are_refused_with_what_to_do(place: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--shots"):
        compare(place / "data.jsonl", _options(place, tmp_path, routes="few-shot", shots=30), _QUIET)


def test_plain_text_is_compared_by_perplexity(place: Path, tmp_path: Path) -> None:
    data = tmp_path / "book.txt"
    data.write_text("\n\n".join(f"The number is {n}." for n in range(30)), encoding="utf-8")
    result = compare(data, _options(place, tmp_path, routes="zero-shot,finetune"), _QUIET)
    assert result.decision.metric == "perplexity"
    assert result.decision.best == "finetune all"
    scores = {one["route"]: one["score"]["point"] for one in result.records}
    assert scores["finetune"] < scores["zero-shot"]


def test_half_of_enough_validation_examples_judges_and_did_not_choose(place: Path, tmp_path: Path) -> None:
    rows = [{"instruction": f"Say number {n}.", "output": f"The number is {n}."} for n in range(130)]
    job = comparing.Job(
        write(tmp_path / "more.jsonl", rows), _options(place, tmp_path, routes="lora", validation=0.4), _QUIET
    )
    assert len(job.judged) + len(job.split.validation) == 52
    assert not {one.key() for one in job.judged} & {one.key() for one in job.split.validation}


def test_the_command_line_compares_reports_and_refuses(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [f"--model={place / 'tiny'}", f"--general={place / 'general.txt'}", f"--runs={tmp_path}", "--seeds=1"]
    data = str(place / "data.jsonl")
    command = ["compare", data, "--task=generation", *common, "--max-new-tokens=10", "--steps=4"]
    assert main([*command, "--routes=zero-shot,finetune", "--learning-rate=0.01"]) == 0
    out = capsys.readouterr().out
    assert "* recommended" in out
    assert "forgotten, nats a token" in out
    assert main(["report", str(tmp_path / "last"), "--lang=id"]) == 0
    capsys.readouterr()
    assert main([*command, "--routes=transfer"]) == 2
    assert "new head" in capsys.readouterr().err
    assert main([*command, "--dry-run"]) == 2
    assert "--dry-run" in capsys.readouterr().err
    assert main(["compare", data, "--chat-template=default"]) == 2
    assert "--task generation" in capsys.readouterr().err
    assert main(["adapt", data, "--task=generation", "--route=few-shot", *common[:3]]) == 2
    assert "alih evaluate" in capsys.readouterr().err


def test_python_has_what_the_command_line_has(place: Path, tmp_path: Path) -> None:
    import alih

    common: dict[str, Any] = {"general": str(place / "general.txt"), "runs": str(tmp_path), "max_new_tokens": 8}
    trained = {"steps": 4, "learning_rate": 0.01}
    data, model = str(place / "data.jsonl"), str(place / "tiny")
    writer = alih.adapt(data, model, task="generation", route="finetune", **trained, **common)
    assert isinstance(writer.ask("Say number 3."), str)
    result = alih.compare(data, model, task="generation", routes="zero-shot", **common)
    assert result.best.ask("Say number 3.") == alih.open(result.folder).ask("Say number 3.")  # type: ignore[union-attr]
    with pytest.raises(OptionError, match="as a path"):
        alih.compare(["text"], task="generation")  # type: ignore[call-overload]
    with pytest.raises(OptionError, match="none of classification, generation"):
        alih.adapt(data, task="summary")  # type: ignore[call-overload]
    with pytest.raises(RunError, match="complete"):
        alih.resume(result.folder)


def test_the_page_of_the_report_names_the_fields_of_its_own(place: Path, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "REPORT.md").read_text(encoding="utf-8")
    own = set(re.findall(r"^\| `(\w+)`", page.split("\n## Of text generation\n")[1], re.MULTILINE))
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="zero-shot"), _QUIET)
    assert own <= set(result.records[0])
    common = set(re.findall(r"`(\w+)`", page.split("\n## table\n")[1].split("\n## ")[0]))
    assert set(result.records[0]) - own <= common


def test_inspect_takes_a_run_also_one_whose_model_is_quantised(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="qalora"), _QUIET)
    assert main(["inspect", str(tmp_path / "last")]) == 0
    assert str(result.folder.name) in str((tmp_path / "last").resolve())
    assert "parameters" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "nothing")]) == 2


def test_models_of_further_seeds_do_not_fill_the_disk(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[list[str]] = []
    real = comparing._Comparing._handed_over

    def looking(self: Any, chosen: Any) -> Any:
        routes = self.folder.path / "routes"
        left.append(sorted(path.parent.name for path in routes.glob("*/model")))
        assert not list(routes.glob("*/training.pt"))
        return real(self, chosen)

    monkeypatch.setattr(comparing._Comparing, "_handed_over", looking)
    result = compare(place / "data.jsonl", _options(place, tmp_path, routes="finetune", seeds=3), _QUIET)
    assert left == [["finetune-0"]]
    assert result.records[0]["seeds"] == [0, 1, 2]
