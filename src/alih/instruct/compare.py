"""Compares ways to adapt a language model that writes: as it is, with examples, trained whole, with adapters."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from alih import files
from alih.compare.decide import Candidate, Decision, decide
from alih.compare.limits import Limits
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.compare.spec import check_versions
from alih.errors import AlihError, OptionError, RunError
from alih.instruct import adapt
from alih.instruct.adapt import check_path
from alih.instruct.comparison import Comparison, record
from alih.instruct.few_shot import choose_shots
from alih.instruct.job import STATE, Job
from alih.instruct.options import COMPARED
from alih.instruct.result import Adaptation
from alih.instruct.scores import Scores
from alih.instruct.trial import Measured, latency, measured, read, write
from alih.instruct.writer import Writer, write_model
from alih.metrics.names import named
from alih.progress import Progress
from alih.routes.registry import PROMPTED
from alih.task import GENERATION
from alih.training.cost import measure
from alih.training.precision import device

_RECORD = "measured.json"


def compare(data: str | Path, options: Options | None = None, progress: Progress | None = None) -> Comparison:
    """Measure routes on instruction data or texts, and hand over the cheapest that is as good as the best.

    Every route is judged on the same validation examples, by what it writes (plain text: by perplexity); half of them
    choose learning rates and steps, the other half decides. The test split is looked at once, by the chosen model.

    Args:
        data: a file; see `read.read_corpus`.
        options: what to run; `routes` names the routes.
        progress: where to report; standard error if not given.

    Raises:
        AlihError: the data, the model or an option cannot be used, or no route could be measured.
        KeyboardInterrupt: stopped; what was measured is kept, and `resume` goes on.
    """
    options, progress = (options or Options()).for_task(GENERATION, "compare"), progress or Progress()
    options = replace(options, routes=options.routes or COMPARED)
    job = Job(data, options, progress)
    folder = RunFolder.create(options.runs, options.name or Path(data).stem)
    with folder:
        folder.write_spec(job.spec(data))
        progress.say(f"Run folder: {folder.path}")
        return _Comparing(job, folder).run_or_say()


def resume(path: str | Path, data: str | Path | None = None, progress: Progress | None = None) -> Comparison:
    """Go on with a comparison that was stopped; routes that were measured are not run again.

    Raises:
        RunError: the run is complete, its data have changed, or another version wrote it.
    """
    folder, progress = RunFolder.open(path), progress or Progress()
    told = folder.spec
    if folder.is_complete:
        raise RunError(f"{folder.path}: this run is complete. See it with: alih report {folder.path}")
    check_versions(folder.path, told)
    options = Options.from_mapping(told["options"])
    job = Job(data if data is not None else told["data"]["source"], options, progress)
    job.check_unchanged(folder.path, told)
    with folder:
        progress.say(f"Going on in {folder.path}")
        return _Comparing(job, folder).run_or_say()


def compare_path(data: Any, options: Options) -> Comparison:
    """`alih.compare(…, task="generation")`.

    Raises:
        OptionError: data that are no path.
        AlihError: as for `compare`.
    """
    check_path(data)
    return compare(data, options)


def resume_any(path: str | Path, data: Any = None) -> Comparison | Adaptation:
    """Go on with a comparison, or with one route's training, whichever was stopped."""
    if data is not None:
        check_path(data)
    if RunFolder.open(path).spec.get("command") == "compare":
        return resume(path, data)
    return adapt.resume(path, data)


