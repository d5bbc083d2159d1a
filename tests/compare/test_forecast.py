"""A forecast adds up, grows with the data, and leaves the bench as it was."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alih.cli.main import main
from alih.compare.compare import Job, compare, foresee
from alih.compare.forecast import Forecast, _growth, render, total_seconds
from alih.compare.options import Options
from alih.data.read import read
from alih.progress import Progress
from alih.tasks.classification.task import Classification
from small_tasks import RATES, reviews

QUIET = Progress(quiet=True)


def options(model: Path, runs: Path, **more: Any) -> Options:
    return Options.from_mapping({"model": str(model), "runs": str(runs), "batch_size": 8, **more})


def test_every_variant_is_foreseen_with_a_time_and_a_memory(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    found = foresee(reviews_csv, options(tiny_bert, tmp_path), QUIET)
    assert [one.label for one in found] == ["transfer", "finetune top 1 of 3", "finetune all 3", "lora", "scratch"]
    for one in found:
        assert one.seconds > 0
        assert one.search_seconds > 0
        assert 0 < one.least_seconds < one.search_seconds + one.curve_seconds + one.seconds
        assert one.peak_memory_bytes > 10**7
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_given_learning_rates_need_no_search(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    found = foresee(reviews_csv, options(tiny_bert, tmp_path, learning_rate=RATES), QUIET)
    assert all(one.search_seconds == 0 for one in found)


def test_more_examples_and_more_epochs_take_longer(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    wanted = {"routes": "finetune", "blocks": "all"}
    [few] = foresee(reviews_csv, options(tiny_bert, tmp_path, epochs=2, **wanted), QUIET)
    [many] = foresee(reviews_csv, options(tiny_bert, tmp_path, epochs=200, **wanted), QUIET)
    assert many.seconds > 3 * few.seconds


def test_a_forecast_changes_nothing_in_what_follows(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    wanted = options(tiny_bert, tmp_path, routes="transfer", seeds=1)
    job = Job(Classification(read(reviews_csv)), wanted, ("transfer",), True, QUIET)
    bench = job.bench()
    before = [part.encoded.digest() for part in bench.parts.values()]
    job.forecast(bench)
    assert [part.encoded.digest() for part in bench.parts.values()] == before
    assert all(part.frozen is None for part in bench.parts.values())


def test_the_total_lies_between_stopping_at_once_and_running_everything() -> None:
    found = [Forecast("a", 1.0, 10.0, 4.0, 2.0, 10**6), Forecast("b", 8.0, 100.0, 40.0, 9.0, 10**9)]
    assert total_seconds(found, 3) == (1 + 4 + 30 + 9, 1 + 4 + 30 + 8 + 40 + 300)
    told = render(found, 3)
    assert "44 s to 6.4 min" in told
    assert "1 GB" in told


@pytest.mark.parametrize(
    ("reads", "precision", "more"),
    [("input_ids", "bf16", True), ("input_ids", "fp32", False), ("pixel_values", "bf16", False)],
)
def test_texts_in_bf16_on_a_processor_are_given_more_room(
    reads: str, precision: str, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIH_DEVICE", "cpu")

    def bench(reads: str, precision: str) -> Any:
        model = SimpleNamespace(main_input_name=reads)
        return SimpleNamespace(pretrained=SimpleNamespace(model=model), precision=precision)

    assert (_growth(bench(reads, precision)) > _growth(bench("pixel_values", "fp32"))) == more


def test_the_forecast_says_what_breaks_the_limits() -> None:
    found = [Forecast("a", 1.0, 10.0, 4.0, 2.0, 10**6), Forecast("b", 8.0, 100.0, 40.0, 9.0, 10**9)]
    told = render(found, 3, max_memory=5e8, max_seconds=60.0)
    assert "over --max-memory 500 MB by this: b" in told
    assert "--max-time 60 s may end it" in told
    assert "--max-time 30 s ends it" in render(found, 3, max_seconds=30.0)
    assert "--max" not in render(found, 3, max_memory=2e9, max_seconds=1000.0)


def test_a_dry_run_prints_the_forecast_and_writes_nothing(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    command = ["compare", str(reviews_csv), "--model", str(tiny_bert), "--runs", str(runs), "--dry-run"]
    assert main(command) == 0
    assert "one run" in capsys.readouterr().out
    assert not runs.exists()


def test_a_long_comparison_is_foreseen_before_it_runs(
    tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = reviews(tmp_path / "long.csv", 150)
    wanted = {"routes": "transfer", "seeds": 1, "epochs": None, "learning_rate": RATES}
    compare(data, options(tiny_bert, tmp_path / "runs", **wanted))
    said = capsys.readouterr().err
    assert said.index("Forecast, from a few batches") < said.index("transfer, 90 examples, seed 0")
