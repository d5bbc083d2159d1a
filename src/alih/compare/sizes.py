"""How many training examples the learning curve is measured at."""

from __future__ import annotations

_FACTOR = 3.0
#: Sizes closer than this factor tell nothing apart.
_APART = 1.5


def curve_sizes(examples: int, least: int) -> tuple[int, ...]:
    """Three sizes, ascending, a factor of three apart and ending at all examples; fewer where there are too few.

    Args:
        examples: training examples there are.
        least: fewest that make sense.
    """
    sizes = [examples]
    for power in (1, 2):
        size = max(round(examples / _FACTOR**power), least)
        if _APART * size <= sizes[-1]:
            sizes.append(size)
    return tuple(reversed(sizes))
