"""What came of a translator's training: scores, how it went, a few translations; as text and as report.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from alih.compare.quantities import duration, size_of
from alih.data.messages import counted, excerpt
from alih.training.loop import FitResult
from alih.translation.scores import Scores
from alih.translation.translator import Translator

_SHOWN = 70


@dataclass(frozen=True)
class Example:
    """A test sentence, what it should become, and what it became."""

    source: str
    reference: str
    translation: str


@dataclass(frozen=True)
class Translation:
    """The result of one run.

    Args:
        translator: the model, opened again from the run folder.
        label: the route in words.
        model: what was adapted, or the size trained from scratch.
        sizes: pairs by split.
        outcome: how training went.
        trainable: trained parameters.
        parameters: all parameters.
        rate: peak learning rate.
        validation: scores on validation pairs (at most 500), from disk.
        test: scores on the test pairs, from disk.
        agrees: the model from disk has the validation loss that it had in memory.
        examples: a few test pairs with their translations.
        peak_memory: bytes of the process at most.
        disk: bytes of the model's folder.
        seconds: of the whole run.
        notes: what else one should know.
    """

    translator: Translator
    label: str
    model: str
    sizes: dict[str, int]
    outcome: FitResult
    trainable: int
    parameters: int
    rate: float
    validation: Scores
    test: Scores
    agrees: bool
    examples: tuple[Example, ...]
    peak_memory: int
    disk: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.outcome.stopped == "interrupted"

    def as_dict(self) -> dict[str, Any]:
        """`report.json`: in the form of a comparison of one variant, and what is a translation's own."""
        score = {
            "point": self.validation.bleu.point,
            "low": self.validation.bleu.low,
            "high": self.validation.bleu.high,
        }
        best = self.outcome.best
        words = [*_words(self), *(f"Test: {line}" for line in str(self.test).splitlines())]
        return {
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "decision": {
                "metric": "bleu",
                "chosen": self.label,
                "best": self.label,
                "front": [self.label],
                "scores": {self.label: score},
                "words": words,
            },
            "table": [
                {
                    "label": self.label,
                    "scope": {
                        "layers": "everything" if self.trainable == self.parameters else "decoder blocks or adapters",
                        "trainable": self.trainable,
                        "total": self.parameters,
                    },
                    "learning_rate": self.rate,
                    "curve": [{"examples": self.sizes["train"], "score": score["point"]}],
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
                    "examples": self.test.sentences,
                    "metrics": {"bleu": self.test.bleu.point, "chrf": self.test.chrf.point},
                    "primary": "bleu",
                    "interval": [self.test.bleu.low, self.test.bleu.high],
                },
            },
            "notes": list(self.notes),
            "translation": {
                "label": self.label,
                "model": self.model,
                "direction": self.translator.direction.label,
                "beam": self.translator.told.beam,
                "validation": self.validation.as_dict(),
                "test": self.test.as_dict(),
                "curve": [asdict(point) for point in self.outcome.curve],
                "best_step": self.outcome.best_step,
                "best_loss": best.validation_loss,
                "steps": self.outcome.steps,
                "stopped": self.outcome.stopped,
                "tokens": self.outcome.tokens_seen,
                "examples": [asdict(example) for example in self.examples],
            },
        }

    def __str__(self) -> str:
        lines = [*_words(self), "", f"Test pairs, beam {self.translator.told.beam}: {self.test}", ""]
        for example in self.examples[:3]:
            lines += [
                f"  source       {excerpt(example.source, _SHOWN)}",
                f"  reference    {excerpt(example.reference, _SHOWN)}",
                f"  translation  {excerpt(example.translation, _SHOWN)}",
                "",
            ]
        run = self.translator.folder.parent
        lines += [f"Model: {self.translator.folder}", f'Use it: alih translate {run} "a sentence"']
        if self.interrupted:
            lines.append(f"Training was stopped; go on with: alih resume {run}")
        return "\n".join(lines)


_ENDS = {
    None: "all of its steps",
    "patience": "ended where it got no better",
    "deadline": "ended by --max-time",
    "interrupted": "stopped with Ctrl-C",
    "diverged": "stopped, since the loss was no number any more; the last good weights are kept. Use a lower "
    "--learning-rate",
}


def _words(result: Translation) -> list[str]:
    """What was trained, how long, and how well it fits."""
    outcome = result.outcome
    best = outcome.best
    share = "" if result.trainable == result.parameters else f", {result.trainable:,} of them trained"
    lines = [
        f"{result.label}: {', '.join(part for part in (result.model, result.translator.direction.label) if part)}, "
        f"{result.parameters:,} parameters{share}.",
        f"{counted(result.sizes['train'], 'training pair')}; {counted(outcome.steps, 'step')} in "
        f"{duration(outcome.seconds)}, {_ENDS[outcome.stopped]}; at most {size_of(result.peak_memory)} of memory.",
        f"Weights of step {outcome.best_step:,}, validation loss {best.validation_loss:.3f} nats a token "
        f"({counted(len(outcome.curve), 'look')}; the last one {outcome.curve[-1].validation_loss:.3f}).",
    ]
    if best.step == 0:
        lines.append("Training made it no better on the validation pairs: the model is the one that it started from.")
    if not result.agrees:
        lines.append("The model opened from disk is not the one that was trained: do not use it, and report this.")
    return lines
