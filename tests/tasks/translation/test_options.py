"""Options of a translation: what belongs together, what does not, and the command that gives them again."""

from __future__ import annotations

import shlex

import pytest

from alih.cli.main import build_parser
from alih.compare.options import Options
from alih.errors import OptionError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"route": "transfer"}, "'transfer' is no route of translation. Routes: zero-shot, finetune, lora"),
        ({"route": "lora"}, "name it with --model"),
        ({"route": "scratch", "model": "x"}, "leave out --model"),
        ({"model": "transformer-base", "size": "tiny"}, "--size: tiny is not the size of transformer-base"),
        ({"steps": 5, "epochs": 2}, "leave one of them out"),
        ({"steps": 0}, "--steps: must be at least 1"),
        ({"steps": "many"}, "'many' is not a whole number"),
        ({"beam": 0}, "--beam: must be at least 1"),
        (
            {"blocks": "2"},
            "--blocks: is read by the routes finetune, lora, qlora, qalora, ia3, and only scratch runs",
        ),
        ({"model": "x", "size": "tiny"}, "--size: is read by the route scratch, and only finetune runs"),
        ({"model": "x", "dora": True}, "--dora: is read by the routes lora, qlora, and only finetune runs"),
        ({"model": "x", "blocks": "1,2"}, "one number of blocks"),
        ({"pooling": "mean"}, "--pooling: is read by the task classification, and this one is translation"),
        ({"learning_rate": "lora=1e-4", "model": "x"}, "names lora, and only finetune runs"),
        ({"sauce": "en"}, "no option 'sauce'. Did you mean \"source\"?"),
        ({"max_time": "soon"}, "no duration"),
        ({"test": 0.7}, "--test"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        Options.from_mapping(values).for_task("translation", "adapt")
    assert message in str(caught.value)


def test_the_command_of_a_run_gives_its_options_again() -> None:
    options = Options.from_mapping(
        {"model": "a b", "route": "lora", "rank": 4, "rslora": True, "max_time": "90s", "prefix": "into German: "}
    )
    typed = build_parser().parse_args(
        shlex.split(options.for_task("translation", "adapt").command_line("adapt", "my pairs.tsv"))[1:]
    )
    assert (typed.data, typed.task) == ("my pairs.tsv", "translation")
    assert (typed.model, typed.rank, typed.rslora, typed.max_time) == ("a b", 4, True, "90s")
    assert typed.prefix == "into German: "


def test_the_route_follows_from_the_model() -> None:
    assert Options().for_task("translation", "adapt").route == "scratch"
    assert Options(model="x").for_task("translation", "adapt").route == "finetune"
    assert Options(model="transformer-base").for_task("translation", "adapt").route == "scratch"
    new = Options(model="transformer-small", route="scratch").for_task("translation", "adapt")
    assert "--model=transformer-small" in new.command_line("adapt", "pairs.tsv")
