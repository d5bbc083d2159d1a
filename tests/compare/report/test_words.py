"""Both languages say the same things, with the same gaps."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import alih.compare.report
from alih.compare.report.words import METRICS, TEXTS, words
from alih.errors import OptionError
from alih.metrics.classification import METRICS as KNOWN
from alih.metrics.tagging import METRICS as TAGGING
from alih.routes.base import Variant
from alih.task import Kind, Modality


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_texts() -> None:
    assert list(TEXTS["en"]) == list(TEXTS["id"])


@pytest.mark.parametrize("key", TEXTS["en"])
def test_a_text_has_the_same_gaps_in_both_languages(key: str) -> None:
    assert gaps(TEXTS["en"][key]) == gaps(TEXTS["id"][key])


def test_every_metric_has_a_name_in_both_languages() -> None:
    every = {metric.name for metrics in (*KNOWN.values(), TAGGING) for metric in metrics}
    assert set(METRICS["en"]) == set(METRICS["id"]) == every


def test_every_text_is_used() -> None:
    folder = Path(alih.compare.report.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "words.py")
    quoted = set(re.findall(r'"([a-z_0-9]+)"', code)) | {"split_train", "split_validation", "split_test"}
    assert set(TEXTS["en"]) <= quoted


def test_another_language_is_refused_by_its_flag() -> None:
    with pytest.raises(OptionError, match="--lang fr: reports are written in en and id"):
        words("fr")


def test_a_sentence_begins_with_a_capital_letter() -> None:
    assert words("id").sentence("pareto_help", metric="akurasi").startswith("Akurasi validasi")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("head", "kepala (head)"),
        ("head + top 12 blocks", "kepala + 12 blok teratas"),
        ("image, multi-label", "gambar, banyak label"),
        ("adapters of rank 8", "adapters of rank 8"),
        ("#", "#"),
    ],
)
def test_what_a_run_folder_says_is_translated_where_it_is_known(said: str, expected: str) -> None:
    assert words("id").term(said) == expected
    assert words("en").term(said) == said


def test_every_scope_and_every_kind_of_task_has_a_translation() -> None:
    variants = [
        Variant("transfer", 0, 6),
        Variant("finetune", 3, 6),
        Variant("finetune", 6, 6),
        Variant("s", 6, 6, True),
    ]
    scopes = [variant.scope for variant in variants]
    tasks = [f"{modality}, {kind}" for modality in Modality for kind in Kind]
    assert not [one for one in [*scopes, *tasks] if words("id").term(one) == one]
