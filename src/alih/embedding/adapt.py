"""An embedding model adapted to questions and passages: trained, merged, written, opened again and scored."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from alih import files
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.compare.spec import check_versions
from alih.embedding import routes
from alih.embedding.folder import write
from alih.embedding.mine import from_library, mine
from alih.embedding.pairs import Pairs, Split, read_pairs, split
from alih.embedding.result import Adaptation
from alih.embedding.retrieval import Found, measure
from alih.embedding.training import Encoder, RankingFeed, RankingLook, objective
from alih.errors import OptionError, RunError
from alih.progress import Progress
from alih.rag.embed import Embedder
from alih.rag.library import Library
from alih.task import RETRIEVAL
from alih.training.cost import measure as measure_cost
from alih.training.loop import FitSettings, fit
from alih.training.memory import out_of_memory_in_words
from alih.training.search import search_by_short_runs

_PACKAGES = ("alih", "torch", "transformers", "accelerate", "safetensors", "numpy")
_STATE, _RATES, _ADAPTER = "training.pt", "rates.json", "adapter"
#: Where the user names no epochs: passes over the pairs, within these bounds of steps.
_EPOCHS, _LEAST_STEPS, _MOST_STEPS = 3, 60, 3000
#: Questions of the validation split, and passages beside theirs, that each look ranks; looks.
_MOST_ASKED, _MOST_PASSAGES, _LOOKS = 200, 1500, 5
#: The same of what judges a learning rate.
_JUDGES, _AMONG = 128, 500


def adapt(data: str | Path, options: Options | None = None, progress: Progress | None = None) -> Adaptation:
    """Fine-tune an embedding model, and measure what it finds for questions that it has not seen, before and after.

    Args:
        data: a file; see `pairs.read_pairs`.
        options: what to run.
        progress: where to report; standard error if not given.

    Raises:
        AlihError: the data, the model or an option cannot be used; the data are looked at before any weights.
        KeyboardInterrupt: stopped before there was anything to hand over.
    """
    options, progress = (options or Options()).for_task(RETRIEVAL, "adapt"), progress or Progress()
    pairs = read_pairs(data)
    folder = RunFolder.create(options.runs, options.name or Path(data).stem)
    with folder:
        folder.write_spec(_spec(data, pairs, options))
        progress.say(f"Run folder: {folder.path}")
        return _run(pairs, options, folder, progress)


def adapt_path(data: Any, options: Options) -> Embedder:
    """`alih.adapt(…, task="retrieval")`: the embedding model as it is opened from disk.

    Raises:
        OptionError: data that are no path.
        AlihError: as for `adapt`.
    """
    _check_path(data)
    return Embedder(str(adapt(data, options).folder / "model"))


def resume(path: str | Path, data: Any = None, progress: Progress | None = None) -> Adaptation:
    """Go on with a training that was stopped, to the weights of one that was not; a time limit counts anew.

    Raises:
        RunError: the run is complete, its data have changed, or another version wrote it.
    """
    if data is not None:
        _check_path(data)
    folder, progress = RunFolder.open(path), progress or Progress()
    told = folder.spec
    if folder.is_complete:
        raise RunError(f"{folder.path}: this run is complete. See it with: alih report {folder.path}")
    check_versions(folder.path, told)
    pairs = read_pairs(data if data is not None else told["data"]["source"])
    if pairs.digest() != told["data"]["digest"]:
        raise RunError(
            f"{folder.path}: {told['data']['source']} has changed since. Put the data of then back to go on, or start "
            "anew with alih adapt. Nothing in the run was changed."
        )
    with folder:
        progress.say(f"Going on in {folder.path}")
        return _run(pairs, Options.from_mapping(told["options"]), folder, progress)


def _check_path(data: Any) -> None:
    if not isinstance(data, str | Path):
        raise OptionError(f"task='retrieval': give the data as a path, not as {type(data).__name__}.")


def evaluate(model: str | Path, data: str | Path) -> Found:
    """Rank the passages of a file for each of its questions.

    Raises:
        AlihError: the model or the data cannot be used.
    """
    pairs = read_pairs(data)
    return measure(Embedder(str(model)), pairs.pairs, pairs.passages)


def _run(pairs: Pairs, options: Options, folder: RunFolder, progress: Progress) -> Adaptation:
    start = time.monotonic()
    deadline = None if options.max_time is None else start + options.max_time
    parts = split(pairs, options.seed, options.validation, options.test)
    train = parts.train[: options.max_examples]
    progress.say(f"{pairs.name}: {len(pairs.pairs):,} pairs, {len(pairs.passages):,} passages.")
    notes = list(pairs.notes)
    library = None if options.library is None else Library(options.library, root=options.libraries)
    base = str(options.model)
    embedder = Embedder(base)
    before = measure(embedder, parts.test, pairs.passages)
    negatives = _negatives(embedder, pairs, parts, options, library)
    with measure_cost() as cost:
        adapters = routes.prepare(embedder, options)
        steps = max(1, len(train) // options.batch_size)
        epochs = options.epochs or min(max(_EPOCHS, -(-_LEAST_STEPS // steps)), max(1, _MOST_STEPS // steps))
        trained = [value for value in embedder.model.parameters() if value.requires_grad]
        counts = sum(value.numel() for value in trained), sum(v.numel() for v in embedder.model.parameters())
        asked = parts.validation[:_MOST_ASKED]
        passages = _shown(asked, pairs, _MOST_PASSAGES)
        hard = [(*pair.negatives, *found) for pair, found in zip(train, negatives, strict=False)]
        feed = RankingFeed(embedder, train, hard, min(options.batch_size, len(train)))
        total = epochs * feed.steps()
        rates = routes.RATES[options.chosen_route]
        settings = FitSettings(
            options.chosen_rate or rates[len(rates) // 2],
            batch_size=options.batch_size,
            steps=total,
            validate_every=max(1, -(-total // _LOOKS)),
            look_first=True,
            seed=options.seed,
            precision="fp32",  # as vectors are made
        )
        encoder = Encoder(embedder)
        with out_of_memory_in_words("training the embedding model"):
            if options.chosen_rate is None:
                few = asked[:_JUDGES]
                searched = search_by_short_runs(
                    encoder, feed, objective, RankingLook(embedder, few, _shown(few, pairs, _AMONG)), settings, rates,
                    folder.path / _RATES, deadline=deadline, progress=progress,
                )  # fmt: skip
                settings = replace(settings, learning_rate=searched.learning_rate)
            rate = settings.learning_rate
            progress.say(f"{routes.label(embedder, options)}: {embedder.name}, learning rate {rate:.1g}.")
            outcome = fit(
                encoder,
                feed,
                objective,
                RankingLook(embedder, asked, passages),
                settings,
                progress=progress,
                deadline=deadline,
                state=folder.path / _STATE,
                ctrl_c_ends=True,
                what="training the embedding model",
            )
    name = routes.label(embedder, options)
    routes.merged(adapters, embedder, folder.path / _ADAPTER)
    texts = [pair.question for pair in parts.test[:8]]
    expected = embedder.queries(texts)
    with files.replacing_folder(folder.model) as fresh:
        write(embedder, fresh, {"base": base, "route": name})
    opened = Embedder(str(folder.model))
    result = Adaptation(
        folder=folder.path,
        label=name,
        model=base,
        sizes={**parts.sizes, "train": len(train)},
        fresh=parts.fresh,
        hard=sum(map(len, hard)),
        outcome=outcome,
        rate=rate,
        trainable=counts[0],
        parameters=counts[1],
        before=before,
        after=measure(opened, parts.test, pairs.passages),
        difference_on_disk=float(np.abs(opened.queries(texts) - expected).max()),
        peak_memory=cost.peak_memory_bytes,
        disk=sum(file.stat().st_size for file in folder.model.rglob("*") if file.is_file()),
        seconds=time.monotonic() - start,
        notes=tuple(notes),
    )
    folder.write_report(result.as_dict())
    folder.finish(interrupted=result.interrupted)
    return result


def _negatives(
    embedder: Embedder, pairs: Pairs, parts: Split, options: Options, library: Library | None
) -> list[tuple[str, ...]]:
    """Hard negatives of the training pairs; passages of held-out questions are not among them, where those are new."""
    held = {pair.passage for pair in (*parts.validation, *parts.test)} if parts.fresh else set()
    train = parts.train[: options.max_examples]
    right: dict[str, set[str]] = {}
    for pair in pairs.pairs:
        right.setdefault(pair.question, set()).add(pair.passage)
    texts = [text for text in pairs.passages if text not in held]
    if library is not None and options.hard_negatives:
        texts = list(dict.fromkeys([*texts, *from_library(library, [pair.question for pair in train], 10)]))
    questions = [pair.question for pair in train]
    return mine(embedder, questions, [right[question] for question in questions], texts, options.hard_negatives)


def _shown(asked: list[Any], pairs: Pairs, most: int) -> list[str]:
    """The passages of some questions, and so many others beside them."""
    own = dict.fromkeys(pair.passage for pair in asked)
    others = [text for text in pairs.passages if text not in own]
    rng = np.random.default_rng(0)
    drawn = rng.permutation(len(others))[:most].tolist()
    return [*own, *(others[number] for number in drawn)]


def _spec(data: str | Path, pairs: Pairs, options: Options) -> dict[str, Any]:
    return {
        "command": "adapt",
        "data": {
            "source": str(Path(data).expanduser().resolve()),
            "name": pairs.name,
            "digest": pairs.digest(),
            "examples": {"pairs": len(pairs.pairs)},
            "columns": {},
            "notes": list(pairs.notes),
        },
        "task": {"modality": "embedding", "kind": "questions and passages"},
        "model": {"name": options.model},
        "routes": [options.route],
        "options": asdict(options),
        "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
