"""How much of an explanation a page or a JSON file shows: all of a sentence, the beginning of a long text."""

from __future__ import annotations

from dataclasses import dataclass

from alih.explain.capture import Role
from alih.explain.explanation import Explanation
from alih.explain.tokens import Token

#: Cells of all maps together; a page of so many takes about 2 MB.
_CELLS = 2_000_000
_MOST, _LEAST = 96, 12


@dataclass(frozen=True)
class View:
    """The tokens shown.

    Args:
        most: tokens along one edge of a map.
        tokens: of the text.
        target: of the decoder.
        cell: side of a cell in maps, in units of the drawing.
    """

    most: int
    tokens: list[Token]
    target: list[Token]
    cell: float

    @property
    def long(self) -> bool:
        """Too many tokens for names that can be read unless a map is wider than half the page."""
        return self.cell < 15

    def axes(self, role: Role) -> tuple[str, str]:
        """Names of the axes of queries and keys."""
        own = "target" if self.target and role == "decoder" else "text"
        return ("target", "text") if role == "cross" else (own, own)

    def sides(self, role: Role) -> tuple[list[Token], list[Token]]:
        """Tokens of queries and keys."""
        named = {"text": self.tokens, "target": self.target}
        queries, keys = self.axes(role)
        return named[queries], named[keys]


def view(explanation: Explanation) -> View:
    """Choose how many tokens are shown: as many as keep all maps together within the limit."""
    heads = sum(int(one.weights.shape[0]) for one in explanation.attention)
    most = max(_LEAST, min(_MOST, int((_CELLS / heads) ** 0.5)))
    longest = min(most, max(len(explanation.tokens), len(explanation.target)))
    return View(most, explanation.tokens[:most], explanation.target[:most], max(14.0, min(44.0, 380 / longest)))
