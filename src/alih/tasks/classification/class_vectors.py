"""A head made of one vector a class, without training: the class whose description or examples are nearest to the text.

Zero-shot: class names through templates, encoded like texts. Few-shot: the mean of a few examples a class, drawn
towards its description (arXiv 1703.05175).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import encode
from alih.data.examples import Examples
from alih.errors import OptionError
from alih.generate.prompt import LABEL, LABEL_TEMPLATES, NAMES, PromptForm, readable, render, uses
from alih.pretrained.families import head_modules
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.task import Kind, Modality
from alih.tasks.bench import Adaptation, Bench, Phase, Stage
from alih.training.boundary import FEATURES, frozen_outputs
from alih.training.loop import FitSettings, untrained
from alih.training.modules import freeze_below

#: Scale of the cosine in the softmax: that of sentence-transformers' ranking loss (1 / 0.05).
SCALE = 20.0


#: Share of the examples' mean beside the description's in a class vector: tried on training rows that are no examples.
_SHARES = (1.0, 0.8, 0.5)
#: Training rows that choose, at most.
_CHOOSING = 500


def adapt(
    bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
) -> Adaptation:
    """Make the head from the classes' names, and from `form.shots` examples a class where there are to be some.

    The mean of the training texts (without their labels) is the origin that cosines are taken from: what all texts
    share favours no class then. Which template describes a class, and how far the examples' mean is drawn to it, is
    chosen on training rows that are no examples; validation and test are not looked at.
    """
    start = time.monotonic()
    pretrained = bench.fresh(settings.seed)
    freeze_below(pretrained.model, pretrained.anatomy, 0)
    stage = bench.stage(pretrained, 0)
    features = training_features(bench, stage, rows)
    centre = features.mean(axis=0)
    length = float(np.linalg.norm(features - centre, axis=1).mean()) or 1.0
    templates = [form.template] if form.template else list(LABEL_TEMPLATES)
    if form.shots:
        labels = np.asarray(bench.parts["train"].labels, dtype=np.int64)[rows]
        chosen = choose_shots(features, labels, form.shots, form.shots_by, settings.seed)
        means = _means(features, labels, chosen, len(bench.dataset.problem.classes), centre)
        head = _best(bench, pretrained, templates, features, labels, chosen, means, centre, length)
    else:
        vectors = described(bench, pretrained, templates)
        # The descriptions are centred on themselves: they share words that no text of the data has.
        head = cosine_head(vectors - vectors.mean(axis=0) + centre, centre, length)
    fold(pretrained, *head)
    return _adaptation(pretrained, stage, settings, start)


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


def described(bench: Bench, pretrained: Pretrained, templates: Sequence[str]) -> NDArray[np.float32]:
    """One vector a class: the mean of its descriptions' unit vectors, at their usual length; (classes, width)."""
    names = [readable(name) for name in bench.dataset.problem.classes]
    texts = [render(template, {LABEL: name}) for template in templates for name in names]
    found = features_of(bench, pretrained, texts).reshape(len(templates), len(names), -1)
    lengths = np.linalg.norm(found, axis=2, keepdims=True).clip(1e-12)
    mean: NDArray[np.float32] = (found / lengths).mean(axis=0) * lengths.mean()
    return mean


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


def _best(
    bench: Bench,
    pretrained: Pretrained,
    templates: Sequence[str],
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    chosen: NDArray[np.int64],
    means: NDArray[np.float32],
    centre: NDArray[np.float32],
    length: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The head among templates × shares that is right most often on rows that are no examples."""
    others = np.setdiff1d(np.arange(len(labels)), chosen)[:_CHOOSING]
    best, most = cosine_head(means, centre, length), -1.0
    for template in templates:
        told = described(bench, pretrained, [template])
        told = told - told.mean(axis=0)
        told *= length / np.linalg.norm(told, axis=1).mean().clip(1e-12)
        for share in _SHARES:
            vectors = share * means + (1 - share) * (told + centre)
            head = cosine_head(vectors.astype(np.float32), centre, length)
            if len(others) == 0:
                return head
            scores = torch.from_numpy(features[others]) @ head[0].T + head[1]
            right = float((scores.argmax(dim=1).numpy() == labels[others]).mean())
            if right > most:
                best, most = head, right
    return best


def _adaptation(pretrained: Pretrained, stage: Stage, settings: FitSettings, start: float) -> Adaptation:
    """What was made, in the form that trained routes have: no steps, no examples seen, judged on all of validation."""
    held_out = stage.outputs("validation")
    seconds = time.monotonic() - start
    return Adaptation(pretrained, (Phase(stage, untrained(settings.epochs, seconds, held_out)),))


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _on_meta(model: nn.Module) -> bool:
    return next(model.parameters()).is_meta
