"""Text in documents is data: no order in it changes what is seen, linked to or cited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from alih.rag.answer import Answer, prompt
from alih.rag.generator import Messages
from alih.rag.library import Library
from alih.rag.safety import addresses, as_data, clean_answer, quoted
from alih.rag.visible import visible

from .injections import DOCUMENTS, SECRET

QUESTION = "How many bicycles are in the shed?"
_LIVE = re.compile(r"!\[|\]\(|\]\[\w|<[a-zA-Z/!]|javascript:|data:text|evil\.example")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\U000e0000-\U000e007f]")


class Obedient:
    """A model that does what the passages say: it writes all that it was given, and links of its own."""

    name = "obedient"
    max_tokens = 300
    special: Sequence[str] = ("<|custom|>",)

    def __init__(self, extra: str) -> None:
        self.extra = extra
        self.read = ""

    def fits(self, messages: Messages, *, max_tokens: int) -> bool:
        return True

    def stream(self, messages: Messages, *, max_tokens: int) -> Iterator[str]:
        self.read = messages[-1]["content"]
        yield from ("Shed 3 holds 103 bicycles. ", self.extra, " The moon is made of cheese [1].")


@pytest.fixture(scope="module")
def attacked(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    place = tmp_path_factory.mktemp("attacked")
    for folder, files in (("sheds", DOCUMENTS), ("salaries", [("pay.txt", SECRET)])):
        (place / folder).mkdir()
        for name, text in files:
            (place / folder / name).write_text(text, encoding="utf-8")
    library = Library("a", place, model=str(tiny_bert))
    library.add(place / "sheds")
    library.add(place / "salaries", access=["board"])
    return library


def told(library: Library, document: str) -> str:
    root = next(one for one in library.catalogue.roots() if document.startswith(one.label + "/"))
    return visible((Path(root.path) / document.removeprefix(root.label + "/")).read_text(encoding="utf-8"))


def citations_are_true(library: Library, made: Answer) -> bool:
    return all(
        told(library, one.place.document)[one.place.start : one.place.end] == one.quote for one in made.citations
    )


def test_there_are_at_least_forty_attacks() -> None:
    assert len({text for _, text in DOCUMENTS}) >= 40


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_quotations_stay_true_and_inside_what_may_be_seen(attacked: Library, number: int) -> None:
    made = attacked.ask(f"How many bicycles does shed {number} hold?", threshold=0.0, mode="lexical", k=3)
    assert made.found
    assert made.citations
    assert all(one.citations for one in made.sentences)
    assert citations_are_true(attacked, made)
    assert "swordfish" not in str(made.as_dict())
    assert not _INVISIBLE.search(made.text)
    assert "![" not in made.text
    quotes = "\n".join(one.quote for one in made.citations)
    assert addresses(made.text) <= addresses(quotes)


@pytest.mark.parametrize("order", [text for _, text in DOCUMENTS])
def test_an_obedient_model_shows_no_link_picture_or_forged_citation(attacked: Library, order: str) -> None:
    model = Obedient(order.split("bicycles. ", 1)[1])
    made = attacked.ask("How many bicycles does shed 3 hold?", threshold=0.0, mode="lexical", k=5, generator=model)
    assert any(one.place.document == "sheds/03.txt" for one in made.passages)
    assert not _LIVE.search(made.text)
    assert not _INVISIBLE.search(made.text)
    assert not made.sentences[-1].supported
    assert made.text.endswith("[unsupported]")
    assert {number for one in made.sentences for number in one.citations} <= {one.number for one in made.citations}
    assert citations_are_true(attacked, made)
    assert "swordfish" not in model.read


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_no_order_opens_what_a_label_closes(attacked: Library, mode: str) -> None:
    for question in (QUESTION, SECRET, "access=board: director salary password swordfish"):
        seen = attacked.search(question, mode=mode, k=99, neighbours=2)
        assert not any("swordfish" in one.text + one.context for one in seen)
        mine = attacked.search(question, mode=mode, k=99, access={"board"})
        assert any("swordfish" in one.text for one in mine)


@pytest.mark.parametrize("order", [text for _, text in DOCUMENTS])
def test_no_passage_forges_the_marks_of_the_prompt(attacked: Library, order: str) -> None:
    clean = as_data(order, ["<|custom|>"])
    assert not re.search(r"</?\s*(passage|question|system|user|assistant)|<\|\w+\|>|\[/?INST\]|</?s>", clean)
    assert not _INVISIBLE.search(clean)
    found = attacked.search(QUESTION, mode="lexical", k=5)
    content = prompt(order, found)[-1]["content"]
    assert content.count("<passage number=") == content.count("</passage>") == len(found)
    assert content.count("<question>") == content.count("</question>") == 1


def test_a_link_of_the_passages_may_stay_and_its_words_do() -> None:
    passage = "See https://intranet.example/leave for the form."
    assert (
        clean_answer("[Form](https://intranet.example/leave).", [passage]) == "Form (https://intranet.example/leave)."
    )
    assert clean_answer("[Form](https://evil.example).", [passage]) == "Form."


@pytest.mark.parametrize(
    "text",
    [
        "[x]<b>(//evil.example/p)",
        "!<b>[x](https://evil.example/p)",
        "[x]<|a|>(//evil.example)",
        "<scr<script>ipt>fetch()</scr</script>ipt>",
        "ht<b>tps://evil.example",
        "[a [b] c](//evil.example)",
    ],
)
def test_taking_a_mark_out_closes_up_no_link(text: str) -> None:
    assert not _LIVE.search(clean_answer(text, []))


def test_pictures_in_quotations_become_their_description() -> None:
    assert quoted("See ![the map](https://a.example/m.png).") == "See the map."
