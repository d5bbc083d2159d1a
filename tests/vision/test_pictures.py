"""Drawn pictures: a function of (seed, index), and readable."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alih.vision.pictures import SIDE, Pictures

pytest.importorskip("matplotlib", reason="the fonts come with matplotlib")


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return Pictures(["Computer Modern Sans", "Computer Modern Typewriter"])


def test_a_picture_is_the_same_in_any_batch(pictures: Pictures) -> None:
    whole, labels = pictures.draw(5, range(64))
    order = np.random.default_rng(0).permutation(64)
    shuffled, shuffled_labels = pictures.draw(5, order)
    # One level of 255: sums may round differently in a batch of another size.
    assert (shuffled.int() - whole[order].int()).abs().max() <= 1
    assert torch.equal(shuffled_labels, labels[order])
    alone, _ = pictures.draw(5, [17])
    assert (alone[0].int() - whole[17].int()).abs().max() <= 1
    again, _ = pictures.draw(5, range(64))
    assert torch.equal(again, whole)


def test_another_seed_is_another_series(pictures: Pictures) -> None:
    assert not torch.equal(pictures.draw(0, range(8))[0], pictures.draw(2, range(8))[0])


def test_pictures_are_colour_bytes_of_32_pixels(pictures: Pictures) -> None:
    drawn, labels = pictures.draw(0, range(10))
    assert (drawn.shape, drawn.dtype) == ((10, 3, SIDE, SIDE), torch.uint8)
    assert (labels.shape, labels.dtype) == ((10,), torch.int64)


def test_every_class_is_drawn_about_equally_often(pictures: Pictures) -> None:
    _, labels = pictures.draw(0, range(3_100))
    counts = torch.bincount(labels, minlength=62)
    assert counts.min() > 25
    assert counts.max() < 85


def test_ink_stands_out_from_paper(pictures: Pictures) -> None:
    drawn, _ = pictures.draw(0, range(500))
    spread = drawn.float().mean(dim=1).flatten(1)
    contrast = spread.quantile(0.98, dim=1) - spread.quantile(0.02, dim=1)
    assert contrast.min() > 20
    assert contrast.median() > 100


def test_both_greys_and_colours_dark_and_light_occur(pictures: Pictures) -> None:
    drawn, _ = pictures.draw(0, range(500))
    grey = (drawn == drawn[:, :1]).flatten(1).all(dim=1).float().mean()
    assert 0.3 < grey < 0.7
    corner, middle = drawn[:, :, 0, 0].float().mean(dim=1), drawn.float().mean(dim=(1, 2, 3))
    assert 0.3 < (middle > corner).float().mean() < 0.8
