"""What holds for every task alike: compared, reported, opened, resumed, foreseen, limited, refused; and every route."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alih
import small_tasks
from alih.cli.main import main
from alih.compare.compare import Job, foresee
from alih.compare.comparison import Comparison
from alih.compare.options import TASK_ROUTES, Options
from alih.compare.report.from_run import EVIDENCE, report_data
from alih.compare.report.html import render_html
from alih.compare.runfolder import RunFolder, newest_unfinished
from alih.compare.variants import suited, variants_of
from alih.data.examples import Examples
from alih.errors import AlihError, OptionError
from alih.messages import LANGUAGES
from alih.progress import Progress
from alih.routes.registry import ROUTES
from alih.tasks.registry import TASKS, task_class
from tests.compare.test_report_schema import documented
from tests.tasks.generation import tiny as generation
from tests.tasks.retrieval.conftest import ROWS as PASSAGES
from tests.tasks.retrieval.conftest import embedder
from tests.tasks.translation import tiny as translation

QUIET = Progress(quiet=True)


def lines(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Case:
    """A task with tiny data and a tiny model.

    Args:
        data: writes the data into a folder.
        model: writes the model into a folder.
        test: writes test examples as a file that `evaluate` reads.
        options: of the comparison.
        malformed: name and content of a file that is none of the task.
    """

    data: Callable[[Path], Path]
    model: Callable[[Path], Path]
    test: Callable[[Path, Examples], Path]
    options: dict[str, Any]
    malformed: tuple[str, str]


def _test_reviews(folder: Path, examples: Examples) -> Path:
    names = ("negative", "positive")
    assert examples.labels is not None
    rows = [(text, names[int(label)]) for text, label in zip(examples.inputs, examples.labels, strict=True)]
    return small_tasks.table(folder / "test.csv", ("text", "label"), rows)


def _test_instructions(folder: Path, examples: Examples) -> Path:
    rows = [{"instruction": one.prompt[-1].content, "output": one.answer} for one in examples.inputs]
    return lines(folder / "test.jsonl", rows)


def _test_sentences(folder: Path, examples: Examples) -> Path:
    return translation.write_table(folder / "test.tsv", list(examples.inputs))


def _test_questions(folder: Path, examples: Any) -> Path:
    """A file's questions are looked for among its own passages: those of the other splits stand there as negatives."""
    rows = [
        {"question": one.text, "passage": text, "negatives": [p for p in examples.candidates if p not in one.passages]}
        for one in examples.questions
        for text in one.passages
    ]
    return lines(folder / "test.jsonl", rows)


def _tagged(count: int = 60) -> list[dict[str, list[str]]]:
    chooser, found = random.Random(0), []
    for number in range(count):
        words = [*chooser.choices(small_tasks.FILLER, k=3), chooser.choice(small_tasks.GOOD), str(number)]
        found.append({"tokens": words, "tags": ["O", "O", "O", "B-GOOD", "O"]})
    return found


def _test_tagged(folder: Path, examples: Examples) -> Path:
    rows = [
        {"tokens": [one.text[start:end] for start, end in one.words], "tags": list(one.tags)} for one in examples.inputs
    ]
    return lines(folder / "test.jsonl", rows)


_HEADED = {
    "routes": "transfer,finetune",
    "epochs": 4,
    "blocks": "all",
    "learning_rate": "transfer=1e-2,finetune=1e-2",
}
CASES = {
    "classification": Case(
        data=lambda folder: small_tasks.reviews(folder / "data.csv", 60),
        model=small_tasks.bert,
        test=_test_reviews,
        options=_HEADED,
        malformed=("data.csv", "text\nhello\nthere\n"),
    ),
    "generation": Case(
        data=lambda folder: generation.write(folder / "data.jsonl", generation.ROWS),
        model=generation.folder,
        test=_test_instructions,
        options={
            "routes": "zero-shot,finetune", "steps": 4, "blocks": "all", "learning_rate": "finetune=1e-2",
            "max_new_tokens": 6,
        },
        malformed=("data.jsonl", '{"instruction": "Say it."}\n{"output"\n'),
    ),
    "translation": Case(
        data=lambda folder: translation.write_table(folder / "data.tsv", translation.numbers(60)),
        model=lambda folder: translation.save(folder, translation.marian()),
        test=_test_sentences,
        options={
            "routes": "zero-shot,finetune", "steps": 4, "blocks": "all", "learning_rate": "finetune=1e-2",
            "source": "en", "target": "id", "target_language": "id", "beam": 1,
        },
        malformed=("data.tsv", "en\none\ntwo\n"),
    ),
    "retrieval": Case(
        data=lambda folder: lines(folder / "data.jsonl", PASSAGES),
        model=embedder,
        test=_test_questions,
        options={
            "routes": "zero-shot,finetune", "epochs": 1, "blocks": "all", "learning_rate": "finetune=3e-3",
            "batch_size": 8,
        },
        malformed=("data.jsonl", '{"question": "who?"}\n{"question": "where?"}\n'),
    ),
    "tagging": Case(
        data=lambda folder: lines(folder / "data.jsonl", _tagged()),
        model=small_tasks.bert,
        test=_test_tagged,
        options=_HEADED,
        malformed=("data.jsonl", '{"tokens": ["Solo"]}\n{"tokens": ["Bali"]}\n'),
    ),
}  # fmt: skip


