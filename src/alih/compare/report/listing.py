"""The runs in a folder: what each one was and recommended, and two of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alih.compare.quantities import duration, size_of
from alih.compare.report.data import SCHEMA_VERSION, Choice, ReportData, Row, Sure
from alih.compare.report.from_run import report_data, run_date
from alih.compare.runfolder import RunFolder
from alih.errors import RunError
from alih.metrics.bootstrap import Interval
from alih.pretrained.runs import LAST


@dataclass(frozen=True)
class Summary:
    """One run in a line.

    Args:
        name: of its folder.
        date: ISO 8601, UTC; empty where the name does not tell it.
        data: name of the data.
        model: the pre-trained model.
        recommended: the variant recommended; empty where there is no decision.
        score: its validation score with the metric ("accuracy 0.975"); empty where there is none.
        state: "", "stopped", "damaged", or "newer Alih" where this version cannot read it.
        is_last: `last` points to it.
    """

    name: str
    date: str
    data: str = ""
    model: str = ""
    recommended: str = ""
    score: str = ""
    state: str = ""
    is_last: bool = False


def summaries(root: Path) -> list[Summary]:
    """Every run in a folder, newest last; links are not followed, damaged runs are listed as such.

    Raises:
        RunError: there is no such folder.
    """
    if not root.is_dir():
        raise RunError(f"{root}: no such folder. Make a run with: alih compare DATA")
    last = _last(root)
    folders = sorted(one for one in root.iterdir() if not one.is_symlink() and (one / "spec.json").is_file())
    return [_summary(folder, folder.name == last) for folder in folders]


def find_run(root: Path, name: str) -> RunFolder:
    """A run by its path ("runs/last") or by its name in `root`.

    Raises:
        RunError: there is none.
    """
    for path in (Path(name), root / name):
        if (path / "spec.json").is_file() or (path.name == LAST and path.is_file()):
            return RunFolder.open(path)
    return RunFolder.open(root / name)


def render_list(found: Sequence[Summary]) -> str:
    """The runs as text, one line each; the one that `last` points to is marked with an asterisk."""
    heads = ("run", "date", "data", "model", "recommended", "score")
    rows = [
        (
            one.name + (" *" if one.is_last else ""),
            one.date.replace("T", " ").removesuffix("Z"),
            one.data,
            one.model,
            one.recommended or "–",
            " ".join(part for part in (one.score, f"({one.state})" if one.state else "") if part) or "–",
        )
        for one in found
    ]
    return _columns([heads, *rows])


def side_by_side(one: ReportData, other: ReportData) -> str:
    """Two runs beside each other; what differs is marked with "≠".

    The scores of a variant are subtracted where both runs judged it by the same metric, on as many validation examples
    of data with the same name.
    """
    facts = [(name, say(one), say(other)) for name, say in _facts(one, other)]
    rows = [("≠" if a != b else "", name, a or "–", b or "–") for name, a, b in facts if a or b]
    parts = [_columns([("", "", one.run.name, other.run.name), *rows])]
    a, b = ((data.run.data, data.run.sizes.get("validation")) for data in (one, other))
    if not one.choice or not other.choice or a != b or one.choice.metric != other.choice.metric:
        return "\n\n".join([*parts, "Their data or their metrics differ: their scores cannot be subtracted."])
    heads = (f"{one.choice.metric}, validation", one.run.name, other.run.name, "difference")
    parts.append(_columns([heads, *_routes(one, other)]))
    if (one.run.digest, one.run.sizes) != (other.run.digest, other.run.sizes):
        parts.append("Their examples are not the same: part of a difference may come from that.")
    return "\n\n".join(parts)


def _summary(folder: Path, is_last: bool) -> Summary:
    name = folder.name
    try:
        data = report_data(RunFolder(folder))
    except RunError:
        state = "newer Alih" if _is_newer(RunFolder(folder)) else "damaged"
        return Summary(name, run_date(name), state=state, is_last=is_last)
    choice = data.choice
    return Summary(
        name,
        data.run.date,
        data.run.data,
        data.run.model,
        choice.chosen if choice else "",
        f"{choice.metric} {score.point:.3f}" if choice and (score := _score(choice)) else "",
        "stopped" if data.run.interrupted else "",
        is_last,
    )


def _is_newer(folder: RunFolder) -> bool:
    """Whether a newer version of Alih wrote the report."""
    try:
        schema = folder.report.get("schema")
    except RunError:
        return False
    return isinstance(schema, int) and schema > SCHEMA_VERSION


def _last(root: Path) -> str:
    """Name of the run that `last` points to; empty if there is none."""
    last = root / LAST
    if last.is_symlink():
        return last.readlink().name
    return last.read_text(encoding="utf-8", errors="replace").strip() if last.is_file() else ""


def _facts(one: ReportData, other: ReportData) -> list[tuple[str, Callable[[ReportData], str]]]:
    packages = dict.fromkeys([*one.run.versions, *other.run.versions])
    return [
        ("date", lambda data: data.run.date.replace("T", " ").removesuffix("Z")),
        ("data", lambda data: data.run.data),
        ("digest", lambda data: data.run.digest),
        ("examples", lambda data: ", ".join(f"{name} {size:,}" for name, size in data.run.sizes.items())),
        ("model", lambda data: data.run.model),
        ("task", lambda data: data.run.task),
        ("seeds", lambda data: "" if data.run.seeds is None else str(data.run.seeds)),
        ("command", lambda data: data.run.command),
        ("machine", lambda data: data.run.machine),
        *((package, lambda data, package=package: data.run.versions.get(package, "")) for package in packages),
        ("metric", lambda data: data.choice.metric if data.choice else ""),
        ("recommended", lambda data: data.choice.chosen if data.choice else ""),
        ("its validation score", lambda data: _told(_score(data.choice)) if data.choice else ""),
        ("its test score", lambda data: _told(data.choice.test) if data.choice else ""),
        ("its time to adapt", _time),
        ("its peak memory", _memory),
        ("time in all", lambda data: "" if data.run.seconds is None else duration(data.run.seconds)),
    ]


def _routes(one: ReportData, other: ReportData) -> list[tuple[str, ...]]:
    """Scores of every variant of both runs, and by how much the second is higher."""
    first, second = ({row.label: row.score for row in data.table} for data in (one, other))
    rows: list[tuple[str, ...]] = []
    for label in dict.fromkeys([*first, *second]):
        a, b = first.get(label), second.get(label)
        gap = f"{b.point - a.point:+.3f}".replace("-", "−") if a and b else "–"
        rows.append((label, _told(a) or "–", _told(b) or "–", gap))
    return rows


def _chosen(data: ReportData) -> Row | None:
    return next((row for row in data.table if data.choice and row.label == data.choice.chosen), None)


def _time(data: ReportData) -> str:
    row = _chosen(data)
    return "" if row is None or row.seconds is None else duration(row.seconds + (row.search_seconds or 0.0))


def _memory(data: ReportData) -> str:
    row = _chosen(data)
    return "" if row is None or row.peak_memory_bytes is None else size_of(row.peak_memory_bytes)


def _score(choice: Choice) -> Sure | None:
    return next((one.score for one in choice.candidates if one.label == choice.chosen), None)


def _told(score: Sure | None) -> str:
    if score is None:
        return ""
    if score.low is None or score.high is None:
        return f"{score.point:.3f}"
    return f"{score.point:.3f} ({Interval(score.low, score.point, score.high).words()})"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Cells below each other, two spaces between columns; line breaks within a cell become spaces."""
    clean = [[" ".join("".join(c if c.isprintable() else " " for c in cell).split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in clean]
    return "\n".join(lines)
