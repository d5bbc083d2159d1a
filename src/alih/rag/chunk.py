"""Chunks: pieces of a document that fit the embedding model, cut where its structure allows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from alih.errors import OptionError
from alih.rag.document import Block, Document
from alih.rag.fold import fold
from alih.rag.sentences import sentence_spans

#: Gives the number of the embedding model's tokens in each of many texts.
CountTokens = Callable[[Sequence[str]], list[int]]

_HEADING_CHARACTERS = 160
_ROW_CHARACTERS = 80
#: Characters of a sentence, for each token of a chunk, beyond which it is cut unread: words have four to eight a token.
_WINDOW_CHARACTERS = 12
_COUNTED_TOGETHER = 2000
#: White space between two pieces of a chunk, at most: a chunk is a slice of its document.
_WIDEST_GAP = 400


@dataclass(frozen=True)
class ChunkOptions:
    """How documents are cut.

    Args:
        size: most tokens of a chunk, in the embedding model's own; headings are not counted.
        overlap: tokens of whole sentences that a chunk repeats from the one before it, under the same heading.

    Raises:
        OptionError: a size below 16, or an overlap that is not below half of the size.
    """

    size: int = 180
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.size < 16:
            raise OptionError(f"--chunk-size {self.size}: at least 16 tokens.")
        if not 0 <= self.overlap < self.size / 2:
            raise OptionError(f"--overlap {self.overlap}: from 0 to below half of the chunk size ({self.size}).")


@dataclass(frozen=True)
class Chunk:
    """A piece of a document; `document.text[start:end] == text`.

    Args:
        text: verbatim.
        start, end: in characters of the document's text.
        headings: above it.
        places: (offset in the chunk, page, place) of each block in it, in order.
    """

    text: str
    start: int
    end: int
    headings: tuple[str, ...]
    places: tuple[tuple[int, int | None, str], ...]

    @property
    def heading(self) -> str:
        """The headings as one line, cut from the left to the innermost ones where they are long."""
        return " › ".join(self.headings)[-_HEADING_CHARACTERS:]

    @property
    def embedded(self) -> str:
        """What the embedding model reads: the headings, then the text."""
        return f"{self.heading}\n{self.text}" if self.headings else self.text

    def identity(self, access: Sequence[str] = (), tags: Sequence[str] = ()) -> str:
        """Hash of what is read, and of who may see it under which tags.

        Chunks that are equal but for letter case, spaces and typography are stored once, unless labels or tags differ.
        """
        told = "\0".join((*sorted(access), "", *sorted(tags), "", fold(self.embedded)))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True)
class _Piece:
    """A sentence, or a part of one: the smallest thing that is moved."""

    start: int
    end: int
    tokens: int


def chunk(document: Document, options: ChunkOptions, count: CountTokens) -> list[Chunk]:
    """Cut a document into chunks.

    Blocks under different headings never share one. Short paragraphs are put together; where a chunk ends among them
    follows from their content, so that a changed paragraph moves its neighbours' borders only a little, and a paragraph
    of half the size or more stands alone. Long paragraphs are cut between sentences, long sentences between words. A
    row of a table is whole; one that no model could read at once is cut between its cells, each part under its first.
    """
    found: list[Chunk] = []
    size = options.size - options.overlap
    every = iter(_pieces(document, options.size, size, count))
    for blocks in _sections(document):
        pieces = [next(every) for _ in blocks]
        if blocks[0].alone:
            found += _row(document, blocks[0], pieces[0], options.size, count)
            continue
        groups = list(_packed(document.text, blocks, pieces, size))
        previous: list[_Piece] = []
        for group in groups:
            extra = _tail(previous, options.overlap)
            found.append(_made(document, [*extra, *group]))
            previous = group
    return found


def _sections(document: Document) -> Iterator[list[Block]]:
    """Runs of blocks that may share a chunk: one heading path, nothing left out in between."""
    run: list[Block] = []
    for block in document.blocks:
        if run and (
            block.headings != run[-1].headings
            or block.alone
            or run[-1].alone
            or block.start - run[-1].end > _WIDEST_GAP
            or document.text[run[-1].end : block.start].strip()
        ):
            yield run
            run = []
        run.append(block)
    if run:
        yield run


def _row(document: Document, block: Block, pieces: list[_Piece], size: int, count: CountTokens) -> list[Chunk]:
    """The chunks of a row: one, or several that repeat its first cell, and the column's name inside a long cell."""
    text = document.text
    if len(pieces) == 1:
        return [_made(document, pieces)]
    lines = _lines(text, block)
    first = text[slice(*lines[0])][:_ROW_CHARACTERS]
    groups: list[tuple[list[_Piece], str]] = []
    for span in lines:
        name = text[slice(*span)].partition(": ")[0][:_ROW_CHARACTERS]
        for part, piece in enumerate(_counted(text, [[span]], [size], count)[0]):
            if part:
                groups.append(([piece], name))
            elif groups and not groups[-1][1] and sum(one.tokens for one in groups[-1][0]) + piece.tokens <= size:
                groups[-1][0].append(piece)
            else:
                groups.append(([piece], ""))
    return [
        _below(_made(document, group), first if number else "", name) for number, (group, name) in enumerate(groups)
    ]


