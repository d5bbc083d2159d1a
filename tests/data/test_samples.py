"""The built-in samples are real, balanced, masked and the same on every run."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
from sklearn.datasets import load_digits

from alih.data.read import read
from alih.data.samples import MOST_A_CLASS, PACKAGES, digits, docstrings, plain_text


def test_digits_are_the_scans_enlarged() -> None:
    table = digits()
    images, targets = load_digits(return_X_y=True)
    assert len(table) == 1797
    assert table.columns["label"] == [str(target) for target in targets]
    first = table.columns["image"][0]
    assert isinstance(first, np.ndarray)
    assert (first.shape, first.dtype) == ((32, 32), np.uint8)
    # Averaging each 4 × 4 square again gives back the scan, up to what bicubic interpolation smooths.
    again = first.reshape(8, 4, 8, 4).mean(axis=(1, 3)) / 255 * 16
    assert np.corrcoef(again.ravel(), images[0])[0, 1] > 0.97
    assert first[:, 0].mean() < 10, "the ground is dark"


def test_docstrings_cover_the_packages_evenly() -> None:
    counts = Counter(docstrings().columns["label"])
    assert set(counts) == set(PACKAGES)
    assert max(counts.values()) <= MOST_A_CLASS
    assert min(counts.values()) > 100


def test_docstrings_do_not_name_their_package() -> None:
    names = re.compile(rf"\b({'|'.join(PACKAGES)})\b", re.IGNORECASE)
    table = docstrings()
    assert not [text for text in table.columns["text"] if names.search(str(text))]
    assert all(len(str(text).split()) >= 5 for text in table.columns["text"])


def test_docstrings_are_the_same_each_time() -> None:
    first, again = docstrings(), docstrings()
    assert (first.columns, first.origins) == (again.columns, again.origins)


def test_plain_text_drops_signature_and_examples() -> None:
    text = plain_text(
        """frob(x, y) -> int

        Frob the given email by its
        logging handle.

        >>> frob(1, 2)
        3
        """
    )
    assert text == "Frob the given … by its … handle."


def test_both_are_read_like_any_other_source() -> None:
    for name, count in (("alih/digits", 1797), ("alih/docstrings", len(docstrings()))):
        dataset = read(name)
        assert dataset.name == name.split("/")[1]
        assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == count
        assert not dataset.damaged