class Killed(BaseException):
    """What nothing catches, as kill -9 is caught by nothing."""


@dataclass(frozen=True)
class Place:
    """Where a case was written."""

    name: str
    case: Case
    folder: Path

    @property
    def data(self) -> Path:
        return next(self.folder.glob("data.*"))

    def options(self, runs: Path, **more: Any) -> dict[str, Any]:
        return {
            "model": str(self.folder / "model"),
            "runs": str(runs),
            "seeds": 1,
            "plan": "full",
            "task": self.name,
        } | {
            **self.case.options,
            **more,
        }

    def compare(self, runs: Path, **more: Any) -> Comparison:
        return alih.compare(str(self.data), **self.options(runs, **more))


@pytest.fixture(scope="module", params=list(TASKS))
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp(request.param)
    case = CASES[request.param]
    case.data(folder)
    case.model(folder / "model")
    return Place(request.param, case, folder)


@pytest.fixture(scope="module")
def whole(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return place.compare(tmp_path_factory.mktemp("runs"))


def test_both_routes_are_measured_and_one_is_handed_over_as_it_was(place: Place, whole: Comparison) -> None:
    assert [record["route"] for record in whole.records] == place.case.options["routes"].split(",")
    assert whole.decision.metric == task_class(place.name).read(place.data, _options(place)).metric().name
    assert whole.decision.chosen in {record["label"] for record in whole.records}
    assert whole.handed_over is not None
    assert whole.handed_over.agrees
    assert whole.handed_over.test is not None
    assert RunFolder.open(whole.folder.path).is_complete


@pytest.mark.parametrize("part", ["The whole", "decision", "table", "handed_over"])
def test_its_report_has_the_documented_fields(whole: Comparison, part: str) -> None:
    report = json.loads((whole.folder.path / "report.json").read_text(encoding="utf-8"))
    written = [report] if part == "The whole" else report[part] if part == "table" else [report[part]]
    for one in written:
        assert set(one) == documented(part)
    assert set(report["evidence"]) <= set(EVIDENCE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_report_is_read_back_and_is_a_page_in_both_languages(whole: Comparison, language: Any) -> None:
    data = report_data(whole.folder.path)
    assert [row.label for row in data.table] == [record["label"] for record in whole.records]
    assert data.choice is not None
    assert whole.handed_over is not None
    assert whole.handed_over.test is not None
    assert data.choice.chosen == whole.decision.chosen
    assert data.choice.metric == whole.decision.metric
    assert data.choice.test is not None
    assert data.choice.test.point == whole.handed_over.test.metrics[whole.decision.metric]
    page = render_html(data, language)
    assert f'<html lang="{language}"' in page
    assert whole.decision.chosen in page


def test_opened_from_disk_it_scores_the_test_file_as_when_it_was_handed_over(
    place: Place, whole: Comparison, tmp_path: Path
) -> None:
    tested = task_class(place.name).read(place.data, _options(place)).dataset.test
    scores = alih.open(whole.folder.path).evaluate(place.case.test(tmp_path, tested))
    assert whole.handed_over is not None
    expected = whole.handed_over.test
    assert expected is not None
    assert scores.examples == expected.examples == len(tested)
    assert scores.primary == expected.primary
    assert scores.metrics == pytest.approx(expected.metrics, rel=1e-4)
    assert not scores.trained_on


def test_killed_and_resumed_it_measures_the_same_bit_for_bit(
    place: Place, whole: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, real, written = len(whole.trials) // 2, RunFolder.append, 0
    assert count >= 1

    def append(self: RunFolder, *arguments: Any) -> None:
        nonlocal written
        if written == count:
            raise Killed
        real(self, *arguments)
        written += 1

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append", append)
        with pytest.raises(Killed):
            place.compare(tmp_path)
    folder = RunFolder(newest_unfinished(tmp_path))
    assert len(folder.trials()) == count
    assert main(["resume", str(folder.path)]) == 0
    again = RunFolder.open(folder.path)
    assert again.is_complete
    for first, second in zip(whole.trials, again.trials(), strict=True):
        assert (first.id, first.metrics, first.shifted_metrics) == (second.id, second.metrics, second.shifted_metrics)
        for metric in first.metrics if first.purpose != "search" else ():
            np.testing.assert_array_equal(whole.folder.statistics(first, metric), again.statistics(second, metric))
    reported = [folder.report["handed_over"]["test"] for folder in (whole.folder, again)]
    assert reported[0] == reported[1]


def test_a_dry_run_foresees_every_candidate_and_writes_nothing(
    place: Place, whole: Comparison, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, before = _options(place, tmp_path / "runs"), sorted(place.folder.rglob("*"))
    labels = [record["label"] for record in whole.records]
    found = foresee(place.data, options, QUIET)
    assert [one.label for one in found] == labels
    assert all(one.seconds >= 0 and one.peak_memory_bytes > 0 for one in found)
    command = shlex.split(options.command_line("compare", str(place.data)))
    assert main([*command[1:], "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert all(label in shown for label in labels)
    assert not list(tmp_path.iterdir())
    assert sorted(place.folder.rglob("*")) == before


def test_more_memory_than_allowed_is_said(place: Place, tmp_path: Path) -> None:
    found = place.compare(tmp_path, max_memory=1)
    assert any("memory" in words and "limit" in words for words in (*found.decision.words, *found.skipped))
    assert found.handed_over is not None


def test_too_little_time_is_said_and_what_was_measured_is_handed_over(place: Place, tmp_path: Path) -> None:
    found = place.compare(tmp_path, max_time=1e-3)
    assert found.records
    assert any("time" in words for words in found.skipped)
    assert found.handed_over is not None


def test_a_malformed_file_is_one_message_before_any_weights_are_read(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(*_: Any, **__: Any) -> None:
        pytest.fail("weights were read")

    monkeypatch.setattr(task_class(place.name), "open", opened)
    name, content = place.case.malformed
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    runs = tmp_path / "runs"
    with pytest.raises(AlihError):
        alih.compare(str(path), **place.options(runs))
    command = shlex.split(_options(place, runs).command_line("compare", str(path)))
    capsys.readouterr()
    assert main(command[1:]) == 2
    said = capsys.readouterr().err
    assert name in said
    assert said.startswith("alih")
    assert len(said.splitlines()) == 1
    assert not runs.exists()


@pytest.fixture(scope="module")
def job(place: Place) -> tuple[Job, Any]:
    options = _options(place)
    made = Job(task_class(place.name).read(place.data, options), options, tuple(options.routes or ()), True, QUIET)
    return made, made.bench()


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_has_candidates_or_says_why_not(place: Place, job: tuple[Job, Any], name: str) -> None:
    made, bench = job
    variants = variants_of((name,), bench.pretrained.anatomy, made.options)
    assert variants
    try:
        kept, left = suited(variants, bench, made.options)
    except OptionError as error:
        kept, left = [], [str(error)]
    assert len(kept) + len(left) >= 1
    assert all(variant.route == name for variant in kept)
    assert all(len(reason.split()) >= 4 for reason in left)
    if name in TASK_ROUTES[place.name]:
        return
    with pytest.raises(OptionError, match=f"'{name}' is no route of {place.name}"):
        Options.from_mapping({"task": place.name, "routes": name}).for_task(place.name, "compare")


def test_a_route_that_knows_no_task_adapts_the_model_of_every_task(place: Place, tmp_path: Path) -> None:
    compared = dict.fromkeys(("seeds", "plan", "prefer", "routes"))
    options = place.options(tmp_path, **compared, learning_rate="transfer=1e-2,ia3=1e-2")
    adapted = alih.adapt(str(place.data), route="ia3", **options)
    trial = RunFolder.open(tmp_path / "last").trials()[-1]
    assert (trial.route, trial.purpose) == ("ia3", "full")
    assert 0 < trial.scope.trainable < trial.scope.total
    assert adapted.folder.is_dir()


def _options(place: Place, runs: Path | str = "runs", **more: Any) -> Options:
    return Options.from_mapping(place.options(Path(runs), **more)).for_task(place.name, "compare")
