"""What is looked at closer: shifts alone, further sets, drift by CKA, forgetting is in test_forgetting.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alih
from alih.compare.closer import linear_cka
from alih.compare.comparison import Comparison
from alih.data.shift import KINDS
from alih.errors import DataError
from alih.task import Modality
from small_tasks import bert, reviews, table


def test_cka_is_one_for_rotated_scaled_and_shifted_features() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(50, 8))
    rotation, _ = np.linalg.qr(random.normal(size=(8, 8)))
    assert linear_cka(features, 3.0 * features @ rotation + 5.0) == pytest.approx(1.0, abs=1e-12)


def test_cka_is_the_hilbert_schmidt_independence_criterion_of_the_centred_gram_matrices() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(30, 4)), random.normal(size=(30, 6))
    centre = np.eye(30) - 1 / 30
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    assert linear_cka(x, y) == pytest.approx((k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()), rel=1e-10)


def test_cka_of_independent_features_is_near_zero() -> None:
    random = np.random.default_rng(2)
    assert linear_cka(random.normal(size=(5000, 3)), random.normal(size=(5000, 3))) < 0.01


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("closer")
    reviews(folder / "reviews.csv", 80)
    reviews(folder / "other.csv", 20, seed=5)
    bert(folder / "model")
    return folder


def _compare(place: Path, name: str) -> Comparison:
    options = {"routes": ("transfer", "finetune"), "blocks": (1,), "epochs": 2, "seeds": 2, "plan": "full"}
    return alih.compare(
        place / "reviews.csv", place / "model", shifted=str(place / name), runs=str(place / "runs"), **options
    )


def test_a_comparison_scores_each_shift_alone_and_the_set_given(place: Path) -> None:
    done = _compare(place, "other.csv")
    for record in done.records:
        looked = record["closer"]
        assert set(looked["shifts"]) == set(KINDS[Modality.TEXT])
        assert 0.0 <= looked["others"]["other.csv"] <= 1.0
        assert looked["forgetting"] is None
        assert (looked["drift"] is None) == (record["route"] == "transfer")
        assert record["latency_p95_ms"] >= record["latency_ms"]
    assert "on other.csv" in done.text_table()
    page = done.html("id")
    assert "salah ketik" in page
    assert "other.csv" in page
    looked_at = [trial for trial in done.trials if trial.closer is not None]
    assert {trial.seed for trial in looked_at} == {0}


def test_a_set_of_other_labels_is_refused_before_anything_runs(place: Path) -> None:
    table(place / "strange.csv", ("text", "label"), [("a text", "unheard-of"), ("another", "unheard-of")])
    with pytest.raises(DataError, match=r"strange\.csv.*unheard-of"):
        _compare(place, "strange.csv")
