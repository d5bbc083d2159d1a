"""Text generation as a task of the engine: what chooses, what judges, what is predicted and kept."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.compare.runner import Runner
from alih.data.overlap import FINGERPRINTS, write_fingerprints
from alih.errors import DataError, OptionError, RunError
from alih.generate.prompt import PromptForm
from alih.metrics import text
from alih.metrics.bootstrap import interval
from alih.progress import Progress
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Bench
from alih.tasks.generation import feed as module
from alih.tasks.generation.adapted import AdaptedWriter
from alih.tasks.generation.feed import SequenceFeed
from alih.tasks.generation.task import Generation
from alih.tasks.generation.writer import Writer, pack, statistics, unpack
from alih.tasks.registry import recognised
from alih.training.result import FitSettings

from .tiny import ROWS, folder, write

_QUIET = Progress(quiet=True)
_MANY = [{"instruction": f"Say number {n}.", "output": f"The number is {n}."} for n in range(130)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Llama."""
    return folder(tmp_path_factory.mktemp("task") / "tiny")


def _task(path: Path, rows: list[dict[str, Any]], **options: Any) -> Generation:
    return Generation.read(write(path / "data.jsonl", rows), Options.from_mapping(options), _QUIET)


def _bench(task: Generation, model: Path, **more: Any) -> Bench:
    return Bench(task, ModelChoice(str(model)), None, progress=_QUIET, precision="fp32", **more)


def test_half_of_enough_validation_examples_judges_and_did_not_choose(tmp_path: Path) -> None:
    task = _task(tmp_path, _MANY, validation=0.4)
    assert len(task.judged) + len(task.choosing) == len(task.dataset.validation) == 52
    assert not set(task.judged.inputs) & set(task.choosing.inputs)


def test_too_few_to_halve_choose_and_judge_and_that_is_said(tmp_path: Path) -> None:
    task = _task(tmp_path, ROWS)
    assert task.judged is task.choosing
    assert any("too few to halve" in note for note in task.dataset.notes)


def test_equal_prompts_stay_on_one_side_and_are_one_group(tmp_path: Path) -> None:
    rows = [{"instruction": f"Say number {n % 20}.", "output": f"{n}"} for n in range(60)]
    dataset = _task(tmp_path, rows).dataset
    prompts = [{one.prompt for one in part.inputs} for part in (dataset.train, dataset.validation, dataset.test)]
    assert not prompts[0] & (prompts[1] | prompts[2])
    assert not prompts[1] & prompts[2]
    assert dataset.train.groups is not None
    assert len(set(dataset.train.groups)) == len(prompts[0])


def test_the_digest_follows_what_is_said_and_not_where_it_stood(tmp_path: Path) -> None:
    first, other = _task(tmp_path, ROWS).dataset, _task(tmp_path, [*ROWS[:-1], {**ROWS[-1], "output": "No."}]).dataset
    assert first.digest() != other.digest()
    (tmp_path / "again").mkdir()
    assert _task(tmp_path / "again", ROWS).dataset.digest() == first.digest()


def test_losses_of_predictions_are_those_of_transformers(tmp_path: Path, model: Path) -> None:
    bench = _bench(_task(tmp_path, ROWS, max_new_tokens=4), model)
    pretrained = bench.fresh(0)
    found = bench.whole(pretrained).predict("validation")["losses"]
    encoded = bench.parts["validation"].encoded
    for row, (sequence,) in zip(found, encoded.sequences, strict=True):  # type: ignore[attr-defined]
        ids, learnt = torch.tensor([sequence.ids]), torch.tensor([sequence.learnt])
        loss = pretrained.model(input_ids=ids, labels=torch.where(learnt, ids, -100)).loss.detach()
        assert row[1] == learnt.sum()
        assert row[0] == pytest.approx(float(loss) * float(row[1]), rel=1e-4)


