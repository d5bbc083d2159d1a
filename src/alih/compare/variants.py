"""Which variants a comparison runs: from its routes and options, and what the model lends itself to."""

from __future__ import annotations

from dataclasses import replace

from alih.compare.options import Options
from alih.errors import OptionError
from alih.generate.prompt import PromptForm
from alih.pretrained.anatomy import Anatomy
from alih.routes.base import AdapterForm, Variant
from alih.routes.registry import ROUTES, route
from alih.tasks.bench import Bench


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
    prompt = PromptForm(options.template, options.shots or PromptForm.shots, options.shots_by)
    found = [
        replace(variant, prompt=replace(prompt, shots=prompt.shots if variant.prompt.shots else 0))
        if variant.prompt
        else variant
        for variant in found
    ]
    return [
        replace(variant, adapter=form) if isinstance(variant.adapter, AdapterForm) else variant for variant in found
    ]


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
    reason = task.cannot_train(pretrained, random_weights=variant.random_weights)
    if reason is not None:
        return reason
    if variant.trainable_blocks == 0 and not task.trains_head:
        return f"the task {task.name} adds no head to the model that could be trained alone"
    reason = route(variant.route).unsuited(pretrained, variant)
    if reason is None and isinstance(variant.adapter, AdapterForm):
        from alih.routes.adapters import adapted_layers, has_linear

        if options.routes is None and not has_linear(pretrained.model, pretrained.anatomy):
            return "adapters on convolutions are measured when asked for: --routes lora"
        adapted_layers(pretrained.model, pretrained.anatomy, variant)
    return reason
