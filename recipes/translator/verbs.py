"""What is done: the forms of English, and the Indonesian word, which has one."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.translator.words import rows


@dataclass(frozen=True)
class Verb:
    """Something done.

    Args:
        base, third, past, participle, ing: the forms of English.
        word: Indonesian, active.
        passive: Indonesian with di-; empty where there is none in use.
        takes: the kinds of its object; empty = none.
    """

    base: str
    third: str
    past: str
    participle: str
    ing: str
    word: str
    passive: str
    takes: frozenset[str]


_DO = """
eat eats ate eaten eating|makan|dimakan|food
drink drinks drank drunk drinking|minum|diminum|drink
read reads read read reading|membaca|dibaca|read
write writes wrote written writing|menulis|ditulis|write
buy buys bought bought buying|membeli|dibeli|food drink thing clothes vehicle furniture animal buy
sell sells sold sold selling|menjual|dijual|food thing clothes vehicle furniture animal
bring brings brought brought bringing|membawa|dibawa|food drink thing buy
look_for looks_for looked_for looked_for looking_for|mencari|dicari|thing clothes animal person
find finds found found finding|menemukan|ditemukan|thing clothes animal
lose loses lost lost losing|kehilangan||thing
see sees saw seen seeing|melihat|dilihat|thing vehicle animal person look
use uses used used using|memakai|dipakai|thing vehicle
cook cooks cooked cooked cooking|memasak|dimasak|cook
wash washes washed washed washing|mencuci|dicuci|wash
clean cleans cleaned cleaned cleaning|membersihkan|dibersihkan|clean
open opens opened opened opening|membuka|dibuka|open
close closes closed closed closing|menutup|ditutup|open
repair repairs repaired repaired repairing|memperbaiki|diperbaiki|repair
borrow borrows borrowed borrowed borrowing|meminjam|dipinjam|lend
keep keeps kept kept keeping|menyimpan|disimpan|thing clothes
help helps helped helped helping|membantu|dibantu|person
meet meets met met meeting|bertemu dengan||person
call calls called called calling|menelepon|ditelepon|person
visit visits visited visited visiting|mengunjungi|dikunjungi|person
wait_for waits_for waited_for waited_for waiting_for|menunggu|ditunggu|person
teach teaches taught taught teaching|mengajar|diajar|person
feed feeds fed fed feeding|memberi makan|diberi makan|animal
catch catches caught caught catching|menangkap|ditangkap|animal
draw draws drew drawn drawing|menggambar|digambar|animal furniture vehicle
choose chooses chose chosen choosing|memilih|dipilih|thing clothes fruit
listen_to listens_to listened_to listened_to listening_to|mendengarkan|didengarkan|hear person
order orders ordered ordered ordering|memesan|dipesan|food drink
"""
_BE = """
like likes liked liked liking|menyukai||food drink animal person hear read clothes fruit
love loves loved loved loving|mencintai||person
need needs needed needed needing|membutuhkan|dibutuhkan|need thing buy
have has had had having|mempunyai||thing vehicle animal own furniture
know knows knew known knowing|mengenal||person
remember remembers remembered remembered remembering|mengingat||person
"""
_ALONE = """
sleep sleeps slept slept sleeping|tidur
work works worked worked working|bekerja
swim swims swam swum swimming|berenang
run runs ran run running|berlari
cry cries cried cried crying|menangis
laugh laughs laughed laughed laughing|tertawa
sing sings sang sung singing|bernyanyi
dance dances danced danced dancing|menari
study studies studied studied studying|belajar
play plays played played playing|bermain
rest rests rested rested resting|beristirahat
sit sits sat sat sitting|duduk
stand stands stood stood standing|berdiri
wait waits waited waited waiting|menunggu
cook cooks cooked cooked cooking|memasak
shop shops shopped shopped shopping|berbelanja
exercise exercises exercised exercised exercising|berolahraga
talk talks talked talked talking|berbicara
smile smiles smiled smiled smiling|tersenyum
pray prays prayed prayed praying|berdoa
jump jumps jumped jumped jumping|melompat
take_a_bath takes_a_bath took_a_bath taken_a_bath taking_a_bath|mandi
"""
_MOVE = """
go goes went gone going|pergi ke
come comes came come coming|datang ke
walk walks walked walked walking|berjalan ke
return returns returned returned returning|kembali ke
run runs ran run running|berlari ke
"""


def _verbs(table: str) -> list[Verb]:
    verbs = []
    for forms, word, *rest in rows(table):
        base, third, past, participle, ing = (form.replace("_", " ") for form in forms.split())
        passive, takes = rest or ("", "")
        verbs.append(Verb(base, third, past, participle, ing, word, passive, frozenset(takes.split())))
    return verbs


DO, BE, ALONE, MOVE = _verbs(_DO), _verbs(_BE), _verbs(_ALONE), _verbs(_MOVE)