def test_answers_in_memory_are_those_from_disk_and_statistics_are_the_metrics_of_them(
    tmp_path: Path, model: Path
) -> None:
    task = _task(tmp_path, ROWS, max_new_tokens=6)
    bench = _bench(task, model)
    pretrained = bench.fresh(0)
    found = bench.whole(pretrained).predict("judged")
    task.save(pretrained, tmp_path / "out", None)
    adapted = AdaptedWriter.open(tmp_path / "out", progress=_QUIET)
    from_disk = adapted.predictions(task.judged)
    assert unpack(from_disk) == unpack(found)
    assert task.difference(from_disk, found) < 1e-3
    scores = task.scores(task.statistics(found, task.judged))
    references = [one.answer.strip() for one in task.judged.inputs]
    pairs = list(zip(unpack(found), references, strict=True))
    assert scores["rouge_l"] == pytest.approx(np.mean([text.rouge_l(*pair) for pair in pairs]))
    assert scores["token_f1"] == pytest.approx(np.mean([text.token_f1(*pair) for pair in pairs]))
    nats, tokens = found["losses"].sum(axis=0)
    assert scores["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)


def test_perplexity_has_its_interval_over_examples() -> None:
    losses = np.array([(2 * math.log(3), 2), (math.log(27), 1)], dtype=np.float32)
    table = statistics({"losses": losses}, None)["perplexity"]  # type: ignore[arg-type]
    assert text.PERPLEXITY.score(table) == pytest.approx(math.exp(math.log(243) / 3))
    found = interval(text.PERPLEXITY, table)
    assert (found.low, found.high) == (pytest.approx(3), pytest.approx(27))


@given(st.lists(st.text(), min_size=1))
def test_answers_come_back_from_their_bytes(answers: list[str]) -> None:
    assert unpack(pack(answers)) == answers


def test_answers_of_the_same_weights_are_written_once_and_others_anew(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alih.tasks.generation import writer as module

    real, written = module.answers, []
    monkeypatch.setattr(module, "answers", lambda *a, **b: written.append(len(a[2])) or real(*a, **b))
    bench = _bench(_task(tmp_path, ROWS, max_new_tokens=3), model)
    pretrained = bench.fresh(0)
    stage = bench.whole(pretrained)
    first = stage.predict("judged")
    count = len(bench.parts["judged"].encoded)
    assert unpack(stage.predict("judged")) == unpack(first)
    assert unpack(stage.predict("judged", np.array([1, 0]))) == [unpack(first)[1], unpack(first)[0]]
    assert written == [count]
    bench.task.predict_one(stage, 0)
    assert written == [count, 1], "one answer is written each time: it is timed"
    with torch.no_grad():
        next(pretrained.model.parameters()).add_(1.0)
    stage.predict("judged")
    assert written == [count, 1, count]


def test_careless_prompts_change_the_last_turn_alone(tmp_path: Path) -> None:
    rows = [
        {"messages": [
            {"role": "system", "content": "Be kind."}, {"role": "user", "content": f"Please say {n} to everyone"},
            {"role": "assistant", "content": "Yes."},
        ]}
        for n in range(30)
    ]  # fmt: skip
    task = _task(tmp_path, rows)
    copy = task.shifted(task.dataset.train, 0)
    pairs = list(zip(copy.inputs, task.dataset.train.inputs, strict=True))
    assert all(one.turns[0] == was.turns[0] and one.answer == was.answer for one, was in pairs)
    assert any(one.prompt[-1] != was.prompt[-1] for one, was in pairs)


def test_a_texts_parts_count_as_one_example(tmp_path: Path, model: Path) -> None:
    data = tmp_path / "book.txt"
    data.write_text("\n\n".join(f"The number is {n}. " * 12 for n in range(30)), encoding="utf-8")
    task = Generation.read(data, Options(), _QUIET)
    assert [metric.name for metric in task.metrics] == ["perplexity"]
    bench = _bench(task, model, max_length=16)
    feed = bench.whole(bench.fresh(0)).feed("train")
    assert len(feed.sequences) > len(feed) == len(task.dataset.train)  # type: ignore[attr-defined]
    assert sum(feed.examples(part) for part in feed.plan(0)) == len(feed)
    with pytest.raises(OptionError, match="--metric rouge_l"):
        task.metric("rouge_l")


def test_few_shot_says_why_not(tmp_path: Path, model: Path) -> None:
    task = _task(tmp_path, ROWS)
    bench = _bench(task, model)
    assert "--shots" in str(task.cannot_prompt(bench.pretrained, PromptForm(shots=30)))
    assert task.cannot_prompt(bench.pretrained, PromptForm(shots=2)) is None
    assert task.cannot_prompt(bench.pretrained, PromptForm(shots=0)) is None


def test_answers_longer_than_the_model_takes_are_refused_or_said(tmp_path: Path, model: Path) -> None:
    long = {"instruction": "Go on.", "output": "number " * 300}
    with pytest.raises(DataError, match="--max-length"):
        _bench(_task(tmp_path, [{**long, "instruction": f"{n}"} for n in range(12)]), model)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "messages"),
        ({"instruction": "a", "output": "b"}, "instruction"),
        ({"text": "a", "label": "b"}, ""),
        ({"prompt": "a", "label": 1}, ""),
    ],
)
def test_the_task_is_found_from_the_data_where_that_is_sure(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    name, why = recognised(write(tmp_path / "data.jsonl", [row]))
    assert (name == "generation") is bool(reason)
    assert reason in why


def test_a_damaged_sidecar_is_told(tmp_path: Path, model: Path) -> None:
    task = _task(tmp_path, ROWS)
    task.save(_bench(task, model).fresh(0), tmp_path / "out", None)
    path = tmp_path / "out" / "alih.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"max_length": 128', '"max_length": 0'), encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        AdaptedWriter.open(tmp_path / "out")


def _runner(bench: Bench) -> Runner:
    return Runner(bench, cast(RunFolder, SimpleNamespace(trials=list)), bench.deciding)


def test_flops_of_an_example_are_counted_over_all_its_parts(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"text": " ".join(f"Say number {n}." for n in range(k, k + 60))} for k in range(12)]
    bench = _bench(_task(tmp_path, rows), model, max_length=16)
    stage, chosen = bench.whole(bench.fresh(0)), np.arange(3)
    feed = stage.feed("train", chosen, 3)
    assert isinstance(feed, SequenceFeed)
    assert len(feed.sequences) > 3, "texts of several parts"
    at_once = _runner(bench)._forward_flops(stage, chosen)
    monkeypatch.setattr(module, "most_tokens", lambda _: 16)  # a part a batch: most hold no first part
    assert sum(1 for _ in feed.batches(None)) == len(feed.sequences)
    assert _runner(bench)._forward_flops(stage, chosen) == pytest.approx(at_once, rel=0.3)


