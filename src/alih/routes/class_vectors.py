"""A head made of one vector a class, without training: nearest vector by cosine or by distance, as a linear layer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import encode
from alih.data.examples import Examples
from alih.errors import OptionError
from alih.generate.prompt import LABEL, NAMES, uses
from alih.pretrained.families import head_modules
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.routes.base import Adaptation, Phase, PromptForm, Variant
from alih.routes.bench import Bench, Stage
from alih.task import Kind, Modality
from alih.training.boundary import FEATURES, frozen_outputs
from alih.training.loop import FitSettings, untrained

#: Scale of the cosine in the softmax: that of sentence-transformers' ranking loss (1 / 0.05).
SCALE = 20.0


@dataclass
class Untrained(Adaptation):
    """An adaptation that trained nothing: it reads the features that are there, and owes no share of them."""

    @property
    def uses_frozen_outputs(self) -> bool:
        """The pass over the training rows was made for others."""
        return False


def unsuited(pretrained: Pretrained, form: PromptForm) -> str | None:
    """Why no vector of a class can be made for this model and task, in words; None where it can.

    Raises:
        OptionError: the template is one for language models.
    """
    task = pretrained.task
    others = [name for name in NAMES if name != LABEL and form.template and uses(form.template, name)]
    if others:
        raise OptionError(
            f"--template: uses {', '.join(others)}, but {pretrained.name} is no language model: a template describes a "
            f"class to it by its {LABEL} alone."
        )
    if pretrained.model.main_input_name == "pixel_values" or (task and task.modality is Modality.IMAGE):
        return "the model reads pictures, and the descriptions of classes are texts"
    if task is not None and task.kind is not Kind.SINGLE:
        return "it chooses one of several classes; this task is another one"
    if task is not None and task.pair:
        return "pairs of texts cannot be compared with the description of one class"
    parts = [module for module in head_modules(pretrained.model, pretrained.anatomy) if _has_parameters(module)]
    if len(parts) != 1 or not isinstance(parts[0], nn.Linear):
        return "its head has more than one layer, so class vectors are no head; try --pooling mean"
    return None


def features_of(bench: Bench, pretrained: Pretrained, texts: Sequence[str]) -> NDArray[np.float32]:
    """What the frozen backbone makes of some texts, as the head would read it: (n, width)."""
    examples = Examples(list(texts), None, [f"description {number}" for number in range(len(texts))])
    longest = bench.max_length or pretrained.max_length
    quiet = Progress(quiet=True)
    encoded = encode(pretrained.processor, examples, longest, progress=quiet)
    frozen = frozen_outputs(
        pretrained, encoded, [FEATURES], cache=None, progress=quiet, batch_size=bench.batch_size, precision="fp32"
    )
    return as_vectors(frozen.at(FEATURES).collate(np.arange(len(texts), dtype=np.int64)))


def as_vectors(features: Tensor) -> NDArray[np.float32]:
    """Features as one vector an example: the one position that a head reads, where there is a dimension for it."""
    flat: NDArray[np.float32] = features.reshape(len(features), -1).float().numpy()
    return flat


def training_features(bench: Bench, stage: Stage, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Features of training rows: (rows, width)."""
    part = bench.parts["train"]
    if part.frozen is not None and FEATURES in part.frozen.boundaries:
        return as_vectors(part.frozen.at(FEATURES).collate(rows))
    frozen = frozen_outputs(
        bench.pretrained if not _on_meta(bench.pretrained.model) else bench.fresh(bench.seed),
        part.encoded.select(rows),
        [FEATURES],
        cache=None,
        progress=Progress(quiet=True),
        batch_size=4 * bench.batch_size,
    )
    return as_vectors(frozen.at(FEATURES).collate(np.arange(len(rows), dtype=np.int64)))


def cosine_head(vectors: NDArray[np.float32], centre: NDArray[np.float32], length: float) -> tuple[Tensor, Tensor]:
    """Weight (classes, width) and bias (classes,) whose logits are SCALE · cos(f − centre, v − centre).

    That is up to the length of f − centre, which is taken to be `length` for all.

    A factor that all classes of an example share changes no order of theirs, so the class is the cosine's.

    Args:
        vectors: (classes, width).
        centre: (width,) what all features share; a class is told apart by what it does not share.
        length: mean length of the features less the centre.
    """
    inside = torch.from_numpy(vectors - centre).double()
    weight = SCALE / length * inside / inside.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return weight.float(), -(weight @ torch.from_numpy(centre).double()).float()


def fold(pretrained: Pretrained, weight: Tensor, bias: Tensor) -> None:
    """Write class vectors into the model's head; a head without bias takes the weight alone."""
    (layer,) = (m for m in head_modules(pretrained.model, pretrained.anatomy).modules() if isinstance(m, nn.Linear))
    with torch.no_grad():
        layer.weight.copy_(weight)
        if layer.bias is not None:
            layer.bias.copy_(bias)


def adaptation(
    pretrained: Pretrained, stage: Stage, variant: Variant, settings: FitSettings, start: float
) -> Untrained:
    """What was made, in the form that trained routes have: no steps, no examples seen, judged on all of validation."""
    held_out = stage.logits("validation")
    seconds = time.monotonic() - start
    result = untrained(settings.epochs, seconds, held_out)
    return Untrained(pretrained, (Phase(stage, result),), variant)


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _on_meta(model: nn.Module) -> bool:
    return next(model.parameters()).is_meta
