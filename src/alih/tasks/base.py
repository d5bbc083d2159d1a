"""What every task is: what is predicted from a dataset, how a model is opened, fed, trained and scored for it.

The engine (plan, trials, decision, report, hand-over) knows no task beyond this class, and a task knows no route.
Each task is one folder of `alih.tasks`, registered by one line in `alih.tasks.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import Encoded
from alih.data.examples import Damage, Dataset, Examples
from alih.errors import OptionError
from alih.metrics.base import Metric
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.training.choice import Look, Outputs
from alih.training.feed import Batch, Feed
from alih.training.modules import FullModel
from alih.training.precision import Precision
from alih.training.result import FitResult, FitSettings

if TYPE_CHECKING:
    from alih.generate.prompt import PromptForm
    from alih.messages import Diagnosis
    from alih.tasks.adapted import Adapted
    from alih.tasks.bench import Adaptation, Bench, Part, Stage

#: Arrays by name, with one row an example each: what a model said of some examples, as far as a trial keeps it.
Predictions = dict[str, NDArray[Any]]
#: By metric: a table (n, k) of per-example statistics, of whose sums the metric is a function.
Statistics = dict[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class ModelChoice:
    """Which model to load, and how."""

    name: str
    revision: str | None = None
    allow_pickle: bool = False
    pooling: Literal["auto", "native", "mean"] = "auto"


class Task(ABC):
    """What is predicted, from which data.

    Args:
        dataset: the splits, of which test is touched by the hand-over alone; None for a model opened from disk.
    """

    #: The task's name, as typed after `--task`.
    name: ClassVar[str]
    #: Whether the task puts a head of its own on the model, which trains on every route.
    trains_head: ClassVar[bool] = False
    #: Whether the part of a model that does not train is run once, and what comes out of it kept; otherwise it runs in
    #: every epoch.
    freezes: ClassVar[bool] = True
    #: Whether the mean of what leaves a block can tell an example's label, so that each depth is probed for it.
    probes: ClassVar[bool] = True
    #: Kinds of shift that the robustness of a model is measured on, one by one and all at once.
    shifts: tuple[str, ...] = ()
    #: Training rows that are scored for the risk of overfitting, at most, and single predictions that are timed.
    scored_rows: ClassVar[int] = 1000
    timed: ClassVar[int] = 40

    def __init__(self, dataset: Dataset | None) -> None:
        self._dataset = dataset

    @property
    def dataset(self) -> Dataset:
        """The splits.

        Raises:
            ValueError: there are none: the task is that of a model opened from disk.
        """
        if self._dataset is None:
            raise ValueError(f"this task {self.name} has no dataset")
        return self._dataset

    # What is predicted

    @classmethod
    def recognises(cls, data: Any) -> str | None:
        """Why data are for this task, in words ("instructions with answers"), where nobody named it; None if not.

        It looks at little, raises nothing, and says no where it is not sure.
        """
        return None

    @classmethod
    @abstractmethod
    def read(cls, data: Any, options: Any, progress: Progress | None = None) -> Self:
        """Read and split data.

        Args:
            data: what the user named: a path, or what the task takes in its place.
            options: those of the task, as `alih.compare.options.Options` holds them.
            progress: where to report.

        Raises:
            DataError: they cannot be used.
            OptionError: an option does not fit them.
        """

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the run folder and the adapted model say of the task, as JSON-able data; its name is beside it."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric; the first one decides where the user names none."""

    def metric(self, chosen: str | None = None) -> Metric:
        """The metric that decides.

        Raises:
            OptionError: the task has no metric of that name.
        """
        known = {metric.name: metric for metric in self.metrics}
        if chosen is None:
            return self.metrics[0]
        if chosen not in known:
            raise OptionError(f"--metric: {chosen!r} does not fit the task {self.name}. Metrics: {', '.join(known)}.")
        return known[chosen]

    @abstractmethod
    def statistics(self, predictions: Predictions, examples: Examples) -> Statistics:
        """What each example adds to each metric.

        Raises:
            ModelError: the predictions are no finite numbers.
        """

    @property
    @abstractmethod
    def smooth_metric(self) -> str:
        """Name of the metric that is smooth, for comparing settings that the deciding one cannot tell apart; a loss."""

    def scores(self, statistics: Statistics) -> dict[str, float]:
        """Every metric that there is a table of."""
        known = (metric for metric in self.metrics if metric.name in statistics)
        return {metric.name: metric.score(statistics[metric.name]) for metric in known}

    # Data

    @property
    def choosing(self) -> Examples:
        """The examples that choose the weights of a training."""
        return self.dataset.validation

    @property
    def judged(self) -> Examples:
        """The examples that candidates are judged by."""
        return self.dataset.validation

    def order(self, seed: int) -> NDArray[np.int64]:
        """The training rows in an order every prefix of which is a fair sample, longer ones containing shorter ones."""
        return np.random.default_rng(seed).permutation(len(self.dataset.train)).astype(np.int64)

    @property
    def least_examples(self) -> int:
        """Fewest training examples that a point of the learning curve makes sense at."""
        return 16

    def read_more(self, path: Path, damaged: list[Damage], notes: list[str], progress: Progress) -> Examples:
        """Read another file with known answers as the dataset was read.

        Args:
            path: the file or folder.
            damaged: rows that cannot be used are put here.
            notes: what the reader should know is put here.
            progress: where to report.

        Raises:
            DataError: it cannot be read.
            OptionError: the task knows no other files.
        """
        raise OptionError(f"--shifted: the task {self.name} scores no other files; leave it out.")

    def shifted(
        self, examples: Examples, seed: int, progress: Progress | None = None, kinds: Collection[str] | None = None
    ) -> Examples:
        """A copy as a careless hand or camera would give it, with the same answers; `kinds` of `shifts`, or all."""
        return examples

    # The model

    @property
    def reads_texts(self) -> bool:
        """Whether inputs are texts, and not pictures."""
        return True

    @property
    @abstractmethod
    def default_model(self) -> str:
        """The built-in model to start from, where the user names none."""

    @abstractmethod
    def open(self, choice: ModelChoice, *, seed: int, random_weights: bool = False) -> Pretrained:
        """Open the model as this task needs it; new weights depend on the seed alone.

        Raises:
            ModelError: it cannot be opened, or is of another kind.
        """

    def begin(self, pretrained: Pretrained) -> None:
        """Look at the model that all candidates start from, once, before anything is encoded."""
        return

    @abstractmethod
    def encode(self, pretrained: Pretrained, examples: Examples, max_length: int | None, progress: Progress) -> Encoded:
        """Examples as the model reads them.

        Raises:
            DataError: one of them cannot be read.
        """

    def labels(self, examples: Examples, encoded: Encoded) -> NDArray[np.generic] | None:
        """What training compares outputs with, one row an example; None where the encoded examples hold it."""
        return None

    @abstractmethod
    def feed(self, part: Part, rows: NDArray[np.int64] | None, batch_size: int) -> Feed:
        """Batches of whole inputs, for a model that runs from its first layer on."""

    def module(self, pretrained: Pretrained) -> nn.Module:
        """The whole model as `loss` and `outputs` call it."""
        return FullModel(pretrained.model)

    def examples_a_step(self, bench: Bench) -> float:
        """Training examples of a batch, on average."""
        return bench.batch_size

    # Training

    def cannot_train(self, pretrained: Pretrained, *, random_weights: bool) -> str | None:
        """Why the model cannot be trained for the task, from its weights or from random ones; None where it can."""
        return None

    def epochs(self, usual: int, rows: int, share: float) -> int:
        """Epochs on so many rows: what the route has, unless the task knows better how long its model trains.

        Args:
            usual: the route's, times `share`.
            rows: training examples.
            share: of a whole training, for the shorter runs of a search.
        """
        return usual

    @property
    def known_rate(self) -> float | None:
        """The learning rate of the model, where it is known and need not be searched for."""
        return None

    @abstractmethod
    def loss(self, module: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Sum of the losses of a batch, and how many terms it has; what is minimised is their quotient."""

    @abstractmethod
    def outputs(self, module: nn.Module, feed: Feed, precision: Precision | None) -> Outputs:
        """What a module in training position gives for examples: (rows, width), in the order of the feed's rows."""

    @abstractmethod
    def look(self, stage: Stage, metric: Metric) -> Look:
        """How validation chooses the weights of a stage; `metric` is the one that decides."""

    def settings(self, settings: FitSettings, stage: Stage, rows: int) -> FitSettings:
        """How a stage trains on so many rows: what the plan asked for, in the manner of this task."""
        return settings

    # Prediction

    @abstractmethod
    def predict(self, stage: Stage, name: str, rows: NDArray[np.int64] | None = None) -> Predictions:
        """What a model says of the examples of a part, as it will be used."""

    def judge(self, stage: Stage, result: FitResult) -> Predictions:
        """What a candidate is judged by: predictions of `judged`, which did not choose what they judge."""
        return self.predict(stage, "judged")

    def tried(self, stage: Stage, result: FitResult) -> Predictions:
        """What settings are searched by: `judge`, or less where that is dear and the smooth metric does without it."""
        return self.judge(stage, result)

    def predict_one(self, stage: Stage, row: int) -> None:
        """Predict one example of `judged` as a model in use does: what its latency is measured by."""
        stage.predict("judged", np.array([row], dtype=np.int64))

    def difference(self, first: Predictions, second: Predictions) -> float:
        """Largest absolute difference of two models' numbers on the same examples."""
        compared = [name for name, array in first.items() if np.issubdtype(array.dtype, np.floating)]
        return max((float(np.abs(first[name] - second[name]).max()) for name in compared), default=0.0)

    def tokens(self, stage: Stage) -> float | None:
        """Tokens that one prediction reads, a prompt's included; None for pictures."""
        return None

    # Hand-over

    def finish(self, pretrained: Pretrained) -> None:
        """What is left to do to a model that was trained, before it is merged and written."""
        return

    @abstractmethod
    def save(self, pretrained: Pretrained, folder: Path, max_length: int | None) -> None:
        """Write an adapted model: a plain Hugging Face folder, with `alih.json` beside the weights.

        Raises:
            ModelError: the folder cannot be written.
            OSError: `alih.json` cannot.
        """

    @classmethod
    @abstractmethod
    def adapted(cls, folder: Path, progress: Progress | None = None) -> Adapted:
        """Open what `save` wrote.

        Raises:
            RunError: it holds no model of this task.
        """

    def evidence(self, predictions: Predictions) -> dict[str, Any]:
        """What a report shows of single predictions of `judged`, as JSON-able data; see `alih.tasks.evidence`."""
        return {}

    def diagnose(self, bench: Bench, seed: int) -> list[Diagnosis]:
        """What is odd about the training data."""
        return []

    # Without training

    def cannot_prompt(self, pretrained: Pretrained, form: PromptForm) -> str | None:
        """Why the model cannot be asked without training, in words; None where it can.

        Raises:
            OptionError: the form's template is none for this model.
        """
        return f"without training, a model says nothing that the task {self.name} asks for"

    def prompted(
        self,
        bench: Bench,
        form: PromptForm,
        settings: FitSettings,
        rows: NDArray[np.int64],
        deadline: float | None,
    ) -> Adaptation:
        """Make a model that answers without training, shown examples of `rows` where the form asks for some."""
        raise OptionError(f"{self.name}: no model is prompted for it")

    def prompt_again(self, bench: Bench, prompt: dict[str, Any]) -> Pretrained:
        """Make the model of `prompted` again, from what its adaptation kept."""
        raise OptionError(f"{self.name}: no model is prompted for it")
