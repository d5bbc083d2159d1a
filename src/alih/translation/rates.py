"""The learning rate of a pre-trained model, found by short runs: each goes through its whole schedule, from the start.

What is found is kept in the run folder, so that a run that goes on later does not search again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor
from transformers import PreTrainedModel

from alih.errors import AlihError
from alih.progress import Progress
from alih.transformer.token_batches import Pair
from alih.translation.training import Settings, fit, forget

#: Rates that are tried, ascending; adapters start at zero and want about ten times more.
RATES = {"finetune": (3e-5, 1e-4, 3e-4, 1e-3), "lora": (3e-4, 1e-3, 3e-3, 1e-2)}
#: Share of the steps that each short run makes, and its bounds.
_SHARE, _LEAST, _MOST = 0.05, 20, 300
#: Validation pairs that choose the rate.
_PAIRS = 200


def search(
    route: str,
    model: PreTrainedModel,
    train: Sequence[Pair],
    validation: Sequence[Pair],
    settings: Settings,
    folder: Path,
    *,
    deadline: float | None = None,
    progress: Progress,
) -> float:
    """The rate whose short run ends with the lowest validation loss; the model is left as it was.

    Args:
        route: a key of `RATES`.
        model: what is to be trained; only what requires gradients changes.
        train: encoded pairs to learn from.
        validation: encoded pairs that choose.
        settings: of the run that follows.
        folder: the run folder.
        deadline: `time.monotonic()` after which no further rate is tried.
        progress: where to report.
    """
    kept = folder / "rates.json"
    losses = _read(kept)
    steps = min(_MOST, max(_LEAST, round(settings.steps * _SHARE)))
    short = replace(settings, steps=steps, checkpoint_every=steps, warmup=max(1, steps // 10))
    before = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    state = folder / "search.pt"
    for rate in RATES[route]:
        if rate in losses:
            continue
        forget(state)
        try:
            outcome = fit(
                model,
                train,
                validation[:_PAIRS],
                replace(short, rate=rate),
                state,
                deadline=deadline,
                progress=Progress(quiet=True),
            )
        except AlihError as error:
            if "diverged" not in str(error):
                raise
            losses[rate] = math.inf
        else:
            if outcome.stopped == "interrupted":
                raise KeyboardInterrupt
            if outcome.stopped == "deadline" and losses:
                break
            losses[rate] = outcome.curve[-1].validation_loss
        finally:
            _put_back(model, before)
            forget(state)
        kept.write_text(json.dumps([[one, loss if math.isfinite(loss) else None] for one, loss in losses.items()]))
        if len(losses) > 1 and losses[rate] == math.inf:
            break  # higher ones diverge, too
    best = min(losses, key=lambda rate: losses[rate])
    told = ", ".join(f"{rate:g} → {loss:.3f}" for rate, loss in losses.items())
    progress.say(f"Learning rate {best:g}, by the validation loss after {steps} steps: {told}.")
    return best


def _put_back(model: PreTrainedModel, before: dict[str, Tensor]) -> None:
    for name, value in model.named_parameters():
        if name in before:
            value.data.copy_(before[name])
            value.grad = None


def _read(path: Path) -> dict[float, float]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {float(rate): math.inf if loss is None else float(loss) for rate, loss in told}
    except (OSError, ValueError, TypeError):
        return {}  # not searched yet, or cut off by a crash
