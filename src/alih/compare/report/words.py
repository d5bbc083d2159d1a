"""Every text of the report, in English and in Indonesian."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from alih.compare.report.notes import in_indonesian
from alih.errors import OptionError

Language = Literal["en", "id"]

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "{data} × {model}",
        "kicker": "Alih report",
        "summary": "Which way to adapt {model} to {data}: measured, not guessed.",
        "contents": "Contents",
        "interrupted": "This run was stopped before its end; the report shows what was measured until then.",
        "recommendation": "Recommendation",
        "recommended": "recommended",
        "validation_score": "{metric}, validation",
        "test_score": "{metric}, test",
        "looked_once": "{examples} examples, looked at once",
        "interval": "95 % interval {interval}",
        "time_to_adapt": "time to adapt",
        "trainable": "trainable parameters",
        "of": "{part} of {whole}",
        "table": "The routes, measured",
        "table_help": "One column a route; the five rows of the textbook, with the numbers of this run.",
        "scope": "Scope",
        "layers": "layers that train",
        "learning_rate": "learning rate",
        "measured_on": "measured on examples",
        "requirement": "Data requirement ({metric})",
        "with_examples": "with {examples} examples",
        "enough": "enough, within the noise",
        "cost": "Computational cost",
        "search_time": "search for the learning rate",
        "training_time": "one training run",
        "at_least": "≥ {value}",
        "memory": "peak memory",
        "flops": "training FLOPs",
        "bytes": "bytes that changed",
        "latency": "one prediction, median",
        "latency_p95": "one prediction, 95th percentile",
        "tokens": "tokens that one prediction reads",
        "energy": "energy of one training run",
        "adaptability": "Adaptability ({metric})",
        "score": "validation, mean of seeds",
        "score_one_seed": "validation, first seed",
        "interval_row": "95 % interval",
        "shifted": "on a shifted copy",
        "shifted_named": "shifted: {name}",
        "forgetting": "change on the source task",
        "general": "forgotten of general text, nats a token",
        "overfitting": "Overfitting risk",
        "gap": "train − validation",
        "gap_range": "over seeds",
        "about": "≈ {value}",
        "predicted_note": "≈ foreseen by the learning curve: this route was stopped before it saw all examples. "
        "≥ what the fewer examples took that it saw.",
        "charts": "The evidence",
        "curves": "Learning curves",
        "curves_help": "Validation {metric} against the number of training examples, logarithmic. Bands and whiskers "
        "are 95 % intervals.",
        "pareto": "Pareto front",
        "pareto_help": "Validation {metric} against the seconds to adapt, logarithmic. Hollow: another route is as "
        "good and cheaper. The ring marks the recommended one; whiskers are 95 % intervals.",
        "probe": "Probe by depth",
        "probe_help": "A linear classifier on the frozen output of each depth. Where it peaks before the last block, "
        "the upper blocks are tuned to another task.",
        "axis_examples": "training examples",
        "axis_seconds": "seconds to adapt",
        "axis_probe": "{metric} of the probe",
        "axis_depth": "depth (0 = input)",
        "axis_loss": "loss",
        "axis_epoch": "epoch",
        "axis_confidence": "confidence",
        "axis_right": "share that is right",
        "calibration": "Calibration",
        "calibration_help": "On the dashed line the model knows how sure it may be; below it, it is too sure. "
        "Expected calibration error: {error}. The larger a dot, the more predictions.",
        "confusion": "Confusion matrix",
        "confusion_help": "Validation split. A row is a true class, a column what the model said; the darker, the "
        "larger the share of the row.",
        "confusion_pairs": "Most confused classes",
        "confusion_pairs_help": "Validation split; {classes} classes are too many for a matrix that can be read.",
        "no_confusion": "No class was taken for another.",
        "actual": "true class",
        "predicted": "predicted class",
        "count": "examples",
        "share": "share",
        "losses": "Training histories",
        "losses_help": "Loss by epoch, of one run of each route; the upright line marks the epoch whose weights were "
        "kept.",
        "train_loss": "training",
        "validation_loss": "validation",
        "mistakes": "Most confident errors",
        "mistakes_help": "Where the recommended model was surest and wrong, on the validation split. Look here first "
        "for wrong labels.",
        "answers": "Some answers",
        "answers_help": "A few validation examples: what was asked, the reference answer, and what the recommended "
        "model wrote.",
        "reference": "reference",
        "wrote": "model",
        "is": "label",
        "said": "model",
        "picture_of": "picture with the label {label}",
        "not_shown": "not shown",
        "diagnosis": "The data",
        "note": "note",
        "warning": "warning",
        "serious": "serious",
        "stopped": "Not measured in full",
        "notes": "Notes",
        "run": "What was run",
        "again": "Run it again",
        "name": "run",
        "date": "date",
        "data": "data",
        "digest": "digest of the data",
        "model": "model",
        "task": "task",
        "sizes": "examples",
        "split_train": "training {count}",
        "split_validation": "validation {count}",
        "split_test": "test {count}",
        "seeds": "seeds",
        "seconds": "time in all",
        "machine": "machine",
        "versions": "versions",
        "numbers": "Numbers",
        "route": "route",
        "made_by": "Made by Alih {version}. This page needs no network and runs no script.",
    },
    "id": {
        "title": "{data} × {model}",
        "kicker": "Laporan Alih",
        "summary": "Cara mengadaptasi {model} pada {data}: diukur, bukan ditebak.",
        "contents": "Daftar isi",
        "interrupted": "Proses ini dihentikan sebelum selesai; laporan memuat apa yang terukur sampai saat itu.",
        "recommendation": "Rekomendasi",
        "recommended": "direkomendasikan",
        "validation_score": "{metric}, validasi",
        "test_score": "{metric}, kumpulan uji",
        "looked_once": "{examples} contoh, dilihat satu kali",
        "interval": "interval 95 % {interval}",
        "time_to_adapt": "waktu adaptasi",
        "trainable": "parameter yang dilatih",
        "of": "{part} dari {whole}",
        "table": "Semua cara, terukur",
        "table_help": "Satu kolom untuk tiap cara; lima baris seperti di buku ajar, dengan angka dari proses ini.",
        "scope": "Cakupan",
        "layers": "lapisan yang dilatih",
        "learning_rate": "laju pembelajaran",
        "measured_on": "diukur pada jumlah contoh",
        "requirement": "Kebutuhan data ({metric})",
        "with_examples": "dengan {examples} contoh",
        "enough": "sudah cukup, dalam batas derau",
        "cost": "Biaya komputasi",
        "search_time": "pencarian laju pembelajaran",
        "training_time": "satu kali pelatihan",
        "at_least": "≥ {value}",
        "memory": "puncak memori",
        "flops": "FLOP pelatihan",
        "bytes": "bita yang berubah",
        "latency": "satu prediksi, median",
        "latency_p95": "satu prediksi, persentil ke-95",
        "tokens": "token yang dibaca satu prediksi",
        "energy": "energi satu kali pelatihan",
        "adaptability": "Kemampuan adaptasi ({metric})",
        "score": "validasi, rata-rata seed",
        "score_one_seed": "validasi, seed pertama",
        "interval_row": "interval 95 %",
        "shifted": "pada salinan yang digeser",
        "shifted_named": "digeser: {name}",
        "forgetting": "perubahan pada tugas asal",
        "general": "terlupakan dari teks umum, nat per token",
        "overfitting": "Risiko overfitting",
        "gap": "latih − validasi",
        "gap_range": "antarseed",
        "about": "≈ {value}",
        "predicted_note": "≈ diperkirakan dari kurva belajar: cara ini dihentikan sebelum melihat semua contoh. "
        "≥ yang diperlukan oleh contoh lebih sedikit yang sempat dilihatnya.",
        "charts": "Bukti",
        "curves": "Kurva belajar",
        "curves_help": "{metric} validasi terhadap jumlah contoh latih, skala logaritmik. Pita dan garis galat adalah "
        "interval 95 %.",
        "pareto": "Batas Pareto",
        "pareto_help": "{metric} validasi terhadap waktu adaptasi dalam detik, skala logaritmik. Penanda kosong: ada "
        "cara lain yang sama baiknya dan lebih murah. Lingkaran menandai yang direkomendasikan; garis galat adalah "
        "interval 95 %.",
        "probe": "Probe per kedalaman",
        "probe_help": "Pengklasifikasi linear pada keluaran beku tiap kedalaman. Jika puncaknya sebelum blok terakhir, "
        "blok-blok atas lebih cocok untuk tugas lain.",
        "axis_examples": "contoh latih",
        "axis_seconds": "waktu adaptasi (detik)",
        "axis_probe": "{metric} dari probe",
        "axis_depth": "kedalaman (0 = masukan)",
        "axis_loss": "loss",
        "axis_epoch": "epoch",
        "axis_confidence": "keyakinan",
        "axis_right": "proporsi yang benar",
        "calibration": "Kalibrasi",
        "calibration_help": "Pada garis putus-putus, model tahu seberapa yakin ia boleh bersikap; di bawahnya ia "
        "terlalu yakin. Galat kalibrasi harapan (ECE): {error}. Makin besar titiknya, makin banyak prediksinya.",
        "confusion": "Matriks konfusi",
        "confusion_help": "Kumpulan validasi. Baris adalah kelas sebenarnya, kolom adalah jawaban model; makin gelap, "
        "makin besar bagiannya dalam baris itu.",
        "confusion_pairs": "Kelas yang paling sering tertukar",
        "confusion_pairs_help": "Kumpulan validasi; {classes} kelas terlalu banyak untuk matriks yang terbaca.",
        "no_confusion": "Tidak ada kelas yang tertukar.",
        "actual": "kelas sebenarnya",
        "predicted": "kelas prediksi",
        "count": "contoh",
        "share": "bagian",
        "losses": "Riwayat pelatihan",
        "losses_help": "Loss per epoch, satu pelatihan untuk tiap cara; garis tegak menandai epoch yang bobotnya "
        "disimpan.",
        "train_loss": "latih",
        "validation_loss": "validasi",
        "mistakes": "Kesalahan dengan keyakinan tertinggi",
        "mistakes_help": "Saat model yang direkomendasikan paling yakin tetapi salah, pada kumpulan validasi. Periksa "
        "di sini dahulu untuk menemukan label yang keliru.",
        "answers": "Contoh jawaban",
        "answers_help": "Beberapa contoh validasi: apa yang ditanyakan, jawaban rujukan, dan jawaban model yang "
        "direkomendasikan.",
        "reference": "rujukan",
        "wrote": "model",
        "is": "label",
        "said": "model",
        "picture_of": "gambar berlabel {label}",
        "not_shown": "tidak ditampilkan",
        "diagnosis": "Data",
        "note": "catatan",
        "warning": "peringatan",
        "serious": "serius",
        "stopped": "Tidak diukur seluruhnya",
        "notes": "Catatan",
        "run": "Yang dijalankan",
        "again": "Jalankan lagi",
        "name": "proses",
        "date": "tanggal",
        "data": "data",
        "digest": "sidik data",
        "model": "model",
        "task": "tugas",
        "sizes": "contoh",
        "split_train": "latih {count}",
        "split_validation": "validasi {count}",
        "split_test": "uji {count}",
        "seeds": "seed",
        "seconds": "waktu seluruhnya",
        "machine": "mesin",
        "versions": "versi",
        "numbers": "Angka",
        "route": "cara",
        "made_by": "Dibuat oleh Alih {version}. Halaman ini tidak memerlukan jaringan dan tidak menjalankan skrip.",
    },
}

#: Metrics whose names differ between the languages.
METRICS: dict[Language, dict[str, str]] = {
    "en": {
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "micro_f1": "micro F1",
        "subset_accuracy": "subset accuracy",
        "log_loss": "log loss",
        "calibration_error": "calibration error",
        "entity_f1": "entity F1",
        "entity_macro_f1": "entity macro F1",
        "entity_precision": "entity precision",
        "entity_recall": "entity recall",
        "token_accuracy": "token accuracy",
        "r2": "R²",
        "mae": "MAE",
        "rmse": "RMSE",
    },
    "id": {
        "accuracy": "akurasi",
        "macro_f1": "F1 makro",
        "micro_f1": "F1 mikro",
        "subset_accuracy": "akurasi himpunan",
        "log_loss": "log loss",
        "calibration_error": "galat kalibrasi",
        "entity_f1": "F1 entitas",
        "entity_macro_f1": "F1 makro entitas",
        "entity_precision": "presisi entitas",
        "entity_recall": "recall entitas",
        "token_accuracy": "akurasi token",
        "r2": "R²",
        "mae": "MAE",
        "rmse": "RMSE",
    },
}

#: What a run folder says in English, "#" for a number; anything else stands for itself.
TERMS = {
    "head": "kepala (head)",
    "head + top # blocks": "kepala + # blok teratas",
    "head + adapters": "kepala + adapter",
    "head + adapters, top #": "kepala + adapter, # teratas",
    "everything": "semua lapisan",
    "everything (random)": "semua lapisan (acak)",
    "typing mistakes": "salah ketik",
    "lost words": "kata hilang",
    "letter case": "huruf besar-kecil",
    "rotation": "putaran",
    "blur": "kabur",
    "contrast": "kontras dan terang",
    "noise": "derau",
    "text, single-label": "teks, satu label",
    "text, multi-label": "teks, banyak label",
    "text, regression": "teks, regresi",
    "image, single-label": "gambar, satu label",
    "image, multi-label": "gambar, banyak label",
    "image, regression": "gambar, regresi",
}
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Words:
    """The texts of one language; called with a key and the values of its gaps."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text, with its gaps filled; not escaped."""
        return TEXTS[self.language][key].format(**values)

    def sentence(self, key: str, **values: object) -> str:
        """The text, beginning with a capital letter."""
        said = self(key, **values)
        return said[:1].upper() + said[1:]

    def term(self, said: str) -> str:
        """What a run folder says, in this language."""
        if self.language == "en":
            return said
        number = _NUMBER.search(said)
        known = TERMS.get(said if number is None else _NUMBER.sub("#", said, count=1), said)
        return known if number is None else known.replace("#", number[0])

    def note(self, said: str) -> str:
        """A note or a reason of the run, in this language as far as it is known."""
        return said if self.language == "en" else in_indonesian(said)

    def metric(self, name: str) -> str:
        """A metric's name; one that is not known here stands for itself."""
        return METRICS[self.language].get(name, name)


def words(language: str) -> Words:
    """The texts of a language.

    Raises:
        OptionError: there is no report in that language.
    """
    for known in TEXTS:
        if language == known:
            return Words(known)
    raise OptionError(f"--lang {language}: reports are written in {' and '.join(TEXTS)}.")
