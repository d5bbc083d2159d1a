"""Between a task and a model's configuration: class names in output order, and what kind of label they are."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

from alih.task import PROBLEM_TYPES, Kind, Modality, Task

_KINDS = {problem_type: kind for kind, problem_type in PROBLEM_TYPES.items()}


def set_task(config: PreTrainedConfig, task: Task) -> None:
    """Write a task into a configuration: `id2label`, `label2id`, `problem_type`."""
    loose: Any = config
    loose.problem_type = None  # the old one may contradict the new number of classes
    loose.id2label = dict(enumerate(task.classes or ("LABEL_0",)))
    loose.label2id = {label: index for index, label in loose.id2label.items()}
    loose.problem_type = task.problem_type


def classes_of(config: PreTrainedConfig) -> tuple[str, ...]:
    """The names of a configuration's outputs, in order."""
    labels: dict[Any, Any] = dict(config.id2label or {})
    return tuple(str(label) for _, label in sorted(labels.items()))


def task_of(config: PreTrainedConfig, modality: Modality) -> Task:
    """The task that the configuration of a trained classifier describes.

    Whether its texts are pairs is not written there; they count as single ones.
    """
    classes = classes_of(config)
    kind = _KINDS.get(config.problem_type or "", Kind.REGRESSION if len(classes) == 1 else Kind.SINGLE)
    return Task(modality, kind, () if kind is Kind.REGRESSION else classes)


def answers(classes: tuple[str, ...], problem_type: str | None, task: Task) -> bool:
    """Tell whether a head with these outputs already predicts what the task asks for."""
    if not task.classes:
        return problem_type == task.problem_type and len(classes) == task.outputs
    return classes == task.classes and problem_type in (None, task.problem_type)
