"""Rows that share a group or a text hang together, directly or through others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alih.data.duplicates import together, without_leaks
from alih.data.inputs import text_key
from alih.data.parts import Part


def part(keys: list[int], groups: list[str] | None = None) -> Part:
    names = [f"row {n}" for n in range(len(keys))]
    return Part(list(names), ["a"] * len(keys), names, groups, [bytes([key]) for key in keys])


def test_chains_of_duplicates_and_groups_are_one() -> None:
    found = together(part([1, 1, 2, 3, 4], ["x", "y", "y", "z", "z"]))
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4] != found[0]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abcdef")), min_size=1, max_size=30))
def test_rows_are_together_exactly_when_a_chain_joins_them(rows: list[tuple[int, str]]) -> None:
    found = together(part([key for key, _ in rows], [group for _, group in rows]))
    # The definition, by repeated union of overlapping sets.
    sets: list[set[int]] = []
    for row, (key, group) in enumerate(rows):
        touching = [one for one in sets if any(rows[other][0] == key or rows[other][1] == group for other in one)]
        sets = [one for one in sets if one not in touching] + [set().union({row}, *touching)]
    expected = {row: place for place, members in enumerate(sets) for row in members}
    for one in range(len(rows)):
        for two in range(len(rows)):
            assert (found[one] == found[two]) == (expected[one] == expected[two])


def test_case_and_white_space_do_not_hide_a_duplicate() -> None:
    assert text_key(["Bagus  sekali\n"]) == text_key([" bagus SEKALI"])
    assert text_key(["ab", "c"]) != text_key(["a", "bc"])


def test_leaks_leave_the_lower_side() -> None:
    kept, notes = without_leaks({"train": part([1, 2, 3, 4]), "validation": part([4, 5]), "test": part([1, 5])})
    assert [len(kept[side]) for side in ("train", "validation", "test")] == [2, 1, 2]
    assert len(notes) == 2
