"""Bytes to text: marks, damage, legacy code pages, and what is no text."""

from __future__ import annotations

import gzip
import io
import time
import zipfile

import pytest

from bookstrack.imports.decode import decode
from bookstrack.imports.refusal import Reason, Unreadable

LONG = "Title,Author\n" + "A plain row,Somebody Else\n" * 200


def test_utf8_is_utf8() -> None:
    decoded = decode("Titel,Größe\nœuvre,書\n".encode())
    assert (decoded.text, decoded.encoding) == ("Titel,Größe\nœuvre,書\n", "utf-8")


def test_stray_marc_bytes_become_letters() -> None:
    decoded = decode("Größe,Éluard\n".encode() + b"Dvor\xe2ak, M\xe8uller, t\xe5o, gar\xf0con\n")
    assert decoded.text.endswith("Dvorák, Müller, tō, garçon\n")
    assert decoded.text.startswith("Größe,Éluard")
    assert (decoded.encoding, decoded.repaired_bytes) == ("utf-8", 4)


def test_two_marks_on_one_letter() -> None:
    assert decode("é".encode() + b" Vi\xe3\xe2et").text == "é Viết"


def test_other_stray_bytes_are_replaced_alone() -> None:
    decoded = decode("Größe ".encode() + b"\xff x \xe2")
    assert (decoded.text, decoded.repaired_bytes) == ("Größe \ufffd x \ufffd", 2)


def test_one_stray_byte_in_a_long_plain_text_is_damage() -> None:
    decoded = decode(LONG.encode() + b"Cort\xe2azar,\xff\n")
    assert decoded.encoding == "utf-8"
    assert decoded.text.endswith("Cortázar,\ufffd\n")


@pytest.mark.parametrize("word", ["Mélanie", "“Quoted” — word", "Müller’s Œuvre", "fiancée"])
def test_few_accents_in_a_long_english_library_are_windows(word: str) -> None:
    decoded = decode((LONG + word).encode("cp1252"))
    assert decoded.text == LONG + word
    assert (decoded.encoding, decoded.repaired_bytes) == ("windows-1252", 0)


def test_a_chance_sequence_does_not_make_utf8_of_windows() -> None:
    text = "ÉTÉ», «ÉCOLE», à côté, déjà, où, là, très, forêt, maïs, noël, façade, « être »"
    assert decode(text.encode("cp1252")).text == text.replace("\u00a0", " ")


def test_undefined_in_windows_is_latin() -> None:
    decoded = decode("é\x81".encode("latin-1"))
    assert (decoded.text, decoded.encoding) == ("é\x81", "iso-8859-1")


@pytest.mark.parametrize(
    ("charset", "reported", "text"),
    [
        ("windows-1251", "windows-1251", "Мастер и Маргарита"),
        ("macintosh", "macintosh", "Éluard à côté"),
        ("windows-1250", "windows-1250", "Łódź źle"),
        ("ISO-8859-15", "iso-8859-15", "cœur à 5 €"),
        ('"shift_jis"', "shift_jis", "吾輩は猫である"),
    ],
)
def test_declared_charsets_go_first(charset: str, reported: str, text: str) -> None:
    data = text.encode(charset.strip('"'))
    decoded = decode(data, declared_charset=charset)
    assert (decoded.text, decoded.encoding) == (text, reported)


@pytest.mark.parametrize("charset", ["rot13", "zip", "punycode", "no such", "x" * 99, "", "\x00"])
def test_what_is_no_charset_is_ignored(charset: str) -> None:
    assert decode("déjà".encode("cp1252"), declared_charset=charset).text == "déjà"


def test_latin_declared_where_windows_is_meant() -> None:
    decoded = decode("“déjà”".encode("cp1252"), declared_charset="iso-8859-1")
    assert (decoded.text, decoded.encoding) == ("“déjà”", "windows-1252")


def test_a_declared_charset_does_not_beat_utf8() -> None:
    assert decode("déjà".encode(), declared_charset="windows-1252").text == "déjà"


def test_text_is_composed_and_lines_end_alike() -> None:
    text = "e\u0301,a\u00a0b\r\nc\rd\u202fe\n"
    assert decode(text.encode()).text == "é,a b\nc\nd e\n"


def test_heaps_of_marks_cost_nothing() -> None:
    heap = "a" + "\u0327\u0300" * 200_000
    start = time.process_time()
    text = decode(heap.encode()).text
    assert time.process_time() - start < 5  # by the square of their number it would be an hour
    assert len(text) < 100


@pytest.mark.parametrize("data", [b"", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_nothing_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(data)
    assert caught.value.reason is Reason.EMPTY


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (zipped("xl/workbook.xml"), "CSV"),
        (zipped("other.txt"), "zip"),
        (gzip.compress(b"Title,Author\n", mtime=0), "gzip"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0 JFIF", "JPEG"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"Title,Author\nD\x00ne,X\n", "NUL"),
    ],
)
def test_other_files_are_refused(data: bytes, hint: str) -> None:
    with pytest.raises(Unreadable, match=hint) as caught:
        decode(data)
    assert caught.value.details["reason"] == "binary"
    assert caught.value.code == "INVALID_FILE"
