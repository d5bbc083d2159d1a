"""Text generation at the command line: `alih generate`, and what `alih evaluate` does for a model that writes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alih import files
from alih.cli.flags import Commands
from alih.errors import DataError, OptionError

if TYPE_CHECKING:
    from alih.tasks.generation.adapted import AdaptedWriter
    from alih.tasks.generation.conversation import Turn
    from alih.tasks.generation.write import Sampling


def add_commands(commands: Commands) -> None:
    """Add generate."""
    generate = commands.add_parser("generate", help="let a language model write: an answer, a conversation, a file")
    generate.add_argument("model", metavar="MODEL", help="run (runs/last), model folder, built-in name or Hub id")
    generate.add_argument(
        "inputs",
        nargs="*",
        metavar="PROMPT",
        help="a prompt, or one file of prompts, a line or row each (default: stdin)",
    )
    generate.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the answers as JSON Lines")
    generate.add_argument("--chat", action="store_true", help="a conversation: every line of stdin is answered")
    generate.add_argument("--raw", action="store_true", help="continue the prompt as it is, without a chat template")
    generate.add_argument("--max-new-tokens", type=int, metavar="N", help="most tokens of an answer (default: 128)")
    generate.add_argument(
        "--temperature", type=float, default=0.0, metavar="X", help="draw tokens: 0.8, say (default: 0, the likeliest)"
    )
    generate.add_argument(
        "--top-p", type=float, default=1.0, metavar="X", help="draw among the likeliest that make up X"
    )
    generate.add_argument("--top-k", type=int, default=0, metavar="N", help="draw among the N likeliest")
    generate.add_argument(
        "--reasoning",
        choices=("auto", "think", "steps", "off"),
        help="begin the answer with: think, <think>; steps, a request to go step by step; off, <think></think>; auto, "
        "nothing (default: as the model was handed over)",
    )
    generate.add_argument(
        "--samples",
        type=int,
        metavar="N",
        help="draw N answers, and print the one whose final answer is the commonest (self-consistency)",
    )
    generate.add_argument("--seed", type=int, default=0, metavar="N", help="of drawing (default: 0)")
    generate.add_argument("--json", action="store_true", help="print one JSON object a line")
    generate.add_argument("--revision", help="revision of a model on the Hub")
    generate.add_argument("--allow-pickle", action="store_true", help="also read pickled weights (tensors only)")
    generate.set_defaults(run=run_generate)


def evaluate_generation(arguments: argparse.Namespace) -> int:
    """Run `alih evaluate` on a model that writes."""
    for name in ("text", "label", "source", "target", "beam"):
        if getattr(arguments, name) is not None:
            raise OptionError(f"--{name}: a model that writes finds its columns; leave it out.")
    from alih.tasks.generation.adapted import AdaptedWriter

    scores = AdaptedWriter.open(arguments.adapted).evaluate(arguments.data, metric=arguments.metric)
    print(json.dumps(scores.as_dict(), indent=2) if arguments.json else scores)
    return 0


def run_generate(arguments: argparse.Namespace) -> int:
    """Run `alih generate`."""
    from alih.tasks.generation.write import Sampling

    wanted = arguments.max_new_tokens
    sampling = Sampling(
        128 if wanted is None else wanted,
        arguments.temperature,
        arguments.top_p,
        arguments.top_k,
        arguments.seed,
    )
    _check(arguments)
    prompts = None if arguments.chat else _prompts(arguments.inputs)
    from dataclasses import replace

    from alih.tasks.generation.adapted import AdaptedWriter

    adapted = AdaptedWriter.open(
        arguments.model, raw=arguments.raw, revision=arguments.revision, allow_pickle=arguments.allow_pickle
    )
    adapted.writer.make_fast()
    asked = {"reasoning": arguments.reasoning, "samples": arguments.samples}
    adapted.asking = replace(adapted.asking, **{name: value for name, value in asked.items() if value is not None})
    if wanted is None:
        sampling = replace(sampling, max_new_tokens=adapted.asking.max_new_tokens)
    if prompts is None:
        return _chat(adapted, sampling)
    votes = adapted.asking.samples > 1
    if arguments.output is None and not arguments.json and len(prompts) == 1 and not votes:
        _stream(adapted, prompts[0], sampling)
        return 0
    found = (
        adapted.writer.answer_often(prompts, sampling)
        if votes
        else [(text, 1.0) for text in adapted.answer(prompts, sampling)]
    )
    answers = [text for text, _ in found]
    lines = [
        json.dumps(
            {"prompt": turns[-1].content, "answer": text, **({"agreement": agreement} if votes else {})},
            ensure_ascii=False,
        )
        for turns, (text, agreement) in zip(prompts, found, strict=True)
    ]
    if arguments.output is None:
        print("\n".join(lines if arguments.json else answers))
        return 0
    try:
        files.write_text(arguments.output, "".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise OptionError(f"--output {arguments.output}: cannot be written ({error.strerror}).") from error
    print(f"{len(lines):,} answers written to {arguments.output}", file=sys.stderr)
    return 0


def _chat(adapted: AdaptedWriter, sampling: Sampling) -> int:
    from alih.tasks.generation.adapted import history

    if adapted.writer.template.source is None:
        raise OptionError(
            f"--chat: {adapted.pretrained.name} has no chat template, so nobody can tell the speakers apart."
        )
    terminal = sys.stdin.isatty()
    if terminal:
        print("Type a message a line; end with Ctrl-D.", file=sys.stderr)
    turns: list[Turn] = []
    while True:
        if terminal:
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return 0
        if not line.strip():
            continue
        said = _stream(adapted, history(turns, line.strip()), sampling)
        turns = history(turns, line.strip(), said)


def _stream(adapted: AdaptedWriter, turns: list[Turn], sampling: Sampling) -> str:
    pieces: list[str] = []

    def say(text: str) -> None:
        text = text if pieces else text.lstrip()
        if text:
            pieces.append(text)
            print(text, end="", flush=True)

    said = adapted.answer([turns], sampling, say)[0]
    if not pieces:  # answers that vote are not streamed
        print(said, end="")
    print(flush=True)
    return said


def _prompts(inputs: list[str]) -> list[list[Turn]]:
    """What was typed, or the prompts of a file, or all of standard input as one prompt."""
    from alih.tasks.generation.adapted import read_prompts
    from alih.tasks.generation.conversation import USER, Turn
    from alih.tasks.translation.lines import is_file_name

    if not inputs or inputs == ["-"]:
        if sys.stdin.isatty():
            print("Type a prompt; end with Ctrl-D.", file=sys.stderr)
        inputs = [sys.stdin.read().strip()]
    elif len(inputs) == 1 and is_file_name(inputs[0]):
        return read_prompts(Path(inputs[0]).expanduser())
    if not all(text.strip() for text in inputs):
        raise DataError("the prompt is empty. Give a prompt, a file, or a prompt on standard input.")
    return [[Turn(USER, text)] for text in inputs]


def _check(arguments: argparse.Namespace) -> None:
    path: Path | None = arguments.output
    if arguments.samples is not None and arguments.samples < 1:
        raise OptionError(f"--samples: must be at least 1, not {arguments.samples}.")
    if arguments.chat and (arguments.inputs or path is not None or arguments.raw or arguments.json):
        raise OptionError(
            "--chat: reads standard input and prints answers; leave prompts, files, --raw and --json out."
        )
    if path is None:
        return
    if path.is_dir():
        raise OptionError(f"--output {path}: is a folder. Name a file.")
    if not path.parent.is_dir():
        raise OptionError(f"--output {path}: there is no folder {path.parent}. Make it first.")
    if any(Path(text) == path for text in arguments.inputs):
        raise OptionError(f"--output {path}: is the file that is read. Name another one.")
