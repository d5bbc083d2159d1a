"""Translation at the command line: `alih translate`, and what evaluate and inspect do for a translator."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alih import files
from alih.cli.flags import Commands
from alih.errors import DataError, OptionError

if TYPE_CHECKING:
    from alih.tasks.translation.adapted import AdaptedTranslator

#: Lines that are translated, and written, at a time.
_LINES = 1000


class _Intermixed(argparse.ArgumentParser):
    """Options may stand between the model and the sentences; argparse would see no sentences there (bpo-14191)."""

    _inside = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As `argparse.ArgumentParser.parse_known_intermixed_args`, which calls this in turn."""
        if self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def add_commands(commands: Commands) -> None:
    """Add translate."""
    translate = commands.add_parser("translate", help="translate sentences, or a file of them, with a translator")
    translate.__class__ = _Intermixed
    translate.add_argument("model", metavar="MODEL", help="run (runs/last), model folder, built-in name or Hub id")
    translate.add_argument(
        "inputs", nargs="*", metavar="TEXT", help="sentences, or one file with a sentence a line (default: stdin)"
    )
    translate.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the translations, a line each")
    translate.add_argument("--from", dest="source", metavar="CODE", help="language of the sentences: en, eng_Latn")
    translate.add_argument("--to", dest="target", metavar="CODE", help="language to translate into: id, ind_Latn")
    translate.add_argument("--prefix", help='words before every sentence, as T5 wants: "translate English to German: "')
    translate.add_argument("--beam", type=int, metavar="N", help="hypotheses that beam search keeps (default: 4)")
    translate.add_argument("--json", action="store_true", help="print one JSON object a line")
    translate.add_argument("--revision", help="revision of a model on the Hub")
    translate.add_argument("--allow-pickle", action="store_true", help="also read pickled weights (tensors only)")
    translate.set_defaults(run=run_translate)


def add_evaluation_options(parser: argparse.ArgumentParser) -> None:
    """Add to `alih evaluate` what a translator reads."""
    group = parser.add_argument_group("of a translator")
    group.add_argument("--source", metavar="NAME", help="column, or ending of the files, of the sentences")
    group.add_argument("--target", metavar="NAME", help="column, or ending of the files, of their translations")
    group.add_argument("--beam", type=int, metavar="N", help="hypotheses that beam search keeps (default: 4)")


def inspect_translator(arguments: argparse.Namespace) -> int:
    """Run `alih inspect` on a translator.

    Raises:
        OptionError: memory was asked about, which is not foreseen for translators.
    """
    for flag in ("memory", "length"):
        if getattr(arguments, flag) is not None:
            raise OptionError(f"--{flag}: what a translator needs is not foreseen; leave it out.")
    from alih.tasks.translation.describe import describe, render

    told = describe(arguments.model, revision=arguments.revision, allow_pickle=arguments.allow_pickle)
    print(json.dumps(told, indent=2) if arguments.json else render(told))
    return 0


def run_translate(arguments: argparse.Namespace) -> int:
    """Run `alih translate`."""
    if arguments.beam is not None and arguments.beam < 1:
        raise OptionError(f"--beam: must be at least 1, not {arguments.beam}.")
    _check_output(arguments)
    texts, what = _sentences(arguments.inputs)
    from alih.tasks.translation.adapted import AdaptedTranslator

    translator = AdaptedTranslator.open(
        arguments.model,
        arguments.source,
        arguments.target,
        prefix=arguments.prefix,
        revision=arguments.revision,
        allow_pickle=arguments.allow_pickle,
    )
    if arguments.output is None:
        _print(translator, texts, what, arguments)
        return 0
    try:
        with files.replacing(arguments.output) as part, part.open("w", encoding="utf-8") as file:
            for start in range(0, len(texts), _LINES):
                some = texts[start : start + _LINES]
                for text, said in zip(some, _translate(translator, some, what, start, arguments.beam), strict=True):
                    file.write(f"{_line(text, said, arguments.json)}\n")
    except OSError as error:
        raise OptionError(f"--output {arguments.output}: cannot be written ({error.strerror}).") from error
    print(f"{len(texts):,} lines written to {arguments.output}", file=sys.stderr)
    return 0


def evaluate_translation(arguments: argparse.Namespace) -> int:
    """Run `alih evaluate` on a translator."""
    for flag, name in (("--text", "--source"), ("--label", "--target")):
        if getattr(arguments, flag[2:]) is not None:
            raise OptionError(f"{flag}: a translator's columns are named with --source and --target; use {name}.")
    if arguments.beam is not None and arguments.beam < 1:
        raise OptionError(f"--beam: must be at least 1, not {arguments.beam}.")
    from alih.pretrained.open import find
    from alih.tasks.translation.adapted import AdaptedTranslator, read_setup

    setup, _ = read_setup(find(arguments.adapted).path)
    named = (arguments.source, arguments.target)
    translator = AdaptedTranslator.open(arguments.adapted, *(() if setup.target_language else named))
    scores = translator.evaluate(
        arguments.data, source=named[0], target=named[1], beam=arguments.beam, metric=arguments.metric
    )
    print(json.dumps(scores.as_dict(), indent=2) if arguments.json else scores)
    return 0


def _print(translator: AdaptedTranslator, texts: list[str], what: str, arguments: argparse.Namespace) -> None:
    for start in range(0, len(texts), _LINES):
        some = texts[start : start + _LINES]
        for text, said in zip(some, _translate(translator, some, what, start, arguments.beam), strict=True):
            print(_line(text, said, arguments.json), flush=True)


def _translate(translator: AdaptedTranslator, texts: list[str], what: str, start: int, beam: int | None) -> list[str]:
    said, notes = translator.translate_lines(texts, beam=beam, what=what, first=start + 1)
    for note in notes:
        print(f"alih: {note}", file=sys.stderr)
    return said


def _line(text: str, said: str, as_json: bool) -> str:
    return json.dumps({"source": text, "translation": said}, ensure_ascii=False) if as_json else said


def _sentences(inputs: list[str]) -> tuple[list[str], str]:
    """What was typed, or the lines of a file or of standard input, and what one of them is called."""
    from alih.tasks.translation.lines import is_file_name, lines_of, read_lines

    if not inputs or inputs == ["-"]:
        if sys.stdin.isatty():
            print("Type sentences, one a line; end with Ctrl-D.", file=sys.stderr)
        return lines_of(sys.stdin.buffer.read(), "standard input"), "line"
    if len(inputs) == 1 and is_file_name(inputs[0]):
        return read_lines(Path(inputs[0]).expanduser()), "line"
    for text in inputs:
        if is_file_name(text):
            raise OptionError(f"{text}: is a file. Name one file at a time, without sentences beside it.")
    if not any(text.strip() for text in inputs):
        raise DataError("the sentence is empty. Give a sentence, a file, or sentences on standard input.")
    return inputs, "input"


def _check_output(arguments: argparse.Namespace) -> None:
    path: Path | None = arguments.output
    if path is None:
        return
    if path.is_dir():
        raise OptionError(f"--output {path}: is a folder. Name a file.")
    if not path.parent.is_dir():
        raise OptionError(f"--output {path}: there is no folder {path.parent}. Make it first.")
    if any(Path(text) == path for text in arguments.inputs):
        raise OptionError(f"--output {path}: is the file that is read. Name another one.")
