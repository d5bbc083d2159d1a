"""Random numbers addressed by (seed, index): the same for an example whatever batch or worker makes it.

SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 10), one stream for
each index.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def uniform(seed: int, indices: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """(n, count) numbers in [0, 1) for the n examples numbered `indices`."""
    return ((_bits(seed, indices, count) >> np.uint64(40)) * 2.0**-24).astype(np.float32)


def near_normal(seed: int, indices: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """(n, count) numbers of mean 0 and variance 1: sums of four 16-bit uniforms, close to normal."""
    pieces = _bits(seed, indices, count).view(np.uint16).reshape(len(indices), count, 4)
    sums = pieces.sum(axis=2, dtype=np.float32) / 65536.0 - 2.0
    return np.asarray(sums * np.sqrt(np.float32(3.0)), dtype=np.float32)


def _bits(seed: int, indices: NDArray[np.int64], count: int) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        start = _mixed(np.asarray([seed % 2**64], dtype=np.uint64) + _GAMMA)
        streams = _mixed(start + np.asarray(indices, dtype=np.uint64) * _GAMMA)
        return _mixed(streams[:, None] + np.arange(1, count + 1, dtype=np.uint64) * _GAMMA)


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
