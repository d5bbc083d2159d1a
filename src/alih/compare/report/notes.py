"""Notes and reasons of a run in Indonesian: a run folder holds them in English, as they were printed.

Each line is a pattern with gaps in braces, and what it becomes; what stands in a gap is translated in turn, names of
the user's aside. A sentence that is not known here stays English.
"""

from __future__ import annotations

import re
from functools import cache

#: English and Indonesian; the gaps have the same names in both. The first that fits is taken.
SENTENCES: tuple[tuple[str, str], ...] = (
    ("{name}: {what}, {kind}: {total}, {classes} ({list})", "{name}: {what}, {kind}: {total}, {classes} ({list})"),
    (
        "{name}: {what}, regression: {total}, from {low} to {high}",
        "{name}: {what}, regresi: {total}, {low} sampai {high}",
    ),
    (
        "{name}: no header line: took {columns}; not used: {left}",
        "{name}: tanpa baris judul; dipakai: {columns}; tidak dipakai: {left}",
    ),
    ("{name}: no header line: took {columns}", "{name}: tanpa baris judul; dipakai: {columns}"),
    ("{name}: took {columns}; not used: {left}", "{name}: dipakai: {columns}; tidak dipakai: {left}"),
    ("{name}: took {columns}", "{name}: dipakai: {columns}"),
    (
        "splits: {sizes} ({drawn} drawn from {origin}, seed {seed})",
        "pembagian: {sizes} ({drawn} diambil dari {origin}, seed {seed})",
    ),
    ("splits: {sizes} ({how})", "pembagian: {sizes} ({how})"),
    (
        "training: {some} of {all} examples, chosen by seed {seed}",
        "latih: {some} dari {all} contoh, dipilih dengan seed {seed}",
    ),
    ("{name}: {count} left out as damaged", "{name}: {count} rusak dan dikeluarkan"),
    (
        "{name}: {count} among the rows to train on; a split never parts them",
        "{name}: {count} di antara baris latih; pembagian tidak pernah memisahkannya",
    ),
    (
        "{name}: {count} with another label than the original (first: {one} and {two})",
        "{name}: {count} dengan label lain daripada aslinya (yang pertama: {one} dan {two})",
    ),
    (
        "{count} of held-out examples removed from {side} (first: {one})",
        "{count} dari contoh yang disisihkan dikeluarkan dari {side} (yang pertama: {one})",
    ),
    (
        "{count} of held-out groups removed from {side} (first: {one})",
        "{count} dari kelompok yang disisihkan dikeluarkan dari {side} (yang pertama: {one})",
    ),
    (
        "{name}: labels that differ only in letter case are taken as different: {labels}",
        "{name}: label yang hanya berbeda huruf besar-kecil dianggap berbeda: {labels}",
    ),
    (
        "{name}: seen fewer than 3 times, so absent from some splits: {labels}",
        "{name}: muncul kurang dari 3 kali, sehingga tidak ada di sebagian pembagian: {labels}",
    ),
    (
        "{name}: {count} with no label: taken as none of the classes",
        "{name}: {count} tanpa label: dianggap bukan salah satu kelas",
    ),
    ("{name}: 0 in every row, so left out: {labels}", "{name}: 0 di setiap baris, jadi dikeluarkan: {labels}"),
    ("{name}: left aside: {what}", "{name}: dikesampingkan: {what}"),
    ("{name}: has no labels, so it is left aside", "{name}: tidak berlabel, jadi dikesampingkan"),
    ("{folder} holds no class folders: left aside", "{folder} tidak memuat folder kelas: dikesampingkan"),
    ("{name}: no pictures in {folders}: left aside", "{name}: tidak ada gambar di {folders}: dikesampingkan"),
    (
        'column "{name}": {words} taken as a class; empty these cells if the label is missing',
        'kolom "{name}": {words} dianggap kelas; kosongkan sel itu jika labelnya tidak ada',
    ),
    (
        'column "{name}": {a} different numbers in {b} rows are taken {taken}; --kind {flag} takes them {other}',
        'kolom "{name}": {a} angka berbeda dalam {b} baris dianggap {taken}; --kind {flag} menganggapnya {other}',
    ),
    (
        'column "{name}": {a} different numbers in {b} rows are taken as measured (regression)',
        'kolom "{name}": {a} angka berbeda dalam {b} baris dianggap hasil ukur (regresi)',
    ),
    ("{count} turned upright, as the file says", "{count} ditegakkan, sesuai berkasnya"),
    (
        "{count} with transparent parts, laid on a background",
        "{count} dengan bagian tembus pandang, diletakkan di atas latar",
    ),
    (
        "{count} of several frames or pages: the first is taken",
        "{count} berisi beberapa bingkai atau halaman: yang pertama dipakai",
    ),
    (
        "{count} of more than 8 bits: {black} is shown as black, {white} as white",
        "{count} lebih dari 8 bit: {black} ditampilkan hitam, {white} putih",
    ),
    ('column "{name}": "{cell}" is read as {value}', 'kolom "{name}": "{cell}" dibaca {value}'),
    (
        'column "{name}": vectors of {n} zeros and ones: each position is a class, {places}',
        'kolom "{name}": vektor {n} angka nol dan satu: setiap posisi satu kelas, {places}',
    ),
    (
        'column "{name}": vectors of {n} zeros and ones: each position is a class, {places}; each holds a single 1: '
        "--kind single-label takes it as one class an example",
        'kolom "{name}": vektor {n} angka nol dan satu: setiap posisi satu kelas, {places}; masing-masing berisi satu '
        "angka 1: --kind single-label menganggapnya satu kelas per contoh",
    ),
    (
        'column "{name}": invisible characters or separate accents were taken out of {classes}: what looks the same is '
        "one class",
        'kolom "{name}": karakter tak terlihat atau aksen terpisah dibuang dari {classes}: yang tampak sama '
        "menjadi satu kelas",
    ),
    ("{label} was not measured on all examples: {why}.", "{label} tidak diukur pada semua contoh: {why}."),
    (  # as runs of before say it
        "{label} ran {some} epochs, as --epochs says; by default it runs {usual}.",
        "{label} berjalan {some} epoch, sesuai --epochs; biasanya {usual}.",
    ),
    (
        "{label} trained for --epochs {some}; by default it trains for {usual}.",
        "{label} dilatih dengan --epochs {some}; biasanya {usual}.",
    ),
    (
        "What {model} forgot was not measured: no examples of what it was trained on are at hand, and it has no "
        "language-model head.",
        "Apa yang dilupakan {model} tidak diukur: tidak ada contoh dari data latih asalnya, dan model itu tidak punya "
        "kepala model bahasa.",
    ),
    (
        "it takes {memory} of memory, limit {limit}; {time} ms a prediction, limit {most} ms",
        "memerlukan memori {memory}, batas {limit}; {time} ms per prediksi, batas {most} ms",
    ),
    ("it takes {memory} of memory, limit {limit}", "memerlukan memori {memory}, batas {limit}"),
    ("it takes {time} ms a prediction, limit {limit} ms", "memerlukan {time} ms per prediksi, batas {limit} ms"),
    ("the time limit was reached before its first step", "batas waktu tercapai sebelum langkah pertamanya"),
    ("the time limit was reached", "batas waktu tercapai"),
    ("it would not end within the time limit", "tidak akan selesai dalam batas waktu"),
    (
        "it was cut short by the time limit; its score is that of the best epoch until then",
        "terpotong oleh batas waktu; skornya adalah skor epoch terbaik sampai saat itu",
    ),
    (
        "the time is kept to measure {label} on all examples",
        "waktunya disimpan untuk mengukur {label} pada semua contoh",
    ),
    (
        "{rival} is cheaper and right about every validation example",
        "{rival} lebih murah dan benar untuk setiap contoh validasi",
    ),
    (
        "with {n} examples its learning curve leaves it a chance of {chance} % of being chosen over {rival}",
        "dengan {n} contoh, menurut kurva belajarnya peluangnya dipilih mengalahkan {rival} hanya {chance} %",
    ),
    (
        "with {n} examples its learning curve promises {gain} over {rival} on average, which is not worth going on",
        "dengan {n} contoh, kurva belajarnya rata-rata menjanjikan {gain} di atas {rival}, tidak cukup untuk "
        "diteruskan",
    ),
    ("NF4 needs bitsandbytes: pip install 'alih[qlora]'", "NF4 memerlukan bitsandbytes: pip install 'alih[qlora]'"),
    (
        "the model's blocks have no linear or convolutional layers",
        "blok model ini tidak punya lapisan linear atau konvolusi",
    ),
    (
        "a convolutional network has no linear layers in its blocks to quantise; the route lora adapts convolutions",
        "blok jaringan konvolusi tidak punya lapisan linear untuk dikuantisasi; rute lora mengadaptasi konvolusi",
    ),
    (
        "its blocks have no layers that are named as keys, values and a feed-forward network's output are",
        "bloknya tidak punya lapisan yang namanya seperti nama kunci, nilai, dan keluaran jaringan feed-forward",
    ),
    (
        "adapters on convolutions are measured when asked for: --routes lora",
        "adapter pada konvolusi diukur bila diminta: --routes lora",
    ),
    (
        "the model reads pictures, and the descriptions of classes are texts",
        "model ini membaca gambar, sedangkan penjelasan kelas berupa teks",
    ),
    (
        "it chooses one of several classes; this task is another one",
        "rute ini memilih satu dari beberapa kelas; tugas ini bukan itu",
    ),
    (
        "pairs of texts cannot be compared with the description of one class",
        "pasangan teks tidak dapat dibandingkan dengan penjelasan satu kelas",
    ),
    (
        "its head has more than one layer, so class vectors are no head; try --pooling mean",
        "head-nya lebih dari satu lapisan, sehingga vektor kelas bukan head; coba --pooling mean",
    ),
    ("a prompt has a place for one text; these are pairs", "prompt memuat satu teks; data ini berupa pasangan"),
    (
        "the names of {n} classes leave no room for a text in its {context} tokens",
        "nama {n} kelas tidak menyisakan tempat untuk teks di dalam {context} token-nya",
    ),
    ("{label}, {n} examples, seed {seed}", "{label}, {n} contoh, seed {seed}"),
    # What stands in gaps.
    ("pairs of texts", "pasangan teks"),
    ("texts", "teks"),
    ("pictures", "gambar"),
    ("single-label", "satu label"),
    ("multi-label", "banyak label"),
    ("training", "latih"),
    ("train", "latih"),
    ("validation and test", "validasi dan uji"),
    ("validation", "validasi"),
    ("test", "uji"),
    ("all rows", "semua baris"),
    ("as classes", "sebagai kelas"),
    ("as measured (regression)", "sebagai ukuran (regresi)"),
    ("{n} train, {m} validation, {k} test", "{n} latih, {m} validasi, {k} uji"),
    ("{text} as text, {label} as label", "{text} sebagai teks, {label} sebagai label"),
    ("{text} as picture, {label} as label", "{text} sebagai gambar, {label} sebagai label"),
    ("{n} examples", "{n} contoh"),
    ("{n} example", "{n} contoh"),
    ("{n} classes", "{n} kelas"),
    ("{n} class", "{n} kelas"),
    ("{n} pictures", "{n} gambar"),
    ("{n} picture", "{n} gambar"),
    ("{n} duplicates", "{n} duplikat"),
    ("{n} duplicate", "{n} duplikat"),
    ("{n} rows or files", "{n} baris atau berkas"),
    ("{n} row or file", "{n} baris atau berkas"),
    ("{n} rows", "{n} baris"),
    ("{n} row", "{n} baris"),
    ("{n} points", "{n} poin"),
)
_GAP = re.compile(r"\{(\w+)\}")
#: Gaps that hold a number alone: without this, "{n} rows" would take the end of any sentence.
_NUMBERS = frozenset({"n", "m", "k", "some", "all", "usual", "seed", "chance", "context", "a", "b"})
#: Gaps whose content is translated, too; names, labels and files are not.
_TOLD = frozenset({"what", "kind", "total", "classes", "count", "sizes", "drawn", "origin", "side", "columns", "why"})
_TOLD |= {"taken", "other", "gain"}


def in_indonesian(said: str) -> str:
    """The Indonesian of a note or reason; the English as it is where it is not known."""
    for pattern, template in _patterns():
        found = pattern.fullmatch(said)
        if found is not None:
            gaps = found.groupdict().items()
            return template.format(**{name: in_indonesian(value) if name in _TOLD else value for name, value in gaps})
    return said


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_pattern(english), re.DOTALL), indonesian) for english, indonesian in SENTENCES)


def _pattern(english: str) -> str:
    parts, end = [], 0
    for gap in _GAP.finditer(english):
        parts.append(re.escape(english[end : gap.start()]))
        held = r"[\d,.]+" if gap[1] in _NUMBERS else ".+?"
        parts.append(f"(?P<{gap[1]}>{held})")
        end = gap.end()
    return "".join([*parts, re.escape(english[end:])])
