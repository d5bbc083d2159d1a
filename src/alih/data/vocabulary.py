"""Column and split names that people use, in English and Indonesian."""

from __future__ import annotations

import re
from typing import Final, Literal

Split = Literal["train", "validation", "test"]

#: Names of one text, best first.
TEXT: Final = [
    "text",
    "teks",
    "sentence",
    "kalimat",
    "review",
    "ulasan",
    "content",
    "isi",
    "comment",
    "komentar",
    "tweet",
    "cuitan",
    "message",
    "pesan",
    "utterance",
    "ujaran",
    "body",
    "document",
    "dokumen",
    "abstract",
    "abstrak",
    "description",
    "deskripsi",
    "question",
    "pertanyaan",
    "query",
    "headline",
    "title",
    "judul",
    "prompt",
    "input",
    "post",
    "caption",
    "keterangan",
    "answer",
    "jawaban",
]

#: Names of two texts that belong together.
PAIRS: Final = tuple(
    (first, second)
    for line in [
        "premise hypothesis",
        "premis hipotesis",
        "sentence1 sentence2",
        "sentence_1 sentence_2",
        "sentence_a sentence_b",
        "text_a text_b",
        "text1 text2",
        "text_1 text_2",
        "teks1 teks2",
        "teks_a teks_b",
        "kalimat1 kalimat2",
        "kalimat_a kalimat_b",
        "question1 question2",
        "pertanyaan1 pertanyaan2",
        "question passage",
        "question sentence",
        "question context",
        "pertanyaan konteks",
        "query passage",
        "query document",
        "kueri dokumen",
        "question answer",
        "pertanyaan jawaban",
    ]
    for first, second in [line.split()]
)

#: Names of the label: sure ones, then likely ones.
LABEL_SURE: Final = ["label", "labels", "kelas", "class", "target", "y"]
LABEL_LIKELY: Final = [
    "category",
    "kategori",
    "sentiment",
    "sentimen",
    "intent",
    "intensi",
    "maksud",
    "topic",
    "topik",
    "emotion",
    "emosi",
    "tag",
    "tags",
    "rating",
    "peringkat",
    "score",
    "skor",
    "nilai",
    "stars",
    "bintang",
    "genre",
    "polarity",
    "polaritas",
    "gold",
    "output",
    "jenis",
    "tipe",
    "type",
    "classes",
    "kategorikal",
]

#: Names of a column of picture files.
IMAGE: Final = [
    "image",
    "images",
    "img",
    "picture",
    "photo",
    "foto",
    "gambar",
    "image_path",
    "filepath",
    "file_name",
    "filename",
    "file",
    "path",
    "berkas",
]

#: Names of a column that only numbers the rows.
ID: Final = ["id", "idx", "index", "indeks", "no", "nomor", "number", "uuid", "guid", "key", "rowid", "row"]

#: Names of a column that says which split a row belongs to.
SPLIT_COLUMN: Final = ["split", "subset", "partition", "partisi", "set", "fold", "bagian"]

_SPLIT_NAMES: Final[dict[str, Split]] = {
    **dict.fromkeys(["train", "training", "latih", "pelatihan"], "train"),
    **dict.fromkeys(["validation", "valid", "val", "dev", "development", "validasi"], "validation"),
    **dict.fromkeys(["test", "testing", "eval", "evaluation", "uji", "pengujian"], "test"),
}


def normal(name: str) -> str:
    """Return a column name as it is compared: lower case, words joined by underscores."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^\w]+", "_", spaced).strip("_").casefold()


def words(name: str) -> list[str]:
    """Return the words of a name: "review_text" → review, text."""
    return [word for word in normal(name).split("_") if word]


def split_of(name: str) -> Split | None:
    """Return the split that a folder, a file stem or a cell names exactly, or None."""
    return _SPLIT_NAMES.get(name.strip().casefold())


def split_in(stem: str) -> tuple[Split, str] | None:
    """Return the split that a file stem contains and the stem without it: "english-train" → train, "english"."""
    parts = [part for part in re.split(r"[\W_]+", stem.casefold()) if part]
    for part in parts:
        split = _SPLIT_NAMES.get(part)
        if split is not None:
            rest = [other for other in parts if other != part and not other.isdigit() and other != "of"]
            return split, "-".join(rest)
    return None


_COLUMN_NAMES: Final = frozenset(
    (*TEXT, *LABEL_SURE, *LABEL_LIKELY, *IMAGE, *ID, *SPLIT_COLUMN, *(part for pair in PAIRS for part in pair))
)


def known(name: str) -> bool:
    """Say whether a cell is a column name that people use: a sign of a header line."""
    return normal(name) in _COLUMN_NAMES


def partly_known(name: str) -> bool:
    """Say whether a cell is short and has a word of a column name in it, as "review text" has."""
    parts = words(name)
    return 1 < len(parts) <= 3 and any(part in _COLUMN_NAMES for part in parts)
