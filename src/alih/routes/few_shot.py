"""Few-shot: the class whose few examples, and description, are nearest to the text; nothing trains.

A causal language model is shown the examples and asked for the class instead; see `alih.routes.likelihood`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from alih.generate.prompt import LABEL_TEMPLATES
from alih.pretrained.open import Pretrained
from alih.routes import class_vectors, likelihood
from alih.routes.base import Adaptation, PromptForm, Variant
from alih.routes.zero_shot import ZeroShot, described
from alih.training.loop import FitSettings

if TYPE_CHECKING:
    from alih.routes.bench import Bench

#: Share of the examples' mean beside the description's in a class vector: tried on training rows that are no examples.
_SHARES = (1.0, 0.8, 0.5)
#: Training rows that choose, at most.
_CHOOSING = 500


class FewShot(ZeroShot):
    """The mean of a few examples a class, drawn towards its description, as a linear head (arXiv 1703.05175).

    How far it is drawn, and which template describes it, is chosen on training rows that are not among the examples;
    validation and test are not looked at.
    """

    name = "few-shot"

    def adapt(
        self,
        bench: Bench,
        variant: Variant,
        settings: FitSettings,
        rows: NDArray[np.int64],
        *,
        head_settings: FitSettings,
        deadline: float | None = None,
    ) -> Adaptation:
        """Choose the examples and make the head; see `Route.adapt`."""
        if bench.pretrained.writes:
            return likelihood.few_shot(bench, variant, settings, rows, deadline)
        start = time.monotonic()
        form = variant.prompt or PromptForm()
        pretrained = bench.fresh(settings.seed)
        stage = bench.stage(pretrained, 0)
        features = class_vectors.training_features(bench, stage, rows)
        labels = np.asarray(bench.parts["train"].labels, dtype=np.int64)[rows]
        chosen = choose_shots(features, labels, form.shots, form.shots_by, settings.seed)
        centre = features.mean(axis=0)
        length = float(np.linalg.norm(features - centre, axis=1).mean()) or 1.0
        means = _means(features, labels, chosen, len(bench.task.classes), centre)
        head = self._best(bench, pretrained, form, features, labels, chosen, means, centre, length)
        class_vectors.fold(pretrained, *head)
        return class_vectors.adaptation(pretrained, stage, variant, settings, start)

    def _best(
        self,
        bench: Bench,
        pretrained: Pretrained,
        form: PromptForm,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        chosen: NDArray[np.int64],
        means: NDArray[np.float32],
        centre: NDArray[np.float32],
        length: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The head among templates × shares that is right most often on rows that are no examples."""
        others = np.setdiff1d(np.arange(len(labels)), chosen)[:_CHOOSING]
        templates = [form.template] if form.template else list(LABEL_TEMPLATES)
        best, most = class_vectors.cosine_head(means, centre, length), -1.0
        for template in templates:
            told = described(bench, pretrained, [template])
            told = told - told.mean(axis=0)
            told *= length / np.linalg.norm(told, axis=1).mean().clip(1e-12)
            for share in _SHARES:
                vectors = share * means + (1 - share) * (told + centre)
                head = class_vectors.cosine_head(vectors.astype(np.float32), centre, length)
                if len(others) == 0:
                    return head
                scores = torch.from_numpy(features[others]) @ head[0].T + head[1]
                right = float((scores.argmax(dim=1).numpy() == labels[others]).mean())
                if right > most:
                    best, most = head, right
        return best


def choose_shots(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    shots: int,
    by: Literal["similarity", "diversity", "random"],
    seed: int,
) -> NDArray[np.int64]:
    """Rows of the examples, at most `shots` a class.

    Args:
        features: (n, width).
        labels: (n,) class numbers.
        shots: examples a class.
        by: "similarity": those nearest to their class's mean, the typical ones; "diversity": spread over the class,
            each farthest from those before it (k-centre greedy, Sener and Savarese 2018, arXiv 1708.00489, algorithm
            1), beginning with the most typical; "random".
        seed: of the random choice.
    """
    random = np.random.default_rng(seed)
    found: list[int] = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        if by == "random":
            found += random.permutation(own)[:shots].tolist()
            continue
        inside = features[own]
        to_mean = np.linalg.norm(inside - inside.mean(axis=0), axis=1)
        if by == "similarity":
            found += own[np.argsort(to_mean, kind="stable")[:shots]].tolist()
            continue
        taken = [int(to_mean.argmin())]
        nearest = np.linalg.norm(inside - inside[taken[0]], axis=1)
        while len(taken) < min(shots, len(own)):
            nearest[taken] = -1.0  # among equal rows, none is taken twice
            taken.append(int(nearest.argmax()))
            nearest = np.minimum(nearest, np.linalg.norm(inside - inside[taken[-1]], axis=1))
        found += own[taken].tolist()
    return np.asarray(sorted(found), dtype=np.int64)


def _means(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    chosen: NDArray[np.int64],
    classes: int,
    centre: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Mean of each class's examples; the centre for a class without any."""
    found = np.tile(centre, (classes, 1)).astype(np.float32)
    for label in np.unique(labels[chosen]):
        found[label] = features[chosen][labels[chosen] == label].mean(axis=0)
    return found
