"""Options reject what they cannot honour, naming the flag and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.options import Options
from alih.errors import OptionError
from alih.option import seconds
from alih.routes.options import ALL_BLOCKS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"routes": "transfer,finetun"}, ["--routes", "finetun", 'Did you mean "finetune"?']),
        ({"seeds": 0}, ["--seeds", "at least 1"]),
        ({"batch_size": -3}, ["--batch-size", "at least 1"]),
        ({"epochs": 0}, ["--epochs"]),
        ({"max_examples": 0}, ["--max-examples"]),
        ({"blocks": "2,two"}, ["--blocks", "two"]),
        ({"blocks": "0"}, ["--blocks", "transfer"]),
        ({"learning_rate": -1.0}, ["--learning-rate", "above 0"]),
        ({"learning_rate": 50.0}, ["--learning-rate"]),
        ({"learning_rate": {"transfr": 0.1}}, ["--learning-rate", 'Did you mean "transfer"?']),
        ({"learning_rate": "transfer=0.1,transfer=0.2"}, ["--learning-rate", "two rates"]),
        ({"learning_rate": "transfer=0.1,finetune"}, ["--learning-rate", "route=number"]),
        ({"max_memory": "much"}, ["--max-memory", "8GB"]),
        ({"max_memory": 0}, ["--max-memory", "above zero"]),
        ({"max_latency": -1.0}, ["--max-latency", "above zero"]),
        ({"prefer": "dear"}, ["--prefer", "balanced"]),
        ({"max_time": "soon"}, ["--max-time", "soon", "20m"]),
        ({"max_time": "0s"}, ["--max-time", "above zero"]),
        ({"validation": 1.5}, ["--validation", "between 0 and 1"]),
        ({"validation": 0.6, "test": 0.4}, ["--validation", "--test"]),
        ({"pooling": "max"}, ["--pooling", "max", "mean"]),
        ({"kind": "clustering"}, ["--kind", "regression"]),
        ({"precision": "int8"}, ["--precision", "bf16"]),
        ({"cache_limit": -1.0}, ["--cache-limit"]),
        ({"cache_limit": float("nan")}, ["--cache-limit", "nan"]),
        ({"max_time": float("nan")}, ["--max-time", "above zero"]),
        ({"seed": -1}, ["--seed", "from 0"]),
        ({"seed": 2**32}, ["--seed", "4,294,967,295"]),
        ({"seeds": "three"}, ["--seeds", "whole number"]),
        ({"seeds": 1.5}, ["--seeds", "whole number"]),
        ({"seeds": True}, ["--seeds", "whole number"]),
        ({"learning_rate": "fast"}, ["--learning-rate", "a number"]),
        ({"allow_pickle": "yes"}, ["--allow-pickle", "True or False"]),
        ({"model": 3}, ["--model", "a text"]),
        ({"routes": ""}, ["--routes", "names no route"]),
        ({"routes": 3.5}, ["--routes", "no list"]),
        ({"blocks": []}, ["--blocks", "names no number"]),
        ({"learning_rte": 1e-3}, ["learning_rte", 'Did you mean "learning_rate"?']),
    ],
)
def test_a_wrong_option_is_named_with_what_to_do(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        Options.from_mapping(values)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("90", 90), ("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172800), (45, 45)],
)
def test_durations_read_as_people_write_them(written: str | int, meant: float) -> None:
    assert seconds(written) == meant


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_clear_error(text: str) -> None:
    try:
        value = seconds(text)
    except OptionError as error:
        value = 0.0 if "--max-time" in str(error) else -1.0
    assert value >= 0


def test_simple_types_are_mended() -> None:
    mended = Options.from_mapping({"seeds": "2", "learning_rate": 1, "model": Path("a") / "b", "text": ["p", "q"]})
    assert (mended.seeds, mended.learning_rate, mended.text) == (2, 1.0, "p,q")
    assert mended.model == str(Path("a/b"))


def test_lists_are_read_from_text_and_from_python_alike() -> None:
    typed = Options.from_mapping({"routes": "transfer, finetune", "blocks": "1,all"})
    given_in_python = Options.from_mapping({"routes": ["transfer", "finetune"], "blocks": [1, "all"]})
    assert typed == given_in_python
    assert typed.blocks == (1, ALL_BLOCKS)


@pytest.mark.parametrize(
    ("written", "rates"),
    [
        ("1e-4", {"transfer": 1e-4, "scratch": 1e-4}),
        ("transfer=0.01, finetune=1e-4", {"transfer": 0.01, "scratch": None}),
    ],
)
def test_a_learning_rate_is_for_every_route_or_for_those_named(written: str, rates: dict[str, float | None]) -> None:
    found = Options.from_mapping({"learning_rate": written})
    assert {route: found.rate_for(route) for route in rates} == rates


@pytest.mark.parametrize(
    ("written", "size"), [("8GB", 8e9), ("500 mb", 5e8), ("1.5GiB", 1.5 * 2**30), ("1000", 1000.0), (2e9, 2e9)]
)
def test_sizes_are_read_as_people_write_them(written: str | float, size: float) -> None:
    assert Options.from_mapping({"max_memory": written}).max_memory == size
