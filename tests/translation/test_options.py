"""Options of a translation: what belongs together, what does not, and the command that gives them again."""

from __future__ import annotations

import shlex

import pytest

from alih.cli.main import build_parser
from alih.errors import OptionError
from alih.translation.options import TranslationOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"route": "transfer"}, "no route of a translator. Routes: scratch, finetune, lora"),
        ({"route": "lora"}, "name it with --model"),
        ({"route": "scratch", "model": "x"}, "leave out --model"),
        ({"steps": 5, "epochs": 2}, "leave one of them out"),
        ({"steps": 0}, "--steps: must be at least 1"),
        ({"steps": "many"}, "'many' is not a whole number"),
        ({"beam": 0}, "--beam: must be at least 1"),
        ({"blocks": "2"}, "--blocks: means nothing for the route scratch"),
        ({"model": "x", "size": "tiny"}, "--size: means nothing for the route finetune"),
        ({"model": "x", "dora": True}, "--dora: means nothing for the route finetune"),
        ({"model": "x", "blocks": "1,2"}, "one number of blocks"),
        ({"pooling": "mean"}, "--pooling: means nothing for a translation"),
        ({"learning_rate": "finetune=1e-4", "model": "x"}, "one route runs"),
        ({"sauce": "en"}, "no option 'sauce'. Did you mean \"source\"?"),
        ({"max_time": "soon"}, "no duration"),
        ({"test": 0.7}, "--test"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        TranslationOptions.from_mapping(values)
    assert message in str(caught.value)


def test_the_command_of_a_run_gives_its_options_again() -> None:
    options = TranslationOptions.from_mapping(
        {"model": "a b", "route": "lora", "rank": 4, "rslora": True, "max_time": "90s", "prefix": "into German: "}
    )
    typed = build_parser().parse_args(shlex.split(options.command("my pairs.tsv"))[1:])
    assert (typed.data, typed.task) == ("my pairs.tsv", "translation")
    assert (typed.model, typed.rank, typed.rslora, typed.max_time) == ("a b", 4, True, "90s")
    assert typed.prefix == "into German: "


def test_the_route_follows_from_the_model() -> None:
    assert TranslationOptions().chosen_route == "scratch"
    assert TranslationOptions(model="x").chosen_route == "finetune"
