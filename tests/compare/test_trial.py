"""A trial's line is read back as it was written, and refused where a value is of another type."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from alih.compare.runfolder import RunFolder
from alih.compare.trial import Closer, Merged, from_json, to_json
from alih.errors import RunError
from compare.report.samples import trial

TRIAL = trial(80, "full")


@pytest.mark.parametrize(
    ("part", "damaged"),
    [
        ("metrics", {"accuracy": "high"}),
        ("train_metrics", {"accuracy": [1]}),
        ("costs", {**asdict(TRIAL.costs), "seconds": "long"}),
        ("scope", {**asdict(TRIAL.scope), "total": 0.5}),
        ("setting", [1]),
        ("history", [0.5]),
        ("examples", "many"),
        ("seed", None),
        ("purpose", "fun"),
        ("closer", {"shifts": {"typos": "worse"}}),
        ("merged", 3),
    ],
)
def test_a_value_of_another_type_is_damage(tmp_path: Path, part: str, damaged: object) -> None:
    told = {**json.loads(to_json(TRIAL)), part: damaged}
    (tmp_path / "trials.jsonl").write_text(f"{to_json(TRIAL)}\n{json.dumps(told)}\n")
    with pytest.raises(RunError, match=rf"line 2: this line is no trial \({part}.*Delete this line: alih resume"):
        RunFolder(tmp_path).trials()


def test_what_is_looked_at_closer_and_what_was_merged_read_back_with_what_json_cannot_say() -> None:
    closer = Closer({"typos": math.nan, "case": -0.1}, {"other.csv": 0.5}, None, 0.2, 1)
    merged = Merged({"r2": math.nan}, {"r2": 0.5}, 0.0, 1000, {"r2": 0.25})
    found = from_json(to_json(replace(TRIAL, closer=closer, merged=merged)))
    assert found.closer is not None
    assert found.merged is not None
    assert math.isnan(found.closer.shifts["typos"])
    assert math.isnan(found.merged.metrics["r2"])
    assert replace(found.closer, shifts={}) == replace(closer, shifts={})
    assert replace(found.merged, metrics={}) == replace(merged, metrics={})
