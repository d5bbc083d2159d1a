"""Inputs to predict line up with their file; labels to evaluate are the model's own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from alih.data.examples import Columns, Damage
from alih.data.read import read_inputs, read_labelled
from alih.errors import DataError
from alih.task import Kind, Modality, Task

from .heard import Heard

TEXT = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"))
IMAGE = Task(Modality.IMAGE, Kind.SINGLE, ("cat", "dog"))
Pair = tuple[str, str]
COLUMNS = Columns(("text",), "label")


def write(tmp_path: Path, content: str, name: str = "new.csv") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_the_column_of_training_is_taken(tmp_path: Path) -> None:
    found = read_inputs(
        write(tmp_path, "id,other,text\n1,long words over here,a\n2,and here as well,b\n"), TEXT, COLUMNS
    )
    assert list(found.inputs) == ["a", "b"]
    assert found.labels is None
    assert list(found.origins) == ["new.csv, row 2", "new.csv, row 3"]


def test_a_file_whose_column_is_called_otherwise_is_recognised(tmp_path: Path) -> None:
    assert list(read_inputs(write(tmp_path, "review,label\ngood,yes\nbad,no\n"), TEXT, COLUMNS).inputs) == [
        "good",
        "bad",
    ]


def test_a_text_file_is_one_text_a_line(tmp_path: Path) -> None:
    damaged: list[Damage] = []
    found = read_inputs(write(tmp_path, "first, with comma\n\nsecond\n", "new.txt"), TEXT, COLUMNS, damaged=damaged)
    assert list(found.inputs) == ["first, with comma", "second"]
    assert list(found.origins) == ["new.txt, row 1", "new.txt, row 3"]
    assert damaged == [Damage("new.txt, row 2", "the line is empty")]


def test_damaged_rows_stop_prediction_unless_the_caller_takes_them(tmp_path: Path) -> None:
    path = write(tmp_path, "text,n\na,1\n,2\nc,3\nd,4\ne,5\n")
    with pytest.raises(DataError, match=r"new.csv, row 3: .*empty"):
        read_inputs(path, TEXT, COLUMNS)
    damaged: list[Damage] = []
    assert list(read_inputs(path, TEXT, COLUMNS, damaged=damaged).inputs) == ["a", "c", "d", "e"]
    assert [damage.origin for damage in damaged] == ["new.csv, row 3"]


def test_pairs_need_two_columns(tmp_path: Path) -> None:
    pairs = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"), pair=True)
    columns = Columns(("premise", "hypothesis"), "label")
    found = read_inputs(write(tmp_path, "premise,hypothesis\na,b\nc,d\n"), pairs, columns)
    assert list(found.inputs) == [("a", "b"), ("c", "d")]
    with pytest.raises(DataError, match="pairs of texts"):
        read_inputs(write(tmp_path, "text,label\na,yes\nc,no\n"), pairs, columns)


def test_a_model_for_pictures_refuses_texts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the model takes pictures"):
        read_inputs(write(tmp_path, "text,label\na,yes\nc,no\n"), IMAGE, Columns())


def test_pictures_of_a_folder_however_deep_and_a_single_one(tmp_path: Path) -> None:
    for name in ("b.png", "sub/a.png"):
        (tmp_path / "new" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / "new" / name)
    found = read_inputs(tmp_path / "new", IMAGE, Columns())
    assert list(found.origins) == ["new/b.png", "new/sub/a.png"]
    assert list(read_inputs(tmp_path / "new" / "b.png", IMAGE, Columns()).inputs) == [tmp_path / "new" / "b.png"]


def test_labels_are_encoded_by_the_models_classes(tmp_path: Path) -> None:
    found = read_labelled(write(tmp_path, "text,label\na,yes\nb,yes\n"), TEXT, COLUMNS)
    assert found.known_labels.tolist() == [1, 1]


def test_numbers_of_classes_may_be_written_either_way(tmp_path: Path) -> None:
    task = Task(Modality.TEXT, Kind.SINGLE, ("0", "1"))
    assert read_labelled(write(tmp_path, "text,label\na,1.0\nb,0\n"), task, COLUMNS).known_labels.tolist() == [1, 0]


def test_a_label_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'new.csv, row 3: label "yess" .*Did you mean "yes"'):
        read_labelled(write(tmp_path, "text,label\na,yes\nb,yess\n"), TEXT, COLUMNS)


def test_several_labels_and_numbers(tmp_path: Path) -> None:
    several = Task(Modality.TEXT, Kind.MULTI, ("x", "y"))
    found = read_labelled(write(tmp_path, "text,label\na,x;y\nb,y\nc,\n"), several, COLUMNS)
    assert found.known_labels.tolist() == [[1, 1], [0, 1], [0, 0]]
    columns = Columns(("text",), "x,y")
    found = read_labelled(write(tmp_path, "text,x,y\na,1,1\nb,0,1\n"), several, columns)
    assert found.known_labels.tolist() == [[1, 1], [0, 1]]
    number = Task(Modality.TEXT, Kind.REGRESSION)
    assert read_labelled(write(tmp_path, "text,label\na,1.5\nb,2\n"), number, COLUMNS).known_labels.tolist() == [
        1.5,
        2.0,
    ]


def test_the_test_split_of_a_folder_is_evaluated(tmp_path: Path) -> None:
    write(tmp_path, "text,label\na,yes\nb,no\n", "train.csv")
    write(tmp_path, "text,label\nc,yes\n", "test.csv")
    assert list(read_labelled(tmp_path, TEXT, COLUMNS).inputs) == ["c"]


def test_class_folders_are_evaluated(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "new" / name).mkdir(parents=True)
        Image.new("L", (4, 4), len(name)).save(tmp_path / "new" / name / "1.png")
    assert read_labelled(tmp_path / "new", IMAGE, Columns()).known_labels.tolist() == [0, 1]


def test_a_file_without_a_header_is_read_as_in_training(tmp_path: Path) -> None:
    path = write(tmp_path, "tempat nya bagus\tyes\ntempat nya jelek\tno\nenak sekali ya\tyes\n", "new.tsv")
    found = read_labelled(path, TEXT, Columns(("column 1",), "column 2"))
    assert found.known_labels.tolist() == [1, 0, 1]
    assert list(read_inputs(path, TEXT, Columns(("column 1",), "column 2")).inputs)[2] == "enak sekali ya"


def test_splits_that_are_left_aside_are_said(tmp_path: Path) -> None:
    for split, rows in (("train", 6), ("validation", 3), ("test", 2)):
        write(tmp_path, "text,label\n" + "".join(f"{split} text {n},yes\n" for n in range(rows)), f"{split}.csv")
    for reading in (read_labelled, read_inputs):
        notes: list[str] = []
        found = reading(tmp_path, TEXT, COLUMNS, notes=notes)
        assert list(found.inputs) == ["test text 0", "test text 1"]
        assert notes[:1] == [
            f"{tmp_path.name}: only its test split is used (2 rows); left aside: train (6 rows), validation (3 rows). "
            "Name the file or folder of another split to use that one."
        ]


def test_splits_of_pictures_that_are_left_aside_are_said(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for n in range(count):
                Image.new("L", (4, 4), n + 10 * (name == "dog")).save(tmp_path / split / name / f"{n}.png")
    notes: list[str] = []
    assert len(read_labelled(tmp_path, IMAGE, Columns(), notes=notes)) == 4
    assert "only its test split is used (4 rows); left aside: train (6 rows)" in notes[0]


def test_a_source_without_splits_gives_no_note(tmp_path: Path) -> None:
    notes: list[str] = []
    read_labelled(write(tmp_path, "text,label\na,yes\nb,no\n"), TEXT, COLUMNS, notes=notes)
    assert notes == ["new.csv: took text as text"]


def test_reading_for_a_model_says_how_far_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\n" + "".join(f"text {n},yes\n" for n in range(30)))
    for reading in (read_labelled, read_inputs):
        heard = Heard()
        reading(path, TEXT, COLUMNS, progress=heard)
        assert heard.steps == {"Reading new.csv": (31, 31), "Checking the texts of new.csv": (30, 30)}


PROSE = [f"the {n}th thing was delivered in good order today" for n in range(10)]


def test_the_column_taken_is_said_and_what_it_stands_for(tmp_path: Path) -> None:
    for header, said in (
        ("text", "new.csv: took text as text"),
        ("Text", "new.csv: took Text as text"),
        ("review", 'new.csv: took review as text, in place of "text"'),
    ):
        notes: list[str] = []
        path = write(tmp_path, f"id,{header}\n" + "".join(f"{n},{text}\n" for n, text in enumerate(PROSE)))
        assert list(read_inputs(path, TEXT, COLUMNS, notes=notes).inputs) == PROSE
        assert notes == [said]


def test_where_several_columns_fit_the_user_is_asked(tmp_path: Path) -> None:
    lines = [f"{n},{text.replace('the', 'a')},{text},true" for n, text in enumerate(PROSE)]
    path = write(tmp_path, "id,description,customer_says,label\n" + "\n".join(lines))
    with pytest.raises(DataError, match=r'no column "text".*"description", "customer_says".*--text'):
        read_inputs(path, TEXT, COLUMNS)
    chosen = Columns(("customer_says",), "label")
    assert list(read_inputs(path, TEXT, chosen, typed=chosen.inputs).inputs) == PROSE


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def test_standard_input_is_an_input_a_line_and_blank_lines_keep_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, "first, with comma\r\n\r\nsécond\n".encode())
    damaged: list[Damage] = []
    found = read_inputs("-", TEXT, COLUMNS, damaged=damaged)
    assert list(found.inputs) == ["first, with comma", "sécond"]
    assert list(found.origins) == ["standard input, row 1", "standard input, row 3"]
    assert damaged == [Damage("standard input, row 2", "the line is empty")]


def test_pairs_on_standard_input_have_a_tab_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"), pair=True)
    piped(monkeypatch, b"a\tb\nc\td\n")
    assert list(read_inputs("-", pairs, Columns(("premise", "hypothesis"))).inputs) == [("a", "b"), ("c", "d")]
    piped(monkeypatch, b"a b\n")
    with pytest.raises(DataError, match=r"standard input, row 1: .*one tab"):
        read_inputs("-", pairs, Columns(("premise", "hypothesis")))


@pytest.mark.parametrize(
    "data", [b"text,label\na,yes\nb,no\n", b'{"text": "a", "label": "yes"}\n{"text": "b", "label": "no"}\n']
)
def test_a_labelled_table_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    piped(monkeypatch, data)
    found = read_labelled("-", TEXT, COLUMNS)
    assert (list(found.inputs), found.known_labels.tolist()) == (["a", "b"], [1, 0])


def test_standard_input_that_is_empty_or_no_utf8_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"fine\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"standard input, row 2: byte 8 \(0xE9\) is not UTF-8"):
        read_inputs("-", TEXT, COLUMNS)
    piped(monkeypatch, b" \n")
    with pytest.raises(DataError, match="standard input: is empty"):
        read_inputs("-", TEXT, COLUMNS)


def test_blank_lines_of_a_table_of_one_column_keep_their_place(tmp_path: Path) -> None:
    damaged: list[Damage] = []
    found = read_inputs(write(tmp_path, "text\na\n\nb\n\n"), TEXT, COLUMNS, damaged=damaged)
    assert list(found.origins) == ["new.csv, row 2", "new.csv, row 4"]
    assert damaged == [Damage("new.csv, row 3", "the line is empty")]


@pytest.mark.parametrize("known", [("false", "true"), ("0", "1"), ("False", "True")])
@pytest.mark.parametrize("cells", [("True", "False"), ("1", "0"), ("TRUE", "FALSE"), ("true", "false")])
def test_truth_values_are_the_models_in_every_spelling(
    tmp_path: Path, known: tuple[str, str], cells: tuple[str, str]
) -> None:
    task = Task(Modality.TEXT, Kind.SINGLE, known)
    path = write(tmp_path, f"text,label\na,{cells[0]}\nb,{cells[1]}\n")
    assert read_labelled(path, task, COLUMNS).known_labels.tolist() == [1, 0]


def test_numbers_that_do_not_tell_are_read_as_those_of_training(tmp_path: Path) -> None:
    number = Task(Modality.TEXT, Kind.REGRESSION)
    path = write(tmp_path, 'text,label\na,"1,234"\nb,"2,345"\n')
    for decimal, expected in ((",", [1.234, 2.345]), (".", [1234, 2345])):
        found = read_labelled(path, number, Columns(("text",), "label", decimal=decimal))
        assert found.known_labels.tolist() == pytest.approx(expected)
    notes: list[str] = []
    assert read_labelled(path, number, COLUMNS, notes=notes).known_labels.tolist() == [1234, 2345]
    assert any('"1,234" is read as 1234' in note for note in notes)
    plain = write(tmp_path, "text,label\na,1234.5\nb,2.25\n")
    assert read_labelled(plain, number, Columns(("text",), "label", decimal=",")).known_labels.tolist() == [
        1234.5,
        2.25,
    ]
