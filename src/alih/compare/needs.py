"""What every route needs of memory, disk, operations and time, worked out before anything runs.

One training step of each variant is followed on tensors without data (`alih.pretrained.live`), in the order of the
training loop: weights, gradients, AdamW's two moments, activations, and the copy of the best weights so far. The pass
through the frozen part, and the looks at the validation split, run batches of bounded tokens without gradients.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers.pytorch_utils import Conv1D

from alih.errors import AlihError
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.live import ON_HEAP, LiveMemory
from alih.pretrained.open import Pretrained
from alih.quantize.targets import replace
from alih.routes.adapters import adapted_layers, form_of
from alih.routes.base import Variant
from alih.routes.ia3 import scaled_layers
from alih.routes.registry import ROUTES, route
from alih.tasks.classification import class_vectors
from alih.training.best import IN_MEMORY_BYTES
from alih.training.memory import most_tokens
from alih.training.modules import freeze_below, trained_paths

#: Bits a weight that is quantised: NF4 with double quantisation (arXiv 2305.14314, section 3); INT4 in groups of 32
#: with a 16-bit scale and a 32-bit zero point.
_BITS = {"qlora": 4.127, "qalora": 5.5}
#: What the C library holds for one byte that is alive on its heap, where blocks of many sizes come and go: measured by
#: benchmarks/memory.py on MiniLM, BERT, Llama, GPT-2 and DistilBERT. PEFT's layers make three tensors where one stays.
_HELD, _HELD_BY_PEFT = 1.45, 2.1
#: Scored batches are this many times the training batch, and bounded in tokens.
_SCORED = 4
#: Share of a matrix product's speed that training as a whole reaches, measured on MiniLM and the small vision models.
_EFFICIENCY = 0.5
_EXAMPLES = 1000


@dataclass(frozen=True)
class Needs:
    """What one variant needs at a batch size and a length, computed in 32 bits; memory in bytes.

    Args:
        route, label: the route and the variant in words.
        trainable: parameters that train.
        weights: of the model while it trains.
        gradients, optimiser, kept: gradients, AdamW's moments, and the copy of the best weights so far.
        activations: what the forward pass of one step leaves for the backward pass.
        step: the most of activations, gradients and what is in between that one step holds at once.
        slack: what the allocator holds beside what is alive, at the peak of training.
        frozen_pass: peak of the pass through the frozen part (weights and one batch without gradients).
        loading: the most that opening the model holds at once; quantised routes open it in 32 bits first.
        peak: the most of all of these, beyond what the process held before.
        disk: what the route's own result takes (trained parameters); merged or not, the model itself comes on top.
        flops_a_token: of a training step, for one token (one picture for vision models); where nothing trains, of
            reading it.
        seconds: for one pass over 1,000 examples, on this machine, after what is frozen has run; None where its speed
            was not measured.
    """

    route: str
    label: str
    trainable: int
    weights: int
    gradients: int
    optimiser: int
    kept: int
    activations: int
    step: int
    slack: int
    frozen_pass: int
    loading: int
    peak: int
    disk: int
    flops_a_token: float
    seconds: float | None = None

    @property
    def least(self) -> int:
        """What no smaller batch gets below: opening the model, and weights with all that belongs to what trains."""
        return max(self.loading, self.weights + self.gradients + self.optimiser + self.kept)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able data."""
        return asdict(self)


def variants_of(pretrained: Pretrained) -> list[Variant]:
    """The default variants of every route that suits the model."""
    every = [variant for name in ROUTES for variant in route(name).variants(pretrained.anatomy, None)]
    return [variant for variant in every if _suits(pretrained, variant)]


def _suits(pretrained: Pretrained, variant: Variant) -> bool:
    if variant.prompt is not None:
        return pretrained.writes or class_vectors.unsuited(pretrained, variant.prompt) is None
    return route(variant.route).unsuited(pretrained, variant) is None


def needs(
    pretrained: Pretrained,
    variants: Sequence[Variant],
    *,
    batch_size: int = 32,
    length: int = 128,
    flops_a_second: float | None = None,
) -> list[Needs]:
    """Work out what each variant needs.

    Args:
        pretrained: the model, with or without its weights; it is left as it is.
        variants: scopes.
        batch_size: examples a step.
        length: tokens of each text; for pictures nothing reads it.
        flops_a_second: of this machine (`speed`), for the seconds.

    Raises:
        AlihError: the model cannot be followed.
    """
    seen: _Seen = {}
    return [_needs(pretrained, variant, batch_size, length, flops_a_second, seen) for variant in variants]


def largest_batch(pretrained: Pretrained, variant: Variant, limit: int, length: int, most: int) -> int:
    """The largest batch, of 1, 2, 4, … below `most`, whose peak stays within `limit` bytes; 0 if not even one."""
    best, size = 0, 1
    while size <= most:
        if _needs(pretrained, variant, size, length, None, {}).peak > limit:
            break
        best, size = size, size * 2
    return best


