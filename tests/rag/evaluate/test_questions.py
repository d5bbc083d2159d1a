"""Questions are read with the line of each mistake, and what was found is graded by documents or pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from alih.errors import DataError
from alih.rag.catalogue import Root, SourceRow
from alih.rag.evaluate.questions import Question, grades, read_questions, resolve
from alih.rag.passage import Passage


def read(tmp_path: Path, *lines: str) -> list[Question]:
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_questions(path)


def test_every_form_is_understood(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '{"question": "a?", "answer": "x", "source": "d.md"}',
        "",
        '{"question": "b?", "answers": ["x", 12], "sources": ["d.md", "e.md"], "page": 3}',
        '{"question": "c?", "answer": ""}',
        '{"question": "d?", "source": {"d.md": 3, "e.md": 0}}',
    )
    assert found == [
        Question("a?", ("x",), {"d.md": 1}),
        Question("b?", ("x", "12"), {"d.md": 1, "e.md": 1}, 3),
        Question("c?", ()),
        Question("d?", None, {"d.md": 3}),
    ]
    assert [one.unanswerable for one in found] == [False, False, True, False]
    assert [one.ranked for one in found] == [True, True, False, True]


def test_a_list_is_read_too(tmp_path: Path) -> None:
    assert read(tmp_path, '[{"question": "a?", "answer": []}]') == [Question("a?", ())]


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"question": "a?"', "line 2: not valid JSON"),
        ('"a?"', "line 2: not an object"),
        ('{"qestion": "a?"}', 'line 2: has no "question". Did you mean "question"'),
        ('{"question": " "}', 'line 2: has no "question"'),
        ('{"question": "a?", "answer": {"x": 1}}', 'line 2: "answer" is neither'),
        ('{"question": "a?", "answer": "x", "source": 3}', 'line 2: "source" is'),
        ('{"question": "a?", "answer": "x", "source": {"d": -1}}', 'line 2: "source" is'),
        ('{"question": "a?", "answer": "x", "page": "3"}', 'line 2: "page" is'),
        ('{"question": "a?", "answer": "", "source": "d.md"}', "line 2: has a source but no answer"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read(tmp_path, '{"question": "ok?", "answer": "x"}', line)


def test_missing_and_empty_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no questions"):
        read(tmp_path)
    with pytest.raises(DataError, match=r'no such file\. Did you mean "q.jsonl"'):
        read_questions(tmp_path / "p.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "caf\xe9"}')
    with pytest.raises(DataError, match="UTF-8"):
        read_questions(tmp_path / "latin.jsonl")


def test_sources_are_found_by_name_path_and_unique_ending(tmp_path: Path) -> None:
    roots = [Root("docs", str(tmp_path / "docs"))]
    known = ["docs/a.md", "docs/sub/a.md", "docs/sub/b.md"]

    def named(told: str) -> list[str]:
        return list(resolve([Question("?", ("x",), {told: 1})], roots, known)[0].relevant)

    assert named("docs/a.md") == ["docs/a.md"]
    assert named(str(tmp_path / "docs" / "sub" / "b.md")) == ["docs/sub/b.md"]
    assert named("b.md") == ["docs/sub/b.md"]
    with pytest.raises(DataError, match=r"could be docs/a\.md, docs/sub/a\.md"):
        named("a.md")
    with pytest.raises(DataError, match="is no document of the library"):
        named("c.md")


def passage(*documents: str, text: str = "x", page: int | None = None) -> Passage:
    rows = tuple(SourceRow(name, 0, "c", 0, 1, (), ((0, page, ""),)) for name in documents)
    return Passage("c", text, "", rows, 1.0)


def test_documents_are_ranked_at_their_first_passage() -> None:
    question = Question("?", ("x",), {"b": 2, "c": 1})
    found = [passage("a"), passage("a"), passage("b"), passage("b"), passage("d", "c")]
    assert grades(question, found, None) == ([0, 2, 1], [2, 1])


def test_pages_are_ranked_where_a_page_is_asked_for() -> None:
    question = Question("?", ("x",), {"a": 1}, page=2)
    found = [passage("a", page=1), passage("b", page=2), passage("a", page=2)]
    assert grades(question, found, None) == ([0, 0, 1], [1])


def test_without_sources_the_first_passage_with_the_answer_counts() -> None:
    found = [passage("a", text="no"), passage("b", text="yes"), passage("c", text="yes")]
    assert grades(Question("?", ("yes",)), found, lambda text: text == "yes") == ([0, 1, 0], [1])


def test_with_a_verbatim_answer_the_passage_is_to_be_found_not_just_its_document() -> None:
    found = [passage("a", text="no"), passage("b", text="yes"), passage("a", text="yes"), passage("a", text="yes")]
    question = Question("?", ("yes",), {"a": 1}, verbatim=True)
    assert grades(question, found, lambda text: text == "yes") == ([0, 0, 1, 0], [1])
