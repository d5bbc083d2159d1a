"""The other words of everyday sentences, English and Indonesian side by side, and sentences said as they are."""

from __future__ import annotations


def rows(table: str) -> list[list[str]]:
    """Return the cells of every line of a table: a line is a row, columns are separated by "|"."""
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


#: Places: English with its article, Indonesian, whether the English "to" and "at" are used (home has none).
PLACES = [
    (a, b)
    for a, b in rows(
        """
the market|pasar
school|sekolah
the office|kantor
the hospital|rumah sakit
the library|perpustakaan
the beach|pantai
the airport|bandara
the station|stasiun
the post office|kantor pos
the bank|bank
the village|desa
the city|kota
the garden|kebun
the kitchen|dapur
the mosque|masjid
the church|gereja
the restaurant|restoran
the museum|museum
the zoo|kebun binatang
the park|taman
the cinema|bioskop
the hotel|hotel
the pharmacy|apotek
the factory|pabrik
the university|universitas
the river|sungai
the mountain|gunung
the rice field|sawah
the forest|hutan
the bus stop|halte bus
Jakarta|Jakarta
Bandung|Bandung
Surabaya|Surabaya
Yogyakarta|Yogyakarta
Bali|Bali
Medan|Medan
Makassar|Makassar
Singapore|Singapura
Japan|Jepang
Germany|Jerman
the Netherlands|Belanda
England|Inggris
"""
    )
]

#: What a thing can be: English, comparative, superlative, Indonesian, of what.
ADJECTIVES = [
    (a, b, c, d, frozenset(e.split()))
    for a, b, c, d, e in rows(
        """
big|bigger|biggest|besar|thing furniture clothes animal vehicle open food place
small|smaller|smallest|kecil|thing furniture clothes animal vehicle open food place
new|newer|newest|baru|thing furniture clothes vehicle open read place
old|older|oldest|lama|thing furniture clothes vehicle open read
expensive|more expensive|most expensive|mahal|thing furniture clothes vehicle food
cheap|cheaper|cheapest|murah|thing furniture clothes vehicle food
beautiful|more beautiful|most beautiful|indah|look place
good|better|best|bagus|thing furniture clothes vehicle read
heavy|heavier|heaviest|berat|thing furniture
light|lighter|lightest|ringan|thing furniture
long|longer|longest|panjang|read clothes
short|shorter|shortest|pendek|read clothes person
clean|cleaner|cleanest|bersih|clothes furniture open place
dirty|dirtier|dirtiest|kotor|clothes furniture open vehicle
interesting|more interesting|most interesting|menarik|read look place
difficult|more difficult|most difficult|sulit|read
easy|easier|easiest|mudah|read
delicious|more delicious|most delicious|enak|food
sweet|sweeter|sweetest|manis|fruit
sour|more sour|most sour|asam|fruit
ripe|riper|ripest|matang|fruit
fast|faster|fastest|cepat|vehicle
slow|slower|slowest|lambat|vehicle
tall|taller|tallest|tinggi|person
young|younger|youngest|muda|person
clever|cleverer|cleverest|pandai|person
kind|kinder|kindest|baik hati|person
diligent|more diligent|most diligent|rajin|person
lazy|lazier|laziest|malas|person animal
friendly|friendlier|friendliest|ramah|person
strong|stronger|strongest|kuat|person animal
fat|fatter|fattest|gemuk|animal person
thin|thinner|thinnest|kurus|animal person
tame|tamer|tamest|jinak|animal
wild|wilder|wildest|liar|animal
crowded|more crowded|most crowded|ramai|place
quiet|quieter|quietest|sepi|place
far|farther|farthest|jauh|place
"""
    )
]

