"""From usable rows to a dataset: classes, leaks between splits, the splits that are missing, the subsample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alih.data.checks import FEWEST, check_labels, names_in
from alih.data.columns import Chosen
from alih.data.duplicates import note_duplicates, together, without_leaks
from alih.data.examples import Columns, Damage, Dataset
from alih.data.labels import Label, LabelScheme, classes_of
from alih.data.messages import counted, listed
from alih.data.parts import Part
from alih.data.split import SplitError, split, strata, subsample
from alih.data.split_options import SplitOptions
from alih.data.vocabulary import Split
from alih.errors import DataError, OptionError
from alih.task import Kind, Modality, Task

_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Named:
    """How a dataset is called.

    Args:
        name: for run folders.
        shown: in messages.
        source: as the user wrote it.
    """

    name: str
    shown: str
    source: str


def assemble(
    named: Named,
    parts: dict[Split | None, Part],
    chosen: Chosen,
    scheme: LabelScheme,
    options: SplitOptions,
    *,
    class_order: Sequence[str] = (),
    columns: Columns,
    notes: Sequence[str],
    damaged: Sequence[Damage],
) -> Dataset:
    """Make the dataset.

    Args:
        named: its names.
        parts: usable rows by split; key None where the source is not split.
        chosen, scheme: how columns and labels were read.
        options: how to split.
        class_order: order of the classes, where the format stores one.
        columns, notes, damaged: what reading found so far.

    Raises:
        DataError: labels that nothing can be learnt from, or too little to split.
        OptionError: fewer training examples asked for than there are classes.
    """
    shown = named.shown
    given = [side for side in _SPLITS[1:] if side in parts]
    said = list(
        check_labels(shown, parts, scheme, "" if columns.label is None else columns.label, carved=len(given) < 2)
    )
    everything = parts["train"] if "train" in parts else parts[None]
    classes = () if scheme.kind is Kind.REGRESSION else classes_of(everything.labels, scheme.order or class_order)
    task = Task(chosen.modality, scheme.kind, classes, pair=len(chosen.inputs) == 2)
    sides: dict[Split, Part] = {"train": everything, **{side: parts[side] for side in given}}
    if given:
        sides, removed = without_leaks(sides)
        said += removed
    said += note_duplicates(shown, sides["train"])
    sides, how = _carve(shown, sides, task, options, chosen.group)
    said.append(how)
    train = sides["train"].examples(task)
    most = options.max_examples
    if most is not None and most < len(train):
        if most < len(classes):
            raise OptionError(f"--max-examples {most}: {shown} has {len(classes)} classes; take at least as many.")
        train = train.select(subsample(strata(train.known_labels, task.kind), most, options.seed))
        said.append(f"training: {len(train):,} of {len(sides['train']):,} examples, chosen by seed {options.seed}")
    if damaged:
        said.append(f"{shown}: {counted(len(damaged), 'row or file', 'rows or files')} left out as damaged")
    return Dataset(
        name=named.name,
        source=named.source,
        task=task,
        train=train,
        validation=sides["validation"].examples(task),
        test=sides["test"].examples(task),
        columns=columns,
        notes=(_task_note(shown, task, everything.labels), *notes, *said),
        damaged=tuple(damaged),
    )


def _carve(
    shown: str, sides: dict[Split, Part], task: Task, options: SplitOptions, group: str | None
) -> tuple[dict[Split, Part], str]:
    """Make the splits that the source lacks from its training rows; return them and a note on how."""
    missing = [side for side in _SPLITS[1:] if side not in sides]
    train = sides["train"]
    empty = [side for side in sides if len(sides[side]) == 0]
    if empty:
        raise DataError(f"{shown}: no {empty[0]} row is left after duplicates were removed. Add others.")
    if not missing:
        return sides, _split_note(sides, "as given")
    if len(train) < FEWEST:
        raise DataError(
            f"{shown}: {counted(len(train), 'training example')} left after duplicates were removed; at least {FEWEST} "
            "are needed to split. Add examples."
        )
    fractions = [options.validation if side == "validation" else options.test for side in missing]
    stratum = strata(train.examples(task).known_labels, task.kind)
    try:
        found = split(stratum, fractions, options.seed, together(train))
    except SplitError as fault:
        what = f'column "{group}" has too few groups' if group else "too few different examples"
        if fault.stratum is not None and fault.stratum < len(task.classes):
            what = f'all examples of label "{task.classes[fault.stratum]}" are duplicates or in one group'
        raise DataError(
            f"{shown}: {what}, so that no training, validation and test sides can be made that share none. "
            "Add examples, or name another column with --group."
        ) from fault
    origin = "all rows" if len(missing) == 2 else "the training rows"
    carved = dict(zip(("train", *missing), (train.select(rows.tolist()) for rows in found), strict=True))
    sides = {**sides, **{side: carved[side] for side in _SPLITS if side in carved}}
    return sides, _split_note(sides, f"{' and '.join(missing)} drawn from {origin}, seed {options.seed}")


def _split_note(sides: dict[Split, Part], how: str) -> str:
    return f"splits: {', '.join(f'{len(sides[side]):,} {side}' for side in _SPLITS)} ({how})"


def _task_note(shown: str, task: Task, labels: Sequence[Label]) -> str:
    what = "pairs of texts" if task.pair else "texts" if task.modality is Modality.TEXT else "pictures"
    total = counted(len(labels), "example")
    if task.kind is Kind.REGRESSION:
        numbers = [label for label in labels if isinstance(label, float)]
        return f"{shown}: {what}, regression: {total}, from {min(numbers):g} to {max(numbers):g}"
    counts = Counter(name for label in labels for name in names_in(label))
    classes = listed((f"{name} {counts[name]:,}" for name in task.classes), 8)
    return f"{shown}: {what}, {task.kind}: {total}, {counted(len(task.classes), 'class', 'classes')} ({classes})"
