"""Classification and regression of texts, pairs of texts and pictures, as a task of the engine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import Encoded, encode
from alih.data.examples import Damage, Dataset, Examples
from alih.data.predict_on import read_labelled
from alih.data.read import read
from alih.data.shift import KINDS, shifted
from alih.data.split_options import SplitOptions
from alih.errors import OptionError
from alih.generate.prompt import PromptForm
from alih.messages import Diagnosis
from alih.metrics import classification as measures
from alih.metrics.base import Metric
from alih.pretrained.families import head_modules
from alih.pretrained.open import Pretrained, default_model, load
from alih.pretrained.prompted import AlihPromptedForSequenceClassification
from alih.progress import Progress
from alih.task import Kind, Modality
from alih.task import Task as Problem
from alih.tasks.adapted import Adapted
from alih.tasks.base import ModelChoice, Predictions, Statistics, Task
from alih.tasks.bench import SCORING_BATCH, Adaptation, Bench, Part, Stage
from alih.tasks.classification import class_vectors, likelihood
from alih.tasks.classification.diagnosis import diagnose
from alih.tasks.classification.evidence import evidence
from alih.tasks.classification.scaling import Scaling, last_linear
from alih.training.choice import Look, Outputs
from alih.training.feed import Batch, ExampleFeed, Feed, InputFeed
from alih.training.loss import LabelledLook, objective
from alih.training.precision import Precision
from alih.training.result import FitResult, FitSettings
from alih.training.scoring import logits


class Classification(Task):
    """One label, several labels, or a number for each text, pair of texts or picture.

    Predictions are `logits`: (n, classes), or (n, 1) for a number, in the unit of the labels.
    """

    name: ClassVar[str] = "classification"
    trains_head: ClassVar[bool] = True
    problem: Problem

    def __init__(self, dataset: Dataset | None, problem: Problem | None = None) -> None:
        super().__init__(dataset)
        if dataset is not None:
            problem = dataset.task
        if problem is None:
            raise ValueError("classification needs a dataset, or what is predicted")
        self.problem = problem
        self.shifts = KINDS[self.problem.modality]
        self._scaling = Scaling()
        self._objective = objective(self.problem)

    @classmethod
    def read(cls, data: Any, options: Any, progress: Progress | None = None) -> Self:
        """A file, a folder, a built-in or Hub dataset's name, or a dataset from `alih.read`."""
        if isinstance(data, Dataset):
            for name in ("text", "label", "group", "kind", "decimal", "max_examples", "validation", "test"):
                if name in options.given:
                    raise OptionError(f"{name}: the dataset was read before; give this option to alih.read instead.")
            return cls(data)
        dataset = read(
            data,
            text=options.text,
            label=options.label,
            group=options.group,
            kind=None if options.kind is None else Kind(options.kind),
            decimal=options.decimal,
            seed=options.seed,
            validation=SplitOptions.validation if options.validation is None else options.validation,
            test=SplitOptions.test if options.test is None else options.test,
            max_examples=options.max_examples,
            revision=None,
            progress=progress,
        )
        return cls(dataset)

    def facts(self) -> dict[str, Any]:
        """Modality, kind of label, classes in the order of the outputs, and whether inputs are pairs."""
        return asdict(self.problem)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """By kind of label; the first decides where the user names none."""
        return measures.METRICS[self.problem.kind]

    def metric(self, chosen: str | None = None) -> Metric:
        """See `Task.metric`."""
        return measures.primary(self.problem.kind, chosen)

    def statistics(self, predictions: Predictions, examples: Examples) -> Statistics:
        """See `alih.metrics.classification`."""
        found, labels = predictions["logits"], examples.known_labels
        return measures.statistics(self.problem.kind, self.problem.classes, found, labels)

    @property
    def smooth_metric(self) -> str:
        """Cross-entropy, or the error of a number."""
        return "rmse" if self.problem.kind is Kind.REGRESSION else "log_loss"

    def order(self, seed: int) -> NDArray[np.int64]:
        """Every prefix is stratified by class; the rows of other tasks than single-label ones are shuffled."""
        labels = self.dataset.train.known_labels
        generator = np.random.default_rng(seed)
        shuffled = generator.permutation(len(labels))
        if self.problem.kind is not Kind.SINGLE:
            return shuffled.astype(np.int64)
        position = np.zeros(len(labels))
        for label in np.unique(labels):
            members = shuffled[labels[shuffled] == label]
            # Spread each class evenly over [0, 1); its first example leads, so that short prefixes miss no class.
            spread = (np.arange(len(members)) + generator.random(len(members))) / len(members)
            spread[0] = -1.0 + generator.random()
            position[members] = spread
        return np.argsort(position, kind="stable").astype(np.int64)

    @property
    def least_examples(self) -> int:
        """At least two examples a class on average."""
        return max(super().least_examples, 2 * len(self.problem.classes))

    def read_more(self, path: Path, damaged: list[Damage], notes: list[str], progress: Progress) -> Examples:
        """A labelled file or folder, with the columns of the dataset."""
        return read_labelled(path, self.problem, self.dataset.columns, damaged=damaged, notes=notes, progress=progress)

    def shifted(
        self, examples: Examples, seed: int, progress: Progress | None = None, kinds: Collection[str] | None = None
    ) -> Examples:
        """See `alih.data.shift`."""
        return shifted(examples, self.problem, seed, progress, kinds)

    @property
    def reads_texts(self) -> bool:
        """Whether inputs are texts, and not pictures."""
        return self.problem.modality is Modality.TEXT

    @property
    def default_model(self) -> str:
        """A sentence encoder, or a network for small pictures."""
        return default_model(self.problem)

    def open(self, choice: ModelChoice, *, seed: int, random_weights: bool = False) -> Pretrained:
        """With a head of as many outputs as there are classes."""
        pretrained = load(
            choice.name,
            self.problem,
            random_weights=random_weights,
            seed=seed,
            allow_pickle=choice.allow_pickle,
            revision=choice.revision,
            pooling=choice.pooling,
        )
        if not pretrained.head_is_new:
            self._scaling.unfold(head_modules(pretrained.model, pretrained.anatomy))
        return pretrained

    def begin(self, pretrained: Pretrained) -> None:
        """Find the scale of a regression's numbers."""
        head = head_modules(pretrained.model, pretrained.anatomy)
        centre = self.problem.kind is Kind.REGRESSION and last_linear(head).bias is not None
        self._scaling = Scaling.of(self.problem, self.dataset.train.known_labels, centre=centre)

    def encode(self, pretrained: Pretrained, examples: Examples, max_length: int | None, progress: Progress) -> Encoded:
        """See `alih.data.batch`."""
        return encode(pretrained.processor, examples, max_length, progress=progress)

    def labels(self, examples: Examples, encoded: Encoded) -> NDArray[np.generic] | None:
        """Numbers of a regression scaled for training."""
        return self._scaling.scale(self.problem, examples.known_labels)

    def feed(self, part: Part, rows: NDArray[np.int64] | None, batch_size: int) -> Feed:
        """Inputs of like length."""
        return InputFeed(part.encoded, part.labels, batch_size=batch_size, rows=rows)

    def loss(self, module: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Cross-entropy, binary cross-entropy or squared error; see `alih.training.loss`."""
        return self._objective(module, batch)

    def outputs(self, module: nn.Module, feed: Feed, precision: Precision | None) -> Outputs:
        """Logits as the head gives them."""
        assert isinstance(feed, ExampleFeed)
        return logits(module, feed, precision)

    def look(self, stage: Stage, metric: Metric) -> Look:
        """A head alone is judged by its loss, which is smooth; where features change, the metric that decides judges.

        Such models grow overconfident, so that their loss rises while their accuracy still does (arXiv 1706.04599,
        section 3).
        """
        part, problem = stage.bench.parts["validation"], self.problem
        labels = part.examples.known_labels

        def criterion(found: Outputs, rows: NDArray[np.int64]) -> float:
            unscaled = self._scaling.unscale(found)
            return -metric.sign * metric.score(
                measures.table(metric, problem.kind, problem.classes, unscaled, labels[rows])
            )

        feed = stage.feed("validation", batch_size=SCORING_BATCH * stage.bench.batch_size)
        assert isinstance(feed, ExampleFeed)
        return LabelledLook(feed, problem, None if stage.trains_head_alone else criterion, part.examples.groups)

    def settings(self, settings: FitSettings, stage: Stage, rows: int) -> FitSettings:
        """With looks at validation no more often than is worth it; what was asked for may be fewer (a plan asks so)."""
        return stage.looking(settings, rows)

    def predict(self, stage: Stage, name: str, rows: NDArray[np.int64] | None = None) -> Predictions:
        """Logits in the unit of the labels."""
        return {"logits": self._scaling.unscale(stage.outputs(name, rows))}

    def judge(self, stage: Stage, result: FitResult) -> Predictions:
        """Each half of the rows as the epoch scored it that the other half chose; see `alih.training.choice`."""
        assert result.held_out is not None
        return {"logits": self._scaling.unscale(result.held_out)}

    def tokens(self, stage: Stage) -> float | None:
        """Of a text, and of the prompt around it."""
        if self.problem.modality is not Modality.TEXT:
            return None
        lengths, model = stage.bench.parts["judged"].encoded.lengths, stage.pretrained.model
        if isinstance(model, AlihPromptedForSequenceClassification):
            return float(np.mean([model.tokens(int(length)) for length in lengths]))
        return float(lengths.mean())

    def finish(self, pretrained: Pretrained) -> None:
        """Let the head predict in the unit of the labels."""
        self._scaling.fold(head_modules(pretrained.model, pretrained.anatomy))

    def cannot_prompt(self, pretrained: Pretrained, form: PromptForm) -> str | None:
        """Language models are asked for the class; encoders compare a text with what describes a class."""
        if pretrained.writes:
            return likelihood.unsuited(pretrained, form)
        return class_vectors.unsuited(pretrained, form)

    def prompted(
        self, bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
    ) -> Adaptation:
        """See `likelihood` and `class_vectors`."""
        adapt = likelihood.adapt if bench.pretrained.writes else class_vectors.adapt
        return adapt(bench, form, settings, rows, deadline)

    def prompt_again(self, bench: Bench, prompt: dict[str, Any]) -> Pretrained:
        """The language model inside its prompt."""
        return likelihood.wrap(bench, prompt)

    def save(self, pretrained: Pretrained, folder: Path, max_length: int | None) -> None:
        """With the columns of the training data in `alih.json`."""
        from alih.tasks.classification.adapted import save

        save(pretrained, self, self.dataset.columns, max_length, folder)

    @classmethod
    def adapted(cls, folder: Path, progress: Progress | None = None) -> Adapted:
        """See `AdaptedClassifier`."""
        from alih.tasks.classification.adapted import AdaptedClassifier

        return AdaptedClassifier.open(folder, progress=progress)

    def evidence(self, predictions: Predictions) -> dict[str, Any]:
        """Confusions, calibration, and the errors that the model was surest of."""
        return evidence(self.problem, predictions["logits"], self.dataset.validation)

    def diagnose(self, bench: Bench, seed: int) -> list[Diagnosis]:
        """Contradictions, rare classes, probable label errors, and the depth that holds what is needed."""
        frozen = bench.parts["train"].frozen
        return diagnose(
            self.problem,
            self.dataset.train,
            frozen.probe[-1] if frozen is not None and frozen.probe is not None else None,
            bench.probe(),
            validation=len(self.dataset.validation) if self.problem.kind is Kind.SINGLE else None,
            seed=seed,
        )
