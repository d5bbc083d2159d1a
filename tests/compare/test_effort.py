"""A learning rate is searched on few examples first, then on more, and never on more than a search takes."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from alih.compare.effort import FAR, SEARCH_EXAMPLES, WORTH_ANOTHER, Efforts
from alih.compare.options import Options
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import load
from alih.routes.base import Variant
from alih.task import Kind, Modality, Task

Plan = Literal["adaptive", "full"]

BLOCKS, HEAD = Variant("finetune", 3, 3), Variant("transfer", 0, 3)
TASK = Task(Modality.TEXT, Kind.SINGLE, ("bad", "good"))


@pytest.fixture(scope="module")
def anatomy(tiny_bert: Path) -> Anatomy:
    return load(str(tiny_bert), TASK).anatomy


SIZES = [(16, 33, 100), (20, 33, 50), (167, 500), (74, 223, 670), (222, 667, 2000), (1000, 3000, 9000), (40,)]


def efforts(anatomy: Anatomy, examples: int, plan: Plan = "adaptive") -> Efforts:
    return Efforts(anatomy, Options(plan=plan), examples)


@pytest.mark.parametrize("plan", ["adaptive", "full"])
@pytest.mark.parametrize("sizes", SIZES)
def test_searches_grow_and_stay_small(anatomy: Anatomy, sizes: tuple[int, ...], plan: Plan) -> None:
    found = efforts(anatomy, sizes[-1], plan).searches(BLOCKS, sizes)
    assert found[0] == min(sizes[0], SEARCH_EXAMPLES)
    assert max(found) <= SEARCH_EXAMPLES
    assert all(later >= WORTH_ANOTHER * earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize("sizes", SIZES)
def test_what_trains_on_all_examples_has_a_rate_found_on_a_quarter_of_them_or_on_hundreds(
    anatomy: Anatomy, sizes: tuple[int, ...]
) -> None:
    last = efforts(anatomy, sizes[-1]).searches(BLOCKS, sizes)[-1]
    assert last > sizes[-1] / FAR or last > SEARCH_EXAMPLES / WORTH_ANOTHER


@pytest.mark.parametrize("sizes", SIZES)
def test_the_adaptive_plan_searches_no_more_often_than_everything_in_full(
    anatomy: Anatomy, sizes: tuple[int, ...]
) -> None:
    adaptive = efforts(anatomy, sizes[-1]).searches(BLOCKS, sizes)
    assert len(adaptive) <= len(efforts(anatomy, sizes[-1], "full").searches(BLOCKS, sizes))
    assert len(adaptive) <= 2


def test_a_head_is_searched_once_on_everything(anatomy: Anatomy) -> None:
    assert efforts(anatomy, 9000).searches(HEAD, (1000, 3000, 9000)) == [9000]


def test_a_search_is_judged_once_at_the_end() -> None:
    assert Efforts.validate_every(100, 33, 3, "search") == 3
    assert Efforts.validate_every(5000, 33, 10, "search") == 10


@pytest.mark.parametrize("held_out", [100, 1_260, 50_000])
@pytest.mark.parametrize("size", [16, 300, 9_000])
def test_on_fewer_examples_looking_takes_no_longer_than_training_or_is_done_once(held_out: int, size: int) -> None:
    epochs = 10
    looks = math.ceil(epochs / Efforts.validate_every(held_out, size, epochs, "curve"))
    # A training step takes about three passes, a look one; rounding to whole epochs gives half as much again, and the
    # last epoch is always looked at.
    assert looks == 1 or (looks - 1) * held_out <= 1.5 * 3 * size * epochs
    assert epochs // Efforts.validate_every(held_out, size, epochs, "full") >= 3
