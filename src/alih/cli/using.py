"""The commands that use an adapted model: predict and evaluate."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from alih.cli.flags import Commands


def add_commands(commands: Commands) -> None:
    """Add predict and evaluate."""
    predict = commands.add_parser("predict", help="predict texts, pictures, a file or a folder with an adapted model")
    predict.add_argument("adapted", metavar="RUN", help="run folder (runs/last) or folder of an adapted model")
    predict.add_argument("inputs", nargs="+", help="texts, picture files, or one file or folder of them")
    predict.add_argument("-o", "--output", type=Path, help="write a CSV or JSONL file instead of printing")
    predict.add_argument("--json", action="store_true", help="print one JSON object a line")
    predict.add_argument("--text", help="column of the text in a file (default: the one of the training data)")
    predict.add_argument("--batch-size", type=int, default=64, help="inputs at a time (default: 64)")
    predict.set_defaults(run=run_predict)

    evaluate = commands.add_parser("evaluate", help="score an adapted model on a labelled file or folder")
    evaluate.add_argument("adapted", metavar="RUN", help="run folder (runs/last) or folder of an adapted model")
    evaluate.add_argument("data", help="labelled file or folder, in the form of the training data")
    evaluate.add_argument("--text", help="column of the text (default: the one of the training data)")
    evaluate.add_argument("--label", help="column of the label (default: the one of the training data)")
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    evaluate.set_defaults(run=run_evaluate)


def run_predict(arguments: argparse.Namespace) -> int:
    """Run `alih predict`."""
    from alih.compare.adapted import Adapted
    from alih.compare.predictions import render, write

    adapted = Adapted.open(arguments.adapted)
    examples = adapted.read_inputs(arguments.inputs, text=arguments.text)
    predictions = adapted.predict_examples(examples, batch_size=arguments.batch_size)
    if arguments.output is not None:
        write(arguments.output, examples, predictions, adapted.task)
        print(f"{len(predictions):,} predictions written to {arguments.output}", file=sys.stderr)
    else:
        print(render(examples, predictions, adapted.task, as_json=arguments.json))
    return 0


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Run `alih evaluate`."""
    from alih.compare.adapted import Adapted

    scores = Adapted.open(arguments.adapted).evaluate(arguments.data, text=arguments.text, label=arguments.label)
    if arguments.json:
        print(json.dumps(scores.as_dict(), indent=2))
    else:
        print(scores)
    return 0
