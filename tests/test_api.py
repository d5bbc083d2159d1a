"""The public functions: what they return, that options are the command line's, and that importing costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

import alih
from alih.compare.comparison import Comparison
from alih.tasks.classification.adapted import AdaptedClassifier
from small_tasks import pictures

FEW: dict[str, Any] = {"learning_rate": 0.01, "seeds": 1, "routes": "transfer"}


def test_three_lines_are_enough(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    result = alih.compare(reviews_csv, str(tiny_bert), runs=tmp_path, **FEW)
    assert "transfer: accuracy" in str(result)
    [prediction] = result.best.predict(["barang bagus sekali"])
    assert prediction.label in ("negative", "positive")


def test_compare_can_be_called_again(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    # Importing the package alih.compare, which the first call does, must not hide the function of that name.
    for _ in range(2):
        assert isinstance(alih.compare(reviews_csv, str(tiny_bert), runs=str(tmp_path), **FEW), Comparison)


@pytest.mark.parametrize(
    "first", ["", "import alih.compare.options as _", "from alih.cli.main import main", "from alih import compare"]
)
def test_compare_is_callable_whatever_was_imported_before(first: str) -> None:
    code = f"import alih\n{first}\ntry: alih.compare('nothing.csv')\nexcept alih.DataError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nothing.csv: no such file" in done.stdout


def test_a_dataset_that_was_read_before_is_taken(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    dataset = alih.read(reviews_csv, seed=3)
    result = alih.compare(dataset, str(tiny_bert), runs=str(tmp_path), **FEW)
    assert result.report["handed_over"]["test"]["examples"] == len(dataset.test)


def test_a_table_in_memory_is_refused_in_words(tiny_bert: Path, tmp_path: Path) -> None:
    table = pandas.DataFrame({"text": ["good", "bad"], "label": ["yes", "no"]})
    for run in (alih.read, lambda data: alih.compare(data, str(tiny_bert), runs=str(tmp_path))):
        with pytest.raises(alih.DataError, match=r"a DataFrame is no source of data.*to_csv"):
            run(table)


def test_a_dataset_shows_its_size_and_not_its_texts(reviews_csv: Path) -> None:
    told = repr(alih.read(reviews_csv))
    assert "Examples(54 of str, labelled)" in told
    assert "barang" not in told


def test_adapt_returns_the_model_and_open_finds_it_again(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    adapted = alih.adapt(
        reviews_csv, str(tiny_bert), route="finetune", blocks=1, epochs=1, learning_rate=1e-2, runs=str(tmp_path)
    )
    assert isinstance(adapted, AdaptedClassifier)
    again = alih.open(tmp_path / "last")
    assert again.predict(["good food"]) == adapted.predict(["good food"])


def test_pictures_work_the_same(tiny_resnet: Path, tmp_path: Path) -> None:
    result = alih.compare(pictures(tmp_path / "photos"), str(tiny_resnet), runs=str(tmp_path / "runs"), **FEW)
    assert result.best.problem.classes == ("bottom", "top")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rte": 3}, 'Did you mean "learning_rate"?'),
        ({"seeds": "three"}, "--seeds: 'three' is not a whole number"),
        ({"routes": ["rag"]}, "no route 'rag'"),
        ({"max_time": "soon"}, "--max-time"),
    ],
)
def test_wrong_options_are_refused_in_words(reviews_csv: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(alih.OptionError) as caught:
        alih.compare(reviews_csv, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize("options", [{"routes": "finetune"}, {"seeds": 5}, {"blocks": 2}, {"epochs": 3}])
def test_adapt_refuses_options_that_it_would_not_read(reviews_csv: Path, options: dict[str, Any]) -> None:
    with pytest.raises(alih.OptionError):
        alih.adapt(reviews_csv, **options)


def test_load_and_inspect_take_the_same_names(tiny_bert: Path) -> None:
    assert len(alih.load(str(tiny_bert)).anatomy.blocks) == 3
    assert alih.inspect(str(tiny_bert))["family"] == "bert"


def test_every_public_name_exists() -> None:
    for name in alih.__all__:
        assert getattr(alih, name) is not None
