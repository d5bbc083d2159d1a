"""What is left shrinks as trials end, follows the pace that was measured, and never exceeds the time limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alih.compare import campaign as campaigns
from alih.compare.budget import Budget
from alih.compare.compare import compare
from alih.compare.contender import Contender
from alih.compare.effort import Efforts
from alih.compare.forecast import Forecast
from alih.compare.options import Options
from alih.compare.remaining import Remaining
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import load
from alih.progress import Progress
from alih.routes.base import Variant
from alih.task import Kind, Modality, Task
from small_tasks import RATES

TASK = Task(Modality.TEXT, Kind.SINGLE, ("bad", "good"))
VARIANT, OTHER = Variant("finetune", 3, 3), Variant("scratch", 3, 3)


@pytest.fixture(scope="module")
def anatomy(tiny_bert: Path) -> Anatomy:
    return load(str(tiny_bert), TASK).anatomy


def remaining(anatomy: Anatomy, sizes: tuple[int, ...] = (100,), seeds: int = 1, **more: Any) -> Remaining:
    options = Options.from_mapping({"epochs": 2, "learning_rate": RATES, **more})
    foreseen = {
        variant.label: Forecast(variant.label, 0.0, 10.0 * sizes[-1] * 2, 0.0, 0.0, 1) for variant in (VARIANT, OTHER)
    }
    return Remaining([VARIANT, OTHER], sizes, Efforts(anatomy, options, sizes[-1]), seeds, foreseen)


def test_before_anything_ran_it_is_the_forecast(anatomy: Anatomy) -> None:
    # Two variants, two epochs of 100 examples each, ten seconds an example.
    assert remaining(anatomy).seconds([], Budget(), None) == (0.0, 4000.0)
    assert remaining(anatomy, seeds=3).seconds([], Budget(), None) == (0.0, 12000.0)


def test_what_was_measured_replaces_the_forecast(anatomy: Anatomy) -> None:
    budget = Budget()
    budget.learn(VARIANT, 50.0, 100)
    assert remaining(anatomy).seconds([], budget, VARIANT.label) == (100.0, 2100.0)


def test_what_stopped_takes_no_more_time(anatomy: Anatomy) -> None:
    out = Contender(OTHER, stopped="it cannot win")
    assert remaining(anatomy).seconds([out], Budget(), VARIANT.label) == (2000.0, 2000.0)


def test_searches_count_once_for_each_size_that_they_are_made_on(anatomy: Anatomy) -> None:
    given = remaining(anatomy, (100, 400)).seconds([], Budget(), None)
    searched = remaining(anatomy, (100, 400), learning_rate=None).seconds([], Budget(), None)
    assert given is not None
    assert searched is not None
    # Two variants, each at 100 three and a half rates, at 400 two and a half, near what was found; a third of two
    # epochs is one; 10 s an example.
    assert searched[1] - given[1] == 2 * 10 * (3.5 * 100 + 2.5 * 400)


def test_it_never_exceeds_the_time_limit(anatomy: Anatomy) -> None:
    found = remaining(anatomy).seconds([], Budget(60.0), VARIANT.label)
    assert found is not None
    assert found[0] <= found[1] <= 60.0


def test_nothing_is_said_of_what_nobody_measured(anatomy: Anatomy) -> None:
    whole = remaining(anatomy)
    unknown = Remaining(whole.variants, whole.sizes, whole.efforts, 1, {})
    assert unknown.seconds([], Budget(), None) is None


def test_a_comparison_says_how_long_it_still_takes(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(campaigns, "_SAY_EVERY", 0.0)
    wanted = {"routes": "transfer", "seeds": 2, "model": str(tiny_bert), "runs": str(tmp_path)}
    compare(reviews_csv, Options.from_mapping({**wanted, "learning_rate": RATES}), Progress())
    told = capsys.readouterr().err
    assert " gone, about " in told
