"""A translator from pairs: read, trained, written, opened again from disk and scored; stopped runs go on."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from alih import files
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.compare.spec import check_versions
from alih.errors import DataError, OptionError, RunError
from alih.pretrained.open import find
from alih.pretrained.quiet import quiet
from alih.progress import Progress
from alih.task import TRANSLATION
from alih.training.cost import measure
from alih.training.loop import FitResult, fit
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import choose as precision_for
from alih.training.precision import device
from alih.training.search import search_by_short_runs
from alih.translation import routes
from alih.translation.corpus import Corpus, in_words, read_corpus
from alih.translation.encode import encode_pairs
from alih.translation.loss import loss_of_pairs
from alih.translation.pairs import Pairs
from alih.translation.result import Example, Translation
from alih.translation.scores import score
from alih.translation.start import Start, from_model, from_scratch
from alih.translation.training import PairLook, objective
from alih.translation.translator import Told, Translator, write

_PACKAGES = ("alih", "torch", "transformers", "accelerate", "safetensors", "numpy", "peft", "sacrebleu")
#: Validation pairs that choose the weights, that judge a learning rate, and that are translated for the report.
_MOST_VALIDATION, _JUDGES, _MOST_TRANSLATED = 1000, 200, 500
_EXAMPLES = 10
_STATE, _BEFORE, _RATES, _ADAPTER = "training.pt", "before.json", "rates.json", "adapter"
#: A model opened again from disk sums in another order at most.
_TOLERANCE = 1e-3


def adapt(data: str | Path, options: Options | None = None, progress: Progress | None = None) -> Translation:
    """Train a translator from scratch, or adapt one, and score it on pairs that it has not seen.

    Args:
        data: a table with a column for each side, or a folder of aligned files; see `corpus.read_corpus`.
        options: what to run.
        progress: where to report; standard error if not given.

    Raises:
        AlihError: the pairs, the model or an option cannot be used; pairs are looked at before any weights.
        KeyboardInterrupt: stopped before there was anything to hand over.
    """
    options, progress = (options or Options()).for_task(TRANSLATION, "adapt"), progress or Progress()
    corpus = _read(data, options)
    for note in corpus.notes:
        progress.say(f"  {note}")
    progress.say(f"Pairs: {in_words(corpus)}.")
    if options.model is not None:
        found = find(options.model, options.revision, allow_pickle=options.allow_pickle, to_adapt=True)
        found.check("seq2seq")
    begin = _begin(corpus, options)
    folder = RunFolder.create(options.runs, options.name or corpus.name)
    with folder:
        folder.write_spec(_spec(data, corpus, options, begin))
        progress.say(f"Run folder: {folder.path}")
        return _run(folder, corpus, options, begin, progress)


def adapt_path(data: Any, options: Options) -> Translator:
    """`alih.adapt(…, task="translation")`: the translator as it is opened from disk.

    Raises:
        OptionError: data that are no path.
        AlihError: as for `adapt`.
    """
    _check_path(data)
    return adapt(data, options).translator


def resume(path: str | Path, data: Any = None, progress: Progress | None = None) -> Translation:
    """Go on with a training that was stopped, to the weights of one that was not; a time limit counts anew.

    Args:
        path: the run folder.
        data: the pairs, where they have been moved since.
        progress: where to report.

    Raises:
        RunError: the run is complete, its pairs have changed, or another version wrote it.
    """
    if data is not None:
        _check_path(data)
    folder, progress = RunFolder.open(path), progress or Progress()
    told = folder.spec
    if folder.is_complete:
        raise RunError(f"{folder.path}: this run is complete. See it with: alih report {folder.path}")
    check_versions(folder.path, told)
    options = Options.from_mapping(told["options"])
    corpus = _read(data if data is not None else told["data"]["source"], options)
    if corpus.digest() != told["data"]["digest"]:
        raise RunError(
            f"{folder.path}: the pairs in {told['data']['source']} have changed since. Put those of then back to go "
            "on, or start anew with alih adapt. Nothing in the run was changed."
        )
    begin = _begin(corpus, options)
    with folder:
        progress.say(f"Going on in {folder.path}")
        return _run(folder, corpus, options, begin, progress)


def _check_path(data: Any) -> None:
    if not isinstance(data, str | Path):
        raise OptionError(
            f"data: {type(data).__name__}, but a translation reads pairs from a file or folder: its path."
        )


def _read(data: str | Path, options: Options) -> Corpus:
    return read_corpus(
        data,
        options.source,
        options.target,
        seed=options.seed,
        validation=options.validation,
        test=options.test,
        max_examples=options.max_examples,
    )


def _begin(corpus: Corpus, options: Options) -> Start:
    """What training starts from: random weights, or a model's."""
    return from_scratch(corpus, options) if options.model is None else from_model(corpus, options)


