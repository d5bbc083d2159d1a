"""What a metric is: a table of statistics, one row an example, and a function of the sums of its columns.

Accuracy sums right answers and examples; F1 sums hits and labels a class; BLEU sums n-gram counts. One resampling
(`alih.metrics.bootstrap`) then serves every metric: it weights the rows, and never looks at an example again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: A table of statistics (n, k), or (seeds, n, k) for a system that ran with several seeds.
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        name: "accuracy", "bleu".
        from_sums: sums of the statistics over examples (…, k) → scores (…); vectorised.
        higher_is_better: its direction.
        pseudo_examples: sums of the statistics (k,) → the rows (2, k) of an example that is right and of one that is
            wrong, for metrics that count right and wrong ones; the bootstrap adds them, and none to other metrics.
        in_points: between 0 and 1, so that differences read well in hundredths ("points").
        signature: what exactly was computed, where a reference implementation has a name for it (sacrebleu's).
    """

    name: str
    from_sums: Callable[[Floats], Floats]
    higher_is_better: bool = True
    pseudo_examples: Callable[[Floats], Floats] | None = None
    in_points: bool = False
    signature: str | None = None

    @property
    def is_share(self) -> bool:
        """Whether it counts what is right and what is wrong, with nothing in between."""
        return self.pseudo_examples is not None

    @property
    def sign(self) -> float:
        """1 where higher is better, −1 where lower is."""
        return 1.0 if self.higher_is_better else -1.0

    def score(self, statistics: Floats) -> float:
        """The metric of a table (n, k)."""
        return float(self.from_sums(statistics.sum(axis=0, dtype=np.float64)))

    def mean_score(self, statistics: Floats) -> float:
        """The mean score over seeds, of a table (seeds, n, k)."""
        return float(np.mean(self.from_sums(statistics.sum(axis=1, dtype=np.float64))))


def mean_of(name: str, *, higher_is_better: bool = True, is_share: bool = False, in_points: bool = False) -> Metric:
    """A metric that is the mean of the examples' values; its tables are those of `means`.

    Args:
        name: of the metric.
        higher_is_better, in_points: as of `Metric`.
        is_share: each example's value is 1 or 0, right or wrong.
    """
    return Metric(name, ratio, higher_is_better, _right_and_wrong if is_share else None, in_points)


def _right_and_wrong(_: Floats) -> Floats:
    return np.array([[1.0, 1.0], [0.0, 1.0]])


def means(values: ArrayLike) -> NDArray[np.float64]:
    """The table of a mean: (n,) values → (n, 2), each value and the 1 that it is counted by."""
    column = np.asarray(values, dtype=np.float64)
    return np.column_stack([column, np.ones_like(column)])


def ratio(sums: Floats) -> Floats:
    """First sum / second: (…, 2) → (…); NaN where there is nothing to divide by."""
    none = np.full(sums.shape[:-1], np.nan)
    return np.asarray(np.divide(sums[..., 0], sums[..., 1], out=none, where=sums[..., 1] != 0))


def f1_of(hits: Floats, labels: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """F1 = 2 · hits / (predicted + actual), 0 where there are none, and where there are some."""
    present = labels > 0
    return np.divide(2.0 * hits, labels, out=np.zeros(hits.shape), where=present), present


def mean_where(values: Floats, present: NDArray[np.bool_]) -> Floats:
    """Mean over the last axis of what is present, as scikit-learn's macro mean with `zero_division=nan`; else 0."""
    return np.asarray(np.where(present, values, 0.0).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1))
