"""What came of adapting a language model: scores before and after, what was forgotten; as text and as report.json."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alih.compare.quantities import duration, size_of
from alih.data.messages import counted, excerpt
from alih.instruct.scores import Scores
from alih.training.loop import FitResult

_SHOWN = 70


@dataclass(frozen=True)
class Answered:
    """A test prompt, what should follow, and what was written before and after."""

    prompt: str
    reference: str
    before: str
    after: str


@dataclass(frozen=True)
class Adaptation:
    """The result of one run.

    Args:
        folder: the run folder.
        label: the route in words.
        model: what was adapted.
        form: of the data, in words.
        template: how conversations were written, in words.
        batching: how examples were put together, in words.
        metric: the first one of the report.
        sizes: examples by split.
        outcome: how training went.
        tried: validation loss by learning rate, of those that were tried.
        rate: peak learning rate.
        trainable: trained parameters.
        parameters: all parameters.
        before: test scores of the model as it was; None from random weights.
        test: test scores of the adapted model, opened from disk.
        unmerged_loss: validation cross-entropy with adapters beside the weights, nats a token.
        merged_loss: the same of the model from disk.
        general_before: cross-entropy on general text before; None from random weights.
        general_after: after, from disk.
        examples: a few answers.
        peak_memory: bytes of the process at most.
        disk: bytes of the model's folder.
        seconds: of the whole run.
        notes: what else one should know.
    """

    folder: Path
    label: str
    model: str
    form: str
    template: str
    batching: str
    metric: str
    sizes: dict[str, int]
    outcome: FitResult
    tried: dict[float, float]
    rate: float
    trainable: int
    parameters: int
    before: Scores | None
    test: Scores
    unmerged_loss: float
    merged_loss: float
    general_before: float | None
    general_after: float
    examples: tuple[Answered, ...]
    peak_memory: int
    disk: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.outcome.stopped == "interrupted"

    @property
    def agrees(self) -> bool:
        """Whether the model from disk gives the validation loss that it had in memory, before merging."""
        return abs(self.merged_loss - self.unmerged_loss) <= 1e-3 * max(1.0, self.unmerged_loss)

    @property
    def forgetting(self) -> float | None:
        """Change in cross-entropy on general text, nats a token; above zero: forgotten."""
        return None if self.general_before is None else self.general_after - self.general_before

    def as_dict(self) -> dict[str, Any]:
        """`report.json`: in the form of a comparison of one variant, and what is text generation's own."""
        primary = self.metric
        test, best = self.test.intervals[primary], self.outcome.best
        value = best.scores[primary] if primary != "perplexity" else test.point
        score = {"point": value, "low": test.low, "high": test.high}
        return {
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "decision": {
                "metric": primary,
                "chosen": self.label,
                "best": self.label,
                "front": [self.label],
                "scores": {self.label: score},
                "words": _words(self),
            },
            "table": [
                {
                    "label": self.label,
                    "scope": {
                        "layers": "everything" if self.trainable >= self.parameters else "some blocks or adapters",
                        "trainable": self.trainable,
                        "total": self.parameters,
                    },
                    "learning_rate": self.rate,
                    "curve": [{"examples": self.sizes["train"], "score": value}],
                    "measured_on": self.sizes["train"],
                    "search_seconds": 0.0,
                    "seconds": self.outcome.seconds,
                    "peak_memory_bytes": self.peak_memory,
                    "disk_bytes": self.disk,
                    "score": score,
                    "overfitting": {"gap": None},
                }
            ],
            "handed_over": {
                "agrees": self.agrees,
                "test": {
                    "examples": self.test.examples,
                    "metrics": self.test.values,
                    "primary": primary,
                    "interval": [test.low, test.high],
                },
            },
            "notes": list(self.notes),
            "generation": {
                "label": self.label,
                "model": self.model,
                "form": self.form,
                "template": self.template,
                "batching": self.batching,
                "before": None if self.before is None else self.before.as_dict(),
                "test": self.test.as_dict(),
                "validation_loss": {"before_merge": self.unmerged_loss, "after_merge": self.merged_loss},
                "general": {"before": self.general_before, "after": self.general_after, "forgetting": self.forgetting},
                "learning_rates": [
                    {"rate": rate, "loss": loss if math.isfinite(loss) else None} for rate, loss in self.tried.items()
                ],
                "curve": [asdict(point) for point in self.outcome.curve],
                "best_step": self.outcome.best_step,
                "steps": self.outcome.steps,
                "stopped": self.outcome.stopped,
                "tokens": self.outcome.tokens_seen,
                "examples": [asdict(example) for example in self.examples],
            },
        }

    def __str__(self) -> str:
        lines = [*_words(self), "", f"{'Test':<14} {'before':>10} {'after':>10}"]
        for name, test in self.test.intervals.items():
            before = "–" if self.before is None else f"{self.before.value(name):.4f}"
            lines.append(f"{name:<14} {before:>10} {test.point:>10.4f}   95 % interval {test.words('.4f')}")
        lines.append("")
        for example in self.examples[:3]:
            lines += [
                f"  prompt     {excerpt(example.prompt, _SHOWN)}",
                f"  reference  {excerpt(example.reference, _SHOWN)}",
                f"  before     {excerpt(example.before, _SHOWN)}",
                f"  after      {excerpt(example.after, _SHOWN)}",
                "",
            ]
        lines += [f"Model: {self.folder / 'model'}", f'Use it: alih generate {self.folder} "a prompt"']
        if self.interrupted or self.outcome.stopped == "deadline":
            lines.append(f"Training was stopped; go on with: alih resume {self.folder}" if self.interrupted else "")
        return "\n".join(lines).rstrip()


_ENDS = {
    None: "all of its steps",
    "deadline": "ended by --max-time",
    "interrupted": "stopped with Ctrl-C",
    "diverged": "stopped, since the loss was no number any more; the last good weights are kept. Use a lower "
    "--learning-rate",
}


def _words(result: Adaptation) -> list[str]:
    outcome, best = result.outcome, result.outcome.best
    lines = [
        f"{result.label}: {result.model}; {result.parameters:,} parameters, {result.trainable:,} of them trained; "
        f"learning rate {result.rate:.1g}.",
        f"{counted(result.sizes['train'], 'training example')} ({result.form}; template: {result.template}; "
        f"{result.batching}); {counted(outcome.steps, 'step')} in {duration(outcome.seconds)}, "
        f"{_ENDS[outcome.stopped]}; at most {size_of(result.peak_memory)} of memory.",
        f"Weights of step {outcome.best_step:,}, chosen by the validation loss, "
        f"{best.validation_loss:.4f} nats a token (at the end {outcome.curve[-1].validation_loss:.4f}).",
    ]
    if outcome.best_step == 0:
        lines.append("Training made it no better on the validation examples: the model is the one that it was.")
    if not result.label.startswith(("finetune", "scratch")):
        lines.append(
            f"Merged: validation loss {result.unmerged_loss:.4f} before and {result.merged_loss:.4f} after, from disk."
        )
    if result.forgetting is not None:
        told = "forgotten" if result.forgetting > 0 else "nothing forgotten"
        lines.append(
            f"General text: {result.general_before:.4f} nats a token before, {result.general_after:.4f} after "
            f"({result.forgetting:+.4f}, {told})."
        )
    if not result.agrees:
        lines.append("The model opened from disk is not the one that was trained: do not use it, and report this.")
    return lines