def _run(folder: RunFolder, corpus: Corpus, options: Options, begin: Start, progress: Progress) -> Translation:
    start = time.monotonic()
    deadline = None if options.max_time is None else start + options.max_time
    tokenizer, direction = begin.opened.tokenizer, begin.direction
    train = encode_pairs(tokenizer, corpus.train, direction, begin.max_tokens)
    rows = range(min(len(corpus.validation), _MOST_VALIDATION))
    held = encode_pairs(tokenizer, corpus.validation.take(rows), direction, begin.max_tokens)
    notes = list(corpus.notes)
    for name, encoded, pairs in (("training", train, corpus.train), ("validation", held, corpus.validation)):
        if encoded.left_out:
            first = pairs.origins[encoded.left_out[0]]
            notes.append(
                f"{len(encoded.left_out):,} {name} pairs of more than {begin.max_tokens} tokens left out "
                f"(first: {first})"
            )
            progress.say(f"  {notes[-1]}")
        if not encoded.pairs:
            raise DataError(
                f"{corpus.name}: every {name} pair has more than {begin.max_tokens} tokens. Give a sentence a line, or "
                "raise --max-tokens."
            )
    before = None if options.model is None else _before(folder, begin, corpus.test, progress)
    precision = precision_for(device(), options.precision, progress)
    feed, settings = begin.training(train.pairs, options, precision)
    way = f", {direction.label}" if direction.label else ""
    progress.say(f"{begin.label}: {begin.model}{way}, at most {settings.steps or 0:,} steps.")
    with measure() as cost:
        adapters = begin.prepare()
        model = begin.opened.model
        trainable = sum(value.numel() for value in model.parameters() if value.requires_grad)
        state = folder.path / _STATE
        pad = int(model.config.pad_token_id or 0)
        with out_of_memory_in_words("training the translator"):
            if options.model is not None and options.chosen_rate is None:
                look, grid = PairLook(model, held.pairs[:_JUDGES], pad), routes.RATES[options.chosen_route]
                searched = search_by_short_runs(
                    model, feed, objective, look, settings, grid, folder.path / _RATES, deadline=deadline,
                    progress=progress,
                )  # fmt: skip
                settings = replace(settings, learning_rate=searched.learning_rate)
            outcome = fit(
                model,
                feed,
                objective,
                PairLook(model, held.pairs, pad),
                settings,
                progress=progress,
                deadline=deadline,
                state=state,
                ctrl_c_ends=True,
                what="training the translator",
            )
    if outcome.stopped == "interrupted":
        progress.say("Stopped. The best model so far is handed over; Ctrl-C again leaves without one.")
    if adapters is not None:
        model = begin.merge(adapters, folder.path / _ADAPTER)
    in_memory = loss_of_pairs(model, held.pairs, pad)
    told = Told(
        corpus.source,
        corpus.target,
        direction.source,
        direction.target,
        begin.prefix,
        begin.max_tokens,
        options.beam,
    )
    with quiet(), files.replacing_folder(folder.model) as fresh:
        write(model, tokenizer, told, fresh)
    translator = Translator.open(folder.model, progress=progress)
    from_disk = loss_of_pairs(translator.model, held.pairs, pad)
    result = _scored(
        translator, corpus, before, progress,
        label=begin.label,
        model=begin.model,
        sizes={**corpus.sizes, "train": len(train.pairs)},
        outcome=outcome,
        trainable=trainable,
        parameters=sum(value.numel() for value in translator.model.parameters()),
        rate=settings.learning_rate,
        agrees=abs(from_disk - in_memory) <= _TOLERANCE * max(1.0, in_memory),
        peak_memory=cost.peak_memory_bytes,
        disk=sum(file.stat().st_size for file in folder.model.iterdir()),
        start=start,
        notes=notes,
    )  # fmt: skip
    folder.write_report(result.as_dict())
    folder.finish(interrupted=result.interrupted)
    return result


def _scored(
    translator: Translator,
    corpus: Corpus,
    before: list[str] | None,
    progress: Progress,
    *,
    outcome: FitResult,
    start: float,
    notes: list[str],
    **facts: Any,
) -> Translation:
    """Translate validation and test pairs with the model from disk."""
    some = corpus.validation.take(range(min(len(corpus.validation), _MOST_TRANSLATED)))
    language = translator.direction.target
    said = translator.translate_lines(some.sources, what="validation pair")[0]
    validation = score(said, some.targets, language=language)
    said, told = translator.translate_lines(corpus.test.sources, what="test pair")
    for note in told:
        progress.say(f"  {note}")
    others, than = (before, "the model as it was") if before is not None else (corpus.test.sources, "the source itself")
    test = score(said, corpus.test.targets, others, than, language=language)
    rows = range(0, len(said), max(1, len(said) // _EXAMPLES))
    examples = tuple(Example(corpus.test.sources[row], corpus.test.targets[row], said[row]) for row in rows)
    return Translation(
        translator=translator,
        outcome=outcome,
        validation=validation,
        test=test,
        examples=examples[:_EXAMPLES],
        seconds=time.monotonic() - start,
        notes=(*notes, *told),
        **facts,
    )


def _before(folder: RunFolder, begin: Start, test: Pairs, progress: Progress) -> list[str]:
    """What the model said before it was adapted; kept, since it is asked once, also where the run goes on later."""
    path = folder.path / _BEFORE
    if path.is_file():
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(kept, list) and len(kept) == len(test):
                return [str(text) for text in kept]
        except ValueError:
            pass  # cut off by a crash: asked again
    progress.say("Translating the test pairs with the model as it is, to compare with.")
    told = Told(prefix=begin.prefix, max_tokens=begin.max_tokens)
    said = Translator(begin.opened, told, begin.direction, progress).translate_lines(test.sources, what="test pair")[0]
    files.write_text(path, json.dumps(said, ensure_ascii=False))
    return said


def _spec(data: str | Path, corpus: Corpus, options: Options, begin: Start) -> dict[str, Any]:
    """Everything needed to run the same training again, and to go on with it."""
    return {
        "command": "adapt",
        "data": {
            "source": str(Path(data).expanduser().resolve()),
            "name": corpus.name,
            "digest": corpus.digest(),
            "examples": corpus.sizes,
            "columns": {"source": corpus.source, "target": corpus.target},
            "notes": list(corpus.notes),
        },
        "task": {"modality": "translation", "kind": begin.direction.label},
        "model": {"name": options.model or begin.model},
        "routes": [options.chosen_route],
        "options": asdict(options),
        "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
