"""What is handed over opens without Alih's own code, and says the same."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from alih.compare.compare import adapt, resume
from alih.compare.options import Options
from alih.compare.runfolder import newest_unfinished
from alih.data.examples import Examples
from alih.errors import RunError
from alih.progress import Progress
from alih.tasks.classification.adapted import AdaptedClassifier
from small_tasks import pictures, prices

TEXTS = ["good great food", "awful", "the cold dark room was bad", "lovely " * 5 + "a the"]

_READ_TEXTS = """
import json, sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
batch = tokenizer(json.loads(sys.argv[2]), padding=True, truncation=True, return_tensors="pt")
print(json.dumps([model(**batch).logits.tolist(), model.config.problem_type, model.config.id2label]))
"""
_READ_PICTURES = """
import json, sys
import alih
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification
model = AutoModelForImageClassification.from_pretrained(sys.argv[1])
processor = AutoImageProcessor.from_pretrained(sys.argv[1])
batch = processor([Image.open(path) for path in json.loads(sys.argv[2])], return_tensors="pt")
print(json.dumps([model(**batch).logits.tolist(), model.config.problem_type, model.config.id2label]))
"""


def elsewhere(code: str, folder: Path, inputs: list[str]) -> tuple[np.ndarray, str, dict[str, str]]:
    """Logits of another process that knows transformers only."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), json.dumps(inputs)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    logits, problem, names = json.loads(done.stdout.splitlines()[-1])
    return np.array(logits), problem, names


def handed_over(data: Path, model: Path, runs: Path, route: str = "finetune") -> AdaptedClassifier:
    wanted = {"model": str(model), "runs": str(runs), "learning_rate": 3e-3}
    wanted |= {"epochs": 2, "blocks": 1} if route == "finetune" else {}
    return adapt(data, route, Options.from_mapping(wanted), Progress(quiet=True)).best


@pytest.mark.parametrize("route", ["finetune", "scratch"])
def test_texts_open_with_the_auto_classes_in_another_process(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, route: str
) -> None:
    adapted = handed_over(reviews_csv, tiny_bert, tmp_path, route)
    logits, problem, names = elsewhere(_READ_TEXTS, adapted.folder, TEXTS)
    mine = adapted.logits(Examples(TEXTS, None, TEXTS))
    np.testing.assert_allclose(logits, mine, atol=1e-5)
    assert problem == "single_label_classification"
    assert tuple(names.values()) == adapted.problem.classes
    assert not list(adapted.folder.rglob("*.bin")), "safetensors only"


def test_numbers_come_back_in_the_labels_unit_in_another_process(tiny_bert: Path, tmp_path: Path) -> None:
    adapted = handed_over(prices(tmp_path / "prices.csv"), tiny_bert, tmp_path)
    logits, problem, _ = elsewhere(_READ_TEXTS, adapted.folder, TEXTS)
    np.testing.assert_allclose(logits, adapted.logits(Examples(TEXTS, None, TEXTS)), rtol=1e-6)
    assert problem == "regression"
    assert 50_000 < logits.mean() < 300_000


def test_pictures_open_with_the_auto_classes_once_alih_is_imported(tiny_resnet: Path, tmp_path: Path) -> None:
    adapted = handed_over(pictures(tmp_path / "photos"), tiny_resnet, tmp_path / "runs")
    paths = [tmp_path / "photos" / "top" / f"{number}.png" for number in range(4)]
    logits, _, names = elsewhere(_READ_PICTURES, adapted.folder, [str(path) for path in paths])
    np.testing.assert_allclose(logits, adapted.logits(Examples(paths, None, [""] * 4)), atol=1e-5)
    assert tuple(names.values()) == ("bottom", "top")


FULL = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
FULL_TOO = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("what", "error", "route"),
    [
        ("transformers.PreTrainedModel.save_pretrained", FULL, "transfer"),
        ("alih.tasks.classification.adapted.asdict", FULL_TOO, "transfer"),
        ("alih.compare.export.write_fingerprints", FULL_TOO, "transfer"),
        ("alih.routes.adapters.save_file", FULL, "lora"),
        ("alih.routes.adapters.save_file", FULL_TOO, "lora"),
    ],
)
def test_a_disk_that_is_full_costs_nothing(
    what: str,
    error: Exception,
    route: str,
    reviews_csv: Path,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(what, full)
        with pytest.raises(RunError, match="No space left on device") as told:
            handed_over(reviews_csv, tiny_bert, tmp_path, route)
    folder = newest_unfinished(tmp_path)
    assert str(told.value).endswith(f"Every trial is kept: make room, then go on with: alih resume {folder}")
    before = (folder / "trials.jsonl").read_bytes()
    assert resume(folder, progress=Progress(quiet=True)).best.predict(["good"])
    assert (folder / "trials.jsonl").read_bytes() == before, "no trial is run again"
