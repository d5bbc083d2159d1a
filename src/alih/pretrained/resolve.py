"""From the name of a pre-trained model to where it is: built in, a local folder, or a repository on the Hub."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alih.errors import ModelError
from alih.pretrained.builtin import BUILT_IN
from alih.pretrained.runs import is_run, model_of

#: "new" names a recipe: random weights, which come from nowhere.
SourceKind = Literal["built-in", "folder", "file", "hub", "new"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class Source:
    """Where a pre-trained model comes from.

    Args:
        name: what the user typed; for the Hub, the repository's id; of a run, the folder of its adapted model.
        kind: built-in, a local folder, a single (legacy) checkpoint file, or the Hub.
        path: the folder or file; None for the Hub, where it is known only after the download.
        revision: branch, tag or commit on the Hub; None for its default branch, and for everything local.
        commit: the commit (40 hexadecimal digits) that a folder of the local Hub cache holds; None for everything else.
    """

    name: str
    kind: SourceKind
    path: Path | None = None
    revision: str | None = None
    commit: str | None = None


def commit_of(folder: Path) -> str | None:
    """Return the commit whose files a folder of the Hub's cache holds: …/snapshots/<commit>."""
    path = folder.resolve()
    return path.name if path.parent.name == "snapshots" and _COMMIT.fullmatch(path.name) else None


def resolve(name: str | Path, revision: str | None = None) -> Source:
    """Find out what a model's name means; reaches for no network and reads no weights.

    Args:
        name: a built-in name ("alih/minilm"), a path of a model or a run ("runs/last"), or a Hub id ("org/name").
        revision: branch, tag or commit, for a Hub id only.

    Raises:
        ModelError: nothing is there, or the name can be none of these.
        RunError: a run that holds no model.
    """
    text = os.fspath(name)
    if text not in BUILT_IN and is_run(text):
        text = str(model_of(text))
    if text in BUILT_IN:
        source = Source(text, "built-in", BUILT_IN[text].locate())
    elif _is_path(text):
        source = _local(text)
    elif text.startswith("alih/"):
        raise ModelError(f"{text}: no built-in model has this name. {_built_in_names(text)}")
    elif _HUB_ID.fullmatch(text):
        return Source(text, "hub", None, revision)
    else:
        raise ModelError(
            f"{text!r} is neither an existing folder nor a name on the Hub (org/name). {_built_in_names(text)}"
        )
    if revision is not None:
        raise ModelError(f"{text} is local, so --revision {revision} means nothing here; leave it out.")
    return source


def suggestions(name: str) -> str:
    """One sentence with the built-in names, the one that the user may have meant first."""
    return _built_in_names(name)


def _is_path(text: str) -> bool:
    if not text.strip():
        return False
    return text.startswith(("/", "./", "../", "~", ".\\", "..\\")) or text in (".", "..") or Path(text).exists()


def _local(text: str) -> Source:
    path = Path(text).expanduser()
    if path.is_dir():
        return Source(text, "folder", path, commit=commit_of(path))
    if path.is_file():
        return Source(text, "file", path)
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, siblings, n=1)
    hint = f' Did you mean "{path.parent / close[0]}"?' if close else " Check the spelling."
    raise ModelError(f"{text}: there is no such folder.{hint}")


def _built_in_names(name: str) -> str:
    short = {full.removeprefix("alih/"): full for full in BUILT_IN}
    close = difflib.get_close_matches(name.rsplit("/", 1)[-1].lower(), short, n=1, cutoff=0.5)
    meant = f"Did you mean {short[close[0]]}? " if close else ""
    return f"{meant}Built-in models: {', '.join(BUILT_IN)}."
