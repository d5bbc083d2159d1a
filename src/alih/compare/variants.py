"""Which variants a comparison runs: from its routes and options, and what the model lends itself to."""

from __future__ import annotations

from dataclasses import replace

from alih.compare.options import Options
from alih.errors import OptionError
from alih.generate.prompt import PromptForm
from alih.pretrained.anatomy import Anatomy
from alih.routes.base import AdapterForm, Variant
from alih.routes.registry import ADAPTERS, PROMPTED, ROUTES, route
from alih.tasks.bench import Bench

#: Options that only some routes read.
_READERS: dict[str, tuple[str, ...]] = {
    "rank": ADAPTERS,
    "alpha": ADAPTERS,
    "lora_targets": ADAPTERS,
    "rslora": ADAPTERS,
    "dora": ("lora", "qlora"),
    "bits": ("qalora",),
    "group_size": ("qalora",),
    "rounding": ("qalora",),
    "merge": ("qlora",),
    "blocks": ("finetune", *ADAPTERS),
    "template": PROMPTED,
    "shots": ("few-shot",),
    "shots_by": ("few-shot",),
}


def check_used(options: Options, routes: tuple[str, ...]) -> None:
    """Refuse options that none of the routes reads.

    Raises:
        OptionError: one of them was given.
    """
    for name, readers in _READERS.items():
        if getattr(options, name) != getattr(Options(), name) and not set(readers) & set(routes):
            one = "the route" if len(readers) == 1 else "the routes"
            raise OptionError(
                f"--{name.replace('_', '-')}: is for {one} {', '.join(readers)}, but only {', '.join(routes)} runs; "
                "leave it out."
            )
    if options.dora and "qalora" in routes:
        raise OptionError(
            "--dora: qalora has none, its merge into zero points cannot scale rows. Leave one of them out."
        )
    if isinstance(options.learning_rate, float) and len(routes) > 1:
        raise OptionError(
            f"--learning-rate: one rate cannot be right for {', '.join(routes)}; each has its own, which is searched. "
            f"Leave it out, or give each its own: {','.join(f'{name}={options.learning_rate:g}' for name in routes)}."
        )
    if options.learning_rate is not None and set(routes) <= set(PROMPTED):
        raise OptionError(f"--learning-rate: {', '.join(routes)} trains nothing; leave it out.")
    if options.epochs is not None and set(routes) <= {"transfer", *PROMPTED}:
        raise OptionError(
            "--epochs: is for the other routes; transfer trains its head until it gets no better. Leave it out."
        )


def variants_of(routes: tuple[str, ...], anatomy: Anatomy, options: Options) -> list[Variant]:
    """The variants of these routes, with the form of their adapters and prompts."""
    found = [variant for name in ROUTES if name in routes for variant in route(name).variants(anatomy, options.blocks)]
    form = AdapterForm(
        options.rank,
        options.alpha,
        options.lora_targets or (),
        options.rslora,
        options.dora,
        options.bits,
        options.group_size,
        options.rounding,
        options.merge,
    )
    prompt = PromptForm(options.template, options.shots, options.shots_by)
    found = [
        replace(variant, prompt=replace(prompt, shots=prompt.shots if variant.prompt.shots else 0))
        if variant.prompt
        else variant
        for variant in found
    ]
    return [replace(variant, adapter=form) if variant.adapter else variant for variant in found]


def suited(variants: list[Variant], bench: Bench, options: Options) -> tuple[list[Variant], list[str]]:
    """The variants that can adapt this model for this task, and why the others cannot.

    Raises:
        OptionError: none can, or targets that the model does not have.
    """
    kept: list[Variant] = []
    left: list[str] = []
    for variant in variants:
        reason = _unsuited(variant, bench, options)
        if reason is None:
            kept.append(variant)
        else:
            left.append(f"{variant.label}: {reason}")
    if not kept:
        raise OptionError(f"{bench.choice.name} cannot be adapted so: {'; '.join(left)}.")
    return kept, left


def _unsuited(variant: Variant, bench: Bench, options: Options) -> str | None:
    pretrained, task = bench.pretrained, bench.task
    if variant.prompt is not None:
        return task.cannot_prompt(pretrained, variant.prompt)
    if variant.trainable_blocks == 0 and not task.trains_head:
        return f"the task {task.name} adds no head to the model that could be trained alone"
    reason = route(variant.route).unsuited(pretrained, variant)
    if reason is None and variant.adapter is not None:
        from alih.routes.adapters import adapted_layers, has_linear

        if options.routes is None and not has_linear(pretrained.model, pretrained.anatomy):
            return "adapters on convolutions are measured when asked for: --routes lora"
        adapted_layers(pretrained.model, pretrained.anatomy, variant)
    return reason
