"""A comparison shows itself in text, as a data frame, as pictures, as a page."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest

from alih.compare.compare import compare
from alih.compare.comparison import Comparison
from alih.compare.options import Options
from alih.errors import RunError
from alih.progress import Progress
from small_tasks import RATES

mpl.use("Agg")


@pytest.fixture(scope="module")
def done(reviews_csv: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path_factory.mktemp("runs")), "learning_rate": RATES}
    wanted |= {"routes": "transfer,finetune", "epochs": 2, "seeds": 2, "plan": "full"}
    return compare(reviews_csv, Options.from_mapping(wanted), Progress(quiet=True))


def test_the_data_frame_has_one_row_a_variant_with_what_the_table_has(done: Comparison) -> None:
    frame = done.table
    assert list(frame.index) == [record["label"] for record in done.records]
    assert frame.loc["transfer", "score.point"] == done.decision.scores["transfer"].point
    assert not any(column.startswith("learning_rate_search") for column in frame.columns)
    assert frame.loc["transfer", "scope.trainable"] < frame.loc["finetune all 3", "scope.trainable"]


def test_pictures_show_every_variant(done: Comparison) -> None:
    for axes in (done.plot_curves(), done.plot_pareto()):
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == [record["label"] for record in done.records]
        assert axes.get_xscale() == "log"
    measured = {point["examples"] for record in done.records for point in record["curve"]}
    assert [text.get_text() for text in done.plot_curves().get_xticklabels()] == [str(one) for one in sorted(measured)]
    [line] = done.plot_probe().get_lines()
    assert list(line.get_ydata()) == list(done.probe)


def test_the_page_is_in_the_run_folder_and_in_a_notebook(done: Comparison) -> None:
    page = (done.folder.path / "report.html").read_text(encoding="utf-8")
    assert page == done.html()
    assert "transfer" in page
    assert 'lang="id"' in done.html("id")
    shown = done._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<!doctype" not in shown, "escaped, so that it is the frame's"


def test_text_is_as_wide_as_the_terminal(done: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = str(done).splitlines()
    assert max(len(line) for line in lines[:-1]) <= 100
    assert str(done.folder.path) in lines[-1]


def test_evidence_is_in_the_report(done: Comparison) -> None:
    told = done.folder.report["evidence"]
    counts = told["confusion"]["counts"]
    assert sum(map(sum, counts)) == 18
    assert {curve["label"] for curve in told["curves"]} == {record["label"] for record in done.records}
    for curve in told["curves"]:
        assert all(point["low"] <= point["score"] <= point["high"] for point in curve["points"])


def test_without_a_frozen_part_there_is_no_probe(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "learning_rate": RATES, "routes": "scratch"}
    found = compare(reviews_csv, Options.from_mapping({**wanted, "epochs": 1, "seeds": 1}), Progress(quiet=True))
    with pytest.raises(RunError, match="no probe"):
        found.plot_probe()
