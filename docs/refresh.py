"""Run what the handbook shows, and write the real output back.

    python docs/refresh.py [--last 22] docs/HANDBOOK.md docs/HANDBOOK.id.md

With `--last N` sections after number N stay as they are: some show files of one's own, which are not here.

Commands (lines of `console` blocks that begin with "$ ") and `python` blocks are run in order, in one temporary folder;
what a `python` block prints is written into the `text` block that follows. A command shown twice is run once. A
`console` block whose output is cut with "…" keeps showing the lines it shows: each is found in the new output by its
first characters, numbers apart; a line that is not found is named and left out. Outputs of the first file are used in
the others, whose commands are the same.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_BLOCK = re.compile(r"^```(console|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CUT = "…"
_PROGRESS = re.compile(r" of [\d,]+ \w+, about [\d.]+ \w+ left$|^Loading weights: ")
#: Characters that a shown line is found by.
_KEY = 24


def refreshed(page: str, outputs: dict[str, str], folder: Path, last: int | None = None) -> str:
    """The page with the outputs of its commands; `outputs` holds those already run, and is added to."""
    if last is not None:
        after = re.search(rf"^## {last + 1}\. ", page, re.MULTILINE)
        if after:
            return refreshed(page[: after.start()], outputs, folder) + page[after.start() :]
    code = ""  # what the last Python block printed

    def replace(match: re.Match[str]) -> str:
        nonlocal code
        kind, body = match.groups()
        if kind == "python":
            code = _run([sys.executable, "-c", body], body, outputs, folder)
            return match.group()
        if kind == "text":
            found, code = code or body, ""
            return f"```text\n{found}```"
        return f"```console\n{_console(body, outputs, folder)}```"

    return _BLOCK.sub(replace, page)


def _console(body: str, outputs: dict[str, str], folder: Path) -> str:
    parts = re.split(r"^(?=\$ )", body, flags=re.MULTILINE)
    done = [part for part in parts if not part.startswith("$ ")]
    for part in parts[len(done) :]:
        command, _, shown = part.partition("\n")
        output = _run(["bash", "-c", command.removeprefix("$ ")], command, outputs, folder)
        done.append(f"{command}\n{_selected(shown, output) if _CUT in shown.splitlines() else output}")
    return "".join(done)


def _selected(shown: str, output: str) -> str:
    """The lines of `output` that `shown` shows, in order, with a cut where lines are left out."""
    lines, kept, last = output.splitlines(), [], -1
    for wanted in shown.splitlines():
        if wanted == _CUT:
            continue
        key = _key(wanted)
        at = next((i for i in range(last + 1, len(lines)) if _key(lines[i]) == key), None)
        if at is None:
            print(f"  not in the output any more: {wanted}", file=sys.stderr)
            continue
        if at != last + 1:
            kept.append(_CUT)
        kept.append(lines[at])
        last = at
    if last < len(lines) - 1:
        kept.append(_CUT)
    return "\n".join(kept) + "\n"


def _key(line: str) -> str:
    return re.sub(r"[\d.,]+", "#", line)[:_KEY].rstrip()


def _run(command: list[str], name: str, outputs: dict[str, str], folder: Path) -> str:
    if name not in outputs:
        print(name.strip().splitlines()[0], file=sys.stderr, flush=True)
        environment = {**os.environ, "COLUMNS": "120", "ALIH_CACHE": str(folder / "cache")}
        found = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines = [line for line in found.stdout.splitlines() if not _PROGRESS.search(line)]
        shown = "".join(f"{line}\n" for line in lines)
        outputs[name] = shown.replace(str(folder / "cache"), _CUT).replace(f"{folder}/", "")
    return outputs[name]


def main() -> None:
    """Refresh the pages named."""
    outputs: dict[str, str] = {}
    names, last = sys.argv[1:], None
    if names[0] == "--last":
        last, names = int(names[1]), names[2:]
    with tempfile.TemporaryDirectory() as work:
        for name in names:
            path = Path(name)
            path.write_text(refreshed(path.read_text(encoding="utf-8"), outputs, Path(work), last), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
