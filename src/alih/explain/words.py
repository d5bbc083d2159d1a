"""Every text of the page, in English and in Indonesian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alih.errors import OptionError

Language = Literal["en", "id"]

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "kicker": "Alih explain",
        "contents": "Contents",
        "title": "How {model} reads “{text}”",
        "facts": "{family} · {layers} layers of {heads} heads · every number below is the model's own",
        "cut": "The text has {had} tokens; the first {kept} are read: the model, or the limit of {limit} tokens on "
        "this page, has no room for more.",
        "shown": "The maps show the first {shown} of {all} tokens, to keep the page small; so does the "
        "JSON. The Python object holds all.",
        "tokens": "1 · Tokens",
        "tokens_help": "What the model reads is numbers: the text is cut into pieces of its vocabulary, and under each "
        "stands its id. A dashed frame: a special token. A blue edge: the piece goes on with a word. An orange edge: "
        "bytes of a character, or a token for what the vocabulary does not know. “·” is the space before a word.",
        "written_new": "Blue tokens were written by the model.",
        "source": "Source, for the encoder",
        "target": "Target, what the decoder writes",
        "embedding": "2 · Embeddings and positions",
        "side_encoder": "Encoder",
        "side_decoder": "Decoder",
        "pos_sinusoidal": "Positions are sinusoids (section 3.5 of the paper): fixed waves, added to the embeddings.",
        "pos_learned": "Positions are learned: one trained vector for each place, added to the embeddings.",
        "pos_rotary": "Positions are rotary: nothing is added. In each layer, queries and keys are turned by these "
        "angles, so that their product depends on how far apart they are.",
        "pos_relative": "Positions are relative: nothing is added. A learned number for each distance is added to the "
        "scores (here head {head}).",
        "pos_none": "No positions are added to the embeddings.",
        "token_map": "token embeddings",
        "token_scaled": "token embeddings × {scale}",
        "position_map": "+ positions",
        "sum_map": "= enters block 1",
        "norm_map": "→ enters block 1 (summed, normalised)",
        "angles_map": "angles in radians",
        "bias_map": "bias by distance",
        "dims": "rows: tokens; columns: the first {shown} of {all} dimensions; strongest colour: ±{limit}",
        "range": "strongest colour: ±{limit}",
        "colours": "Blue is above zero, orange below; the stronger, the further from zero.",
        "qkv": "3 · Q, K, V: layer {layer}, head {head}",
        "qkv_help": "Each token asks (query), offers (key) and hands over (value). A row is a token.",
        "role_encoder": "Self-attention of the encoder",
        "role_decoder": "Masked self-attention of the decoder",
        "role_alone_encoder": "Self-attention",
        "role_alone_decoder": "Causal self-attention",
        "role_cross": "Cross-attention: the decoder looks at the source",
        "shape": "{rows} tokens × {columns}; strongest colour: ±{limit}",
        "before": "Scores before softmax",
        "after": "Weights after softmax",
        "before_help": "One row a query, one column a key. Grey: hidden, −∞.",
        "after_help": "Each row sums to 1. The colour grows with the root of the weight.",
        "worked": "One query worked out: “{token}”, place {place}",
        "worked_help": "q = ({numbers}, …), {width} numbers. For each key: the product q·k, the score, its exponential "
        "over the sum of all exponentials, and the value.",
        "worked_some": "The {shown} largest weights of the {all} keys that it may look at are shown.",
        "key_token": "key",
        "weight": "weight",
        "value": "v (first numbers)",
        "output": "Output: Σ weight · v = ({numbers}, …)",
        "bias_word": " + bias",
        "maps": "4 · Every head",
        "maps_help": "Queries from top to bottom, keys from left to right; the stronger the colour, the larger the "
        "weight. Tap a map to enlarge it. The outlined one is worked out above.",
        "layer": "Layer {layer}",
        "head": "head {head}",
        "in_layer": "layer {layer}, ",
        "open_map": "{role}, layer {layer}, head {head}: enlarge",
        "close": "Close",
        "steps_translator": "5 · Word by word",
        "steps_causal": "5 · The next tokens",
        "steps_masked": "5 · What the mask could be",
        "steps_translator_help": "Greedy decoding (beam 1). At each step: the token that comes out, the five likeliest "
        "with their probabilities, and where the decoder looks in the source (last layer, mean of its heads).",
        "steps_causal_help": "Greedy decoding. At each step: the token that comes out, the five likeliest with their "
        "probabilities, and what it is decided by (last layer, mean of its heads).",
        "steps_given": "The text that comes out was given; the probabilities are what the model would have said.",
        "steps_masked_help": "At each mask: the five likeliest tokens, and what the mask looks at (last layer, mean of "
        "its heads).",
        "result": "Result: {text}",
        "made_by": "Made by alih {version}. softmax(QKᵀ/√d) was checked against the model's own attention.",
    },
    "id": {
        "kicker": "Alih explain",
        "contents": "Daftar isi",
        "title": "Bagaimana {model} membaca “{text}”",
        "facts": "{family} · {layers} lapisan, masing-masing {heads} kepala · setiap angka di bawah adalah milik model "
        "itu sendiri",
        "cut": "Teks ini terdiri atas {had} token; {kept} token pertama yang dibaca: model ini, atau batas {limit} "
        "token untuk halaman ini, tidak punya tempat lagi.",
        "shown": "Peta menampilkan {shown} token pertama dari {all}, agar halaman tetap kecil; JSON dipotong di tempat "
        "yang sama, objek Python utuh.",
        "tokens": "1 · Token",
        "tokens_help": "Yang dibaca model adalah angka: teks dipotong menjadi keping-keping kosakata, dan nomornya "
        "tertulis di bawah setiap keping. Bingkai putus-putus: token khusus. Tepi biru: keping lanjutan sebuah kata. "
        "Tepi jingga: bita dari sebuah karakter, atau token untuk yang tidak dikenal kosakata. “·” adalah spasi di "
        "depan kata.",
        "written_new": "Token biru ditulis oleh model.",
        "source": "Sumber, untuk encoder",
        "target": "Sasaran, yang ditulis decoder",
        "embedding": "2 · Embedding dan posisi",
        "side_encoder": "Encoder",
        "side_decoder": "Decoder",
        "pos_sinusoidal": "Posisinya sinusoida (bagian 3.5 makalah): gelombang tetap yang dijumlahkan ke embedding.",
        "pos_learned": "Posisinya dipelajari: satu vektor terlatih untuk setiap tempat, dijumlahkan ke embedding.",
        "pos_rotary": "Posisinya rotasi (rotary): tidak ada yang dijumlahkan. Di setiap lapisan, query dan key diputar "
        "sebesar sudut-sudut ini, sehingga hasil kalinya bergantung pada jaraknya.",
        "pos_relative": "Posisinya relatif: tidak ada yang dijumlahkan ke embedding. Satu angka terlatih untuk setiap "
        "jarak ditambahkan ke skor (di sini kepala {head}).",
        "pos_none": "Tidak ada posisi yang dijumlahkan ke embedding.",
        "token_map": "embedding token",
        "token_scaled": "embedding token × {scale}",
        "position_map": "+ posisi",
        "sum_map": "= masuk ke blok 1",
        "norm_map": "→ masuk ke blok 1 (dijumlahkan, dinormalkan)",
        "angles_map": "sudut dalam radian",
        "bias_map": "bias menurut jarak",
        "dims": "baris: token; kolom: {shown} dimensi pertama dari {all}; warna terkuat: ±{limit}",
        "range": "warna terkuat: ±{limit}",
        "colours": "Biru di atas nol, jingga di bawah nol; makin kuat warnanya, makin jauh dari nol.",
        "qkv": "3 · Q, K, V: lapisan {layer}, kepala {head}",
        "qkv_help": "Setiap token bertanya (query), menawarkan (key), dan menyerahkan (value). Satu baris, satu token.",
        "role_encoder": "Atensi-diri encoder",
        "role_decoder": "Atensi-diri decoder, yang sesudahnya ditutup",
        "role_alone_encoder": "Atensi-diri",
        "role_alone_decoder": "Atensi-diri kausal",
        "role_cross": "Atensi silang: decoder memandang sumber",
        "shape": "{rows} token × {columns}; warna terkuat: ±{limit}",
        "before": "Skor sebelum softmax",
        "after": "Bobot sesudah softmax",
        "before_help": "Satu baris sebuah query, satu kolom sebuah key. Abu-abu: tertutup, −∞.",
        "after_help": "Setiap baris berjumlah 1. Kuat warnanya mengikuti akar bobot.",
        "worked": "Satu query dihitung: “{token}”, tempat ke-{place}",
        "worked_help": "q = ({numbers}, …), {width} angka. Untuk setiap key: hasil kali q·k, skornya, eksponensialnya "
        "dibagi jumlah semua eksponensial, dan value.",
        "worked_some": "Ditampilkan {shown} bobot terbesar dari {all} key yang boleh dipandang.",
        "key_token": "key",
        "weight": "bobot",
        "value": "v (angka-angka pertama)",
        "output": "Keluaran: Σ bobot · v = ({numbers}, …)",
        "bias_word": " + bias",
        "maps": "4 · Semua kepala",
        "maps_help": "Query dari atas ke bawah, key dari kiri ke kanan; makin kuat warnanya, makin besar bobotnya. "
        "Ketuk sebuah peta untuk memperbesarnya. Yang berbingkai jingga dihitung di atas.",
        "layer": "Lapisan {layer}",
        "head": "kepala {head}",
        "in_layer": "lapisan {layer}, ",
        "open_map": "{role}, lapisan {layer}, kepala {head}: perbesar",
        "close": "Tutup",
        "steps_translator": "5 · Kata demi kata",
        "steps_causal": "5 · Token-token berikutnya",
        "steps_masked": "5 · Isi mask yang mungkin",
        "steps_translator_help": "Dekode greedy (beam 1). Di setiap langkah: token yang keluar, lima yang paling "
        "mungkin dengan peluangnya, dan bagian sumber yang dipandang decoder (lapisan terakhir, rerata kepala).",
        "steps_causal_help": "Dekode greedy. Di setiap langkah: token yang keluar, lima yang paling mungkin "
        "dengan peluangnya, dan apa yang menentukannya (lapisan terakhir, rerata kepala).",
        "steps_given": "Teks yang keluar ini diberikan; peluangnya adalah apa yang akan dikatakan model.",
        "steps_masked_help": "Di setiap mask: lima token yang paling mungkin, dan apa yang dipandang mask itu (lapisan "
        "terakhir, rerata kepala).",
        "result": "Hasil: {text}",
        "made_by": "Dibuat oleh alih {version}. softmax(QKᵀ/√d) telah dicocokkan dengan atensi model itu sendiri.",
    },
}


@dataclass(frozen=True)
class Words:
    """The texts of one language; called with a key and the values of its gaps."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text, with its gaps filled; not escaped."""
        return TEXTS[self.language][key].format(**values)


def words(language: str) -> Words:
    """The texts of a language.

    Raises:
        OptionError: there is no page in that language.
    """
    for known in TEXTS:
        if language == known:
            return Words(known)
    raise OptionError(f"--lang {language}: pages are written in {' and '.join(TEXTS)}.")