def test_rows_that_do_not_fit_have_no_flops_and_that_is_no_crash(tmp_path: Path, model: Path) -> None:
    long = [{"instruction": f"Say number {n}.", "output": f"{n} " * 200} for n in range(20)]
    bench = _bench(_task(tmp_path, [*ROWS, *long]), model)
    lengths = bench.parts["train"].encoded.lengths
    left_out = np.flatnonzero(lengths == 0)
    assert len(left_out)
    assert _runner(bench)._forward_flops(bench.whole(bench.fresh(0)), left_out) is None


def test_the_seed_of_answers_that_vote_is_that_of_the_trial_and_handed_over(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = _task(tmp_path, ROWS, samples=2, max_new_tokens=4)
    bench = _bench(task, model)
    seeds: list[int] = []

    def answers(*given: Any, **_: Any) -> list[str]:
        seeds.append(given[5].seed)
        return ["a"] * len(given[2])

    monkeypatch.setattr("alih.tasks.generation.writer.answers", answers)
    for seed in (3, 4):
        settings = FitSettings(learning_rate=0.1, seed=seed)
        adaptation = task.prompted(bench, PromptForm(0), settings, np.arange(4), None)
        adaptation.stage.predict("judged")
    assert seeds == [3, 4], "the same weights, but other draws"
    task.save(adaptation.pretrained, tmp_path / "kept", None)
    assert AdaptedWriter.open(tmp_path / "kept").asking.seed == 4


def test_what_is_timed_is_writing_alone(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = _bench(_task(tmp_path, ROWS, max_new_tokens=4), model)
    stage, written = bench.whole(bench.fresh(0)), list[int]()
    monkeypatch.setattr(Generation, "outputs", lambda *_: pytest.fail("the loss of a reference is not timed"))
    monkeypatch.setattr(Writer, "answer", lambda _, prompts: written.append(len(prompts)))
    bench.task.predict_one(stage, 0)
    assert written == [1]


def test_a_writer_says_that_it_was_trained_on_the_examples(tmp_path: Path, model: Path) -> None:
    task = _task(tmp_path, ROWS, max_new_tokens=4)
    bench = _bench(task, model)
    task.save(bench.fresh(0), tmp_path / "model", None)
    write_fingerprints(tmp_path / FINGERPRINTS, task.dataset.train)
    (tmp_path / "elsewhere").mkdir()
    again = write(tmp_path / "elsewhere" / "other name.jsonl", list(reversed(ROWS)))
    scores = AdaptedWriter.open(tmp_path / "model", progress=_QUIET).evaluate(again)
    assert (scores.examples, scores.trained_on) == (len(ROWS), len(task.dataset.train))