class _Comparing:
    """One comparison under way."""

    def __init__(self, job: Job, folder: RunFolder) -> None:
        self.job, self.folder, self.options = job, folder, job.options
        self.start = time.monotonic()
        self.skipped: list[str] = []

    def run_or_say(self) -> Comparison:
        """Run, and where Ctrl-C stops it say how to go on."""
        try:
            return self.run()
        except KeyboardInterrupt:
            self.job.progress.say(f"Stopped; what was measured is kept. Go on with: alih resume {self.folder.path}")
            raise

    def run(self) -> Comparison:
        """Measure what is not measured yet, decide, hand over, test."""
        routes = self.options.routes or ()
        found: dict[str, list[Measured]] = {}
        plan = [(route, self.options.seed + turn) for route, turn in _plan(routes, self.options.seeds)]
        for number, (route, seed) in enumerate(plan):
            deadline = None
            if self.options.max_time is not None:
                left = self.start + self.options.max_time - time.monotonic()
                if left <= 0 and found:
                    self.skipped.append(f"{route}, seed {seed}: no time left")
                    continue
                deadline = time.monotonic() + max(left, 0.0) / (len(plan) - number)
            if (one := self._measured(route, seed, deadline)) is not None:
                found.setdefault(one.label, []).append(one)
        if not found:
            raise OptionError("--routes: none of them could be measured. " + "; ".join(self.skipped))
        metric = self.job.metric
        decision = self._decided(found, metric)
        chosen = found[decision.chosen][0]
        test = self._handed_over(chosen)
        result = Comparison(
            folder=self.folder.path,
            model=self.job.found.name,
            decision=decision,
            records=[
                record(runs, decision, len(self.job.split.train), self._general_before(found))
                for runs in found.values()
            ],
            skipped=tuple(self.skipped),
            notes=tuple(dict.fromkeys(self.job.notes)),
            test=test,
            examples=self.job.examples(found),
            seconds=time.monotonic() - self.start,
        )
        self.folder.write_report(result.report)
        self.folder.finish(interrupted=False)
        return result

    def _measured(self, route: str, seed: int, deadline: float | None) -> Measured | None:
        """The record of one route and seed: read where it is there, else made; None where it cannot be run."""
        place = self._place(route, seed)
        if (known := read(place / _RECORD)) is not None:
            return known
        place.mkdir(parents=True, exist_ok=True)
        job = self.job.for_route(route, seed)
        self.job.progress.say(f"{route}, seed {seed}:")
        try:
            made = self._prompted(job, place) if route in PROMPTED else self._trained(job, place, deadline)
        except AlihError as error:
            if isinstance(error, RunError):
                raise
            self.skipped.append(f"{route}: {error}")
            self.job.progress.say(f"  not run: {error}")
            return None
        write(place / _RECORD, made)
        files.remove(place / STATE)
        if seed != self.options.seed:  # the first seed's model is the one that may be handed over
            files.remove(place / "model")
        return made

    def _trained(self, job: Job, place: Path, deadline: float | None) -> Measured:
        found = job.train(place, place / "model", deadline)
        if found.outcome.stopped == "interrupted":
            raise KeyboardInterrupt
        adapters = job.options.route in {"lora", "qlora", "qalora"}
        everything = found.trainable >= found.parameters
        told = {**measured(found.writer, job.judged, job.split.train), "general": job.general(found.writer)}
        return Measured(
            label=found.label,
            route=job.options.chosen_route,
            seed=job.options.seed,
            latency_ms=latency(found.writer, job.judged),
            unmerged=found.unmerged if adapters else None,
            merged=found.merged if adapters else None,
            rate=found.settings.learning_rate,
            trainable=found.trainable,
            parameters=found.parameters,
            layers="adapters" if adapters else "everything" if everything else "the top blocks",
            seconds=found.seconds,
            search_seconds=found.search_seconds,
            peak=found.peak,
            disk=found.disk,
            steps=found.outcome.steps,
            complete=found.outcome.stopped != "deadline",
            **told,
        )

    def _prompted(self, job: Job, place: Path) -> Measured:
        start = time.monotonic()
        with measure() as cost:
            opened = job.found.load("causal")
            opened.model.to(device())  # type: ignore[arg-type]
            asked = replace(job.told, reasoning=job.options.reasoning, samples=job.options.samples)
            writer = Writer(opened, job.template, asked, job.progress)
            label = job.options.chosen_route
            if label == "few-shot":
                shots = choose_shots(writer, job.split.train, job.options.shots or 0, job.options.seed)
                writer = Writer(opened, job.template, replace(asked, shots=shots), job.progress)
                label = f"few-shot, {job.options.shots} examples"
            seconds = time.monotonic() - start
            told = measured(writer, job.judged, job.split.train)
        with files.replacing_folder(place / "model") as fresh:
            write_model(opened.model, opened.tokenizer, job.template, writer.told, fresh)
        parameters = sum(value.numel() for value in opened.model.parameters())
        return Measured(
            label=label,
            route=job.options.chosen_route,
            seed=job.options.seed,
            general=job.general(writer),
            latency_ms=latency(writer, job.judged),
            unmerged=None,
            merged=None,
            rate=None,
            trainable=0,
            parameters=parameters,
            layers="nothing: the prompt" if writer.told.shots else "nothing",
            seconds=seconds,
            search_seconds=0.0,
            peak=cost.peak_memory_bytes,
            disk=sum(file.stat().st_size for file in (place / "model").iterdir()),
            steps=0,
            complete=True,
            **told,
        )

    def _decided(self, found: dict[str, list[Measured]], metric: str) -> Decision:
        before = self._general_before(found)
        candidates = [
            Candidate(
                label,
                np.stack([one.values(metric) for one in runs]),
                float(np.median([one.seconds for one in runs])),
                max(one.peak for one in runs),
                runs[0].disk,
                runs[0].latency_ms,
                all(one.complete for one in runs),
                None if before is None else float(np.mean([one.general for one in runs])) - before,
            )
            for label, runs in found.items()
        ]
        return decide(
            named(metric),
            candidates,
            limits=Limits(self.options.max_memory, self.options.max_latency),
            prefer=self.options.prefer,
            unmeasured=[one.partition(":")[0] for one in self.skipped],
            seed=self.options.seed,
        )

    def _general_before(self, found: dict[str, list[Measured]]) -> float | None:
        """Loss on general text of the model as it was: measured where a route leaves it so, else now."""
        for runs in found.values():
            if runs[0].route in PROMPTED:
                return runs[0].general
        if all(runs[0].route == "scratch" for runs in found.values()):
            return None
        path = self.folder.path / "routes" / "general"
        if path.is_file():
            return float(path.read_text(encoding="utf-8"))
        opened = self.job.found.load("causal")
        opened.model.to(device())  # type: ignore[arg-type]
        loss = self.job.general(Writer(opened, self.job.template, self.job.told))
        files.write_text(path, repr(loss))
        return loss

    def _handed_over(self, chosen: Measured) -> Scores:
        """Put the chosen model into its place, and score it from there on the test split."""
        made = self._place(chosen.route, chosen.seed) / "model"
        if made.is_dir():
            files.remove(self.folder.model)
            made.replace(self.folder.model)
        self.job.progress.say(f"Scoring {chosen.label} from disk on the test examples.")
        return Writer.open(self.folder.model, progress=self.job.progress).evaluate(self.job.split.test)

    def _place(self, route: str, seed: int) -> Path:
        return self.folder.path / "routes" / f"{route}-{seed}"


def _plan(routes: Sequence[str], seeds: int) -> Iterator[tuple[str, int]]:
    """What to run: every route once, then the further seeds of those where chance plays a part."""
    for turn in range(seeds):
        yield from ((route, turn) for route in routes if turn == 0 or route != "zero-shot")
