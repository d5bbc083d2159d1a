"""Malformed inputs: folders of pictures, folders of tables, and tables of paths."""

from __future__ import annotations

import os
from pathlib import Path

from .malformed import GOOD, Case, bomb, both, file, paths_table, photos, png, rows


def loop(folder: Path) -> None:
    (folder / "photos").mkdir()
    os.symlink(folder / "photos", folder / "photos" / "again", target_is_directory=True)


FOLDERS = [
    Case("an empty folder", lambda f: (f / "photos").mkdir(), ("photos", "empty", "Give"), "photos"),
    Case(
        "a folder with nothing usable",
        file("x", "photos/notes.doc"),
        ("photos", "nothing here can be read", "notes.doc"),
        "photos",
    ),
    Case(
        "pictures without class folders",
        both(file(png(), "photos/1.png"), file(png(shade=9), "photos/2.png")),
        ("photos", "2 pictures", "sub-folder"),
        "photos",
    ),
    Case("one class folder", file(png(), "photos/cat/1.png"), ("photos", "1 usable example"), "photos"),
    Case(
        "many pictures of one class",
        both(*(file(png(shade=n), f"photos/cat/{n}.png") for n in range(12))),
        ("photos", '"cat"', "at least 2 classes"),
        "photos",
    ),
    Case("a loop of links", loop, ("photos", "nothing here can be read"), "photos"),
    Case(
        "most pictures no pictures",
        photos(lambda n, c: b"not a picture" if n % 2 else None),
        ("photos/cat/1.png", "not a picture that can be opened", "Mend"),
        "photos",
    ),
    Case(
        "most pictures cut short",
        photos(lambda n, c: png(64, 64, n)[:60] if n % 2 else None),
        ("photos/cat/1.png", "picture", "Mend"),
        "photos",
    ),
    Case(
        "pictures of 0 bytes",
        photos(lambda n, c: b"" if n % 2 else None),
        ("photos/cat/1.png", "0 bytes", "Mend"),
        "photos",
    ),
    Case(
        "decompression bombs",
        photos(lambda n, c: bomb() if n % 2 else None),
        ("photos/cat/1.png", "million", "scale it down"),
        "photos",
    ),
    Case(
        "tables without a train file",
        both(file(GOOD, "data/one.csv"), file(GOOD, "data/two.csv")),
        ("data", "one.csv, two.csv", "rename them train.csv"),
        "data",
    ),
    Case(
        "tables of several datasets",
        both(file(GOOD, "data/en-train.csv"), file(GOOD, "data/id-train.csv")),
        ("data", '"en", "id"', "star"),
        "data",
    ),
    Case("a pattern that matches nothing", lambda f: None, ("nothing-*.csv", "no file matches"), "nothing-*.csv"),
    Case(
        "files with other columns",
        both(file(GOOD, "data/train.csv"), file(GOOD.replace("text,", "teks,"), "data/test.csv")),
        ("test.csv", '"text"', "same columns"),
        "data",
    ),
    Case(
        "a test label unknown to training",
        both(file(GOOD, "data/train.csv"), file(rows("new text,yess", "another,no"), "data/test.csv")),
        ("test.csv, row 2", '"yess"', 'Did you mean "yes"'),
        "data",
    ),
    Case(
        "two folders of one split",
        both(
            photos(),
            lambda f: (f / "photos").rename(f / "train"),
            lambda f: (f / "all").mkdir(),
            lambda f: (f / "train").rename(f / "all" / "train"),
            lambda f: (f / "all" / "val").mkdir(),
            lambda f: (f / "all" / "valid").mkdir(),
        ),
        ("val/ and valid/", "validation", "rename"),
        "all",
    ),
    Case(
        "paths that leave the folder",
        paths_table(lambda n: f"../photos/{'cat' if n % 2 else 'dog'}/{n}.png,{n % 2}"),
        ("reviews.csv, row 2", "outside", "absolute paths"),
    ),
    Case(
        "paths to missing pictures",
        paths_table(lambda n: f"photos/{'cat' if n % 2 else 'cow'}/{n}.png,{n % 2}"),
        ("reviews.csv, row 2", "photos/cow/0.png", "no such file"),
    ),
]