#: How somebody feels.
FEELINGS = rows(
    """
happy|senang
sad|sedih
tired|lelah
hungry|lapar
thirsty|haus
angry|marah
sick|sakit
busy|sibuk
afraid|takut
sleepy|mengantuk
bored|bosan
healthy|sehat
ready|siap
late|terlambat
surprised|terkejut
proud|bangga
ashamed|malu
nervous|gugup
lucky|beruntung
worried|khawatir
"""
)
COLOURS = rows(
    """
red|merah
white|putih
black|hitam
blue|biru
green|hijau
yellow|kuning
brown|cokelat
grey|abu-abu
purple|ungu
"""
)
WEATHER = rows(
    """
hot|panas
cold|dingin
cloudy|mendung
sunny|cerah
windy|berangin
humid|lembap
foggy|berkabut
warm|hangat
"""
)
AILMENTS = rows(
    """
a headache|sakit kepala
a stomachache|sakit perut
a toothache|sakit gigi
a fever|demam
a cough|batuk
a cold|pilek
a sore throat|sakit tenggorokan
a backache|sakit punggung
"""
)
#: Indonesian puts what belongs to somebody before them: ayah saya.
FAMILY = rows(
    """
father|ayah
mother|ibu
grandfather|kakek
grandmother|nenek
uncle|paman
aunt|bibi
older sister|kakak perempuan
older brother|kakak laki-laki
younger sister|adik perempuan
younger brother|adik laki-laki
wife|istri
husband|suami
son|anak laki-laki
daughter|anak perempuan
cousin|sepupu
friend|teman
boss|bos
neighbour|tetangga
"""
)
_NAMES = """
Budi Siti Ani Rina Joko Dewi Agus Made Sari Andi Putri Rudi Maria Tono Lina Hasan Fitri Yusuf Wati Bayu Nina
Eko Ayu Dian Rizki Sinta Hadi Mega Bambang Indah Ahmad Ratna Doni Tuti Wawan Intan Fajar Laras Slamet Yanti
Anna Peter Tom Lisa John Mary David Sarah Ben Emma Paul Julia Mark Kate Ketut Wayan Komang Nyoman Togar Ucok
Butet Asep Dadang Euis Cahya Gita Irfan Kartika Lukman Nadia Oki Pandu Reza Salsa Taufik Umar Vina Winda Zaki
"""
NAMES = [*_NAMES.split()]
ADVERBS = rows(
    """
always|selalu
often|sering
sometimes|kadang-kadang
rarely|jarang
usually|biasanya
never|tidak pernah
"""
)
PAST_TIMES = rows(
    """
yesterday|kemarin
last night|tadi malam
this morning|tadi pagi
last week|minggu lalu
last month|bulan lalu
last year|tahun lalu
two days ago|dua hari yang lalu
an hour ago|satu jam yang lalu
yesterday morning|kemarin pagi
yesterday afternoon|kemarin sore
"""
)
NEXT_TIMES = rows(
    """
tomorrow|besok
tonight|nanti malam
next week|minggu depan
next month|bulan depan
next year|tahun depan
tomorrow morning|besok pagi
the day after tomorrow|lusa
this afternoon|nanti sore
soon|segera
"""
)
USUAL_TIMES = rows(
    """
every day|setiap hari
every morning|setiap pagi
every night|setiap malam
every week|setiap minggu
on weekends|pada akhir pekan
in the afternoon|pada sore hari
"""
)
DAYS = rows(
    """
Monday|Senin
Tuesday|Selasa
Wednesday|Rabu
Thursday|Kamis
Friday|Jumat
Saturday|Sabtu
Sunday|Minggu
"""
)
MONTHS = rows(
    """
January|Januari
February|Februari
March|Maret
April|April
May|Mei
June|Juni
July|Juli
August|Agustus
September|September
October|Oktober
November|November
December|Desember
"""
)
WHERE = rows(
    """
on|di atas
under|di bawah
in front of|di depan
behind|di belakang
next to|di samping
near|di dekat
inside|di dalam
"""
)
SUBJECTS_AT_SCHOOL = rows(
    """
mathematics|matematika
English|bahasa Inggris
Indonesian|bahasa Indonesia
history|sejarah
biology|biologi
physics|fisika
chemistry|kimia
geography|geografi
Japanese|bahasa Jepang
Arabic|bahasa Arab
"""
)
#: Whole sentences that are said as they are.
PHRASES = rows(
    """
Good morning.|Selamat pagi.
Good afternoon.|Selamat sore.
Good evening.|Selamat malam.
Good night.|Selamat tidur.
Thank you.|Terima kasih.
Thank you very much.|Terima kasih banyak.
You are welcome.|Sama-sama.
How are you?|Apa kabar?
I am fine, thank you.|Saya baik-baik saja, terima kasih.
What is your name?|Siapa nama kamu?
Nice to meet you.|Senang bertemu dengan Anda.
See you tomorrow.|Sampai jumpa besok.
See you later.|Sampai jumpa lagi.
Goodbye.|Selamat tinggal.
Excuse me.|Permisi.
I am sorry.|Saya minta maaf.
No problem.|Tidak apa-apa.
Happy birthday!|Selamat ulang tahun!
Congratulations!|Selamat!
Welcome!|Selamat datang!
Have a good trip.|Selamat jalan.
Enjoy your meal.|Selamat makan.
Be careful!|Hati-hati!
Help!|Tolong!
I do not understand.|Saya tidak mengerti.
I do not know.|Saya tidak tahu.
Please speak slowly.|Tolong bicara pelan-pelan.
Can you help me?|Bisakah kamu membantu saya?
Where are you from?|Dari mana asal kamu?
What time is it?|Jam berapa sekarang?
What day is it today?|Hari apa ini?
How old are you?|Berapa umur kamu?
I love you.|Aku cinta kamu.
Of course.|Tentu saja.
I agree.|Saya setuju.
Maybe.|Mungkin.
Get well soon.|Semoga cepat sembuh.
Good luck!|Semoga berhasil!
Where is the toilet?|Di mana kamar kecil?
How much is it?|Berapa harganya?
That is too expensive.|Itu terlalu mahal.
I am lost.|Saya tersesat.
Call the police!|Panggil polisi!
Sit down, please.|Silakan duduk.
Come in, please.|Silakan masuk.
"""
)
