"""Names and titles in the bytes of old code pages, alone and in pairs."""

# ruff: noqa: RUF001

from __future__ import annotations

import pytest

from soundalike.audio.codepages import decoder_of

WESTERN = """Müller|Björk|Sigur Rós|Ágætis byrjun|Motörhead|Beyoncé|Café Tacvba|Hélène Ségara|
Édith Piaf|Mylène Farmer|Françoise Hardy|Früh am Abend|Ænima|Røyksopp|Håkan Hellström|Die Ärzte|
Blue Öyster Cult|Mötley Crüe|Queensrÿche|Antônio Carlos Jobim|João Gilberto|Águas de Março|Señorita|
Rock’n’Roll|Don’t Stop Can’t Stop|“Heroes”|“École” – “Été”|Déjà Vu|Voilà|À la folie|Ça ira|ÆØÅ|ÄÖÜ|
Å|Ö|Þórr|Sólstafir|Hvað ertu|Garçon|L’été de l’éditeur|Prélude à l’après-midi|…And Justice|Zoë|
––Langer Name––|Straße|Größenwahn|Übermut|Minska spelhastighet med 0,25×|
Introduktion: del två med på|
La città e la finestra di Niccò|100 €|Žižek & Šimůnek""".replace("\n", "").split("|")
RUSSIAN = """Зимний вечер|Пример|Кино|Группа крови|Что такое осень|Полковнику никто не пишет|
Земфира|Аквариум|Город золотой|Алла Пугачёва|Миллион алых роз|ЛЕНИНГРАД|Океан Ельзи|Обійми|Сплин|
Король и Шут|5'nizza - Солдат|Мумий Тролль|Ария|Беспечный ангел|Наутилус Помпилиус""".replace(
    "\n", ""
).split("|")
JAPANESE = """椎名林檎|宇多田ヒカル|東京事変|初音ミク|浜崎あゆみ|さくら|千本桜|残酷な天使のテーゼ|
久石譲|となりのトトロ|坂本龍一|スピッツ|日本|愛のうた|ラルク アン シエル|Tシャツ|
日曜日よりの使者|米津玄師|モーニング娘。|夜に駆ける|紅蓮華""".replace("\n", "").split("|")


def decoded(texts: list[str], code_page: str, encoding: str | None = None) -> list[str]:
    raw = [text.encode(code_page) for text in texts]
    decode = decoder_of(raw, encoding)
    return [decode(text) for text in raw]


@pytest.mark.parametrize(
    ("texts", "code_page"), [(WESTERN[:-1], "cp1252"), (RUSSIAN, "cp1251"), (JAPANESE, "cp932")]
)
def test_each_name_alone(texts: list[str], code_page: str) -> None:
    assert [decoded([text], code_page)[0] for text in texts] == texts


def test_western_names_stay_whatever_stands_beside_them() -> None:
    names = WESTERN[:-1]
    for one in names:
        for other in names:
            assert decoded([one, other], "cp1252") == [one, other]


def test_what_is_too_short_alone_is_told_by_its_neighbours() -> None:
    assert decoded(["ДДТ"], "cp1251") == ["ÄÄÒ"]
    assert decoded(["ДДТ", "Что такое осень", "Я"], "cp1251") == ["ДДТ", "Что такое осень", "Я"]
    assert decoded(["嵐", "愛のうた"], "cp932") == ["嵐", "愛のうた"]


def test_utf_8_is_taken_as_such() -> None:
    names = [*WESTERN, *RUSSIAN, *JAPANESE]
    assert decoded(names, "utf-8") == names
    assert decoded(names, "utf-8", "cp1251") == names


def test_a_character_that_30_bytes_cut_off() -> None:
    russian = "Полковнику никто не пишет".encode()[:30]
    assert russian[-1] == "о".encode()[0]
    assert decoder_of([russian])(russian) == "Полковнику никт"
    japanese = ("A" + "戦場のメリークリスマス" * 2).encode("cp932")[:30]
    assert decoder_of([japanese])(japanese) == "A戦場のメリークリスマス戦場の"
    # A Western word may end with the same byte.
    western = "Om overskriften kan klikkes på".encode("latin-1")
    assert len(western) == 30
    assert decoder_of([western])(western) == "Om overskriften kan klikkes på"


def test_every_byte_stays() -> None:
    every = bytes(range(256))
    for encoding in (None, "cp1251", "shift_jis"):
        text = decoder_of([every], encoding)(every)
        assert len(text) == len(set(text)) == 256
        assert "\ufffd" not in text


def test_other_code_pages_are_not_taken_for_russian() -> None:
    for text, code_page in (
        ("Кино и театр", "koi8-r"),
        ("Θάλασσα", "cp1253"),
        ("사랑해요", "euc-kr"),
    ):
        raw = text.encode(code_page)
        assert decoder_of([raw])(raw).encode("cp1252") == raw
