"""The commands that use an adapted model: predict and evaluate."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from alih.cli.flags import Commands
from alih.cli.generating import evaluate_generation
from alih.cli.translating import add_evaluation_options, evaluate_translation
from alih.errors import OptionError

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


def run_predict(arguments: argparse.Namespace) -> int:
    """Run `alih predict`."""
    from alih.compare.opening import open_adapted
    from alih.data.examples import Damage
    from alih.data.messages import counted, worst
    from alih.pretrained.open import task_named
    from alih.tasks.classification.adapted import AdaptedClassifier
    from alih.tasks.classification.predictions import check_output, render, rows, write

    instead = _INSTEAD.get(task_named(arguments.adapted))
    if instead is not None:
        raise OptionError(f"{arguments.adapted} {instead.format(arguments.adapted)}")
    if arguments.output is not None:
        check_output(arguments.output, arguments.inputs)
    adapted = open_adapted(arguments.adapted)
    assert isinstance(adapted, AdaptedClassifier)
    damaged: list[Damage] = []
    examples = adapted.read_inputs(arguments.inputs, text=arguments.text, damaged=damaged)
    predictions = adapted.predict_examples(examples, batch_size=arguments.batch_size)
    found = rows(examples, predictions, damaged)
    if arguments.output is not None:
        write(arguments.output, found, adapted.problem)
        print(f"{counted(len(predictions), 'prediction')} written to {arguments.output}", file=sys.stderr)
    else:
        print(render(found, as_json=arguments.json))
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
