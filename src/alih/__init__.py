"""Alih: which way should I adapt this model to my data, and what does each way cost? Measured.

    import alih

    result = alih.compare("reviews.csv")            # every route on your data, side by side
    print(result)                                   # the table and the recommendation
    result.best.predict(["barang bagus sekali"])    # the adapted model

The whole public API is on this screen. Heavy libraries are imported when something is run, not by `import alih`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from alih.errors import AlihError, DataError, ModelError, OptionError, RunError
from alih.pretrained.lazy import install as _teach_auto_classes
from alih.version import VERSION

if TYPE_CHECKING:
    from alih.compare.comparison import Comparison
    from alih.data.examples import Dataset
    from alih.explain.explanation import Explanation
    from alih.pretrained.open import Pretrained
    from alih.rag.library import Library
    from alih.task import Task
    from alih.tasks.adapted import Adapted
    from alih.tasks.generation.adapted import AdaptedWriter
    from alih.tasks.retrieval.adapted import AdaptedEmbedder
    from alih.tasks.translation.adapted import AdaptedTranslator

# Threads that spin while they wait make a computer with one busy core tens of times slower; read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = VERSION
__all__ = [
    "AlihError",
    "DataError",
    "Library",
    "ModelError",
    "OptionError",
    "RunError",
    "adapt",
    "compare",
    "explain",
    "inspect",
    "load",
    "open",
    "read",
    "resume",
]

_teach_auto_classes()


def __getattr__(name: str) -> Any:
    """Import `Library` when it is first asked for: a class cannot be wrapped as the functions below are."""
    if name == "Library":
        from alih.rag.library import Library

        return Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def compare(
    data: str | Path | Dataset,
    model: str | None = None,
    *,
    task: Literal["classification", "generation", "translation", "retrieval", "embedding"] | None = None,
    **options: Any,
) -> Comparison:
    """Measure every route on the data, recommend the cheapest that is as good as the best, hand over its model.

    Args:
        data: a file, a folder, a built-in or Hub dataset's name, or a dataset from `alih.read`.
        model: built-in name, folder or Hub id; the default for the data's modality if not given.
        task: "generation" for instruction data or texts and a model that writes; "retrieval" for questions with the
            passages that answer them, which their columns tell, too; otherwise the labels tell.
        **options: the fields of `alih.compare.options.Options`, which are the flags of `alih compare`.

    Raises:
        AlihError: the data, the model or an option cannot be used; the message says what to do.
    """
    from alih.compare.compare import compare as run
    from alih.compare.options import Options

    return run(data, Options.from_mapping({"model": model, "task": task, **options}))


#: What the package `alih.compare`, which stands in this function's place once it is imported, calls.
compare_function = compare


@overload
def adapt(
    data: str | Path | Dataset,
    model: str | None = None,
    *,
    route: str | None = None,
    task: Literal["classification"] | None = None,
    **options: Any,
) -> Adapted: ...


@overload
def adapt(
    data: str | Path,
    model: str | None = None,
    *,
    route: str | None = None,
    task: Literal["translation"],
    **options: Any,
) -> AdaptedTranslator: ...


@overload
def adapt(
    data: str | Path,
    model: str | None = None,
    *,
    route: str | None = None,
    task: Literal["generation"],
    **options: Any,
) -> AdaptedWriter: ...


@overload
def adapt(
    data: str | Path,
    model: str | None = None,
    *,
    route: str | None = None,
    task: Literal["retrieval", "embedding"],
    **options: Any,
) -> AdaptedEmbedder: ...


def adapt(
    data: str | Path | Dataset,
    model: str | None = None,
    *,
    route: str | None = None,
    task: Literal["classification", "translation", "generation", "retrieval", "embedding"] | None = None,
    **options: Any,
) -> Adapted:
    """Run one route and return the adapted model; the options are those of `compare`, as far as `alih adapt` has them.

    With `task="translation"` the data are pairs of sentences, and what is returned has `translate(["…"])` and
    `evaluate(pairs)`. With `task="generation"` they are instruction data or texts, and what is returned has `ask("…")`
    and `evaluate(data)`. With `task="retrieval"` they are questions with passages, and what is returned has
    `query("…")` and `passages(["…"])`.
    """
    from alih.compare.options import Options

    chosen = Options.from_mapping({"model": model, "route": route, "task": task, **options})
    from alih.compare.compare import adapt as run

    return run(data, chosen.route, chosen).best


def resume(path: str | Path, data: str | Path | Dataset | None = None) -> Comparison:
    """Go on with a run that was stopped; `data` where it was not given as a path, or has been moved."""
    from alih.compare.compare import resume as run

    return run(path, data)


def open(path: str | Path) -> Adapted:
    """Open an adapted model by its run folder ("runs/last") or its own, whatever its task."""
    from alih.pretrained.open import task_named

    task = task_named(path)
    if task == "translation":
        from alih.tasks.translation.adapted import AdaptedTranslator

        return AdaptedTranslator.open(path)
    if task == "generation":
        from alih.tasks.generation.adapted import AdaptedWriter

        return AdaptedWriter.open(path)
    from alih.compare.opening import open_adapted

    return open_adapted(path)


def read(data: str | Path, **options: Any) -> Dataset:
    """Read and split data without running anything; keyword arguments of `alih.data.read.read`."""
    from alih.data.read import read as run

    return run(data, **options)


def load(name: str, task: Task | None = None, **options: Any) -> Pretrained:
    """Load a pre-trained model with its processor and anatomy; keyword arguments of `alih.pretrained.open.load`."""
    from alih.pretrained.open import load as run

    return run(name, task, **options)


def inspect(model: str, **options: Any) -> dict[str, Any]:
    """Describe a model: anatomy, parameters by component, what each route would train."""
    from alih.pretrained.inspect import describe

    return describe(model, **options)


def explain(model: Any, text: str, **options: Any) -> Explanation:
    """Show what a text model computes for a text; keyword arguments of `alih.explain.explanation.explain`."""
    from alih.explain import run

    return run(model, text, **options)
