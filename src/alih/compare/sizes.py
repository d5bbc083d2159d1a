"""How many training examples the learning curve is measured at, and which ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alih.task import Kind, Task

_FACTOR = 3.0
_LEAST = 16
#: Sizes closer than this factor tell nothing apart.
_APART = 1.5


def curve_sizes(examples: int, task: Task) -> tuple[int, ...]:
    """Three sizes, ascending, a factor of three apart and ending at all examples; fewer where there are too few.

    The smallest holds at least two examples a class on average.
    """
    least = max(_LEAST, 2 * len(task.classes))
    sizes = [examples]
    for power in (1, 2):
        size = max(round(examples / _FACTOR**power), least)
        if _APART * size <= sizes[-1]:
            sizes.append(size)
    return tuple(reversed(sizes))


def nested_order(task: Task, labels: NDArray[np.generic], seed: int) -> NDArray[np.int64]:
    """Order the training rows so that every prefix is a stratified sample, and a longer prefix contains a shorter one.

    Args:
        task: single-label tasks are stratified by class; the rows of others are shuffled.
        labels: of the training split, (n,) or (n, classes).
        seed: of the shuffle.
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    if task.kind is not Kind.SINGLE:
        return shuffled.astype(np.int64)
    position = np.zeros(len(labels))
    for name in np.unique(labels):
        members = shuffled[labels[shuffled] == name]
        # Spread each class evenly over [0, 1); its first example leads, so that short prefixes miss no class.
        spread = (np.arange(len(members)) + generator.random(len(members))) / len(members)
        spread[0] = -1.0 + generator.random()
        position[members] = spread
    return np.argsort(position, kind="stable").astype(np.int64)
