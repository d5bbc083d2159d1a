"""The command that a report gives runs the same comparison: parsed by the CLI, it gives the options of then."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alih.cli.flags import given as typed
from alih.cli.main import build_parser
from alih.compare.options import Options
from alih.compare.report.again import command_again
from alih.routes.options import ALL_BLOCKS

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=10)


def spec(command: str, source: str, options: Options, *routes: str) -> dict[str, Any]:
    """As it is read back from the disk."""
    told: dict[str, Any] = json.loads(
        json.dumps({"command": command, "data": {"source": source}, "routes": routes, "options": asdict(options)})
    )
    return told


def parsed(command: str) -> tuple[str, Options]:
    program, *arguments = shlex.split(command)
    assert program == "alih"
    found = build_parser().parse_args(arguments)
    return found.data, Options.from_mapping(typed(found))


@given(
    st.builds(
        Options,
        model=st.none() | NAMES,
        routes=st.none() | st.just(("transfer", "finetune")),
        blocks=st.none() | st.lists(st.integers(1, 50) | st.just(ALL_BLOCKS), min_size=1).map(tuple),
        text=st.none() | NAMES,
        max_examples=st.none() | st.integers(2, 10**9),
        learning_rate=st.none() | st.floats(1e-8, 9) | st.just({"transfer": 1e-5, "finetune": 0.01}),
        seeds=st.integers(1, 9),
        max_time=st.none() | st.integers(1, 10**6).map(float) | st.just(0.5),
        max_memory=st.none() | st.integers(1, 10**13).map(float),
        prefer=st.sampled_from(["cheap", "balanced", "best"]),
        allow_pickle=st.booleans(),
        name=st.none() | NAMES,
    ),
    NAMES.filter(lambda name: not name.startswith("-")),
)
def test_the_command_gives_the_options_of_then(options: Options, source: str) -> None:
    assert parsed(command_again(spec("compare", source, options, "finetune"))) == (source, options)


def test_an_adaptation_is_an_adaptation_again() -> None:
    options = replace(Options(), routes=("finetune",), seeds=1, epochs=3)
    command = command_again(spec("adapt", "my data.csv", options, "finetune"))
    assert command == "alih adapt 'my data.csv' --route=finetune --epochs=3"


def test_options_at_their_defaults_are_not_told() -> None:
    assert command_again(spec("compare", "alih/digits", Options())) == "alih compare alih/digits"


def test_blocks_are_told_only_where_a_route_has_some() -> None:
    options = replace(Options(), routes=("transfer",), blocks=(ALL_BLOCKS,), seeds=1)
    assert command_again(spec("adapt", "a.csv", options, "transfer")) == "alih adapt a.csv --route=transfer"
    assert command_again(spec("adapt", "a.csv", options, "finetune")).endswith("--route=finetune --blocks=all")