def speed(width: int) -> float:
    """Floating-point operations a second of this machine in products of that width, measured in a fifth of a second."""
    a, b = torch.randn(512, width), torch.randn(width, 4 * width)
    torch.mm(a, b)
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < 0.2:
        torch.mm(a, b)
        done += 1
    return _EFFICIENCY * done * 2 * 512 * width * 4 * width / (time.perf_counter() - start)


#: What was followed already, by what it depends on: several variants share a forward pass, or a whole step.
_Seen = dict[tuple[Any, ...], Any]


def _needs(
    pretrained: Pretrained, variant: Variant, batch: int, length: int, flops: float | None, seen: _Seen
) -> Needs:
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            return _followed(pretrained, variant, batch, length, flops, seen)
    except AlihError:
        raise
    except Exception as error:
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise AlihError(f"{pretrained.name}: what {variant.label} needs cannot be worked out ({why}).") from error


def _followed(
    pretrained: Pretrained, variant: Variant, batch: int, length: int, flops: float | None, seen: _Seen
) -> Needs:
    anatomy = pretrained.anatomy
    model = _fresh(pretrained)
    full = _nbytes(model.parameters()) + _nbytes(model.buffers())
    if ("forward",) not in seen:
        scored = _scored_batch(model, batch, length)
        seen[("forward",)] = _forward_peak(model, scored, length), _flops_by_module(model, batch, length)
    (forward, forward_heap), per_module = seen[("forward",)]
    weights, largest = full, 0
    if variant.prompt is not None:
        trained = []
    elif variant.adapter is None:
        trained = freeze_below(model, anatomy, variant.trainable_blocks)
    elif variant.route == "ia3":
        inputs, outputs = scaled_layers(model, anatomy, variant)[::-1]
        scaled = {name: _Scaled(model.get_submodule(name), of_input=name in inputs) for name in [*inputs, *outputs]}
        trained = _adapt(model, anatomy, variant, scaled)
    else:
        names = adapted_layers(model, anatomy, variant)
        adapted = [model.get_submodule(name).weight.numel() for name in names]
        bits = _BITS.get(variant.route)
        if bits is not None:
            weights -= round(sum(adapted) * (4 - bits / 8))
            largest = 4 * max(adapted)
        rank = form_of(variant).rank
        trained = _adapt(model, anatomy, variant, {name: _Adapted(model.get_submodule(name), rank) for name in names})
    trainable = sum(parameter.numel() for parameter in trained)
    if variant.route == "qalora":
        trainable -= _saved_by_groups(model, variant)
    gradients = 4 * trainable
    optimiser = 2 * gradients
    kept = gradients if gradients <= IN_MEMORY_BYTES else 0
    below = 0.0 if variant.is_everything else _below(per_module, anatomy, variant)
    if variant.prompt is not None:
        counted, activations, step, step_heap = per_module.get("", 0.0), 0, 0, 0
    elif variant.trainable_blocks == 0:
        counted = 3 * sum(per_module.get(path, 0.0) for path in anatomy.head)
        activations, step, step_heap = 0, gradients, 0
    else:
        key = (variant.trainable_blocks, variant.adapter is not None, len(trained))
        if key not in seen:
            seen[key] = _step(model, batch, length)
        activations, step, step_heap, counted = seen[key]
        counted -= below
    held = _HELD_BY_PEFT if variant.route in {"lora", "qlora", "ia3"} else _HELD
    states_heap = kept + sum(8 * p.numel() for p in trained if 4 * p.numel() <= ON_HEAP)
    slack = round((held - 1) * (step_heap + states_heap))
    forward += round((_HELD - 1) * forward_heap)
    frozen_pass = 0 if variant.random_weights else full + forward
    training = weights + optimiser + kept + step + largest + slack
    looking = weights + optimiser + kept + forward + largest
    tokens = 1 if _is_image(model) else length
    return Needs(
        route=variant.route,
        label=variant.label,
        trainable=trainable,
        weights=weights,
        gradients=gradients,
        optimiser=optimiser,
        kept=kept,
        activations=activations,
        step=step,
        slack=slack,
        frozen_pass=frozen_pass,
        loading=full,
        peak=max(training, frozen_pass, looking, full),
        disk=4 * trainable,
        flops_a_token=counted / batch / tokens,
        seconds=None if flops is None else counted / batch * _EXAMPLES / flops,
    )


