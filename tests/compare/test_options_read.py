"""An option that was given is read by the task and the routes that run, or refused with where it is read."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import alih
from alih.compare.options import COMPARED, GROUPS_OF_OPTIONS, TASK_ROUTES, Options
from alih.errors import OptionError
from alih.option import flag
from alih.task import CLASSIFICATION, GENERATION, RETRIEVAL, TAGGING, TASKS, TRANSLATION

ADAPTERS = {"lora", "qlora", "qalora"}
BELOW_HEAD = {"finetune", "scratch", "ia3", *ADAPTERS}
PROMPTED = {"zero-shot", "few-shot"}
EVERY = {*BELOW_HEAD, *PROMPTED, "transfer"}
#: Which tasks and routes use an option, as the methods say, independent of the declarations; the rest all use.
READ: dict[str, tuple[set[str], set[str]]] = {
    "blocks": (set(TASKS), {"finetune", "ia3", *ADAPTERS}),
    "rank": (set(TASKS), ADAPTERS),
    "alpha": (set(TASKS), ADAPTERS),
    "rslora": (set(TASKS), ADAPTERS),
    "dora": (set(TASKS), {"lora", "qlora"}),
    "bits": (set(TASKS), {"qalora"}),
    "group_size": (set(TASKS), {"qalora"}),
    "rounding": (set(TASKS), {"qalora"}),
    "merge": (set(TASKS), {"qlora"}),
    "lora_targets": (set(TASKS), ADAPTERS),
    "template": ({CLASSIFICATION}, PROMPTED),
    "shots": ({CLASSIFICATION, GENERATION}, {"few-shot"}),
    "shots_by": ({CLASSIFICATION}, {"few-shot"}),
    "reasoning": ({GENERATION}, PROMPTED),
    "samples": ({GENERATION}, PROMPTED),
    "epochs": (set(TASKS), BELOW_HEAD),
    "steps": ({GENERATION, TRANSLATION}, BELOW_HEAD),
    "learning_rate": (set(TASKS), EVERY - PROMPTED),
    "batch_size": ({CLASSIFICATION, RETRIEVAL, TAGGING}, EVERY),
    "batch_tokens": ({GENERATION, TRANSLATION}, BELOW_HEAD),
    "batching": ({GENERATION}, BELOW_HEAD),
    "max_length": ({CLASSIFICATION, GENERATION, TAGGING}, EVERY),
    "general": ({CLASSIFICATION, GENERATION, RETRIEVAL, TAGGING}, EVERY),
    "cache_limit": ({CLASSIFICATION, TAGGING}, EVERY),
    "size": ({TRANSLATION}, {"scratch"}),
    "prefix": ({TRANSLATION}, EVERY - {"scratch"}),
    "chat_template": ({GENERATION}, EVERY),
    "max_new_tokens": ({GENERATION}, EVERY),
    **dict.fromkeys(("text", "label", "group", "kind", "decimal", "pooling"),
                    ({CLASSIFICATION}, EVERY)),
    **dict.fromkeys(("source", "target", "source_language", "target_language", "max_tokens", "beam"),
                    ({TRANSLATION}, EVERY)),
    **dict.fromkeys(("hard_negatives", "library"), ({RETRIEVAL}, EVERY)),
}  # fmt: skip
#: A value of each that fits every task; those left out are no question of reading, or need another one.
VALUES: dict[str, Any] = {
    "blocks": 2, "revision": "v1", "allow_pickle": True, "pooling": "mean", "precision": "fp32", "rank": 4,
    "alpha": 3.0, "lora_targets": "attention", "rslora": True, "dora": True, "bits": 3, "group_size": 16,
    "rounding": "calibrated", "merge": "nf4", "template": "{{ text }} {{ label }}", "shots": 3,
    "shots_by": "random", "reasoning": "think", "samples": 3, "text": "a", "label": "b", "group": "c",
    "kind": "regression", "max_examples": 90, "max_length": 64, "validation": 0.3, "test": 0.3, "shifted": "s.csv",
    "general": "g.txt", "epochs": 2, "steps": 3, "seed": 7, "learning_rate": 0.01, "batch_size": 8,
    "batch_tokens": 512, "batching": "length", "metric": "rouge_l", "seeds": 2, "plan": "full", "prefer": "best",
    "max_time": "5m", "max_memory": "2GB", "max_latency": 9.0, "cache_limit": 1.0, "runs": "r", "name": "n",
    "chat_template": "none", "max_new_tokens": 9, "source": "a", "target": "b", "source_language": "en",
    "target_language": "id", "prefix": "p: ", "size": "tiny", "max_tokens": 99, "beam": 2, "hard_negatives": 2,
    "library": "l", "decimal": ",",
}  # fmt: skip
CASES = [(task, route) for task in TASKS for route in TASK_ROUTES[task]]


def refused(name: str, task: str, route: str, command: Any) -> str | None:
    """What is said of an option that was given for one route, None if it is accepted."""
    values = {name: VALUES[name], "task": task, "route" if command == "adapt" else "routes": route}
    if task == TRANSLATION and route != "scratch":
        values["model"] = "m"
    try:
        Options.from_mapping(values).for_task(task, command)
    except OptionError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", VALUES)
def test_what_is_given_is_read_or_refused_with_where_it_is_read(name: str) -> None:
    tasks, routes = READ.get(name, (set(TASKS), EVERY))
    compares = name in {"seeds", "prefer", "plan", "max_memory", "max_latency"}
    for task, route in CASES:
        reads = task in tasks and route in routes
        if name in {"revision", "allow_pickle"} and (task, route) == (TRANSLATION, "scratch"):
            reads = False  # there is no model to open
        if name == "precision" and task == GENERATION and route in PROMPTED:
            reads = False  # nothing is trained
        for command in ("adapt", "compare") if task in COMPARED else ("adapt",):
            said = refused(name, task, route, command)
            if reads and not (compares and command == "adapt"):
                assert said is None, (task, route, command)
                continue
            assert said is not None, (task, route, command)
            assert said.startswith(f"{flag(name)}: is read by"), said
            assert "leave it out" in said
            if task not in tasks and not compares:
                assert any(one in said for one in tasks)
            elif not compares and routes & set(TASK_ROUTES[task]):
                assert any(one in said for one in routes & set(TASK_ROUTES[task])), said


def test_an_option_given_at_its_default_is_refused_as_well() -> None:
    with pytest.raises(OptionError, match=r"--bits: is read by the route qalora, and only lora runs.* --route qalora"):
        Options.from_mapping({"bits": 4, "route": "lora"}).for_task(CLASSIFICATION, "adapt")
    Options.from_mapping({"bits": 4, "routes": "lora,qalora"}).for_task(CLASSIFICATION, "compare")


def test_every_option_is_tested_and_read_by_something() -> None:
    special = {"task", "routes", "route", "model", "libraries"}
    assert {option.name for option in fields(Options)} == {*VALUES, *special}
    place = Path(alih.__file__).parent
    source = "".join(path.read_text() for path in place.rglob("*.py") if path.name != "options.py")
    unread = [
        one.name for one in fields(Options) if not re.search(rf"options\.{one.name}\b|chosen\.{one.name}", source)
    ]
    assert [name for name in unread if name not in {"blocks", "learning_rate"}] == []  # by rate_for
    assert "options.blocks" in source
    assert "options.rate_for" in source


def test_no_option_is_declared_twice() -> None:
    names = [option.name for group in GROUPS_OF_OPTIONS for option in fields(group)]
    assert sorted(names) == sorted({option.name for option in fields(Options)})


def test_defaults_that_differ_between_tasks_are_filled_in() -> None:
    found = {task: Options().for_task(task, "adapt") for task in (CLASSIFICATION, GENERATION, RETRIEVAL)}
    assert [one.route for one in found.values()] == ["transfer", "lora", "finetune"]
    assert [one.model for one in found.values()] == [None, "alih/lm-small", "alih/minilm"]
    assert (found[CLASSIFICATION].shots, found[GENERATION].shots) == (8, 4)
    assert (found[CLASSIFICATION].validation, found[GENERATION].validation) == (0.2, None)


def test_retrieval_is_the_name_and_embedding_is_still_taken() -> None:
    assert Options.from_mapping({"task": "embedding"}).task == RETRIEVAL


@pytest.mark.parametrize(("task", "command"), [*product(TASKS, ["adapt", "compare"])])
def test_a_command_line_gives_the_options_again(task: str, command: Any) -> None:
    import shlex

    from alih.cli.flags import given
    from alih.cli.main import build_parser

    if command == "compare" and task not in COMPARED:
        with pytest.raises(OptionError, match=f"--task: alih compare runs .* for {task}, use: alih adapt"):
            Options(task=task).for_task(CLASSIFICATION, command)  # type: ignore[arg-type]
        return
    values = {"seed": 3, "max_time": "90s", "learning_rate": 0.01, "max_examples": 50, "runs": "my runs"}
    options = (
        Options.from_mapping(values).for_task(task, command)
        if command == "adapt"
        else (Options.from_mapping({**values, "routes": "finetune", "blocks": "all"}).for_task(task, command))
    )
    typed = build_parser().parse_args(shlex.split(options.command_line(command, "my data.csv"))[1:])
    assert typed.data == "my data.csv"
    assert Options.from_mapping(given(typed)).for_task(task, command) == options


def test_the_page_of_options_is_up_to_date() -> None:
    docs = Path(__file__).parents[2] / "docs"
    code = f"import sys; sys.path.insert(0, {str(docs)!r}); import options; sys.stdout.write(options.page())"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode()
    assert made == (docs / "OPTIONS.md").read_text(encoding="utf-8"), "run: python docs/options.py"
