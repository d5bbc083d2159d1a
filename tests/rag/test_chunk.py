"""Chunks fit, say where they come from, and change only where the text does."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.errors import OptionError
from alih.rag.chunk import Chunk, ChunkOptions, chunk
from alih.rag.document import Composer, Document
from alih.rag.readers.text import paragraphs


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) or 1 for text in texts]


def document(text: str) -> Document:
    return Document("a.txt", "text", text, tuple(paragraphs(text)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=6), min_size=1, max_size=8),
    st.integers(16, 40),
    st.integers(0, 7),
)
def test_chunks_are_verbatim_fit_and_cover_every_word(shape: list[list[int]], size: int, overlap: int) -> None:
    text = "\n\n".join(" ".join(" ".join(["word"] * count) + "." for count in paragraph) for paragraph in shape)
    found = chunk(document(text), ChunkOptions(size, overlap), words)
    covered = set()
    for one in found:
        assert one.text == text[one.start : one.end]
        assert len(one.text.split()) <= size
        covered |= set(range(one.start, one.end))
    assert all(place in covered for place, character in enumerate(text) if not character.isspace())


def test_headings_are_never_mixed() -> None:
    composer = Composer()
    for heading in ("A", "B"):
        for number in range(3):
            composer.add(f"Text {number} of {heading}.", [heading])
    found = chunk(composer.document("x", "docx"), ChunkOptions(), words)
    assert {one.headings for one in found} == {("A",), ("B",)}
    assert all(f"of {'AB'[1 - 'AB'.index(one.headings[0])]}" not in one.text for one in found)
    assert found[0].embedded.startswith("A\n")


def test_a_chunk_over_two_pages_knows_where_each_begins() -> None:
    composer = Composer()
    composer.add("First page.", page=1, place="page 1")
    composer.add("Second page.", page=2, place="page 2")
    found = chunk(composer.document("x", "pdf"), ChunkOptions(), words)
    places = [(one.text[offset:].split()[0], page) for one in found for offset, page, _ in one.places]
    assert places == [("First", 1), ("Second", 2)]


def test_overlap_repeats_whole_sentences_of_the_chunk_before() -> None:
    text = " ".join(f"This is sentence number {number} here." for number in range(20))
    plain = chunk(document(text), ChunkOptions(30), words)
    lapped = chunk(document(text), ChunkOptions(30, 7), words)
    assert all(a.end <= b.start for a, b in pairwise(plain))
    assert any(b.start < a.end for a, b in pairwise(lapped))


def test_one_changed_paragraph_changes_only_the_chunks_around_it() -> None:
    generator = random.Random(0)
    told = [
        " ".join(f"w{generator.randrange(5000)}" for _ in range(generator.randrange(5, 60))) + "." for _ in range(200)
    ]
    before = {one.text for one in chunk(document("\n\n".join(told)), ChunkOptions(100), words)}
    fresh = []
    for place in range(0, 200, 10):
        changed = [*told]
        changed[place] += " More words."
        fresh.append(
            len({one.text for one in chunk(document("\n\n".join(changed)), ChunkOptions(100), words)} - before)
        )
    assert sum(fresh) / len(fresh) < 2.5
    assert max(fresh) <= 6


def test_equal_chunks_have_equal_identities_unless_their_readers_differ() -> None:
    one, other = (Chunk("Same text.", start, start + 10, ("H",), ((0, None, ""),)) for start in (0, 50))
    assert one.identity() == other.identity()
    assert one.identity(["hr"]) != one.identity()
    assert one.identity(["a", "b"]) == one.identity(["b", "a"])


@pytest.mark.parametrize(("size", "overlap"), [(15, 0), (100, 50), (100, -1)])
def test_sizes_that_make_no_sense_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(OptionError):
        ChunkOptions(size, overlap)


def test_a_word_without_end_is_cut_too() -> None:
    found = chunk(document("x" * 1000), ChunkOptions(20), lambda texts: [len(text) for text in texts])
    assert "".join(one.text for one in found) == "x" * 1000
