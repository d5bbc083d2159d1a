"""Data requirement: how many training examples a variant needs to score as it does with all of them."""

from __future__ import annotations

from alih.compare.contender import Contender
from alih.compare.runfolder import RunFolder
from alih.data.examples import Examples
from alih.evaluate.bootstrap import differences
from alih.evaluate.metrics import higher_is_better
from alih.task import Task


def enough_examples(
    contender: Contender, folder: RunFolder, task: Task, metric: str, validation: Examples
) -> int | None:
    """The smallest size from which on no score can be told from that on all examples; None where no curve was measured.

    The runs are compared in pairs, on the same validation examples and with the same seed, at 95 % for all sizes
    together.

    Args:
        contender: the variant, with its trials.
        folder: where their predictions are.
        task: what was predicted.
        metric: the metric that decides.
        validation: the validation split.
    """
    if not contender.full or len(contender.curve) < 2:
        return None
    *curve, whole = contender.curve
    curve.reverse()
    gaps = differences(
        task,
        metric,
        folder.predictions(whole),
        [folder.predictions(trial) for trial in curve],
        validation.known_labels,
        groups=validation.groups,
    )
    enough = whole.examples
    for trial, gap in zip(curve, gaps, strict=True):
        worse = gap.low > 0 if higher_is_better(metric) else gap.high < 0
        if worse:
            break
        enough = trial.examples
    return enough