def _lines(text: str, block: Block) -> list[tuple[int, int]]:
    spans, start = [], block.start
    for line in text[block.start : block.end].split("\n"):
        if line.strip():
            spans.append((start, start + len(line.rstrip())))
        start += len(line) + 1
    return spans


def _below(made: Chunk, *headings: str) -> Chunk:
    return replace(made, headings=(*made.headings, *(heading for heading in headings if heading)))


def _pieces(document: Document, row_size: int, size: int, count: CountTokens) -> list[list[_Piece]]:
    """The pieces of every block: its sentences, or the whole row, those that are too long cut."""
    text = document.text
    spans = [
        [(block.start, block.end)]
        if block.alone
        else [(block.start + start, block.start + end) for start, end in sentence_spans(text[block.start : block.end])]
        for block in document.blocks
    ]
    return _counted(text, spans, [row_size if block.alone else size for block in document.blocks], count)


def _counted(
    text: str, blocks: Sequence[Sequence[tuple[int, int]]], sizes: Sequence[int], count: CountTokens
) -> list[list[_Piece]]:
    """Pieces of at most so many tokens; what is far too long is cut by characters before anything is counted."""
    windows = [
        (number, a, b)
        for number, (spans, size) in enumerate(zip(blocks, sizes, strict=True))
        for span in spans
        for a, b in _windows(text, *span, size * _WINDOW_CHARACTERS)
    ]
    found: list[list[_Piece]] = [[] for _ in blocks]
    for start in range(0, len(windows), _COUNTED_TOGETHER):
        part = windows[start : start + _COUNTED_TOGETHER]
        for (number, a, b), tokens in zip(part, count([text[a:b] for _, a, b in part]), strict=True):
            # A word without end is one unknown token to some tokenizers; it fills a chunk all the same.
            piece = _Piece(a, b, max(tokens, (b - a) // _WINDOW_CHARACTERS))
            found[number] += _split(text, piece, sizes[number], count)
    return found


def _windows(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Parts of at most so many characters, cut at white space where there is some in the last quarter."""
    while end - start > most:
        space = text.rfind(" ", start + 3 * most // 4, start + most)
        cut = space + 1 if space >= 0 else start + most
        if not text[start:cut].isspace():
            yield start, cut
        start = cut
    if start < end:
        yield start, end


def _split(text: str, piece: _Piece, size: int, count: CountTokens) -> list[_Piece]:
    """Halve what is too long, at white space where there is some near the middle."""
    if piece.tokens <= size or piece.end - piece.start < 2:
        return [replace(piece, tokens=min(piece.tokens, size))]
    middle = (piece.start + piece.end) // 2
    space = text.rfind(" ", piece.start + 1, middle + 1)
    cut = space if space > piece.start + (middle - piece.start) // 2 else middle
    halves = [(piece.start, cut), (cut, piece.end)]
    trimmed = [(a + len(text[a:b]) - len(text[a:b].lstrip()), a + len(text[a:b].rstrip())) for a, b in halves]
    made = [(a, b) for a, b in trimmed if a < b]
    lengths = count([text[a:b] for a, b in made])
    return [
        part
        for (a, b), tokens in zip(made, lengths, strict=True)
        for part in _split(text, _Piece(a, b, tokens), size, count)
    ]


def _packed(text: str, blocks: Sequence[Block], pieces: Sequence[list[_Piece]], size: int) -> Iterator[list[_Piece]]:
    """Put pieces together up to the size; a cut comes where a paragraph's content says so, or where it must."""
    open_group: list[_Piece] = []
    filled = 0
    for block, parts in zip(blocks, pieces, strict=True):
        tokens = sum(part.tokens for part in parts)
        if open_group and (filled + tokens > size or 2 * tokens >= size):
            yield open_group
            open_group, filled = [], 0
        for part in parts:
            if open_group and (filled + part.tokens > size or part.start - open_group[-1].end > _WIDEST_GAP):
                yield open_group
                open_group, filled = [], 0
            open_group.append(part)
            filled += part.tokens
        content = hashlib.sha256(text[block.start : block.end].encode("utf-8", "surrogatepass")).digest()[0]
        if 2 * tokens >= size or (4 * filled >= size and content % 4 == 0):
            yield open_group
            open_group, filled = [], 0
    if open_group:
        yield open_group


def _tail(pieces: Sequence[_Piece], room: int) -> list[_Piece]:
    """The last pieces that fit into so many tokens."""
    kept: list[_Piece] = []
    for piece in reversed(pieces):
        room -= piece.tokens
        if room < 0:
            break
        kept.insert(0, piece)
    return kept


def _made(document: Document, pieces: Sequence[_Piece]) -> Chunk:
    start, end = pieces[0].start, pieces[-1].end
    first = document.block_at(start)
    places = [(0, first.page, first.place)]
    for piece in pieces[1:]:
        block = document.block_at(piece.start)
        if (block.page, block.place) != places[-1][1:]:
            places.append((max(block.start, start) - start, block.page, block.place))
    return Chunk(document.text[start:end], start, end, first.headings, tuple(places))
