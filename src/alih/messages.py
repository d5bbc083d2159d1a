"""What the engine says, in English and in Indonesian: each sentence is a key and its values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from alih.metrics.words import INTERVAL_WORDS

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_SENTENCES: dict[Language, dict[str, str]] = {
    "en": {
        "take": "Take {chosen}: {metric} {score} on {examples} validation examples (95 % interval {interval}), "
        "adapted in {seconds} s.",
        "alone": "{chosen}: {metric} {score} on {examples} validation examples (95 % interval {interval}), "
        "adapted in {seconds} s.",
        "nothing_compared": "Nothing was compared: it is the only variant that was measured.",
        "others_stopped": "Stopped early, out of the running by their learning curves: {told}.",
        "unmeasured": "Not measured on all examples, so that nothing is known of how they would do: {told}.",
        "best": "Its score is the best one measured, and nothing as good was cheaper.",
        "preferred": "Its score is the best one measured, which is what was asked for.",
        "best_within": "Its score is the best one within your limits, and nothing as good was cheaper.",
        "preferred_within": "Its score is the best one within your limits, which is what was asked for.",
        "cheaper": "The best score is that of {best}, {metric} {score}: {gap} better, which these examples cannot tell "
        "from chance ({interval}), for {ratio} times the time.",
        "cheaper_within": "Within your limits, the best score is that of {best}, {metric} {score}: {gap} better, "
        "which these examples cannot tell from chance ({interval}), for {ratio} times the time.",
        "worse": "Worse beyond chance: {told}.",
        "cut_short": "Cut short by the time limit, and perhaps better than measured: {told}.",
        "over_limit": "Not to be chosen, being over your limits: {told}.",
        "all_over_limit": "Every variant measured is over your limits; this one is the least over them.",
        "all_over_limit_by": "Every variant measured is over your limits; this one is the least over them: {needs}.",
        "beyond": "Over your limits on fewer examples already, and not measured on all of them: {told}.",
        "limits_cost": "Over your limits, but higher in score than what was taken: {told}.",
        "needs": "{label} ({needs})",
        "needs_memory": "{needed} of memory, limit {limit}",
        "needs_latency": "{needed} ms a prediction, limit {limit} ms",
        "flip_examples": "If that gap is real, about {examples} validation examples would show it, and {best} would be "
        "taken.",
        "flip_margin": "What would flip it: {other}, which is cheaper, would be taken if it scored {margin} more.",
        "resolution": "With {examples} validation examples, differences below about {smallest} cannot be seen.",
        "one_seed": "Some variants ran with one seed only; how much they vary from run to run is not known.",
        "some_one_seed": "Some variants ran with one seed only; how much they vary is reckoned from the others.",
        "probably_worse": "Cheaper, and behind by less than chance can bring, but by more than one standard error: "
        "{told}. With --prefer cheap the cheapest of these would be taken.",
        "seeds_vary": "From seed to seed the score varies: {told}. More --seeds would make this surer.",
        "gain": "More labelled examples: {chosen} would probably gain {gain} with about {examples} training examples "
        "({low} to {high}).",
        "no_gain": "More labelled examples would hardly help: no number within reach gains {chosen} {gain}.",
        "change": "With about {examples} training examples {other} would probably be taken over {chosen}.",
        "no_change": "Up to {times} times the examples, no other variant is likely to be taken.",
        "contradictions_title": "Equal inputs with different labels",
        "contradictions": "{count} inputs stand in the training data with more than one label. No model can be right "
        "about all of them: decide which label holds.",
        "imbalance_title": "Rare classes",
        "imbalance": "Rare: {rare} of {classes} classes; the commonest has {most} examples. Accuracy says little "
        "of rare classes: look at macro_f1, or label more of them.",
        "label_errors_title": "Probable label errors",
        "label_errors": "{count} of {examples} training examples ({share} %) look like another class to a linear model "
        "on the frozen features that was trained without them. Look at these first.",
        "domain_near_title": "Near domain",
        "domain_near": "With {examples} examples, a new head on the frozen backbone scores {head}; fine-tuning, "
        "{tuned}, takes away {share} % of its error. What pre-training learnt holds most of what this task needs.",
        "domain_far_title": "Far domain",
        "domain_far": "With {examples} examples, a new head on the frozen backbone scores {head}; fine-tuning, "
        "{tuned}, takes away {share} % of its error. The features have to change for this task.",
        "drift_title": "How far fine-tuning moves the features",
        "drift": "1 − CKA between the features of the backbone before and after: {drifts} (0 = not at all, "
        "1 = entirely). Little drift with a better score means that little had to change; much drift "
        "without one, that it forgets.",
        "depth_title": "Which depth holds what the task needs",
        "depth": "A linear probe scores best, {score}, on the output of block {depth} of {depths} (the last one: "
        "{last}): the blocks above have specialised in something else, and are those to train.",
        "depth_level": "A linear probe scores best, {score}, on the output of block {depth} of {depths}, "
        "which {examples} validation examples can hardly tell from the last one ({last}).",
        "depth_last": "A linear probe scores best, {score}, on the output of the last of {depths} blocks: each block "
        "adds to what this task needs.",
        "interval": INTERVAL_WORDS["en"][0],
        "no_interval": INTERVAL_WORDS["en"][1],
        "points": "{value} points",
        "by": "{label} by {gap}",
    },
    "id": {
        "take": "Pilih {chosen}: {metric} {score} pada {examples} contoh validasi (interval 95 % {interval}), "
        "diadaptasi dalam {seconds} detik.",
        "alone": "{chosen}: {metric} {score} pada {examples} contoh validasi (interval 95 % {interval}), "
        "diadaptasi dalam {seconds} detik.",
        "nothing_compared": "Tidak ada yang dibandingkan: hanya varian ini yang diukur.",
        "others_stopped": "Dihentikan lebih awal karena menurut kurva belajarnya tidak akan terpilih: {told}.",
        "unmeasured": "Tidak diukur pada semua contoh, sehingga kemampuannya tidak diketahui: {told}.",
        "best": "Skornya yang terbaik di antara yang diukur, dan tidak ada yang sebaik itu dengan biaya lebih murah.",
        "preferred": "Skornya yang terbaik di antara yang diukur, sesuai permintaan.",
        "best_within": "Skornya yang terbaik dalam batas Anda, dan tidak ada yang sebaik itu dengan biaya lebih murah.",
        "preferred_within": "Skornya yang terbaik dalam batas Anda, sesuai permintaan.",
        "cheaper": "Skor terbaik dicapai {best}, {metric} {score}: {gap} lebih baik, tetapi dengan contoh sebanyak ini "
        "selisih itu tidak dapat dibedakan dari kebetulan ({interval}), dengan waktu {ratio} kali lipat.",
        "cheaper_within": "Dalam batas Anda, skor terbaik dicapai {best}, {metric} {score}: {gap} lebih baik, "
        "tetapi dengan contoh sebanyak ini selisih itu tidak dapat dibedakan dari kebetulan ({interval}), "
        "dengan waktu {ratio} kali lipat.",
        "worse": "Lebih buruk, bukan karena kebetulan: {told}.",
        "cut_short": "Terpotong oleh batas waktu, dan mungkin lebih baik daripada yang terukur: {told}.",
        "over_limit": "Tidak dapat dipilih karena melewati batas yang Anda tentukan: {told}.",
        "all_over_limit": "Semua varian yang diukur melewati batas yang Anda tentukan; varian ini yang paling "
        "sedikit melewatinya.",
        "all_over_limit_by": "Semua varian yang diukur melewati batas yang Anda tentukan; varian ini yang paling "
        "sedikit melewatinya: {needs}.",
        "beyond": "Sudah melewati batas Anda pada lebih sedikit contoh, dan tidak diukur pada semuanya: {told}.",
        "limits_cost": "Melewati batas Anda, tetapi skornya lebih tinggi daripada yang dipilih: {told}.",
        "needs": "{label} ({needs})",
        "needs_memory": "memori {needed}, batas {limit}",
        "needs_latency": "{needed} ms per prediksi, batas {limit} ms",
        "flip_examples": "Jika selisih itu nyata, sekitar {examples} contoh validasi akan memperlihatkannya, dan "
        "{best} yang akan dipilih.",
        "flip_margin": "Yang akan mengubah keputusan: {other}, lebih murah, akan dipilih jika skornya {margin} lebih "
        "tinggi.",
        "resolution": "Dengan {examples} contoh validasi, selisih di bawah kira-kira {smallest} tidak dapat terlihat.",
        "one_seed": "Beberapa varian hanya dijalankan dengan satu seed; variasinya antarproses tidak diketahui.",
        "some_one_seed": "Beberapa varian hanya dijalankan dengan satu seed; variasinya antarproses diperkirakan dari "
        "varian lain.",
        "probably_worse": "Lebih murah, dan ketinggalannya masih mungkin kebetulan, tetapi lebih dari satu galat baku: "
        "{told}. Dengan --prefer cheap, yang termurah di antaranya akan dipilih.",
        "seeds_vary": "Skor berbeda dari seed ke seed: {told}. Tambahan --seeds akan membuat keputusan lebih pasti.",
        "gain": "Contoh berlabel tambahan: {chosen} mungkin naik {gain} dengan sekitar {examples} contoh latih "
        "({low} sampai {high}).",
        "no_gain": "Contoh berlabel tambahan hampir tidak membantu: berapa pun yang wajar, {chosen} tidak naik {gain}.",
        "change": "Dengan sekitar {examples} contoh latih, {other} mungkin dipilih menggantikan {chosen}.",
        "no_change": "Sampai {times} kali jumlah contoh, kecil kemungkinan varian lain yang dipilih.",
        "contradictions_title": "Masukan sama dengan label berbeda",
        "contradictions": "{count} masukan muncul di data latih dengan lebih dari satu label. Tidak ada model yang "
        "bisa benar untuk semuanya: tentukan label mana yang berlaku.",
        "imbalance_title": "Kelas langka",
        "imbalance": "Dari {classes} kelas, {rare} langka; kelas terbanyak punya {most} contoh. Akurasi tidak banyak "
        "bercerita tentang kelas langka: lihat macro_f1, atau tambah labelnya.",
        "label_errors_title": "Kemungkinan label keliru",
        "label_errors": "{count} dari {examples} contoh latih ({share} %) tampak seperti kelas lain bagi model linear "
        "pada fitur beku yang dilatih tanpa contoh itu. Periksa yang berikut lebih dahulu.",
        "domain_near_title": "Domain dekat",
        "domain_near": "Dengan {examples} contoh, head baru di atas backbone beku mencapai {head}; fine-tuning, "
        "{tuned}, menghapus {share} % dari galatnya. Hasil prapelatihan sudah memuat sebagian besar yang "
        "dibutuhkan tugas ini.",
        "domain_far_title": "Domain jauh",
        "domain_far": "Dengan {examples} contoh, head baru di atas backbone beku mencapai {head}; fine-tuning, "
        "{tuned}, menghapus {share} % dari galatnya. Fitur harus berubah untuk tugas ini.",
        "drift_title": "Seberapa jauh fine-tuning menggeser fitur",
        "drift": "1 − CKA antara fitur backbone sebelum dan sesudahnya: {drifts} (0 = tidak sama sekali, "
        "1 = seluruhnya). Bergeser sedikit dengan skor lebih baik berarti hanya sedikit yang perlu berubah; "
        "bergeser jauh tanpa itu "
        "berarti banyak yang dilupakan.",
        "depth_title": "Kedalaman mana yang memuat kebutuhan tugas",
        "depth": "Probe linear mencapai skor terbaik, {score}, pada keluaran blok {depth} dari {depths} (blok "
        "terakhir: {last}): blok di atasnya sudah terspesialisasi untuk hal lain, dan itulah yang perlu dilatih.",
        "depth_level": "Probe linear mencapai skor terbaik, {score}, pada keluaran blok {depth} dari {depths}, yang "
        "dengan {examples} contoh validasi hampir tidak dapat dibedakan dari blok terakhir ({last}).",
        "depth_last": "Probe linear mencapai skor terbaik, {score}, pada keluaran blok terakhir dari {depths}: setiap "
        "blok menambah hal yang dibutuhkan tugas ini.",
        "interval": INTERVAL_WORDS["id"][0],
        "no_interval": INTERVAL_WORDS["id"][1],
        "points": "{value} poin",
        "by": "{label} sebesar {gap}",
    },
}


@dataclass(frozen=True)
class Reason:
    """One sentence of the decision.

    Args:
        key: which sentence.
        values: what stands in its gaps: texts, or lists of nested reasons (joined by semicolons).
    """

    key: str
    values: dict[str, Any] = field(default_factory=dict)

    def say(self, language: Language = "en") -> str:
        """The sentence in a language."""
        told = {name: _say(value, language) for name, value in self.values.items()}
        return _SENTENCES[language][self.key].format(**told)


def _say(value: Any, language: Language) -> str:
    if isinstance(value, Reason):
        return value.say(language)
    if isinstance(value, list | tuple):
        return "; ".join(_say(one, language) for one in value)
    return str(value)


#: Where an example came from: "reviews.csv, row 812".
_ROW = re.compile(r", row (?=\d)")


@dataclass(frozen=True)
class Diagnosis:
    """One finding about the data.

    Args:
        title: in a few words.
        text: what was found, and what to do.
        severity: how much it matters.
        items: where, as texts.
    """

    title: Reason
    text: Reason
    severity: Literal["note", "warning"] = "note"
    items: tuple[str, ...] = ()

    def told(self, language: Language) -> dict[str, Any]:
        """The finding in a language, as JSON-able data."""
        items = [_ROW.sub(", baris ", item) if language == "id" else item for item in self.items]
        return {
            "title": self.title.say(language),
            "text": self.text.say(language),
            "severity": self.severity,
            "items": items,
        }
