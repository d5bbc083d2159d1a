"""`python -m recipes MODEL` runs the recipe of that model with what was typed, and explains mistakes in one message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alih.pretrained.builtin import BUILT_IN
from recipes.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def test_every_model_whose_weights_are_our_own_has_a_recipe_named_in_its_origin(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = [name for name, model in BUILT_IN.items() if model.sha256 is None]
    assert len(own) >= 4
    for name in own:
        model = name.removeprefix("alih/")
        assert BUILT_IN[name].origin.endswith(f"python -m recipes {model}")
        with pytest.raises(SystemExit, match="0"):
            main([model, "--help"])
    assert "usage: python -m recipes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "function", "extra"),
    [
        ("lm-small", "recipes.lm_small.pretrain.pretrain_lm", {}),
        ("translator", "recipes.translator.pretrain.pretrain_translator", {}),
        ("vgg-small", "recipes.pictures.pretrain.pretrain_glyphs", {"batch_size": 64}),
    ],
)
def test_what_is_typed_reaches_the_recipe_and_its_figures_are_printed(
    model: str,
    function: str,
    extra: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def recipe(*positional: Any, **named: Any) -> dict[str, Any]:
        calls.append((positional, named))
        return {"parameters": 12, "exact_match": {"story": 0.25}}

    monkeypatch.setattr(function, recipe)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in extra.items()]
    assert main([model, "-o", "made", "--seed", "3", "--steps", "5", *flags]) == 0
    ((positional, named),) = calls
    assert positional[-1] == Path("made")
    assert {name: value for name, value in named.items() if name != "progress"} == {"seed": 3, "steps": 5, **extra}
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [["parameters", "12"], ["exact_match", "story 0.25"], ["saved", "to made"]]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ([], "MODEL"),
        (["vgg"], "invalid choice: 'vgg'"),
        (["lm-small", "--batch-size", "3"], "--batch-size"),
        (["lm-small", "--steps", "0"], "--steps 0"),
        (["translator", "--steps", "0"], "--steps 0"),
        (["resnet-small", "--steps", "0"], "--steps 0"),
        (["vgg-small", "--batch-size", "1"], "--batch-size 1"),
        (["vgg-small", "-o", "new.csv"], "--output new.csv: is a file"),
    ],
    ids=str,
)
def test_a_mistake_gets_one_message_and_exit_code_2(
    typed: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("text\n")
    try:
        code: Any = main(typed)
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("python -m recipes")
    assert words in message
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


@pytest.mark.slow
def test_the_command_makes_a_model_that_opens(tmp_path: Path) -> None:
    from transformers import AutoModelForImageClassification

    pytest.importorskip("matplotlib", reason="the fonts come with matplotlib")
    command = [sys.executable, "-m", "recipes", "vgg-small", "--steps", "2", "--batch-size", "8", "-o", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"saved to {tmp_path}"
    assert AutoModelForImageClassification.from_pretrained(tmp_path).config.id2label[10] == "A"
