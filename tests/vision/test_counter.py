"""Random numbers by (seed, index) against SplitMix64 in plain integers, and what they promise."""

from __future__ import annotations

import numpy as np

from alih.vision.counter import near_normal, uniform


def splitmix(state: int) -> int:
    """Figure 10 of Steele, Lea and Flood 2014, in Python's own integers."""
    mask = 2**64 - 1
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
    return state ^ (state >> 31)


def test_numbers_are_splitmix64s() -> None:
    gamma, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    seed, index = 12345, 678
    start = splitmix((seed + gamma) & mask)
    stream = splitmix((start + index * gamma) & mask)
    expected = [(splitmix((stream + k * gamma) & mask) >> 40) / 2**24 for k in range(1, 6)]
    assert uniform(seed, np.array([index]), 5)[0].tolist() == expected


def test_an_example_gets_the_same_numbers_in_any_batch() -> None:
    whole = uniform(7, np.arange(100), 9)
    shuffled = np.random.default_rng(0).permutation(100)
    assert np.array_equal(uniform(7, shuffled, 9), whole[shuffled])
    assert np.array_equal(uniform(7, np.array([42]), 9)[0], whole[42])


def test_uniform_numbers_are_uniform_and_unrelated_between_neighbours() -> None:
    drawn = uniform(0, np.arange(20_000), 8)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.abs(np.histogram(drawn, bins=16, range=(0, 1))[0] / drawn.size * 16 - 1).max() < 0.03
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(uniform(0, np.arange(20_000), 1)[:, 0], uniform(1, np.arange(20_000), 1)[:, 0])[0, 1]) < 0.03


def test_near_normal_numbers_have_mean_0_and_variance_1() -> None:
    drawn = near_normal(3, np.arange(5000), 20)
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.var() - 1) < 0.02


def test_negative_seeds_are_seeds_too() -> None:
    assert not np.array_equal(uniform(-2, np.arange(3), 4), uniform(2, np.arange(3), 4))
