"""Which encoding a book's bytes are read by, what is in doubt, and what that takes."""

import codecs
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.gutenberg.decoding import decode

FRENCH = "Le café d'Élise ferma à l'été; où qu'elle fût, François était déçu. «Ça», dit-il. Œuvres."


RUSSIAN = (
    "Озеро было спокойно в тот вечер, и никто не спускался к нему из деревни.\n"
    "Все были в поле до темноты: жатва, говорили старики.\n"
)
CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (FRENCH.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + FRENCH.encode(), "utf-8"),
        (FRENCH.encode("utf-16"), "utf-16-le"),
        (FRENCH.encode("utf-32"), "utf-32-le"),
        (b"\x00\x00\xfe\xff" + FRENCH.encode("utf-32-be"), "utf-32-be"),
        (FRENCH.encode("cp1252"), "cp1252"),
        (FRENCH.encode("mac_roman"), "mac_roman"),
        (FRENCH.replace("Œ", "O").encode("cp850"), "cp850"),
        (b"plain", "ascii"),
        ("Character set encoding: ISO-8859-2\r\n\r\nErdős Pál".encode("latin2"), "iso8859-2"),
        ("Character set encoding: ISO-8859-1\n\n“It’s”".encode("cp1252"), "cp1252"),
        ("Character set encoding: Codepage 850\n\nGrüße".encode("cp850"), "cp850"),
        ("Character set encoding: ASCII\n\nGrüße".encode("latin1"), "cp1252"),
        ("Character set encoding: KOI8-R\n\nМиру мир".encode("koi8-r"), "koi8-r"),
        *((RUSSIAN.encode(encoding), encoding) for encoding in CYRILLIC),
        *((RUSSIAN.upper().encode(encoding), encoding) for encoding in CYRILLIC),
        *((RUSSIAN.lower().encode(encoding), encoding) for encoding in CYRILLIC),
        (f"Character set encoding: ISO-8859-1\n\n{RUSSIAN}".encode("cp1251"), "cp1251"),
    ],
)
def test_encodings(content, encoding) -> None:
    decoded = decode(content)
    assert (decoded.encoding, decoded.replaced, decoded.doubtful) == (encoding, False, False)
    expected = content.removeprefix(b"\xef\xbb\xbf").decode(encoding)
    assert decoded.text == expected.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Η λίμνη ήταν ακίνητη το βράδυ, και κανείς δεν κατέβηκε σε αυτήν.", "cp1253"),
        ("האגם עמד דומם בערב ואיש לא ירד אליו מן הכפר שמעליו.", "cp1255"),
        ("湖水在傍晚依然平静，没有人从上面的村子下来。", "gb18030"),
        ("湖水在傍晚依然平靜，沒有人從上面的村子下來。", "big5"),
    ],
)
def test_what_reads_like_no_encoding_is_in_doubt(text, encoding) -> None:
    assert decode(text.encode(encoding)).doubtful
    declared = f"Character set encoding: {encoding}\n\n{text}"
    assert decode(declared.encode(encoding))[:2] == (declared, codecs.lookup(encoding).name)


@pytest.mark.parametrize("name", ["raw_unicode_escape", "unicode_escape", "punycode", "utf-7"])
def test_what_is_decoded_are_characters(name) -> None:
    content = f"Character set encoding: {name}\n\nHello \\ud800 +2AA- there ".encode() + b"\xe9"
    assert decode(content)[:2] == (content.decode("cp1252"), "cp1252")


def test_decoding_takes_a_few_times_the_content() -> None:
    content = b"Character set encoding: Big5\n\n" + "湖水".encode("big5") * (1 << 19)
    tracemalloc.start()
    try:
        assert decode(content).encoding == "big5"
        assert tracemalloc.get_traced_memory()[1] < 5 * len(content)
    finally:
        tracemalloc.stop()


def test_a_stray_byte_costs_itself_only() -> None:
    assert decode(FRENCH.encode() + b"\xe9")[:3] == (FRENCH + "\ufffd", "utf-8", True)


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded(content) -> None:
    text = decode(content).text
    assert len(text) <= len(content)
