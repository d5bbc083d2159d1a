"""A comparison from data to decision: trials, decision, hand-over, and one look at the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from alih import interrupt
from alih.compare.budget import Budget
from alih.compare.campaign import Campaign
from alih.compare.comparison import Comparison
from alih.compare.effort import Efforts
from alih.compare.forecast import Forecast, forecast, render
from alih.compare.forgetting import check_general
from alih.compare.options import COMPARED, Options
from alih.compare.runfolder import RunFolder
from alih.compare.runner import Runner
from alih.compare.sizes import curve_sizes
from alih.compare.spec import check_data, check_versions, check_whole, spec
from alih.compare.variants import suited, variants_of
from alih.data.examples import Damage, Dataset, Examples
from alih.data.messages import worst
from alih.errors import OptionError, RunError
from alih.pretrained.open import BUILT_IN
from alih.pretrained.resolve import resolve
from alih.progress import Progress
from alih.routes.base import Variant
from alih.routes.options import ALL_BLOCKS
from alih.task import CLASSIFICATION
from alih.tasks.base import ModelChoice, Task
from alih.tasks.bench import Bench
from alih.tasks.registry import TASKS, recognised, task_class
from alih.training.boundary import FEATURES, Boundary
from alih.training.cache import Cache, default_cache
from alih.training.precision import choose as precision_for
from alih.training.precision import device

#: With fewer batches than this, a forecast would take about as long as what it foresees.
_WORTH_FORESEEING = 8


def compare(data: str | Path | Dataset, options: Options | None = None, progress: Progress | None = None) -> Comparison:
    """Measure every route on the data, recommend one, and hand over the adapted model.

    Args:
        data: a file, a folder, a built-in or Hub dataset's name, or a dataset already read.
        options: what to run; the defaults if not given.
        progress: where to report; standard error if not given.

    Raises:
        AlihError: the data, the model or an option cannot be used; nothing was run.
    """
    progress = progress or Progress()
    options = _for_task(data, options, progress, "compare")
    return _run(data, options, progress, _routes(options), curve=True)


def foresee(
    data: str | Path | Dataset, options: Options | None = None, progress: Progress | None = None
) -> list[Forecast]:
    """What `compare` would take, by variant, measured on a few batches; nothing is run and nothing is written.

    Raises:
        AlihError: as for `compare`.
    """
    progress = progress or Progress()
    options = _for_task(data, options, progress, "compare")
    job = Job(_task(data, options, progress), options, _routes(options), True, progress)
    return job.forecast(job.bench())


def adapt(
    data: str | Path | Dataset,
    name: str | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run one route, once, without comparing; `finetune` trains every block unless `options.blocks` says how many.

    Args:
        data: as for `compare`.
        name: of the route; the task's default if not given.
        options: what to run; the defaults if not given.
        progress: where to report; standard error if not given.

    Raises:
        OptionError: there is no such route, or several numbers of blocks were given.
        AlihError: as for `compare`.
    """
    progress = progress or Progress()
    options = _for_task(data, options, progress, "adapt", name)
    chosen = replace(options, routes=(options.chosen_route,), seeds=1, blocks=options.blocks or (ALL_BLOCKS,))
    return _run(data, chosen, progress, (options.chosen_route,), curve=False)


def resume(path: str | Path, data: str | Path | Dataset | None = None, progress: Progress | None = None) -> Comparison:
    """Go on with a comparison that was stopped, from the trials in its run folder.

    What is measured, decided and handed over is what an uninterrupted run would have given, bit for bit on one device
    (times apart). A time limit counts anew.

    Args:
        path: the run folder.
        data: the data, where the comparison was not given a path; otherwise read again from where it was.
        progress: where to report; standard error if not given.

    Raises:
        RunError: there is no such run, it is complete, its data have changed, or another version wrote it.
        AlihError: as for `compare`.
    """
    folder, progress = RunFolder.open(path), progress or Progress()
    told = folder.spec
    if folder.is_complete:
        raise RunError(f"{folder.path}: this run is complete. See it with: alih report {folder.path}")
    check_whole(folder.path, told)
    check_versions(folder.path, told)
    name = told["task"].get("name")
    if name not in TASKS:
        raise RunError(
            f"{folder.path}: was written by an earlier version of Alih, whose runs this one cannot go on with. Start "
            "anew with alih compare, or install the version that it was made with. Nothing in the run was changed."
        )
    options = replace(
        Options.from_mapping(told["options"] | {"task": name})
    )  # what the user gave is not known any more
    task = _task(data if data is not None else told["data"]["source"], options)
    check_data(folder.path, told, task)
    job = Job(task, options, tuple(told["routes"]), told["command"] == "compare", progress)
    bench = job.bench()
    with folder:
        progress.say(f"Going on with {len(folder.trials())} trials in {folder.path}")
        return job.run(bench, folder, earlier_seconds=_spent(folder))


