"""What a user may ask of `alih compare` and `alih adapt`: the groups of options put together, checked, and said again.

Each group is declared next to what reads it; flags, keywords of the Python functions and docs/OPTIONS.md are made from
the fields.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, fields, replace
from typing import Any, ClassVar, Literal, NoReturn

from alih.data.messages import did_you_mean
from alih.data.options import DataOptions
from alih.data.split_options import SplitOptions
from alih.errors import OptionError
from alih.option import TRAINED, above_zero, at_least, converted, flag, option, seconds, size
from alih.pretrained.options import ModelOptions
from alih.routes.options import ALL_BLOCKS, AdapterOptions, PromptOptions, RouteOptions, unknown_route
from alih.routes.registry import DEFAULT, GROUPS, ROUTES
from alih.task import CLASSIFICATION, GENERATION, RETRIEVAL, TAGGING, TRANSLATION
from alih.tasks.generation import options as generation
from alih.tasks.retrieval import options as retrieval
from alih.tasks.translation import options as translation
from alih.training.options import TrainingOptions

#: The routes of each task.
TASK_ROUTES = {
    CLASSIFICATION: tuple(ROUTES),
    GENERATION: generation.ROUTES,
    TRANSLATION: translation.ROUTES,
    RETRIEVAL: retrieval.ROUTES,
    TAGGING: GROUPS[TRAINED],
}
#: The routes that `alih compare` runs where the user names none.
COMPARED = {
    CLASSIFICATION: DEFAULT,
    GENERATION: generation.COMPARED,
    TRANSLATION: translation.COMPARED,
    RETRIEVAL: retrieval.COMPARED,
    TAGGING: DEFAULT,
}
_TASK_CHECKS = {GENERATION: generation.check, TRANSLATION: translation.check, RETRIEVAL: retrieval.check}


@dataclass(frozen=True)
class PlanOptions:
    """What is measured, and what decides."""

    TITLE: ClassVar[str] = "plan and decision"

    metric: str | None = option(
        None,
        "metric that decides; generation: exact_match, final_answer, token_f1, rouge_l, perplexity; retrieval: mrr@10, "
        "recall@1, recall@10, ndcg@10, ranking_loss; translation: bleu, chrf, perplexity; tagging: entity_f1, "
        "entity_macro_f1, entity_precision, entity_recall, token_accuracy, log_loss",
        unset="accuracy, micro_f1 or r2, by the kind of label; generation: rouge_l, texts: perplexity; retrieval: "
        "mrr@10; translation: bleu; tagging: entity_f1, parts of speech: token_accuracy",
    )
    seeds: int = option(
        3, "repeat each route at full size with so many seeds", check=at_least(1), commands=("compare",)
    )
    plan: Literal["adaptive", "full"] = option(
        "adaptive",
        "adaptive: what cannot win any more, by its learning curve, stops early; full: measure everything on all "
        "examples with all seeds",
        choices=("adaptive", "full"),
        commands=("compare",),
    )
    prefer: Literal["cheap", "balanced", "best"] = option(
        "balanced",
        "cheap: the cheapest variant that cannot be told from the best; balanced: if it is within one standard error; "
        "best: the best score",
        choices=("cheap", "balanced", "best"),
        commands=("compare",),
    )


def _check_limit(value: float) -> str | None:
    return None if value > 0 else "must be above zero: 90s, 20m, 1h."


@dataclass(frozen=True)
class LimitOptions:
    """What it may cost."""

    TITLE: ClassVar[str] = "limits"

    max_time: float | None = option(
        None,
        "stop trying more after this long: 90s, 20m, 1h (the first head is always finished)",
        metavar="TIME",
        convert=seconds,
        check=_check_limit,
    )
    max_memory: float | None = option(
        None,
        "most memory that adapting may take: 8GB, 500MB (variants over it are not chosen)",
        metavar="SIZE",
        convert=size,
        check=above_zero,
        commands=("compare",),
    )
    max_latency: float | None = option(
        None,
        "most milliseconds that one prediction may take (variants over it are not chosen)",
        metavar="MS",
        check=above_zero,
        commands=("compare",),
    )


def _check_cache(value: float) -> str | None:
    return None if value >= 0 and math.isfinite(value) else f"must be 0 or more gigabytes, not {value}."


@dataclass(frozen=True)
class FolderOptions:
    """Where things are kept."""

    TITLE: ClassVar[str] = "folders"

    cache_limit: float = option(
        10.0,
        "most gigabytes the cache of frozen outputs may take; 0 switches it off",
        check=_check_cache,
        tasks=(CLASSIFICATION, TAGGING),
    )
    runs: str = option("runs", "folder that run folders are made in")
    name: str | None = option(None, "name of the run folder", unset="the data's name")


@dataclass(frozen=True)
class Options(
    RouteOptions,
    ModelOptions,
    AdapterOptions,
    PromptOptions,
    DataOptions,
    TrainingOptions,
    PlanOptions,
    LimitOptions,
    FolderOptions,
    generation.GenerationOptions,
    translation.TranslationOptions,
    retrieval.RetrievalOptions,
):
    """Options of `alih compare` and `alih adapt`; `alih.compare(**options)` takes the same names.

    A field whose default differs between tasks is None until `for_task` fills it in.

    Raises:
        OptionError: a value is out of range or does not fit another one; the message names the option.
    """

    #: Names of the options that the user gave, where `from_mapping` or `for_task` made these options.
    _given: ClassVar[frozenset[str] | None] = None

    def __post_init__(self) -> None:
        for declared in fields(self):
            value, check = getattr(self, declared.name), declared.metadata["check"]
            if value is not None and check is not None and (problem := check(value)) is not None:
                _refuse(declared.name, problem)
        if self.steps is not None and self.epochs is not None:
            _refuse("steps", "and --epochs both say how long to train; leave one of them out.")
        for name in self.learning_rate if isinstance(self.learning_rate, Mapping) else ():
            if name not in ROUTES:
                _refuse("learning_rate", unknown_route(name))
        SplitOptions(
            SplitOptions.validation if self.validation is None else self.validation,
            SplitOptions.test if self.test is None else self.test,
            self.seed,
            self.max_examples,
        ).check()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Options:
        """Build options from keyword arguments or a file; None stands for an option that is not given.

        Raises:
            OptionError: a name is unknown, or a value has the wrong form.
        """
        known = {declared.name: declared for declared in fields(cls)}
        for name in values:
            if name not in known:
                raise OptionError(
                    f"there is no option {name!r}.{did_you_mean(name, known)} Options: {', '.join(known)}."
                )
        clean = {name: converted(known[name], value) for name, value in values.items() if value is not None}
        return cls(**clean)._recording(frozenset(clean))

    @property
    def given(self) -> frozenset[str]:
        """Names of the options that the user gave; where nobody recorded them, of those that differ from a default."""
        if self._given is not None:
            return self._given
        return frozenset(
            declared.name
            for declared in fields(self)
            if getattr(self, declared.name) not in (declared.default, declared.metadata["by_task"].get(self.task))
        )

    def for_task(self, task: str, command: Literal["compare", "adapt"], route: str | None = None) -> Options:
        """The options with the task's defaults, after everything that nothing would read has been refused.

        Args:
            task: its name.
            command: what runs.
            route: the route of `alih adapt`, where the options do not say.

        Raises:
            OptionError: an option that the user gave is not read, or does not fit the task.
        """
        if self.task not in (None, task):
            _refuse("task", f"alih {command} runs {', '.join(COMPARED)}; for {self.task}, use: alih adapt")
        given = self.given
        filled: dict[str, Any] = {} if route is None else {"route": route}
        for declared in fields(self):
            value = declared.metadata["by_task"].get(task)
            if getattr(self, declared.name) is None and value is not None and command in declared.metadata["commands"]:
                filled.setdefault(declared.name, value(self) if callable(value) else value)
        found = replace(self, **{**filled, "task": task})._recording(given)
        found.check(task, (found.chosen_route,) if command == "adapt" else found.routes or COMPARED[task], command)
        return found

    def check(self, task: str, routes: tuple[str, ...], command: Literal["compare", "adapt"] = "compare") -> None:
        """Refuse every option that was given and that nothing reads for this task and these routes.

        Raises:
            OptionError: one of them, and where it is read; or options that do not fit each other or the task.
        """
        for name in routes:
            if name not in TASK_ROUTES[task]:
                hint = " It puts a new head on a model, and one that writes has none." if name == "transfer" else ""
                there = f"{hint if task == GENERATION else ''} Routes: {', '.join(TASK_ROUTES[task])}."
                _refuse("route" if command == "adapt" else "routes", f"{name!r} is no route of {task}.{there}")
        for name, problem in _TASK_CHECKS[task](self) if task in _TASK_CHECKS else ():
            _refuse(name, problem)
        for declared in fields(self):
            if (declared.name, command, self.seeds) == ("seeds", "adapt", 1):
                continue  # it says what an adaptation does
            if declared.name in self.given and (why := unread(declared, task, routes, command)) is not None:
                _refuse(declared.name, why)
        for name, problem in self._unfit(task, routes, command):
            _refuse(name, problem)

    def _unfit(self, task: str, routes: tuple[str, ...], command: str) -> Iterator[tuple[str, str]]:
        """Options that do not fit each other, each with what is wrong."""
        if self.blocks is not None and len(self.blocks) > 1 and command == "adapt":
            yield "blocks", "alih adapt takes one number of blocks. Name one of them."
        if self.dora and "qalora" in (self.routes or (self.route,)):
            yield "dora", "qalora has none, its merge into zero points cannot scale rows. Leave one of them out."
        rate = self.learning_rate
        trained = [name for name in routes if name in GROUPS[TRAINED]]
        if isinstance(rate, float) and len(trained) > 1 and task in (CLASSIFICATION, TRANSLATION, RETRIEVAL, TAGGING):
            yield (
                "learning_rate",
                f"one rate cannot be right for {', '.join(trained)}; each has its own, which is searched. Leave it "
                f"out, or give each its own: {','.join(f'{name}={rate:g}' for name in trained)}.",
            )
        heads = {"transfer"} if task in (CLASSIFICATION, TAGGING) else set()  # heads are trained first
        if isinstance(rate, Mapping) and not set(rate) & ({*routes} | heads):
            yield "learning_rate", f"names {', '.join(rate)}, and only {', '.join(routes)} runs; leave it out."
        if task != CLASSIFICATION:
            for share in ("validation", "test"):
                value = getattr(self, share)
                if value is not None and not 0 < value < 0.5:
                    yield share, f"must be above 0 and below 0.5, not {value}."

    def command_line(self, command: str, data: str) -> str:
        """The command that runs the same again, quoted for a POSIX shell."""
        return command_line(command, data, asdict(self))

    def _recording(self, given: frozenset[str]) -> Options:
        object.__setattr__(self, "_given", given)
        return self


def routes_reading(declared: Field[Any], task: str) -> tuple[str, ...] | None:
    """The routes of a task that read an option; None where all do."""
    readers = declared.metadata["routes"]
    if isinstance(readers, Mapping):
        readers = readers.get(task)
    if readers is None:
        return None
    named = GROUPS[readers] if isinstance(readers, str) else readers
    return tuple(name for name in TASK_ROUTES[task] if name in named)


def unread(declared: Field[Any], task: str, routes: tuple[str, ...], command: str) -> str | None:
    """Why nothing would read an option, where something would, and what to do; None where something reads it."""
    told = declared.metadata
    if command not in told["commands"]:
        instead = {"routes": "; name one with --route", "route": "; name it with --routes"}.get(declared.name, "")
        return f"is read by alih {told['commands'][0]}, not by alih {command}; leave it out{instead}."
    if told["tasks"] is not None and task not in told["tasks"]:
        several = " or ".join(told["tasks"])
        return f"is read by the task {several}, and this one is {task}; leave it out, or add --task {several}."
    readers = routes_reading(declared, task)
    if readers is None or set(readers) & set(routes):
        return None
    if not readers:
        return f"is read by no route of {task}; leave it out."
    only = f"only {', '.join(routes)} runs" if len(routes) == 1 else f"{', '.join(routes)} run"
    instead = f"add {readers[0]} to --routes" if command == "compare" else f"take --route {readers[0]}"
    plural = "route" if len(readers) == 1 else "routes"
    return f"is read by the {plural} {', '.join(readers)}, and {only}; leave it out, or {instead}."


def readers_in_words(declared: Field[Any]) -> str:
    """Which tasks and routes read an option: "classification; few-shot". Empty where all do."""
    tasks, readers = declared.metadata["tasks"], declared.metadata["routes"]
    parts = [] if tasks is None else [", ".join(tasks)]
    if isinstance(readers, Mapping):
        parts += [f"{task}: {', '.join(routes_reading(declared, task) or ())}" for task in readers]
    elif readers is not None:
        known = {name for task in tasks or TASK_ROUTES for name in TASK_ROUTES[task]}
        parts.append(
            ", ".join(name for name in (GROUPS[readers] if isinstance(readers, str) else readers) if name in known)
        )
    return "; ".join(parts)


def command_line(command: str, data: str, values: Mapping[str, Any], routes: tuple[str, ...] = ()) -> str:
    """The command with every option that is not at its default and that something reads, quoted for a POSIX shell.

    Args:
        command: "compare" or "adapt".
        data: where the data are.
        values: options by name, as `Options` holds them or as JSON has kept them; names left out are at their default.
        routes: what ran, where the options do not say.
    """
    task = values.get("task") or CLASSIFICATION
    routes = routes or tuple(values.get("routes") or ()) or COMPARED.get(task, ())
    parts = ["alih", command, data]
    if command == "adapt":
        routes = (values.get("route") or routes[0],)
        parts.append(f"--route={routes[0]}")
    for declared in (declared for group in GROUPS_OF_OPTIONS for declared in fields(group)):
        value = values.get(declared.name, declared.default)
        usual = (declared.default, declared.metadata["by_task"].get(task))
        if value is None or value in usual or declared.name == "route":
            continue
        if unread(declared, task, routes, command) is None:
            name = flag(declared.name)
            parts.append(name if value is True else f"{name}={_said(declared.name, value)}")
    return " ".join(shlex.quote(part) for part in parts)


def _said(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={number!r}" for key, number in value.items())
    if isinstance(value, list | tuple):
        return ",".join("all" if item == ALL_BLOCKS else str(item) for item in value)
    if name in {"max_time", "max_memory"}:  # no exponents: their readers know none
        digits = f"{value:.9f}".rstrip("0").rstrip(".")
        return digits + "s" if name == "max_time" else digits
    return str(value)


def _refuse(name: str, problem: str) -> NoReturn:
    raise OptionError(f"{flag(name)}: {problem}")


#: The groups of options, in the order of `--help`.
GROUPS_OF_OPTIONS: tuple[type, ...] = Options.__bases__
