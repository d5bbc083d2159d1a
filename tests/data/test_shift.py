"""Shifted copies keep labels and order, differ from the originals, and depend on nothing but input and seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alih.data import shift
from alih.data.examples import Examples
from alih.data.shift import KINDS, shift_picture, shift_text, shifted
from alih.errors import DataError
from alih.task import Kind, Modality, Task

from .heard import Heard

TEXT = Task(Modality.TEXT, Kind.SINGLE, ("a", "b"))
IMAGE = Task(Modality.IMAGE, Kind.SINGLE, ("a", "b"))
SENTENCES = [f"The quick brown fox number {n} jumps over the lazy dog and runs away" for n in range(40)]


def examples(inputs: list[object]) -> Examples:
    return Examples(inputs, np.arange(len(inputs)) % 2, [f"row {n}" for n in range(len(inputs))])  # type: ignore[arg-type]


def test_labels_and_origins_stay() -> None:
    before = examples(list(SENTENCES))
    after = shifted(before, TEXT, 0)
    assert after.known_labels.tolist() == before.known_labels.tolist()
    assert list(after.origins) == list(before.origins)
    changed = sum(one != two for one, two in zip(before.inputs, after.inputs, strict=True))
    assert changed > 30


def test_what_happens_to_an_example_does_not_depend_on_the_others() -> None:
    forward = shifted(examples(list(SENTENCES)), TEXT, 3).inputs
    backward = shifted(examples(list(reversed(SENTENCES))), TEXT, 3).inputs
    alone = shifted(examples([SENTENCES[7]]), TEXT, 3).inputs
    assert list(forward) == list(reversed(backward))
    assert alone[0] == forward[7]


def test_seeds_differ() -> None:
    assert shifted(examples(list(SENTENCES)), TEXT, 0).inputs != shifted(examples(list(SENTENCES)), TEXT, 1).inputs


def test_pairs_stay_pairs() -> None:
    after = shifted(examples([(one, one[::-1]) for one in SENTENCES]), TEXT, 0)
    assert all(isinstance(value, tuple) and len(value) == 2 for value in after.inputs)


@given(text=st.text(min_size=1).filter(str.strip), seed=st.integers(0, 2**32))
def test_a_text_never_becomes_empty(text: str, seed: int) -> None:
    assert shift_text(text, np.random.default_rng(seed)).strip()


@pytest.mark.parametrize("shape", [(8, 8), (32, 32, 3), (40, 20), (1, 1, 3)])
def test_pictures_keep_shape_and_type(shape: tuple[int, ...]) -> None:
    before = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    after = shift_picture(before, np.random.default_rng(1))
    assert (after.shape, after.dtype) == (before.shape, np.uint8)


def test_a_shifted_picture_is_still_like_itself() -> None:
    before = np.zeros((32, 32), np.uint8)
    before[8:24, 12:20] = 220
    after = shifted(examples([before]), IMAGE, 0).inputs[0]
    assert isinstance(after, np.ndarray)
    assert (after != before).any()
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.7


def test_large_picture_files_come_back_as_small_pixels(tmp_path: Path) -> None:
    Image.new("RGB", (1200, 600), (10, 20, 30)).save(tmp_path / "p.png")
    after = shifted(examples([tmp_path / "p.png"]), IMAGE, 0).inputs[0]
    assert isinstance(after, np.ndarray)
    assert after.shape == (256, 512, 3)
    with pytest.raises(DataError, match="row 0"):
        shifted(examples([tmp_path / "gone.png"]), IMAGE, 0)


def test_many_shifted_pictures_are_files_with_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [np.random.default_rng(n).integers(0, 256, (16, 16, 3), dtype=np.uint8) for n in range(10)]
    kept = shifted(examples(list(pictures)), IMAGE, 0).inputs
    monkeypatch.setattr(shift, "IN_MEMORY", 4 * 16 * 16 * 3)
    spilled = shifted(examples(list(pictures)), IMAGE, 0).inputs
    assert all(isinstance(value, Path) for value in spilled)
    for one, other in zip(kept, spilled, strict=True):
        with Image.open(other) as picture:
            np.testing.assert_array_equal(np.asarray(picture), one)


def test_making_the_copy_says_how_far_it_is() -> None:
    heard = Heard()
    shifted(examples(list(SENTENCES)), TEXT, 0, heard)
    assert heard.steps == {"Making a shifted copy": (40, 40)}


def test_each_kind_of_text_shift_does_only_what_it_says() -> None:
    before = examples(list(SENTENCES))
    lost, spelt, case = (
        shifted(before, TEXT, 0, kinds=(kind,)).inputs for kind in ("lost words", "typing mistakes", "letter case")
    )
    assert all(set(str(b).split()) <= set(str(a).split()) for a, b in zip(SENTENCES, lost, strict=True))
    assert all(len(str(a).split(" ")) == len(str(b).split(" ")) for a, b in zip(SENTENCES, spelt, strict=True))
    assert all(str(b).lower() == a.lower() and str(b) != a for a, b in zip(SENTENCES, case, strict=True))
    assert any(a != b for a, b in zip(SENTENCES, lost, strict=True))
    assert any(a != b for a, b in zip(SENTENCES, spelt, strict=True))


@pytest.mark.parametrize("kind", KINDS[Modality.IMAGE])
def test_each_kind_of_picture_shift_changes_the_picture_and_keeps_its_shape(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    after = shift_picture(pixels, np.random.default_rng(1), (kind,))
    assert after.shape == pixels.shape
    assert not np.array_equal(after, pixels)


def test_no_kind_is_no_shift() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
    assert np.array_equal(shift_picture(pixels, np.random.default_rng(1), ()), pixels)
    assert shift_text(SENTENCES[0], np.random.default_rng(1), ()) == SENTENCES[0]