def _spent(folder: RunFolder) -> float:
    """Seconds of the parts before: as reported after Ctrl-C; those of the trials where a killed run left no report."""
    trials = sum(trial.costs.seconds for trial in folder.trials())
    try:
        return max(float(folder.report["seconds"]), trials)
    except (RunError, KeyError):
        return trials


def _run(
    data: str | Path | Dataset, options: Options, progress: Progress, routes: tuple[str, ...], *, curve: bool
) -> Comparison:
    task = _task(data, options, progress)
    dataset, job = task.dataset, Job(task, options, routes, curve, progress)
    bench = job.bench()
    folder = RunFolder.create(options.runs, options.name or dataset.name)
    with folder:
        command = "compare" if curve else "adapt"
        folder.write_spec(spec(task, bench.choice, replace(options, model=bench.choice.name), routes, command))
        progress.say(f"Run folder: {folder.path}")
        foreseen: list[Forecast] = []
        if curve and len(dataset.train) >= _WORTH_FORESEEING * options.batch_size:
            foreseen = job.forecast(bench)
            progress.say(render(foreseen, options.seeds, max_memory=options.max_memory, max_seconds=options.max_time))
        elif curve:
            progress.say("So few examples are measured about as fast as they are foreseen; --dry-run foresees them.")
        return job.run(bench, folder, foreseen=foreseen)


def _for_task(
    data: Any,
    options: Options | None,
    progress: Progress,
    command: Literal["compare", "adapt"],
    route: str | None = None,
) -> Options:
    """The options with the defaults of the task that was named, or that the data are for, which is said."""
    options = options or Options()
    name: str | None = options.task
    if name is None:
        name, reason = recognised(data)
        if reason:
            progress.say(f"Task {name}: {reason}. Another one is named with --task.")
    return options.for_task(name, command, route)


def _routes(options: Options) -> tuple[str, ...]:
    return options.routes or COMPARED[options.task or CLASSIFICATION]


def _task(data: str | Path | Dataset, options: Options, progress: Progress | None = None) -> Task:
    """Read the data, and say what was read."""
    task = task_class(options.task or CLASSIFICATION).read(data, options, progress)
    dataset = task.dataset
    if progress is not None:
        for note in dataset.notes:
            progress.say(note)
        if dataset.damaged:
            progress.say(f"  left out: {worst(dataset.damaged)}. All of them are in the run folder's spec.json.")
    return task


