"""Follow-up questions are made whole as a listener would make them; others stay as they are."""

from __future__ import annotations

import pytest

from alih.rag.conversation import Conversation, rewrite
from alih.rag.library import Library

ANNUAL, TAHUNAN = "How many days of annual leave are there?", "Berapa hari cuti tahunan?"


@pytest.mark.parametrize(
    ("question", "previous", "whole"),
    [
        ("What about sick leave?", ANNUAL, "How many days of sick leave are there?"),
        ("and how about the sick leave", ANNUAL, "How many days of sick leave are there?"),
        ("Bagaimana dengan cuti sakit?", TAHUNAN, "Berapa hari cuti sakit?"),
        ("Kalau cuti sakit?", "Berapa hari cuti untuk pegawai?", "Berapa hari cuti sakit untuk pegawai?"),
        ("What about leave in Bandung?", "How many days of leave?", "How many days of leave in Bandung?"),
        ("And sick leave?", "Is leave paid?", "Is sick leave paid?"),
    ],
)
def test_another_thing_of_the_same_kind_takes_the_place_of_the_first(question: str, previous: str, whole: str) -> None:
    assert rewrite(question, previous) == whole


@pytest.mark.parametrize(
    ("question", "previous"),
    [
        ("What about part-timers?", ANNUAL),
        ("Bagaimana dengan pegawai kontrak?", TAHUNAN),
        ("Why?", ANNUAL),
        ("Who approves it?", ANNUAL),
        ("And when is annual leave paid?", ANNUAL),
        ("And is annual leave paid?", ANNUAL),
        ("And who approves the annual leave?", ANNUAL),
        ("Dan siapa yang menyetujui cuti?", TAHUNAN),
        ("Bagaimana dengan cuti itu?", TAHUNAN),
        ("What about the days that were not taken in the year before?", ANNUAL),
    ],
)
def test_other_follow_ups_stand_behind_the_question_that_they_follow_on(question: str, previous: str) -> None:
    assert rewrite(question, previous) == f"{previous.rstrip('?')}: {question}"


@pytest.mark.parametrize(
    "question",
    [
        "How long is a taxi receipt valid?",
        "Siapa direktur keuangan kantor pusat?",
        "How many parking spaces are there for visitors?",
        "Is there a canteen in the main building?",
        "What is the training budget for this year?",
        "Which documents that prove illness are accepted?",
        "When do employees have to submit their expense claims?",
        "Apa itu surat perjalanan dinas?",
        "Berapa anggaran pelatihan tahun ini?",
        "Berapa lama biasanya klaim diproses?",
    ],
)
def test_a_question_that_stands_by_itself_is_left_alone(question: str) -> None:
    assert rewrite(question, ANNUAL) == question
    assert rewrite("What about sick leave?", "") == "What about sick leave?"


def test_a_conversation_remembers_its_subject(handbook: Library) -> None:
    talk = Conversation(handbook)
    assert "12 hari" in talk.ask(TAHUNAN).text
    sick = talk.ask("Bagaimana dengan cuti sakit?")
    assert (sick.question, sick.searched) == ("Bagaimana dengan cuti sakit?", "Berapa hari cuti sakit?")
    assert "dr. Budi" in sick.text
    assert "12 hari" not in sick.text
    assert talk.ask("Dan cuti tahunan?").searched == TAHUNAN
