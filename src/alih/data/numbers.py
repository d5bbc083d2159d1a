"""Numbers as people and spreadsheets write them: what the marks of a whole column mean, and what each cell is worth.

One cell does not say whether "6,405" is six thousand or six and a bit; its column usually does: another cell holds
"2,770.62", "1.250.000" or "3,5". Where no cell tells, the column is in doubt, and the user is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

#: What a cell can hold; see `alih.data.table.Cell`.
Cell = object

_CURRENCY_SIGNS = "$¢£¤¥֏؋৳฿៛\u20a0-\u20cf﷼元円원"
_CURRENCY_CODES = (
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KES KRW KWD LKR MXN MYR "
    "NGN NOK NZD PEN PHP PKR PLN RMB RON RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR"
)
_CURRENCY = (
    rf"(?:[A-Z]{{0,3}}\s?[{_CURRENCY_SIGNS}]\.?|(?i:{_CURRENCY_CODES.replace(' ', '|')})|"
    r"(?i:Rp\.?|Rs\.?|kr\.?|Kč|zł|Ft|Fr\.?|RM|lei|лв\.?|руб\.?|р\.))"
)
_CELL = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+-])?\s*(?P<before>{_CURRENCY})?\s*(?P<sign2>[+-])?(?P<open2>\()?\s*"
    r"(?P<body>(?:\d|[.,٫](?=\d))[\d.,' ٫٬]*?(?:[eE][+-]?\d+)?)"
    rf"(?:[.,]--?)?(?P<after>\s*(?:%|‰|{_CURRENCY}))?\s*(?P<sign3>[+-])?(?P<close>\))?"
)
_SAME_CURRENCY = {
    name: code
    for code, names in {
        "idr": "rp",
        "$": "us$ usd",
        "€": "eur",
        "£": "gbp",
        "₹": "inr rs",
        "myr": "rm",
        "¥": "jpy 円",
        "chf": "fr",
        "czk": "kč",
        "pln": "zł",
        "cny": "元 rmb",
        "krw": "원 ₩",
    }.items()
    for name in names.split()
}
#: Marks that only ever stand between thousands, or only ever before decimals.
_ONLY_GROUPING = " '٬"
_ONLY_DECIMAL = "٫"
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:G\d{3})+|[1-9]\d?(?:G\d{2})+G\d{3}")
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class _Written:
    """A cell that is a number: its digits and marks, its sign, and what stands beside it."""

    body: str
    negative: bool
    unit: str


@dataclass(frozen=True)
class NumberFormat:
    """What the marks in a column of numbers mean.

    Args:
        decimal: the mark before decimals; "" where no cell has one, and any mark between digits groups them.
        grouping: marks between thousands.
        doubt: what the column does not tell, as a sentence for the user; empty where it is clear.
        by_mark: the doubt goes once `decimal` is said.
        example: a cell that is not written as a computer would, with what it is worth; empty where there is none.
    """

    decimal: str = "."
    grouping: str = ""
    doubt: str = ""
    by_mark: bool = False
    example: str = ""

    def number(self, cell: Cell) -> float | None:
        """Return the finite number that a cell holds, or None."""
        if isinstance(cell, (bool, np.bool_, list, tuple, dict, bytes, np.ndarray)) or cell is None:
            return None
        if not isinstance(cell, str):
            return _finite(str(cell))
        written = _written(cell)
        if written is None:
            return None
        value = self._value(written.body)
        return -value if value is not None and written.negative else value

    def _value(self, body: str) -> float | None:
        mantissa, mark, exponent = body.partition("e") if "e" in body else body.partition("E")
        whole, _, fraction = mantissa.partition(self.decimal) if self.decimal else (mantissa, "", "")
        if fraction and not fraction.isascii():
            return None
        if not whole.isdigit() and whole:
            marks = set(whole) - set("0123456789")
            if len(marks) != 1 or not marks <= set(self.grouping):
                return None
            if not _GROUPED.fullmatch(whole.replace(marks.copy().pop(), "G")):
                return None
            whole = "".join(digit for digit in whole if digit.isdigit())
        if fraction and not fraction.isdigit():
            return None
        return _finite(f"{whole or '0'}.{fraction or '0'}{mark}{exponent}")


def is_number(cell: Cell) -> bool:
    """Whether a cell by itself is a number in some way of writing it."""
    return (_written(cell) is not None) if isinstance(cell, str) else NumberFormat().number(cell) is not None


def plain_number(cell: Cell) -> float | None:
    """Return the finite number that a cell holds as a computer writes it ("-1234.5"), or None."""
    if isinstance(cell, str):
        text = cell.strip()
        return _finite(text) if _PLAIN.fullmatch(text) else None
    return NumberFormat().number(cell)


def find_format(cells: Iterable[Cell], decimal: str | None = None) -> NumberFormat:
    """Find out how the numbers of a column are written.

    Args:
        cells: the column; what is no number is passed over.
        decimal: the mark before decimals, "." or ",", where the user said it.

    Returns:
        The format. Where the cells leave it open, or carry different units, `doubt` says so.
    """
    texts = list(dict.fromkeys(cell for cell in cells if isinstance(cell, str)))
    pairs = [(text, written) for text in texts if (written := _written(text)) is not None]
    if all(_PLAIN.fullmatch(text.strip()) for text, _ in pairs) and decimal != "," and not _maybe_grouped(pairs):
        return NumberFormat()
    found, doubt = _marks([written for _, written in pairs], decimal, {w.body: t for t, w in pairs})
    unit_doubt = _unit_doubt(pairs)
    example = ""
    for text, _ in pairs:
        value = found.number(text)
        if value is not None and plain_number(text) != value:
            example = f'"{" ".join(text.split())}" is read as {value:.15g}'
            break
    return NumberFormat(found.decimal, found.grouping, doubt or unit_doubt, bool(doubt), example)


def _maybe_grouped(pairs: list[tuple[str, _Written]]) -> bool:
    """Whether every point is followed by exactly three digits, as in "6.405" beside "505"."""
    kinds = {_kind(written.body, ".") for _, written in pairs}
    return "either" in kinds and "decimal" not in kinds


@lru_cache(maxsize=65536)
def _written(text: str) -> _Written | None:
    plain = text.strip()
    if _PLAIN.fullmatch(plain) and plain.isascii():
        return _Written(plain.lstrip("+-"), plain.startswith("-"), "")
    if len(plain) > 60 or not any(character.isdigit() for character in plain):
        return None
    found = _CELL.fullmatch(_ascii(plain))
    if found is None:
        return None
    brackets = found["open"] or found["open2"]
    signs = [sign for sign in (found["sign"], found["sign2"], found["sign3"]) if sign]
    if bool(brackets) != bool(found["close"]) or len(signs) > 1 or (brackets and signs):
        return None
    if found["before"] and found["after"]:
        return None
    unit = (found["before"] or found["after"] or "").strip().rstrip(".").casefold()
    unit = _SAME_CURRENCY.get(unit.replace(" ", ""), unit)
    body = found["body"].strip()
    if body.count(" ") and body.endswith((".", ",")):
        return None
    return _Written(body, bool(brackets) or signs == ["-"], unit)


_WIDE = {"，": ",", "．": ".", "％": "%", "＋": "+", "（": "(", "）": ")", "٪": "%"}


def _ascii(text: str) -> str:
    """Return digits, spaces, minus signs and apostrophes of every script in their ASCII form."""
    out = []
    for character in text:
        kind = unicodedata.category(character)
        if kind == "Nd":
            out.append(str(unicodedata.decimal(character)))
        elif kind == "Zs" or character in "\t":
            out.append(" ")
        elif character in "−–—‐‑‒﹣－":
            out.append("-")
        elif character in "’‘ʼ´`＇":
            out.append("'")
        elif kind != "Cf":
            out.append(_WIDE.get(character, character))
    return "".join(out)


def _finite(text: str) -> float | None:
    try:
        value = float(text) if "_" not in text else float("nan")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _kind(body: str, mark: str) -> str:
    """Say what a mark is in a number: "decimal", "grouping", "either", "odd" (no way to write one), or "" (absent)."""
    mantissa = re.split("[eE]", body)[0]
    if mark not in mantissa:
        return ""
    if len(mantissa) < len(body):
        return "decimal" if mantissa.count(mark) == 1 else "odd"
    others = set(mantissa) - set("0123456789") - {mark}
    if mantissa.count(mark) > 1:
        whole = re.split(f"[{re.escape(''.join(others))}]", mantissa)[0] if others else mantissa
        return "grouping" if _GROUPED.fullmatch(whole.replace(mark, "G")) else "odd"
    before, _, after = mantissa.partition(mark)
    if others:
        # Two marks: the later one is before the decimals.
        last = max(mantissa.rfind(other) for other in others)
        return "decimal" if mantissa.rfind(mark) > last else "grouping"
    if len(after) == 3 and re.fullmatch(r"[1-9]\d{0,2}", before):
        return "either"
    return "decimal"


def _marks(written: list[_Written], decimal: str | None, shown: dict[str, str]) -> tuple[NumberFormat, str]:
    """Return what point and comma are in a column, and what is in doubt."""
    votes = {mark: Counter(_kind(one.body, mark) for one in written) for mark in ".,"}
    arabic = any(_ONLY_DECIMAL in one.body for one in written)
    if decimal is None and arabic:
        decimal = _ONLY_DECIMAL
    if decimal is None:
        point, comma = votes["."], votes[","]
        as_point = point["decimal"] + comma["grouping"]
        as_comma = comma["decimal"] + point["grouping"]
        if as_point or as_comma:
            decimal = "." if as_point >= as_comma else ","
    doubt = ""
    if decimal is None and (votes["."]["either"] or votes[","]["either"]):
        decimal, doubt = _undecided(written, votes, shown)
    decimal = decimal or "."
    grouping = ("," if decimal == "." else "." if decimal == "," else "") + _ONLY_GROUPING
    return NumberFormat(decimal, grouping), doubt


def _undecided(written: list[_Written], votes: dict[str, Counter[str]], shown: dict[str, str]) -> tuple[str, str]:
    """Decide a column whose marks are all followed by exactly three digits; return the decimal mark and a doubt.

    Amounts of money have no three decimals. Numbers without a mark between 100 and 999 beside marked ones from 1,000
    are what grouping leaves; were the marks before decimals, some would be followed by one or two digits.
    """
    point, comma = votes["."]["either"], votes[","]["either"]
    mark, other = (".", ",") if point >= comma else (",", ".")
    unmarked = [int(one.body) for one in written if one.body.isdigit()]
    money = any(one.unit and one.unit not in "%‰" for one in written)
    if not (point and comma):
        if money or (unmarked and max(unmarked) < 1000 and any(number >= 100 for number in unmarked)):
            return other, ""
        if mark == "." and not unmarked:
            return ".", ""  # three decimals for every number, as computers write them
    example = next(shown[one.body] for one in written if _kind(one.body, mark) == "either")
    grouped, fraction = (NumberFormat(one, other_mark) for one, other_mark in ((other, mark), (mark, other)))
    return other, (
        f'"{example.strip()}" may be {grouped.number(example):.15g} or {fraction.number(example):.15g}, and no other '
        "number of the column tells which"
    )


def _unit_doubt(pairs: list[tuple[str, _Written]]) -> str:
    """Say that a column mixes units: per cent and plain numbers, or two currencies."""
    units: dict[str, str] = {}
    for text, one in pairs:
        units.setdefault(one.unit, " ".join(text.split()))
    rates = {unit for unit in units if unit in ("%", "‰")}
    money = set(units) - rates - {""}
    if len(money) > 1 or (rates and len(units) > 1):
        named = " and ".join(f'"{units[unit]}"' for unit in list(units)[:3])
        return f"numbers of different units stand in one column ({named})"
    return ""
