"""Books in other scripts and code pages, told by the language that their header states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.formats.mediawiki import SUFFIXES, read_pages
from corpus.gutenberg.decoding import decode
from corpus.storage import list_files
from corpus.wikitext.clean import clean

CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac_latin2")
CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac_cyrillic")
# language, what its books might say, the encodings that they might be in
BOOKS = [
    ("Polish", "Jezioro było spokojne tego wieczoru. Nikt nie zszedł do niego ze wsi: żęto żyto, "
     "mówili starcy, dopóki świeciło słońce.", CENTRAL),
    ("Czech", "Jezero bylo ten večer klidné. Nikdo k němu nesešel z vesnice: žalo se žito, říkali "
     "staří, dokud svítilo slunce. Což když přijde bouře?", CENTRAL),
    ("Hungarian", "A tó csöndes volt aznap este. Senki sem jött le hozzá a faluból: őszig arattak, "
     "mondták az öregek, amíg sütött a nap. Fűzfák, erdők.", CENTRAL),
    ("Croatian", "Jezero je te večeri bilo mirno. Nitko nije sišao k njemu iz sela: žeto je žito, "
     "rekoše starci. Čuo se žabac i šum lišća, kuće i đaci.", CENTRAL),
    ("Romanian", "Lacul era liniştit în seara aceea. Nimeni nu coborâse din sat până la "
     "el: oamenii secerau, ziceau bătrânii, cât ţinea lumina.", ("cp1250", "iso8859-2")),
    ("Turkish", "Göl o akşam durgundu. Köyden kimse inmemişti: buğday biçiliyordu, "
     "diyordu yaşlılar, güneş ışıdıkça.", ("cp1254", "cp857")),
    ("Lithuanian", "Ežeras tą vakarą buvo ramus. Niekas iš kaimo prie jo nenusileido: žmonės pjovė "
     "rugius, sakė seniai, kol švietė saulė.", ("cp1257", "iso8859-4", "cp775")),
    ("Esperanto", "La lago estis trankvila tiun vesperon. Neniu venis al ĝi el la "
     "vilaĝo: ĉiuj estis sur la kampoj, diris maljunuloj, ĝis la suno malaperis. Ĵaŭdo.",
     ("iso8859-3",)),
    ("Greek", "Η λίμνη ήταν ακίνητη το βράδυ. Κανείς δεν κατέβηκε σε αυτήν από το χωριό: θέριζαν, "
     "έλεγαν οι γέροι, όσο έφεγγε ο ήλιος. Άνοιξη.", ("cp1253", "iso8859-7", "cp737")),
    ("Hebrew", "האגם עמד דומם בערב ואיש לא ירד אליו מן הכפר שמעליו.", ("cp1255", "cp862")),
    ("Arabic", "كانت البحيرة ساكنة في ذلك المساء، ولم ينزل إليها أحد من القرية.",
     ("cp1256", "iso8859-6")),
    ("Russian", "Озеро было спокойно в тот вечер, и никто не спускался к нему из деревни. «Моя "
     "бричка», — говорил он.", CYRILLIC),
    ("Ukrainian", "Озеро було спокійне того вечора, і ніхто не спускався до нього з села. Її не "
     "чули.", ("cp1251", "koi8-u", "mac_cyrillic")),
    ("Serbian", "Језеро је те вечери било мирно, и нико није сишао к њему из села.",
     ("cp1251", "iso8859-5")),
    ("Serbian", "Jezero je te večeri bilo mirno, i niko nije sišao k njemu. Čuo se šum "
     "lišća, žabe.",
     ("cp1250", "iso8859-2")),
    ("Chinese", "湖水在傍晚依然平静，没有人从上面的村子下来。人们都说，这是收获的时候。",
     ("gb18030",)),
    ("Chinese", "湖水在傍晚依然平靜，沒有人從上面的村子下來。人們都說，這是收穫的時候。",
     ("cp950",)),
    ("Japanese", "その夕方、湖は静かだった。村から降りてくる人は誰もいなかった。",
     ("cp932", "euc_jp")),
    ("Korean", "그날 저녁 호수는 고요했다. 마을에서 아무도 내려오지 않았다.", ("cp949",)),
]  # fmt: skip
CASES = [(name, text, encoding) for name, text, encodings in BOOKS for encoding in encodings]


@pytest.mark.parametrize("declared", ["", "Character set encoding: ISO-8859-1\n"])
@pytest.mark.parametrize(("language", "text", "encoding"), CASES)
def test_the_stated_language_chooses_the_code_page(language, text, encoding, declared) -> None:
    content = text.encode(encoding, "ignore")  # «» and — are in some of them only
    head = f"Title: The Tarn\nLanguage: {language}\n{declared}\n"
    decoded = decode(head.encode() + content)
    assert decoded.text == head + content.decode(encoding)
    assert not decoded.replaced
    assert not decoded.doubtful


FRENCH = "Le café d'Élise ferma à l'été; où qu'elle fût, François était déçu. «Ça», dit-il."
LANGUAGES = sorted({name for name, _, _ in BOOKS})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
def test_a_book_that_is_in_no_code_page_of_its_language_stays_western(language, encoding) -> None:
    head = f"Language: English and {language}\n\n"
    decoded = decode(head.encode() + FRENCH.encode(encoding))
    assert decoded.text == head + FRENCH


def test_one_damaged_character_keeps_an_encoding_of_several_bytes_out() -> None:
    content = "湖水在傍晚依然平静，没有人从上面的村子下来。".encode("gb18030") + b"\xff."
    assert decode(b"Language: Chinese\n\n" + content).doubtful


@given(st.sampled_from(LANGUAGES), st.binary(max_size=400))
def test_any_bytes_are_decoded(language, content) -> None:
    decode(f"Language: {language}\n\n".encode() + content)


WIKIS = {
    "pl": ("Polish", ("cp1250", "iso8859-2")), "cs": ("Czech", ("cp1250", "iso8859-2")),
    "ru": ("Russian", CYRILLIC), "uk": ("Ukrainian", ("cp1251", "koi8-u")),
    "bg": ("Bulgarian", ("cp1251", "iso8859-5")), "ja": ("Japanese", ("cp932", "euc_jp")),
    "zh": ("Chinese", ("gb18030", "cp950")), "de": ("Hungarian", ("cp1252",)),
}  # fmt: skip


def test_real_texts_of_eight_languages(shared) -> None:
    """A German one is stated to be Hungarian: it is read as what it is."""
    read = 0
    for file in list_files(str(shared / "wikipedia"), SUFFIXES):
        language, encodings = WIKIS.get(file.name.split("/")[-2], ("", ()))
        for page in read_pages(file, Counts()) if language else ():
            text = clean(page.wikitext, page.title)
            for encoding in encodings if len(text) > 5000 else ():
                content = text.encode(encoding, "ignore")
                found = decode(f"Language: {language}\n\n".encode() + content).text
                assert found.partition("\n\n")[2] == content.decode(encoding)
                read += 1
    assert read > 16