def _adapt(model: Any, anatomy: Anatomy, variant: Variant, adapted: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    """Freeze everything but the head and what is trained in the layers that take the place of the named ones."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for name, layer in adapted.items():
        replace(model, name, layer)
    for path in trained_paths(anatomy, variant.total_blocks):
        model.get_submodule(path).requires_grad_(True)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


class _Scaled(nn.Module):
    """A frozen layer whose input or output is scaled, which allocates what PEFT's (IA)³ does."""

    def __init__(self, base: Any, *, of_input: bool) -> None:
        super().__init__()
        self.base, self.of_input = base, of_input
        across, out = base.weight.shape if isinstance(base, Conv1D) else base.weight.shape[::-1]
        self.vector = nn.Parameter(torch.ones(across if of_input else out))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.base(x * self.vector) if self.of_input else self.base(x) * self.vector
        return found


class _Adapted(nn.Module):
    """A frozen layer with a low-rank adapter beside it, which allocates what PEFT's does: W x + B A x."""

    def __init__(self, base: Any, rank: int) -> None:
        super().__init__()
        self.base = base
        if isinstance(base, nn.Conv2d):
            form = {"stride": base.stride, "padding": base.padding, "dilation": base.dilation, "bias": False}
            self.lora_A: nn.Module = nn.Conv2d(base.in_channels, rank, base.kernel_size, **form)  # type: ignore[arg-type]
            self.lora_B: nn.Module = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        else:
            width, out = (base.in_features, base.out_features) if isinstance(base, nn.Linear) else base.weight.shape
            self.lora_A, self.lora_B = nn.Linear(width, rank, bias=False), nn.Linear(rank, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.base(x) + self.lora_B(self.lora_A(x)) * 2.0
        return found


def _fresh(pretrained: Pretrained) -> Any:
    """The same architecture, its tensors without data."""
    made: Any = type(pretrained.model)
    return made._from_config(pretrained.model.config, dtype=torch.float32)


def _is_image(model: Any) -> bool:
    return bool(model.main_input_name == "pixel_values")


def _inputs(model: Any, batch: int, length: int) -> dict[str, Tensor]:
    if _is_image(model):
        config = model.config
        side = getattr(config, "image_size", None) or 32
        height, width = (side, side) if isinstance(side, int) else side
        return {"pixel_values": torch.zeros(batch, getattr(config, "num_channels", 3), height, width)}
    ids = torch.zeros(batch, length, dtype=torch.long)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _scored_batch(model: Any, batch: int, length: int) -> int:
    if _is_image(model):
        return _SCORED * batch
    scored = _SCORED * batch
    while scored > 1 and scored * length > most_tokens(torch.device("cpu")):
        scored = -(-scored // 2)
    return scored


def _forward_peak(model: Any, batch: int, length: int) -> tuple[int, int]:
    """Bytes of a pass without gradients at its peak, and those of them on the heap."""
    model.eval()
    inputs = _inputs(model, batch, length)
    live = LiveMemory([*model.parameters(), *model.buffers(), *inputs.values()])
    with torch.no_grad(), live:
        model(**inputs)
    return live.peak, live.peak_on_heap


def _step(model: Any, batch: int, length: int) -> tuple[int, int, int, float]:
    """Bytes after the forward pass, at the step's peak (with the gradients by then), on the heap then; operations."""
    model.train()
    inputs = _inputs(model, batch, length)
    live = LiveMemory([*model.parameters(), *model.buffers(), *inputs.values()])
    with live:
        loss = model(**inputs).logits.sum()
        held = live.now
        loss.backward()
    for parameter in model.parameters():
        parameter.grad = None
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(**inputs).logits.sum().backward()
    for parameter in model.parameters():
        parameter.grad = None
    return held, live.peak, live.peak_on_heap, float(counter.get_total_flops())


def _flops_by_module(model: Any, batch: int, length: int) -> dict[str, float]:
    """Operations of a forward pass by module path; the whole under the empty path."""
    model.eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(**_inputs(model, batch, length))
    name = type(model).__name__
    found = {
        path.removeprefix(f"{name}."): float(sum(by_operation.values()))
        for path, by_operation in counter.get_flop_counts().items()
        if path.startswith(f"{name}.")
    }
    return found | {"": float(counter.get_total_flops())}


def _below(per_module: dict[str, float], anatomy: Anatomy, variant: Variant) -> float:
    """Operations of what is frozen and computed once."""
    frozen = anatomy.blocks[: variant.total_blocks - variant.trainable_blocks]
    return sum(per_module.get(path, 0.0) for path in [*anatomy.stem, *(p for block in frozen for p in block.modules)])


def _saved_by_groups(model: nn.Module, variant: Variant) -> int:
    """How many parameters fewer QA-LoRA's adapters have: their A reads one sum a group, not every input."""
    size = form_of(variant).group_size
    return sum(
        parameter.shape[0] * (parameter.shape[1] - -(-parameter.shape[1] // size))
        for name, parameter in model.named_parameters()
        if name.endswith("lora_A.weight")
    )


def _nbytes(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in {id(t): t for t in tensors}.values())
