"""Zero-shot: the class whose description is nearest to the text; no labelled example is looked at.

A causal language model is asked for the class instead; see `alih.routes.likelihood`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alih.generate.prompt import LABEL, LABEL_TEMPLATES, readable, render
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.routes import class_vectors, likelihood
from alih.routes.base import Adaptation, Effort, PromptForm, Variant
from alih.training.loop import FitSettings

if TYPE_CHECKING:
    from alih.routes.bench import Bench


class ZeroShot:
    """Class names through templates, encoded like texts; the class vectors become the model's linear head.

    The mean of the training texts (without their labels) is the origin that cosines are taken from: what all texts
    share favours no class then. With templates of its own, a class is the mean over them.
    """

    name = "zero-shot"

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """One variant: nothing trains, whatever `blocks` says."""
        return [Variant(self.name, 0, len(anatomy.blocks), prompt=PromptForm())]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """None: nothing trains."""
        return ()

    def effort(self, anatomy: Anatomy) -> Effort:
        """None."""
        return Effort(least_epochs=1, most_epochs=1, least_steps=1, patience=None)

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
        """Make the head; see `Route.adapt`. Labels of `rows` are not read."""
        if bench.pretrained.writes:
            return likelihood.zero_shot(bench, variant, settings, rows, deadline)
        start = time.monotonic()
        pretrained = bench.fresh(settings.seed)
        template = variant.prompt.template if variant.prompt is not None else None
        vectors = described(bench, pretrained, [template] if template else list(LABEL_TEMPLATES))
        stage = bench.stage(pretrained, 0)
        features = class_vectors.training_features(bench, stage, rows)
        centre = features.mean(axis=0)
        length = float(np.linalg.norm(features - centre, axis=1).mean()) or 1.0
        # The descriptions are centred on themselves: they share words that no text of the data has.
        own = vectors - vectors.mean(axis=0) + centre
        class_vectors.fold(pretrained, *class_vectors.cosine_head(own, centre, length))
        return class_vectors.adaptation(pretrained, stage, variant, settings, start)


def described(bench: Bench, pretrained: Pretrained, templates: Sequence[str]) -> NDArray[np.float32]:
    """One vector a class: the mean of its descriptions' unit vectors, at their usual length; (classes, width)."""
    names = [readable(name) for name in bench.task.classes]
    texts = [render(template, {LABEL: name}) for template in templates for name in names]
    found = class_vectors.features_of(bench, pretrained, texts).reshape(len(templates), len(names), -1)
    lengths = np.linalg.norm(found, axis=2, keepdims=True).clip(1e-12)
    mean: NDArray[np.float32] = (found / lengths).mean(axis=0) * lengths.mean()
    return mean
