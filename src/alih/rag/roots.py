"""The folders that a library was given: their labels, and which documents are theirs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from alih.errors import OptionError
from alih.rag.catalogue import Root

NOBODY = "none"


def root_for(
    roots: Sequence[Root], home: Path, access: Sequence[str] | None, tags: Sequence[str] | None, *, whole: bool
) -> Root:
    """The entry of a folder: the one it has, else a new one, named after it and unlike all others.

    Args:
        roots: those there are.
        home: the folder, resolved.
        access, tags: of its documents; None keeps those that the folder has.
        whole: all of it goes in, not single files.

    Raises:
        OptionError: a single file with other labels or tags than the folder it is in; or a folder around or inside one
            that not everybody may read, without a word on who may read this one.
    """
    same = next((root for root in roots if root.path == str(home)), None)
    # The label of a folder that is gone goes to the one that has its name now: it was moved.
    taken = {root.label for root in roots if not root.path or Path(root.path).is_dir()}
    base = home.name or "documents"
    before = same or next((root for root in roots if root.label == base and base not in taken), None)
    if before is None and access is None:
        _refuse_to_publish(roots, home)
    labels = tuple(access) if access is not None else before.access if before is not None else ()
    marks = tuple(tags) if tags is not None else before.tags if before is not None else ()
    if same is not None:
        if whole:
            return replace(same, access=labels, tags=marks, whole=True)
        if (labels, marks) != (same.access, same.tags):
            raise OptionError(
                f"--access, --tag: {home} was indexed with other labels or tags, and a folder has one set of them. "
                "Put the file into another folder, or index the whole folder again."
            )
        return same
    label, number = base, 2
    while label in taken:
        label, number = f"{base}-{number}", number + 1
    return Root(label, str(home), labels, marks, whole)


def _refuse_to_publish(roots: Sequence[Root], home: Path) -> None:
    """What not everybody may read does not become public by another way to the same files."""
    for root in roots:
        if root.access and root.path and (home.is_relative_to(root.path) or Path(root.path).is_relative_to(home)):
            raise OptionError(
                f"--access: {root.path} is for {', '.join(root.access)} alone, and shares its files with {home}. "
                f"Say who may read them here: --access LABEL, or --access {NOBODY} for everybody."
            )


def documents_at(name: str, roots: Sequence[Root], known: Collection[str]) -> list[str]:
    """Documents that a name means: the document itself, a folder of them, or the path of either."""
    plain = name.rstrip("/").removeprefix("./")
    wanted = [plain]
    path = Path(name).expanduser().resolve()
    wanted += [
        f"{root.label}/{path.relative_to(root.path).as_posix()}".removesuffix("/.")
        for root in roots
        if root.path and path.is_relative_to(root.path)
    ]
    return [one for one in known if any(one == place or one.startswith(f"{place}/") for place in wanted)]


def check_labels(access: Sequence[str], tags: Sequence[str]) -> None:
    """Refuse labels and tags that cannot be any.

    Raises:
        OptionError: an empty label, or a tag that is not key=value.
    """
    for label in access:
        if not label.strip():
            raise OptionError("--access: an empty label. Name one.")
        if label == NOBODY:
            raise OptionError(f"--access {NOBODY}: means no label, and stands alone. Leave it or the others out.")
    for tag in tags:
        key, sign, value = tag.partition("=")
        if not (key.strip() and sign and value.strip()):
            raise OptionError(f'--tag "{tag}": a tag is key=value.')
