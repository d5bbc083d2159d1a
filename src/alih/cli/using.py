"""The commands that use an adapted model: predict and evaluate."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alih import files
from alih.cli.flags import Commands
from alih.cli.generating import evaluate_generation
from alih.cli.translating import add_evaluation_options, evaluate_translation
from alih.errors import OptionError

if TYPE_CHECKING:
    from alih.tasks.adapted import PrintedForm

#: What a model that predicts no labels does instead, and the command for it.
_INSTEAD = {
    "translation": 'translates; it predicts no labels. Use: alih translate {} "a sentence"',
    "generation": 'writes text; it predicts no labels. Use: alih generate {} "a prompt"',
    "retrieval": "makes vectors; it predicts no labels. Use: alih rag index DOCUMENTS --model …/model",
}


def add_commands(commands: Commands) -> None:
    """Add predict and evaluate."""
    predict = commands.add_parser("predict", help="predict texts, pictures, a file or a folder with an adapted model")
    predict.add_argument("adapted", metavar="RUN", help="run folder (runs/last) or folder of an adapted model")
    predict.add_argument(
        "inputs", nargs="+", help="texts, picture files, one file or folder of them, or - for standard input"
    )
    form = predict.add_mutually_exclusive_group()
    form.add_argument("-o", "--output", type=Path, help="write a CSV or JSONL file instead of printing")
    form.add_argument("--json", action="store_true", help="print one JSON object a line")
    predict.add_argument("--text", help="column of the text in a file (default: the one of the training data)")
    predict.add_argument("--batch-size", type=int, default=64, help="inputs at a time (default: 64)")
    predict.set_defaults(run=run_predict)

    evaluate = commands.add_parser("evaluate", help="score an adapted model on a labelled file or folder")
    evaluate.add_argument("adapted", metavar="RUN", help="run folder (runs/last) or folder of an adapted model")
    evaluate.add_argument(
        "data", help="labelled file or folder, in the form of the training data, or - for standard input"
    )
    evaluate.add_argument("--text", help="column of the text (default: the one of the training data)")
    evaluate.add_argument("--label", help="column of the label (default: the one of the training data)")
    evaluate.add_argument("--metric", help="the metric to give an interval for (default: by the kind of label)")
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    add_evaluation_options(evaluate)
    evaluate.set_defaults(run=run_evaluate)


def check_output(path: Path, inputs: Sequence[str]) -> None:
    """Check a file to write to before anything is predicted.

    Raises:
        OptionError: its ending is unknown, its folder does not exist, or it is the file that is read.
    """
    if path.suffix not in {".csv", ".jsonl"}:
        raise OptionError(f"--output {path}: write to a file that ends in .csv or .jsonl.")
    if not path.parent.is_dir():
        raise OptionError(f"--output {path}: there is no folder {path.parent}. Make it first.")
    if path.is_dir():
        raise OptionError(f"--output {path}: is a folder. Name a file.")
    if len(inputs) == 1 and path.resolve() == Path(inputs[0]).resolve():
        raise OptionError(f"--output {path}: is the file that is read, and would be lost. Name another one.")


def write_output(path: Path, text: str) -> None:
    """Write predictions; see `check_output`.

    Raises:
        OptionError: the file cannot be written.
    """
    try:
        # Half a surrogate pair, which JSON can carry, is no character: it is written as its escape.
        files.write_text(path, text, errors="backslashreplace")
    except OSError as error:
        raise OptionError(f"--output {path}: cannot be written ({error.strerror}). Name another file.") from error


def run_predict(arguments: argparse.Namespace) -> int:
    """Run `alih predict`."""
    from alih.compare.opening import open_adapted
    from alih.data.examples import Damage
    from alih.data.messages import counted, worst
    from alih.pretrained.open import task_named

    instead = _INSTEAD.get(task_named(arguments.adapted))
    if instead is not None:
        raise OptionError(f"{arguments.adapted} {instead.format(arguments.adapted)}")
    if arguments.output is not None:
        check_output(arguments.output, arguments.inputs)
    adapted = open_adapted(arguments.adapted)
    damaged: list[Damage] = []
    examples = adapted.read_inputs(arguments.inputs, text=arguments.text, damaged=damaged)
    found = adapted.predict_examples(examples, batch_size=arguments.batch_size)
    if arguments.output is not None:
        form: PrintedForm = "jsonl" if arguments.output.suffix == ".jsonl" else "csv"
        write_output(arguments.output, adapted.render(examples, found, damaged, form=form))
        print(f"{counted(len(found), 'prediction')} written to {arguments.output}", file=sys.stderr)
    else:
        print(adapted.render(examples, found, damaged, form="jsonl" if arguments.json else "lines"), end="")
    if damaged:
        print(f"{counted(len(damaged), 'row')} without a prediction: {worst(damaged, 5)}", file=sys.stderr)
    return 0


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Run `alih evaluate`."""
    from alih.compare.opening import open_adapted
    from alih.pretrained.open import task_named
    from alih.tasks.classification.adapted import AdaptedClassifier

    task = task_named(arguments.adapted)
    if task == "translation":
        return evaluate_translation(arguments)
    if task == "generation":
        return evaluate_generation(arguments)

    adapted = open_adapted(arguments.adapted)
    if isinstance(adapted, AdaptedClassifier):
        scores = adapted.evaluate(arguments.data, text=arguments.text, label=arguments.label, metric=arguments.metric)
    else:
        for name in ("text", "label"):
            if getattr(arguments, name) is not None:
                raise OptionError(f"--{name}: is for models that predict labels; this one is for {task}. Leave it out.")
        scores = adapted.evaluate(arguments.data, metric=arguments.metric)
    if arguments.json:
        print(json.dumps(scores.as_dict(), indent=2))
    else:
        print(scores)
    return 0
