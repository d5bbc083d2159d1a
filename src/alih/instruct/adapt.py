"""A language model adapted to a task: data read, trained, merged, written, opened again and scored; runs go on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from alih import files
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.compare.spec import check_versions
from alih.errors import OptionError, RunError
from alih.instruct.job import Job, Trained
from alih.instruct.read import IN_WORDS
from alih.instruct.result import Adaptation, Answered
from alih.instruct.scores import score
from alih.instruct.writer import Writer
from alih.progress import Progress
from alih.routes.registry import PROMPTED
from alih.task import GENERATION
from alih.training.precision import device

_BEFORE = "before.json"
_EXAMPLES = 10


def adapt(data: str | Path, options: Options | None = None, progress: Progress | None = None) -> Adaptation:
    """Adapt a language model to instruction data or texts, and score it on examples that it has not seen.

    Args:
        data: a file; see `read.read_corpus`.
        options: what to run.
        progress: where to report; standard error if not given.

    Raises:
        AlihError: the data, the model or an option cannot be used; the data are looked at before any weights.
        KeyboardInterrupt: stopped before there was anything to hand over.
    """
    options, progress = options or Options(), progress or Progress()
    if options.route in PROMPTED:
        raise OptionError(
            f"--route: {options.route} trains nothing. Score the model as it is with alih evaluate MODEL DATA, or "
            f"measure it beside others with alih compare DATA --task generation --routes {options.route},lora."
        )
    options = options.for_task(GENERATION, "adapt")
    job = Job(data, options, progress)
    folder = RunFolder.create(options.runs, options.name or Path(data).stem)
    with folder:
        folder.write_spec(job.spec(data))
        progress.say(f"Run folder: {folder.path}")
        return _run(job, folder)


def resume(path: str | Path, data: str | Path | None = None, progress: Progress | None = None) -> Adaptation:
    """Go on with a training that was stopped, to the weights of one that was not; a time limit counts anew.

    Args:
        path: the run folder.
        data: the data, where they have been moved since.
        progress: where to report.

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
        return _run(job, folder)


def adapt_path(data: Any, options: Options) -> Writer:
    """`alih.adapt(…, task="generation")`: the writer as it is opened from disk.

    Raises:
        OptionError: data that are no path.
        AlihError: as for `adapt`.
    """
    check_path(data)
    return Writer.open(adapt(data, options).folder)


def check_path(data: Any) -> None:
    """Refuse what was read already.

    Raises:
        OptionError: `data` is no path.
    """
    if not isinstance(data, str | Path):
        raise OptionError(f"task='generation': give the data as a path, not as {type(data).__name__}.")


def _run(job: Job, folder: RunFolder) -> Adaptation:
    """Train, score what came of it from disk, and write the report."""
    start, options = time.monotonic(), job.options
    deadline = None if options.max_time is None else start + options.max_time
    before = None if options.route == "scratch" else _before(job, folder)
    trained = job.train(folder.path, folder.model, deadline)
    result = _result(job, folder, trained, before, start)
    folder.write_report(result.as_dict())
    folder.finish(interrupted=result.interrupted)
    return result


def _before(job: Job, folder: RunFolder) -> dict[str, Any]:
    """Test answers, losses of the model as it is; kept, since they are asked once, also where the run goes on."""
    path = folder.path / _BEFORE
    if path.is_file():
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return {name: kept[name] for name in ("answers", "losses", "general")}
        except (ValueError, KeyError, TypeError):
            pass  # cut off by a crash: asked again
    job.progress.say("Scoring the model as it is, to compare with.")
    opened = job.found.load("causal")
    opened.model.to(device())  # type: ignore[arg-type]
    told = job.measured(Writer(opened, job.template, job.told))
    files.write_text(path, json.dumps(told, ensure_ascii=False))
    return told


def _result(job: Job, folder: RunFolder, trained: Trained, before: dict[str, Any] | None, start: float) -> Adaptation:
    """Score the model from disk on the test examples."""
    job.progress.say("Scoring the model from disk.")
    after = job.measured(trained.writer)
    asked = [one for one in job.split.test if one.form != "text"]
    references = [one.answer.strip() for one in asked]
    count = len(job.split.test)
    was = before["answers"] if before else [""] * len(asked)
    examples = [
        Answered(one.prompt[-1].content, one.answer, was[place], after["answers"][place])
        for place, one in enumerate(asked)
    ]
    return Adaptation(
        folder=folder.path,
        label=trained.label,
        model=job.found.name,
        form=IN_WORDS[job.corpus.form],
        template=job.template.name,
        batching=trained.batching,
        metric=job.metric,
        sizes=job.split.sizes,
        outcome=trained.outcome,
        tried=trained.tried,
        rate=trained.settings.learning_rate,
        trainable=trained.trainable,
        parameters=trained.parameters,
        before=score(count, before["answers"], references, before["losses"]) if before else None,
        test=score(count, after["answers"], references, after["losses"]),
        unmerged_loss=trained.unmerged,
        merged_loss=trained.merged,
        general_before=before["general"] if before else None,
        general_after=after["general"],
        examples=tuple(examples[:: max(1, len(examples) // _EXAMPLES)][:_EXAMPLES]),
        peak_memory=trained.peak,
        disk=trained.disk,
        seconds=time.monotonic() - start,
        notes=tuple(job.notes),
    )
