"""The texts and questions that the benchmarks of libraries use: Cranfield and IDK-MRC, from ../shared/data."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("ALIH_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def written(folder: Path, texts: Sequence[str], prefix: str) -> Path:
    """One text file a document."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts, 1):
        (folder / f"{prefix}{number}.txt").write_text(text, encoding="utf-8")
    return folder


def read_cranfield() -> tuple[list[str], list[str], list[dict[int, float]]]:
    """Abstracts, queries, and the relevant abstracts (from 1) of each; all judgements but −1 count alike."""
    place = SHARED / "cranfield"
    documents = [
        " ".join(part.split(".W", 1)[1].split()) for part in (place / "cran.all.1400").read_text().split(".I ")[1:]
    ]
    queries = [" ".join(part.split(".W", 1)[1].split()) for part in (place / "cran.qry").read_text().split(".I ")[1:]]
    relevant: list[dict[int, float]] = [{} for _ in queries]
    for line in (place / "cranqrel").read_text().splitlines():
        query, document, grade = (int(one) for one in line.split()[:3])
        if grade > 0:
            relevant[query - 1][document] = 1.0
    return documents, queries, relevant


def read_idk_mrc(split: str) -> tuple[list[str], list[tuple[str, tuple[str, ...], int]]]:
    """Paragraphs, and (question, answers, number of its paragraph from 1)."""
    told = json.loads((SHARED / "idk_mrc" / f"{split}.json").read_text(encoding="utf-8"))
    asked = [
        (one["question"].strip(), tuple(answer["text"] for answer in one["answers"]), number)
        for number, part in enumerate(told, 1)
        for one in part["qas"]
    ]
    return [one["context"] for one in told], asked


def progress() -> Any:
    from alih.progress import Progress

    return Progress()
