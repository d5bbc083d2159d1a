"""What README and docs show is what Alih does: commands parse, Python compiles, links lead on, the quick start runs."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from alih.cli.main import build_parser, main
from small_tasks import bert, pictures, reviews, table

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Shown:
    """A command or a block of code on a page."""

    page: Path
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}: {' '.join(self.text.split())[:60]}"


def blocks(page: Path, *languages: str) -> list[str]:
    return [code for language, code in _FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page: Path) -> list[list[str]]:
    """The words of every `alih` command in the page's shell blocks, without `alih` itself."""
    found = []
    for code in blocks(page, "bash", "sh", "console", "shell", ""):
        for line in code.replace("\\\n", " ").splitlines():
            try:
                words = shlex.split(line.removeprefix("$ "), comments=True)
            except ValueError:
                continue  # a drawing or an output, with a lone quotation mark
            for part in _parts(words):
                if part and part[0].rsplit("/", 1)[-1] == "alih":
                    found.append(part[1:])
    return found


def _parts(words: list[str]) -> list[list[str]]:
    """Split a line of several commands; what is piped or redirected is left out."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word in {"&&", ";", "|", ">", ">>"}:
            parts.append([])
        elif word == "2>&1":
            continue
        elif word != "time":
            parts[-1].append(word)
    return parts


COMMANDS = [Shown(page, shlex.join(words)) for page in PAGES for words in commands(page)]
PYTHON = [Shown(page, code) for page in PAGES for code in blocks(page, "python", "py")]
LINKS = [Shown(page, link) for page in PAGES for link in _LINK.findall(page.read_text(encoding="utf-8"))]


def test_the_readme_shows_every_command_of_the_main_job() -> None:
    shown = {shlex.split(command.text)[0] for command in COMMANDS if command.page.name == "README.md"}
    assert {"demo", "compare", "adapt", "predict", "evaluate", "inspect"} <= shown


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command_shown_exists_with_its_flags(command: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command.text)
    if {"--help", "-h", "--version"} & set(words):
        with pytest.raises(SystemExit, match="0"):
            build_parser().parse_args(words)
        return
    try:
        build_parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"{command}: {capsys.readouterr().err}")


@pytest.mark.parametrize("shown", PYTHON, ids=str)
def test_every_python_block_compiles(shown: Shown) -> None:
    code = re.sub(r"^(>>>|\.\.\.) ?", "", shown.text, flags=re.MULTILINE) if ">>>" in shown.text else shown.text
    compile(code, str(shown.page), "exec")


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_every_local_link_leads_somewhere(link: Shown) -> None:
    if link.text.startswith(("http://", "https://", "mailto:")):
        return
    path, _, anchor = link.text.partition("#")
    target = (link.page.parent / path).resolve() if path else link.page
    assert target.exists(), f"{link.page.name} links to {link.text}, which is not there"
    if anchor and target.suffix == ".md":
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_quick_start_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    monkeypatch.chdir(tmp_path)
    reviews(tmp_path / "reviews.csv", 60)
    reviews(tmp_path / "test.csv", 30, seed=3)
    table(tmp_path / "new.csv", ("text",), [("good food",), ("bad service",)])
    pictures(tmp_path / "photos", 12, size=32)
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(tmp_path / "reviews.csv"), tmp_path / "data.parquet")
    bert(tmp_path / "my-bert")
    ran = 0
    for words in commands(ROOT / "README.md"):
        if words[0] == "demo":
            continue
        if words == ["resume"]:  # as after kill -9 before the report was written
            (tmp_path / "runs" / "last" / "report.json").unlink()
        assert main(words) == 0, shlex.join(words)
        ran += 1
    assert ran >= 6
    assert len((tmp_path / "scored.csv").read_text().splitlines()) == 3
    for code in blocks(ROOT / "README.md", "python"):
        exec(compile(code, "README.md", "exec"), {})


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_demo_prints_both_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    output = capsys.readouterr().out
    assert output.count("overfitting risk") >= 2  # a table wider than the terminal is printed in parts
    assert output.count("Take ") == 2
    assert output.index("Images:") < output.index("Texts:")
    assert len(list((tmp_path / "runs").glob("*/model/config.json"))) == 3  # the two runs, and "last"
