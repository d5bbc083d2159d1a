"""What was written to a CSV or TSV file is what is read from it, and every row number is the file's own."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from alih.data.delimited import has_header, read_delimited

# Any character but those that end a line in ways the csv module does not define, NUL, and half characters.
CELLS = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    max_size=30,
)
ROWS = st.lists(st.tuples(CELLS, st.sampled_from(["yes", "no", "perhaps"])), min_size=1, max_size=20)


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@given(rows=ROWS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_csv_module_wrote_is_what_is_read(
    tmp_path: Path, delimiter: str, encoding: str, rows: list[tuple[str, str]]
) -> None:
    # A cell with both may look like two whole rows of a file that has bare quotes: nobody can tell them apart.
    assume(not (delimiter == "\t" and any("\t" in text and "\n" in text for text, _ in rows)))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    path = tmp_path / "table.csv"
    path.write_bytes(buffer.getvalue().encode(encoding))
    table = read_delimited(path)
    assert list(table.columns) == ["text", "label"]
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows
    assert not table.damaged


@given(rows=ROWS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_row_numbers_are_the_lines_of_the_file(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["text", "label"])
    lines = []
    for row in rows:
        lines.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    path = tmp_path / "table.csv"
    path.write_bytes(buffer.getvalue().encode())
    assert read_delimited(path).origins == [f"table.csv, row {line}" for line in lines]


def write(tmp_path: Path, content: str, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def test_blank_lines_count_but_hold_nothing(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, "text,label\n\na,b\n\n\nc,d\n"))
    assert table.origins == ["table.csv, row 3", "table.csv, row 6"]


@pytest.mark.parametrize("mark", [";", "\t", ","])
def test_the_delimiter_that_excel_names_is_taken_and_rows_keep_their_numbers(tmp_path: Path, mark: str) -> None:
    table = read_delimited(write(tmp_path, f"sep={mark}\r\ntext{mark}label\r\none{mark}a\r\ntwo{mark}b\r\n"))
    assert table.columns == {"text": ["one", "two"], "label": ["a", "b"]}
    assert table.origins == ["table.csv, row 3", "table.csv, row 4"]


def test_lines_of_comment_above_the_header_are_left_out_and_said(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, "# export of May\n# two rows\ntext,label\n#one,a\ntwo,b\n"))
    assert table.columns == {"text": ["#one", "two"], "label": ["a", "b"]}
    assert table.origins == ["table.csv, row 4", "table.csv, row 5"]
    assert table.notes == ("table.csv: left out 2 lines at the top that begin with #",)


def test_commas_in_texts_do_not_hide_the_semicolon(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, "text;label\none, two, three;a\nfour, five;b\nsix;a\n"))
    assert table.columns["text"] == ["one, two, three", "four, five", "six"]


def test_bare_quotes_in_a_tab_separated_file_are_characters(tmp_path: Path) -> None:
    content = 'text\tlabel\n"bagus sekali\tpos\nukuran 5" saja\tneg\njelek"\tneg\n'
    table = read_delimited(write(tmp_path, content, "table.tsv"))
    assert table.columns["text"] == ['"bagus sekali', 'ukuran 5" saja', 'jelek"']
    assert any("quotes" in note for note in table.notes)


def test_quoted_cells_in_a_tab_separated_file_are_unquoted(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, 'text\tlabel\n"said ""hi"""\tpos\n"tab\there"\tneg\n', "table.tsv"))
    assert table.columns["text"] == ['said "hi"', "tab\there"]


def test_a_broken_quote_costs_one_row_not_the_rest_of_the_file(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, 'text,label\nfirst,a\n"never closed,a\nthird,b\nfourth,a\n'))
    assert [damage.origin for damage in table.damaged] == ["table.csv, row 3"]
    assert table.columns["text"] == ["first", "third", "fourth"]


def test_a_quote_that_swallows_rows_is_said(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, 'text,label\nfirst,a\n"second,a\nthird",b\nfourth,b\n'))
    assert any("row 3" in note and "never closed" in note for note in table.notes)


def test_trailing_empty_cells_are_no_damage(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, "text,label\na,b,,\nc,d\n"))
    assert table.columns["label"] == ["b", "d"]
    assert not table.damaged


def test_the_csv_modules_limit_is_put_back(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    table = read_delimited(write(tmp_path, f"text,label\n{'x' * 200_000},a\nshort,b\n"))
    assert len(str(table.columns["text"][0])) == 200_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    "rows",
    [
        [["text", "label"], ["a", "b"]],
        [["ulasan", "sentimen"], ["bagus", "positif"]],
        [["", "review_text", "stars"], ["0", "fine", "4"]],
        [["frage", "antwort"], ["was ist das", "x"], ["wer ist das", "y"]],
    ],
)
def test_a_header_is_recognised(rows: list[list[str]]) -> None:
    assert has_header(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [["tempat nya bagus sekali", "positive"], ["jelek", "negative"], ["enak", "positive"]],
        [["1", "the film was fine"], ["0", "the film was bad"]],
        [["good review", "yes"], ["bad review", "no"], ["fine", "yes"]],
        [["what is this", "question"], ["a thing", "answer"], ["and that", "question"]],
        [["a long sentence that nobody would take as a name for a whole column", "x"], ["b", "y"]],
    ],
)
def test_an_example_is_not_taken_as_a_header(rows: list[list[str]]) -> None:
    assert not has_header(rows)


def test_a_column_that_the_caller_names_makes_a_header() -> None:
    rows = [["a", "b"], ["a", "c"]]
    assert not has_header(rows)
    assert has_header(rows, expected=["b"])