@dataclass
class Job:
    """One comparison, new or resumed: everything that follows from the data and the options.

    Args:
        task: what is predicted, with its dataset.
        options: what to run.
        routes: which routes.
        curve: measure learning curves, too.
        progress: where to report.
    """

    task: Task
    options: Options
    routes: tuple[str, ...]
    curve: bool
    progress: Progress

    def __post_init__(self) -> None:
        self.budget = Budget(self.options.max_time)

    def bench(self) -> Bench:
        """Load the model and encode the data; everything that can be refused is refused here."""
        options = self.options
        for flag in ("max_length", "general"):
            if getattr(options, flag) is not None and not self.task.reads_texts:
                raise OptionError(f"--{flag.replace('_', '-')}: is for texts, and the data are pictures; leave it out.")
        check_general(options.general)
        metric = self.task.metric(options.metric)
        choice = ModelChoice(
            _settled(options.model or self.task.default_model),
            options.revision,
            options.allow_pickle,
            options.pooling,
        )
        cache = default_cache() if options.cache_limit > 0 else None
        if cache is not None:
            cache = Cache(cache.folder, round(options.cache_limit * 1e9))
        bench = Bench(
            self.task,
            choice,
            cache,
            options.max_length,
            options.batch_size,
            options.seed,
            metric,
            precision_for(device(), options.precision, self.progress),
            self.progress,
            self._others(),
            options.general,
        )
        own = [bench.parts["train"].encoded, bench.parts["validation"].encoded]
        cut = sum(encoded.truncated for encoded in own)
        if cut:
            longest = options.max_length or bench.pretrained.max_length
            self.progress.say(
                f"{cut:,} texts have more than {longest} tokens (training and validation); the rest is not seen."
            )
        variants = variants_of(self.routes, bench.pretrained.anatomy, options)
        self.variants, self.unsuited = suited(variants, bench, options)
        return bench

    def _others(self) -> dict[str, Examples]:
        """The set that the user gave to be scored on, too, by its file's name."""
        if self.options.shifted is None:
            return {}
        path, notes, damaged = Path(self.options.shifted).expanduser(), list[str](), list[Damage]()
        found = self.task.read_more(path, damaged, notes, self.progress)
        notes.append(f"--shifted: {len(found):,} examples of {path.name}")
        if damaged:
            notes.append(f"  left out of {path.name}: {worst(damaged)}")
        for note in notes:
            self.progress.say(note)
        return {path.name: found}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Training examples that variants are measured on, ascending."""
        count = len(self.task.dataset.train)
        return curve_sizes(count, self.task.least_examples) if self.curve else (count,)

    @property
    def boundaries(self) -> list[Boundary]:
        """What is computed once: the features for every head, and the input of each lowest trainable block."""
        variants = self.variants
        partial = {v.total_blocks - v.trainable_blocks for v in variants if v.trainable_blocks and not v.is_everything}
        pretrained = any(not variant.random_weights for variant in variants)
        return [FEATURES, *sorted(partial)] if self.task.freezes and pretrained else []

    def forecast(self, bench: Bench) -> list[Forecast]:
        """Measure every variant on a few batches."""
        efforts = Efforts(
            bench.pretrained.anatomy,
            self.options,
            len(self.task.dataset.train),
            self.task.examples_a_step(bench),
            self.task,
        )
        return forecast(bench, self.variants, self.sizes, efforts, self.boundaries, self.progress)

    def run(
        self,
        bench: Bench,
        folder: RunFolder,
        *,
        foreseen: Sequence[Forecast] = (),
        earlier_seconds: float = 0.0,
    ) -> Comparison:
        """Run the trials that the folder does not hold yet, decide, and hand over."""
        options, anatomy = self.options, bench.pretrained.anatomy
        self.progress.say(f"Model {bench.choice.name}: {anatomy.family}, {len(anatomy.blocks)} blocks.")
        bench.freeze(self.boundaries)
        order = self.task.order(options.seed)
        efforts = Efforts(anatomy, options, len(order), self.task.examples_a_step(bench), self.task)
        runner = Runner(bench, folder, bench.deciding)
        campaign = Campaign(bench, runner, options, bench.deciding, order, efforts, self.budget, self.progress)
        campaign.foreseen, campaign.earlier_seconds = foreseen, earlier_seconds
        for one in self.unsuited:
            self.progress.say(f"  skipped {one}")
        campaign.skipped.extend(self.unsuited)
        interrupted = not _ran(campaign, self.variants, self.sizes, folder)
        return Comparison.conclude(campaign, folder, interrupted=interrupted)


def _ran(campaign: Campaign, variants: list[Variant], sizes: tuple[int, ...], folder: RunFolder) -> bool:
    """Run the trials; False if Ctrl-C stopped them with something to report.

    Raises:
        KeyboardInterrupt: stopped before any variant was measured.
        RunError: no variant could be trained.
    """
    try:
        campaign.run(variants, sizes)
    except KeyboardInterrupt:
        interrupt.answered()
        campaign.progress.say(
            f"Stopped. {len(folder.trials())} trials are kept in {folder.path}; go on with: alih resume {folder.path}"
        )
        if not campaign.finalists:
            raise
        campaign.progress.say("The best model so far is handed over; Ctrl-C again leaves without one.")
        return False
    if not campaign.finalists:
        raise RunError(f"{folder.path}: nothing could be trained. {'; '.join(campaign.skipped)}")
    return True


def _settled(model: str) -> str:
    """A model that is a folder now, by its full path: "runs/last/model" means another folder once this run starts."""
    if model in BUILT_IN or not Path(model).expanduser().exists():
        return model
    return str((resolve(model).path or Path(model)).resolve())
