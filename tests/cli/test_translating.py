"""Translation at the command line: sentences, files and streams; every mistake is one message and exit code 2."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from alih.cli.main import main
from tasks.translation import tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that learnt number words from a tiny Marian model."""
    folder = tmp_path_factory.mktemp("place")
    tiny.write_table(folder / "numbers.tsv", tiny.numbers(300))
    tiny.write_table(folder / "test.tsv", tiny.numbers(30, seed=5), header=("source text", "its translation"))
    tiny.save(folder / "marian", tiny.marian())
    data, model = str(folder / "numbers.tsv"), str(folder / "marian")
    arguments = ["adapt", data, "--task", "translation", "--model", model, "--target-language", "id"]
    arguments += ["--steps", "250", "--learning-rate", "3e-3", "--beam", "1", "--runs", str(folder / "runs")]
    assert main(arguments) == 0
    return folder


def test_sentences_are_translated_a_line_each(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", str(place / "runs" / "last"), "three two", "", "seven"]) == 0
    assert capsys.readouterr().out.splitlines() == ["tiga dua", "", "tujuh"]


def test_a_file_becomes_a_file_with_as_many_lines(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = place / "in.txt", place / "out.txt"
    source.write_bytes("one two\r\n\r\n   \r\nthree\u2028\r\nfour \U0001f600\n".encode())
    assert main(["translate", str(place / "runs" / "last"), str(source), "-o", str(target), "--beam", "2"]) == 0
    lines = target.read_text(encoding="utf-8").split("\n")
    assert lines[:4] == ["satu dua", "", "", "tiga"]
    assert len(lines) == 6
    error = capsys.readouterr().err
    assert "line 5: the model does not know \U0001f600" in error
    assert "5 lines written" in error


def test_standard_input_is_read(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    assert main(["translate", str(place / "runs" / "last"), "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == [{"source": "one", "translation": "satu"}, {"source": "two", "translation": "dua"}]


def test_ten_thousand_words_are_cut_and_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "long.txt").write_text("one " * 10_000 + "\ntwo\n")
    assert main(["translate", str(place / "runs" / "last"), str(place / "long.txt")]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1] == "dua"
    assert "line 1: 10,000 words, cut after" in captured.err


def test_a_model_is_told_the_language(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", str(place / "marian"), "--to", "id", "one"]) == 0
    assert main(["translate", str(place / "marian"), "one"]) == 2
    assert "translates into en, id: name one with --to" in capsys.readouterr().err
    assert main(["translate", str(place / "marian"), "--to", "jv", "one"]) == 2
    assert "does not translate into 'jv'" in capsys.readouterr().err


def test_evaluate_reads_other_column_names_and_prints_both_scores(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(place / "runs" / "last")
    assert main(["evaluate", run, str(place / "test.tsv")]) == 0
    told = capsys.readouterr().out
    assert "30 examples" in told
    assert "nrefs:1|case:mixed" in told
    assert main(["evaluate", run, str(place / "test.tsv"), "--json", "--beam", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["bleu"] > 60
    backwards = ["--source", "its translation", "--target", "source text"]
    assert main(["evaluate", run, str(place / "test.tsv"), "--json", *backwards]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["bleu"] < 20


def test_inspect_runs_report_and_predict_say_something_sensible(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(place / "runs" / "last")
    assert main(["inspect", run]) == 0
    assert "finetune, top 1 of 2 decoder blocks" in capsys.readouterr().out
    assert main(["inspect", str(place / "marian"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["languages"] == ["en", "id"]
    assert main(["runs", "--runs", str(place / "runs")]) == 0
    assert "finetune all" in capsys.readouterr().out
    page = place / "page.html"
    assert main(["report", run, "-o", str(page), "--lang", "id"]) == 0
    assert "bleu" in page.read_text(encoding="utf-8")
    assert main(["report", run, "--json"]) == 0
    command = json.loads(capsys.readouterr().out.splitlines()[-1])["run"]["command"]
    assert "--task=translation" in command
    assert main(["predict", run, "one"]) == 2
    assert "alih translate" in capsys.readouterr().err
    assert main(["compare", str(place / "numbers.tsv"), "--model", run, "--dry-run"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["translate", "RUN", "missing.txt"], "missing.txt: no such file"),
        (["translate", "RUN", "numbers.tsv"], "numbers.tsv: is a table"),
        (["translate", "RUN", "empty.txt"], "empty.txt: the file is empty"),
        (["translate", "RUN", "latin.txt"], "latin.txt, row 1: byte 3 (0xE9) is not UTF-8"),
        (["translate", "RUN", "one", "latin.txt"], "latin.txt: is a file. Name one file at a time"),
        (["translate", "RUN", ""], "the sentence is empty"),
        (["translate", "RUN", "one", "--beam", "0"], "--beam: must be at least 1"),
        (["translate", "RUN", "latin.txt", "-o", "latin.txt"], "is the file that is read"),
        (["translate", "RUN", "one", "-o", "no/out.txt"], "there is no folder no"),
        (["translate", "RUN", "one", "--to", "jv"], "does not translate into 'jv'"),
        (["translate", "nowhere/", "one"], "nowhere/"),
        (["translate", "alih/minilm", "one"], "does not translate"),
        (["evaluate", "RUN", "latin.txt"], "latin.txt"),
        (["evaluate", "RUN", "one.tsv"], "1 column"),
        (["evaluate", "RUN", "numbers.tsv", "--label", "id"], "use --target"),
        (["evaluate", "RUN", "numbers.tsv", "--metric", "f1"], "Metrics: bleu, chrf, perplexity"),
        (["evaluate", "RUN", "numbers.tsv", "--source", "eng"], "no column 'eng' (--source)"),
        (["adapt", "numbers.tsv", "--steps", "3"], "--steps: is read by the task generation or translation"),
        (
            ["adapt", "numbers.tsv", "--task", "translation", "--text", "en"],
            "--text: is read by",
        ),
        (["adapt", "one.tsv", "--task", "translation"], "1 column"),
        (["adapt", "aligned", "--task", "translation", "--source", "en"], "has 3 lines and train.id has 2 lines"),
        (["inspect", "RUN", "--memory", "8GB"], "--memory"),
    ],
)
def test_a_mistake_is_one_message(
    place: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    Path("empty.txt").touch()
    Path("latin.txt").write_bytes(b"caf\xe9\n")
    Path("one.tsv").write_text("en\none\ntwo\n")
    Path("aligned").mkdir(exist_ok=True)
    Path("aligned/train.en").write_text("one\ntwo\nthree\n")
    Path("aligned/train.id").write_text("satu\ndua\n")
    assert main([part.replace("RUN", "runs/last") for part in arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_pairs_are_compared_stopped_and_gone_on_with_by_the_name_of_the_run(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from alih.tasks.translation import task as module

    real, calls = module.objective, []

    def pressed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*arguments)

    arguments = ["compare", str(place / "numbers.tsv"), "--task", "translation", "--model", str(place / "marian")]
    arguments += ["--target-language", "id", "--routes", "zero-shot,finetune", "--blocks", "1", "--beam", "1"]
    arguments += ["--steps", "6", "--learning-rate", "1e-3", "--seeds", "1", "--runs", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(module, "objective", pressed)
        assert main(arguments) == 130
    assert "alih resume" in capsys.readouterr().err
    assert main(["resume", str(tmp_path / "last")]) == 0
    told = capsys.readouterr().out
    assert "finetune top 1 of 2" in told
    assert "adaptability (bleu)" in told
    assert main(["resume", str(tmp_path / "last")]) == 2
    assert "this run is complete" in capsys.readouterr().err


def test_a_dry_run_foresees_a_comparison_and_writes_nothing(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", str(place / "numbers.tsv"), "--task", "translation", "--dry-run", "--runs", str(tmp_path)]
    assert main(arguments) == 0
    assert "scratch" in capsys.readouterr().out
    assert not any(tmp_path.iterdir())
