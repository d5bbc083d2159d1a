"""Things, animals, people and stuff, English and Indonesian, by what can be done with them."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.translator.words import rows


@dataclass(frozen=True)
class Noun:
    """A thing, an animal or a person.

    Args:
        one, many: English singular and plural.
        word: Indonesian, the same in singular and plural.
        counter: what Indonesian counts it with after "se": buah, ekor, orang, …
        kinds: what it can be used as: food, drink, clothes, …
    """

    one: str
    many: str
    word: str
    counter: str
    kinds: frozenset[str]


_NOUNS = """
book|books|buku|buah|read write lend thing
newspaper|newspapers|koran|buah|read
letter|letters|surat|pucuk|read write thing
magazine|magazines|majalah|buah|read lend
story|stories|cerita|buah|read write
report|reports|laporan|buah|read write
email|emails|surel|buah|read write
poem|poems|puisi|buah|read write
pen|pens|pena|buah|thing lend
pencil|pencils|pensil|buah|thing lend
bag|bags|tas|buah|thing lend
key|keys|kunci|buah|thing
phone|phones|telepon|buah|thing lend repair
computer|computers|komputer|buah|thing repair
camera|cameras|kamera|buah|thing lend repair
clock|clocks|jam dinding|buah|thing repair
lamp|lamps|lampu|buah|thing repair
radio|radios|radio|buah|thing repair
television|televisions|televisi|buah|thing repair
umbrella|umbrellas|payung|buah|thing lend
ticket|tickets|tiket|lembar|thing
picture|pictures|gambar|buah|thing look
map|maps|peta|buah|thing look lend
gift|gifts|hadiah|buah|thing
toy|toys|mainan|buah|thing
ball|balls|bola|buah|thing lend
knife|knives|pisau|buah|thing lend
plate|plates|piring|buah|thing wash
cup|cups|cangkir|buah|thing wash
glass|glasses|gelas|buah|thing wash
spoon|spoons|sendok|buah|thing wash
bottle|bottles|botol|buah|thing wash
table|tables|meja|buah|furniture clean
chair|chairs|kursi|buah|furniture clean
bed|beds|tempat tidur|buah|furniture clean
cupboard|cupboards|lemari|buah|furniture clean open
door|doors|pintu|buah|open
window|windows|jendela|buah|open clean
gate|gates|gerbang|buah|open
box|boxes|kotak|buah|open thing
shop|shops|toko|buah|open
shirt|shirts|baju|helai|clothes wash thing
dress|dresses|gaun|helai|clothes wash thing
hat|hats|topi|buah|clothes wash thing
jacket|jackets|jaket|helai|clothes wash lend thing
skirt|skirts|rok|helai|clothes wash thing
shoe|shoes|sepatu|buah|wash thing
car|cars|mobil|buah|vehicle wash repair
motorcycle|motorcycles|sepeda motor|buah|vehicle wash repair lend
bicycle|bicycles|sepeda|buah|vehicle wash repair lend
bus|buses|bus|buah|vehicle
boat|boats|perahu|buah|vehicle repair
train|trains|kereta|buah|vehicle
apple|apples|apel|buah|food fruit
banana|bananas|pisang|buah|food fruit
orange|oranges|jeruk|buah|food fruit
mango|mangoes|mangga|buah|food fruit
coconut|coconuts|kelapa|buah|food fruit
egg|eggs|telur|butir|food cook
cake|cakes|kue|buah|food cook
potato|potatoes|kentang|buah|food cook
carrot|carrots|wortel|buah|food cook
onion|onions|bawang|buah|cook
cat|cats|kucing|ekor|animal
dog|dogs|anjing|ekor|animal
bird|birds|burung|ekor|animal
chicken|chickens|ayam|ekor|animal
goat|goats|kambing|ekor|animal
cow|cows|sapi|ekor|animal
horse|horses|kuda|ekor|animal
rabbit|rabbits|kelinci|ekor|animal
mouse|mice|tikus|ekor|animal
elephant|elephants|gajah|ekor|animal
monkey|monkeys|monyet|ekor|animal
snake|snakes|ular|ekor|animal
duck|ducks|bebek|ekor|animal
teacher|teachers|guru|orang|person job
doctor|doctors|dokter|orang|person job
nurse|nurses|perawat|orang|person job
farmer|farmers|petani|orang|person job
driver|drivers|sopir|orang|person job
police officer|police officers|polisi|orang|person job
student|students|murid|orang|person job
singer|singers|penyanyi|orang|person job
writer|writers|penulis|orang|person job
soldier|soldiers|tentara|orang|person job
fisherman|fishermen|nelayan|orang|person job
engineer|engineers|insinyur|orang|person job
lecturer|lecturers|dosen|orang|person job
dentist|dentists|dokter gigi|orang|person job
trader|traders|pedagang|orang|person job
cook|cooks|juru masak|orang|person job
man|men|pria|orang|person
woman|women|wanita|orang|person
child|children|anak|orang|person
guest|guests|tamu|orang|person
neighbour|neighbours|tetangga|orang|person own
friend|friends|teman|orang|person own
tourist|tourists|wisatawan|orang|person
"""

NOUNS = [Noun(a, b, c, d, frozenset(e.split())) for a, b, c, d, e in rows(_NOUNS)]

#: Stuff that is not counted: English, Indonesian, kinds.
_STUFF = """
rice|nasi|food cook
bread|roti|food
meat|daging|food cook
fish|ikan|food cook
soup|sup|food cook
fruit|buah|food
vegetables|sayur|food cook
noodles|mi|food cook
fried rice|nasi goreng|food cook
satay|sate|food cook
chilli sauce|sambal|food
cheese|keju|food
chocolate|cokelat|food
sugar|gula|buy
salt|garam|buy
water|air|drink
tea|teh|drink
coffee|kopi|drink
milk|susu|drink
orange juice|jus jeruk|drink
medicine|obat|buy
money|uang|need
help|bantuan|need
time|waktu|need
music|musik|hear
"""
STUFF = [(a, b, frozenset(c.split())) for a, b, c in rows(_STUFF)]
