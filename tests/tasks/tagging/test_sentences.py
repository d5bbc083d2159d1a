"""Files of tagged words: columns, tokens with tags, texts with spans; what is recognised, refused, and said."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alih.data.examples import Damage
from alih.errors import DataError, OptionError
from alih.tasks.registry import recognised as task_of
from alih.tasks.tagging.sentences import Sentence, looks_tagged, read_plain, read_sentences
from alih.tasks.tagging.splits import read_dataset

CONLL = "-DOCSTART- -X- O\n\nJoko NNP B-PER\nWidodo NNP I-PER\ndi IN O\n\nSolo NNP B-LOC\nindah JJ O\n"


def written(path: Path, content: str | list[Any]) -> Path:
    text = content if isinstance(content, str) else "".join(json.dumps(one) + "\n" for one in content)
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> tuple[list[Sentence], list[Damage], str]:
    damaged, notes = list[Damage](), list[str]()
    return list(read_sentences(path, damaged, notes).inputs), damaged, "\n".join(notes)


def options(**given: Any) -> Any:
    return SimpleNamespace(**({"seed": 0, "validation": None, "test": None, "max_examples": None} | given))


def test_the_first_column_is_the_word_and_the_last_one_its_tag(tmp_path: Path) -> None:
    found, damaged, notes = read(written(tmp_path / "a.conll", CONLL))
    assert [(one.text, one.tags) for one in found] == [
        ("Joko Widodo di", ("B-PER", "I-PER", "O")),
        ("Solo indah", ("B-LOC", "O")),
    ]
    assert [found[0].text[start:end] for start, end in found[0].words] == ["Joko", "Widodo", "di"]
    assert not damaged
    assert not notes


def test_a_word_of_conll_u_is_its_form_with_its_part_of_speech(tmp_path: Path) -> None:
    line = "{}\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"
    rows = [
        "# text = x\n",
        line.format("1-2", "makanlah", "_"),
        line.format(1, "makan", "VERB"),
        line.format(2, "lah", "PART"),
    ]
    found, _, _ = read(written(tmp_path / "a.conllu", "".join(rows)))
    assert (found[0].text, found[0].tags) == ("makan lah", ("VERB", "PART"))


def test_a_line_without_a_tag_leaves_its_sentence_out_and_names_the_line(tmp_path: Path) -> None:
    found, damaged, _ = read(written(tmp_path / "a.txt", "Solo B-LOC\nindah\n\nBali B-LOC\n"))
    assert len(found) == 1
    assert damaged == [Damage("a.txt, line 1", "line 2 holds no word with a tag beside it")]


def test_tokens_and_texts_with_spans_say_the_same(tmp_path: Path) -> None:
    text = "Joko Widodo, Solo."
    spans = [{"start": 0, "end": 11, "label": "PER"}, {"start": 13, "end": 17, "label": "LOC"}]
    tags = ["B-PER", "I-PER", "O", "B-LOC", "O"]
    tokens = ["Joko", "Widodo", ",", "Solo", "."]
    rows = [{"text": text, "spans": spans}, {"text": text, "entities": spans}, {"tokens": tokens, "ner_tags": tags}]
    found, damaged, _ = read(written(tmp_path / "a.jsonl", rows))
    assert not damaged
    assert [one.tags for one in found] == [tuple(tags)] * 3
    assert found[0].text == text


def test_nested_spans_and_cut_words_follow_rules_that_are_said(tmp_path: Path) -> None:
    spans = [(0, 4, "PER"), (0, 11, "ORG"), (12, 15, "LOC")]
    row = {
        "text": "Joko Widodo Surakarta",
        "spans": [dict(zip(("start", "end", "label"), s, strict=True)) for s in spans],
    }
    found, _, notes = read(written(tmp_path / "a.jsonl", [row]))
    assert found[0].tags == ("B-ORG", "I-ORG", "B-LOC")
    assert "overlaps a longer one" in notes
    assert "widened to the whole word" in notes


def test_an_i_without_a_b_begins_an_entity_and_bioes_is_read_as_bio(tmp_path: Path) -> None:
    found, _, notes = read(written(tmp_path / "a.txt", "Solo I-LOC\ndan O\nJoko B-PER\nW E-PER\nAyu S-PER\n"))
    assert found[0].tags == ("I-LOC", "O", "B-PER", "I-PER", "B-PER")
    assert "1 time: an I- without a B-" in notes
    assert "2 times: a tag of BIOES" in notes


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "no JSON"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens and 1 tag"),
        ({"tokens": ["a"], "tags": [3]}, "write tags by their names"),
        ({"text": "abc", "spans": [{"start": 2, "end": 9, "label": "X"}]}, "within the text"),
        ({"text": "a  b", "spans": [{"start": 1, "end": 2, "label": "X"}]}, "covers no word"),
        ({"text": "abc"}, "neither tokens with tags nor a text with spans"),
    ],
)
def test_rows_that_cannot_be_used_are_left_out_with_a_reason(tmp_path: Path, row: Any, reason: str) -> None:
    good = json.dumps({"tokens": ["Solo"], "tags": ["B-LOC"]})
    line = row if isinstance(row, str) else json.dumps(row)
    found, damaged, _ = read(written(tmp_path / "a.jsonl", f"{good}\n{line}\n"))
    assert len(found) == 1
    assert damaged[0].origin == "a.jsonl, row 2"
    assert reason in damaged[0].reason


def test_files_and_folders_are_recognised_and_others_are_not(tmp_path: Path) -> None:
    assert "columns" in str(looks_tagged(written(tmp_path / "a.txt", CONLL * 2)))
    assert "JSON" in str(looks_tagged(written(tmp_path / "a.jsonl", [{"tokens": ["a"], "tags": ["O"]}])))
    assert task_of(tmp_path / "a.txt")[0] == "tagging"
    written(tmp_path / "train.txt", CONLL * 2)
    assert looks_tagged(tmp_path) is not None
    for name, content in (
        ("b.txt", "one line\nanother line of text\n\nthe end\n"),
        ("c.tsv", "text\tlabel\na good room\tgood\n"),
        ("d.jsonl", [{"text": "a", "label": "b"}]),
        ("e.csv", "text,label\na,b\n\n"),
    ):
        assert looks_tagged(written(tmp_path / name, content)) is None
    assert looks_tagged(tmp_path / "missing.txt") is None


def test_plain_lines_of_two_words_are_texts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "budi lahir\nayu lahir\n\nbudi lahir\n")
    damaged: list[Damage] = []
    found = read_plain(path, ("O", "B-PER"), damaged, [])
    assert [one.text for one in found.inputs] == ["budi lahir", "ayu lahir", "budi lahir"]
    assert len(damaged) == 1


def test_splits_come_from_files_or_are_drawn_with_equal_sentences_together(tmp_path: Path) -> None:
    lines = [f"kota{number % 40} B-LOC\nindah O\n\n" for number in range(80)]
    written(tmp_path / "train.txt", "".join(lines))
    written(tmp_path / "dev.txt", "Solo B-LOC\nramai B-NEW\n\n")
    drawn = read_dataset(tmp_path, options())
    assert len(drawn.validation) == 1
    assert len(drawn.train) + len(drawn.test) == 80
    assert not {one.text for one in drawn.train.inputs} & {one.text for one in drawn.test.inputs}
    assert any("B-NEW never stand" in note for note in drawn.notes)
    assert drawn.task is not None
    assert drawn.task.classes == ("O", "B-LOC")
    assert len(read_dataset(tmp_path, options(max_examples=10)).train) == 10
    with pytest.raises(OptionError, match=r"--validation: dev\.txt is that split"):
        read_dataset(tmp_path, options(validation=0.1))


@pytest.mark.parametrize(
    ("content", "words"),
    [("a O\n\nb O\n\nc O\n\nd O\n", "nothing to learn"), ("word\nword\n", "no sentence with tags")],
)
def test_data_without_anything_to_learn_are_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_dataset(written(tmp_path / "a.txt", content), options())
