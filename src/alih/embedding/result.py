"""What came of adapting an embedding model: what it finds before and after; as text and as report.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alih.compare.quantities import duration, size_of
from alih.data.messages import counted
from alih.embedding.retrieval import METRICS, Found
from alih.training.loop import FitResult

_DECIDES = "mrr@10"
_ENDS = {
    None: "all of its steps",
    "deadline": "ended by --max-time",
    "interrupted": "stopped with Ctrl-C",
    "diverged": "stopped, since the loss was no number any more; the last good weights are kept",
}


@dataclass(frozen=True)
class Adaptation:
    """The result of one run.

    Args:
        folder: the run folder.
        label: the route in words.
        model: what was adapted.
        sizes: pairs by split.
        fresh: whether held-out passages were never trained on.
        hard: hard negatives there are.
        outcome: how training went.
        rate: peak learning rate.
        trainable: trained parameters.
        parameters: all parameters.
        before: on the test questions, of the model as it was.
        after: of the adapted model, from disk.
        difference_on_disk: largest absolute difference of a vector from disk to the one before.
        peak_memory: bytes of the process at most.
        disk: bytes of the model's folder.
        seconds: of the whole run.
        notes: what else one should know.
    """

    folder: Path
    label: str
    model: str
    sizes: dict[str, int]
    fresh: bool
    hard: int
    outcome: FitResult
    rate: float
    trainable: int
    parameters: int
    before: Found
    after: Found
    difference_on_disk: float
    peak_memory: int
    disk: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.outcome.stopped == "interrupted"

    def as_dict(self) -> dict[str, Any]:
        """`report.json`: in the form of a comparison of one variant, and what is an embedding model's own."""
        told = self.after.as_dict()
        score = told[_DECIDES]
        best = self.outcome.best.scores[_DECIDES]
        validation = {"point": best}  # a few questions, looked at to choose the step: no interval is reckoned
        return {
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "decision": {
                "metric": _DECIDES,
                "chosen": self.label,
                "best": self.label,
                "front": [self.label],
                "scores": {self.label: validation},
                "words": self._words(),
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
                    "curve": [{"examples": self.sizes["train"], "score": best}],
                    "measured_on": self.sizes["train"],
                    "search_seconds": 0.0,
                    "seconds": self.outcome.seconds,
                    "peak_memory_bytes": self.peak_memory,
                    "disk_bytes": self.disk,
                    "score": validation,
                    "overfitting": {"gap": None},
                }
            ],
            "handed_over": {
                "test": {
                    "examples": self.after.questions,
                    "metrics": {name: told[name]["point"] for name in METRICS},
                    "primary": _DECIDES,
                    "interval": [score["low"], score["high"]],
                },
            },
            "notes": list(self.notes),
            "embedding": {
                "before": self.before.as_dict(),
                "after": told,
                "difference": {
                    name: {"point": gap.point, "low": gap.low, "high": gap.high}
                    for name, gap in self.after.gains(self.before).items()
                },
                "curve": [asdict(point) for point in self.outcome.curve],
                "best_step": self.outcome.best_step,
                "steps": self.outcome.steps,
                "stopped": self.outcome.stopped,
                "hard_negatives": self.hard,
                "largest_difference_from_memory": self.difference_on_disk,
            },
        }

    def __str__(self) -> str:
        lines = [*self._words(), "", f"{'Test':<10} {'before':>8} {'after':>8}   difference, 95 % interval"]
        for name, gap in self.after.gains(self.before).items():
            lines.append(
                f"{name:<10} {self.before.mean(name):>8.3f} {self.after.mean(name):>8.3f}   "
                f"{gap.point:+.3f} ({gap.words('+.3f')})"
            )
        lines += ["", *self.notes, f"Model: {self.folder / 'model'}"]
        lines.append(f"Use it: alih rag index DOCUMENTS --library NAME --model {self.folder / 'model'}")
        if self.interrupted:
            lines.append(f"Training was stopped; go on with: alih resume {self.folder}")
        return "\n".join(lines)

    def _words(self) -> list[str]:
        outcome = self.outcome
        known = "that were not trained on" if self.fresh else "that are known from training; the questions are new"
        lines = [
            f"{self.label}: {self.model}; {self.parameters:,} parameters, {self.trainable:,} of them trained; learning "
            f"rate {self.rate:.1g}.",
            f"{counted(self.sizes['train'], 'training pair')}, {counted(self.hard, 'hard negative')}; "
            f"{counted(outcome.steps, 'step')} in {duration(outcome.seconds)}, {_ENDS[outcome.stopped]}; at most "
            f"{size_of(self.peak_memory)} of memory.",
            f"Weights of step {outcome.best_step:,}, chosen by the ranking loss of validation questions.",
            f"{counted(self.after.questions, 'test question')} whose passages were looked for among "
            f"{self.after.passages:,}, {known}.",
        ]
        if outcome.best_step == 0:
            lines.append("Training found no more for the validation questions: the model is the one that it was.")
        return lines
