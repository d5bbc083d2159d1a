"""The forecast: what each variant will take in time and memory, measured on a few batches before anything runs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alih.compare.adapting import adapt
from alih.compare.effort import Efforts
from alih.compare.quantities import duration, size_of
from alih.compare.trial import Purpose
from alih.data.batch import length_batches
from alih.progress import Progress
from alih.routes.base import Variant
from alih.routes.registry import route
from alih.tasks.bench import SCORING_BATCH, Bench, Part, PartName, Phase, scored_units
from alih.training.boundary import FEATURES, Boundary
from alih.training.cost import measure
from alih.training.loop import FitSettings
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import choose, device

#: Batches that the pace is measured on.
_BATCHES = 2
#: Passes over them; the first one warms up.
_EPOCHS = 3
#: Where a head alone trains, on features, they are taken this often: two batches take less time than beginning a pass.
_REPEATS = 16
#: What a whole run holds at most, over what a few batches do: freed pieces that fit nothing. In benchmarks/forecast.py
#: it was 1.01 to 1.19 over 18 cases, 1.08 in the middle.
_GROWTH = 1.08
#: The same for texts in bf16 on a processor, where matrix products are prepared for every shape that comes up, and
#: kept: 1.19 to 1.42 over five cases, 1.35 in the middle, each after others in one process; alone, one had 1.22.
_GROWTH_BY_SHAPES = 1.3


@dataclass(frozen=True)
class Forecast:
    """What one variant will take.

    Args:
        label: the variant in words.
        search_seconds: all searches for its learning rate, if it goes through every size.
        seconds: one run on all training examples, with its share of the pass through the frozen part.
        curve_seconds: the runs on fewer examples.
        least_seconds: its first search and its first run, after which it may stop.
        peak_memory_bytes: while it adapts.
    """

    label: str
    search_seconds: float
    seconds: float
    curve_seconds: float
    least_seconds: float
    peak_memory_bytes: int


def forecast(
    bench: Bench,
    variants: Sequence[Variant],
    sizes: tuple[int, ...],
    efforts: Efforts,
    boundaries: Sequence[Boundary],
    progress: Progress,
) -> list[Forecast]:
    """Train every variant on a few batches, and reckon from them.

    Time is taken to grow with the tokens (texts) or examples (pictures, features) fed; memory is that of the longest
    batch, trained and scored.

    Args:
        bench: data and model; nothing in it changes.
        variants: what is to be measured.
        sizes: training examples, ascending, all of them last.
        efforts: how long each trains.
        boundaries: what the frozen part will be kept at.
        progress: told after each variant.
    """
    found = []
    with progress.step("forecast", len(variants) + 1, "measurements") as advance:
        pilot = _pilot(bench, boundaries)
        advance(1)
        for variant in variants:
            found.append(_forecast(bench, pilot, variant, sizes, efforts))
            advance(1)
    return found


def render(
    found: Sequence[Forecast], seeds: int, *, max_memory: float | None = None, max_seconds: float | None = None
) -> str:
    """The forecast as text, with what it says of the user's limits.

    Args:
        found: by variant.
        seeds: how many there may be.
        max_memory: bytes that adapting may take at its peak.
        max_seconds: what everything together may take.
    """
    width = max(len(one.label) for one in found)
    lines = [f"  {'':<{width}}  {'search':>9}  {'one run':>9}  {'memory':>9}"]
    lines += [
        f"  {one.label:<{width}}  {duration(one.search_seconds):>9}  {duration(one.seconds):>9}  "
        f"{size_of(one.peak_memory_bytes):>9}"
        for one in found
    ]
    least, most = total_seconds(found, seeds)
    over = [one.label for one in found if max_memory is not None and one.peak_memory_bytes > max_memory]
    limits = [f"  over --max-memory {size_of(round(max_memory or 0))} by this: {'; '.join(over)}"] if over else []
    if max_seconds is not None and most > max_seconds:
        sure = "ends it before all is measured" if least > max_seconds else "may end it before all is measured"
        limits.append(f"  --max-time {duration(max_seconds)} {sure}")
    start = "Forecast, from a few batches (search: all there is, if nothing stops):"
    return "\n".join([start, *lines, f"  in all {span(least, most)}", *limits])


def span(low: float, high: float) -> str:
    """Seconds between two bounds in words: about 3 min; about 40 s to 3 min."""
    return f"about {duration(high)}" if high < 1.1 * low else f"about {duration(low)} to {duration(high)}"


def total_seconds(found: Sequence[Forecast], seeds: int) -> tuple[float, float]:
    """All of it: if everything but the first stops as early as it can, and if nothing stops."""
    most = sum(one.search_seconds + one.curve_seconds + seeds * one.seconds for one in found)
    first = found[0]
    least = first.search_seconds + first.curve_seconds + seeds * first.seconds
    return least + sum(one.least_seconds for one in found[1:]), most


def _pilot(bench: Bench, boundaries: Sequence[Boundary]) -> Bench:
    """A bench with a few examples: `_BATCHES` random batches, and the longest one at the end of the training rows.

    In place of the shifted copy stand the longest examples of the validation split, as many as are scored at once, and
    they once more: what the first batch frees is not all used again by the second.
    """
    generator = np.random.default_rng(bench.seed)
    train, validation = bench.parts["train"], bench.parts["validation"]
    count = _BATCHES * bench.batch_size
    some, held_out = (np.sort(generator.permutation(len(part.encoded))[:count]) for part in (train, validation))
    parts: dict[PartName, Part] = {
        "train": train.select(np.concatenate([some, _longest(train, bench.batch_size)])),
        "validation": validation.select(held_out),
        "shifted": validation.select(np.tile(_longest(validation, SCORING_BATCH * bench.batch_size), 2)),
    }
    return bench.excerpt(parts, boundaries)


def _longest(part: Part, count: int) -> NDArray[np.int64]:
    order: NDArray[np.int64] = np.argsort(-part.encoded.lengths, kind="stable")
    return order[:count]


def _forecast(bench: Bench, pilot: Bench, variant: Variant, sizes: tuple[int, ...], efforts: Efforts) -> Forecast:
    rows = len(pilot.parts["train"].encoded)
    some, longest = np.split(np.arange(rows, dtype=np.int64), [max(rows - bench.batch_size, 1)])
    settings = FitSettings(1e-6, epochs=_EPOCHS, batch_size=bench.batch_size, precision=bench.precision)
    rates = route(variant.route).learning_rates(efforts.anatomy)
    if rates and not variant.trainable_blocks:
        some = np.tile(some, _REPEATS)
    with out_of_memory_in_words(variant.label):
        start = time.perf_counter()
        adaptation = adapt(pilot, variant, settings, some, head_settings=settings)
        overhead = time.perf_counter() - start - sum(phase.result.seconds for phase in adaptation.phases)
        paces = [_Pace.of(pilot, phase, some) for phase in adaptation.phases]
        shares_frozen = adaptation.uses_frozen_outputs
        del adaptation
        with measure() as cost:
            once = replace(settings, epochs=1)
            # Scored without gradients, but with more examples at once, which can take more memory than training.
            adapt(pilot, variant, once, longest, head_settings=once).stage.outputs("shifted")
    order = np.arange(efforts.examples, dtype=np.int64)
    held_out = len(bench.parts["validation"].encoded)

    def run(size: int, epochs: int, purpose: Purpose) -> float:
        """One run on so many rows: a head that is trained first, and what trains last."""
        looks = math.ceil(epochs / efforts.validate_every(held_out, size, epochs, purpose))  # the last one always
        each = [*([(efforts.head_epochs(size), 0.0)] * (len(paces) - 1)), (epochs, looks)]
        return overhead + sum(pace.seconds(bench, order[:size], *n) for pace, n in zip(paces, each, strict=True))

    def search(size: int, again: bool) -> float:
        _, share = efforts.search(variant, size)
        runs = efforts.runs_of_search(variant, again=again)
        return runs * run(size, efforts.epochs(variant, size, share), "search")

    frozen = _frozen_seconds_each(bench, pilot) if shares_frozen else 0.0
    searches = [search(size, number > 0) for number, size in enumerate(efforts.searches(variant, sizes))]
    purposes: list[Purpose] = ["full" if size == sizes[-1] else "curve" for size in sizes]
    runs = [
        run(size, efforts.epochs(variant, size), purpose) + frozen * (size + held_out)
        for size, purpose in zip(sizes, purposes, strict=True)
    ]
    return Forecast(
        variant.label,
        sum(searches),
        runs[-1],
        sum(runs[:-1]),
        searches[0] + runs[0],
        round(_growth(bench) * max(cost.peak_memory_bytes, pilot.frozen_peak_bytes if shares_frozen else 0)),
    )


def _growth(bench: Bench) -> float:
    """What a whole run holds at most, over what a few batches do."""
    texts, on = bench.pretrained.model.main_input_name == "input_ids", device()
    return _GROWTH_BY_SHAPES if texts and on.type == "cpu" and choose(on, bench.precision) == "bf16" else _GROWTH


@dataclass(frozen=True)
class _Pace:
    """How long one epoch of a phase takes, by what is fed.

    Args:
        training: seconds a unit trained.
        scoring: seconds a unit scored.
        look: seconds of a look at the validation split beside scoring it.
        whole: whether units are tokens (or pictures); features have one length.
    """

    training: float
    scoring: float
    look: float
    whole: bool

    @classmethod
    def of(cls, pilot: Bench, phase: Phase, rows: NDArray[np.int64]) -> _Pace:
        whole = phase.stage.boundary != FEATURES
        steps = phase.result.training_seconds[1:] or (0.0,)  # the first epoch warms up
        trained = _units(pilot, "train", rows, trained=True) if whole else len(rows)
        training = sum(steps) / len(steps) / trained
        scoring = _scoring_seconds(phase, "validation")
        ends = [epoch["seconds"] for epoch in phase.result.history]
        epoch = (ends[-1] - ends[0]) / (len(ends) - 1)
        # Beside scoring, a look judges, and may keep the weights.
        look = max(epoch - sum(steps) / len(steps) - scoring, 0.0) if phase.result.training_seconds else 0.0
        if whole:
            return cls(training, scoring / _units(pilot, "validation"), look, whole)
        # Features are scored so fast that it takes more of them to tell how fast.
        scoring = _scoring_seconds(phase, "shifted") / len(pilot.parts["shifted"].encoded)
        return cls(training, scoring, look, whole)

    def seconds(self, bench: Bench, rows: NDArray[np.int64], epochs: int, looks: float) -> float:
        """So many epochs on these training rows, with so many looks at validation; features are looked at in each."""
        held_out = len(bench.parts["validation"].encoded)
        if not self.whole:
            return epochs * (self.training * len(rows) + self.scoring * held_out + self.look)
        each_look = self.scoring * _units(bench, "validation") + self.look
        return epochs * self.training * _units(bench, "train", rows, trained=True) + looks * each_look


def _scoring_seconds(phase: Phase, name: PartName) -> float:
    """Seconds to score a part, once warm."""
    phase.stage.outputs(name)
    start = time.perf_counter()
    phase.stage.outputs(name)
    return time.perf_counter() - start


def _frozen_seconds_each(bench: Bench, pilot: Bench) -> float:
    """Seconds an example that the pass through the frozen part takes; over all parts, as `Bench.frozen_seconds`."""

    def examples(of: Bench) -> int:
        return sum(len(part.encoded) for part in of.parts.values())

    def units(of: Bench) -> float:
        return sum(_units(of, name) for name in of.parts)

    each = pilot.frozen_seconds(0) / len(pilot.parts["validation"].encoded)
    return each * examples(pilot) / units(pilot) * units(bench) / examples(bench)


def _units(bench: Bench, name: PartName, rows: NDArray[np.int64] | None = None, *, trained: bool = False) -> float:
    """What the time of a pass grows with; see `scored_units`.

    Args:
        bench: where the data are.
        name: of the part.
        rows: of it; all by default.
        trained: in shuffled batches of like length, as training takes them; otherwise sorted, as scoring does.
    """
    encoded = bench.parts[name].encoded
    encoded = encoded if rows is None else encoded.select(rows)
    if not trained:
        return scored_units(encoded, bench.batch_size)
    batches = length_batches(encoded.lengths, bench.batch_size, shuffle_seed=bench.seed)
    return float(sum(len(batch) * encoded.lengths[batch].max() for batch in batches))
