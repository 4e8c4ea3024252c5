"""The cleaning of Project Gutenberg's texts, rule by rule, on made-up books."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.gutenberg.book import clean
from corpus.gutenberg.layout import tidy, unwrap

STORY = "THE TARN\n\nby Ann Author\n\n" + "\n\n".join(
    f"Chapter {n}. The tarn lay still, and nobody came to it on day {n}." for n in range(400)
)
LICENSE = (
    "THE FULL PROJECT GUTENBERG LICENSE\n"
    + "To protect the Project Gutenberg-tm mission you agree to the terms.\n\n" * 250
)
HEADER = """The Project Gutenberg EBook of The Tarn, by Ann Author

This eBook is for the use of anyone anywhere at no cost.

Title: The Tarn
       A Tale of Still Water

Author: Ann Author

Release Date: March 5, 2004 [EBook #98765]
Last Updated: May 1, 2019

Language: English

Character set encoding: UTF-8

*** START OF THIS PROJECT GUTENBERG EBOOK THE TARN ***

"""
FOOTER = """

End of the Project Gutenberg EBook of The Tarn, by Ann Author

*** END OF THIS PROJECT GUTENBERG EBOOK THE TARN ***

***** This file should be named 98765-0.txt or 98765-0.zip *****

"""
SMALL_PRINT = """**The Project Gutenberg Etext of The Tarn, by Ann Author**

Please take a look at the important information in this header.

The Tarn

by Ann Author

February, 1994  [Etext #98765]

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here? You know: lawyers.

*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*

"""


def text_of(content: str) -> str:
    return clean(content, "98765.txt").text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEADER, FOOTER + LICENSE),
        (HEADER, FOOTER),
        (HEADER.replace("*** START OF THIS", "***START OF THE"), FOOTER.replace("*** ", "***")),
        (SMALL_PRINT, "\n\nEnd of The Project Gutenberg Etext of The Tarn, by Ann Author\n"),
        (SMALL_PRINT, "\n\nEnd of Project Gutenberg's The Tarn, by Ann Author\n"),
        (HEADER + SMALL_PRINT, FOOTER + LICENSE),
        (HEADER + "\nProduced by Bea Typist\nand the Online Team\n\n\n", FOOTER),
        (HEADER + "E-text prepared by B. Typist\n\n\nNote: Project Gutenberg also has\n"
         "      an HTML version.\n\n\n", FOOTER),
        (HEADER + "[Transcriber's Note: Errors are as they were.\n\nSo are accents.]\n\n", FOOTER),
        (HEADER, "\n\n\nTranscriber's Notes:\n\nOn page 9 a comma was added.\n" + FOOTER),
        (HEADER, "\n\nEnde dieses Project Gutenberg Etexts The Tarn\n" + LICENSE),
        (HEADER, "\n\nFin de l'ebook The Tarn\n" + LICENSE),
        (HEADER.replace("EBOOK THE TARN ***", "EBOOK THE\nTARN ***"), FOOTER),
        ("Project Gutenberg Etext of The Tarn, by Ann Author\n\nCopyright laws are changing\n\n"
         "**Welcome To The World of Free Plain Vanilla Electronic Texts**\n\n"
         "Please mail etexts to us.\n\n", ""),
    ],
)  # fmt: skip
def test_what_the_archive_put_around_a_book_goes(before, after) -> None:
    book = clean(before + STORY + after, "98765.txt")
    assert book.text == STORY
    assert (book.metadata.title or "").startswith("The Tarn")
    assert book.metadata.author == "Ann Author"
    assert book.metadata.number == 98765
    assert book.header
    assert book.footer == bool(after)


NOTES = [
    "[Transcriber's Note: These stories were\nassembled for the archive.]",
    "   [Transcriber's note: [1910] is a date.\n\n    So is [1911].]",
    "[_Etext transcriber's note_: Spelling is kept.]",
    "[Note du transcripteur: rien n'est omis.]",
    "[This e-text has no pictures.]",
    "Transcriber's Note: This etext was made from a magazine.",
    "Original Transcriber’s Notes:\n\n\n\nThis is of two etexts, and was\ncompared with a book.",
    "Note: The Tarn, translated, etext #150",
    "Index Edited by Bea Typist\nProject Gutenberg Editions",
]


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("page", ["", "\n\nI. The tarn\n\nII. The hill\n"])
def test_notes_on_the_first_pages_go(note: str, page: str) -> None:
    title, rest = STORY.split("\n\n", 1)
    book = f"{title}\n\nby Ann Author{page}\n\n{note}\n\n{rest}"
    assert text_of(HEADER + book + FOOTER) == f"{title}\n\nby Ann Author{page}\n\n{rest}"
    assert text_of(book) == book  # no book of the archive


@pytest.mark.parametrize(
    "words",
    [
        "[Transcriber's Note: It is never closed.",
        "[Transcriber's Note] says the author, and goes on.",
        "[Translator's Note: It is the book's.]",
        "Transcriber's Note: spelling is kept; who says so is not told.",
        "Transcriber's Notes",
        "The Gutenberg press printed this of his.\n\nThe etext is not one by number.",
        "\n".join(["He read etext #150."] * 4),
        "He began it.\n" * 600 + "He read etext #150.",
    ],
)
def test_what_may_be_the_book_itself_stays(words: str) -> None:
    book = f"THE TARN\n\nby Ann Author\n\n{words}\n\n{STORY}"
    assert text_of(HEADER + book + FOOTER) == book


def test_the_words_for_a_cover_go() -> None:
    cover = "        [Picture: Public domain book cover]\n\n\n"
    assert text_of(HEADER + cover + STORY + FOOTER) == STORY


@pytest.mark.parametrize("piece", ["[transcriber", "[transcriber]x\n", "\n[", "etext #\n\n"])
def test_hostile_first_pages_take_bounded_time(piece: str) -> None:
    clean(HEADER + piece * 100_000 + FOOTER, "98765.txt")


@pytest.mark.parametrize(
    "inside",
    [
        "*** END OF THE PROJECT GUTENBERG EBOOK VOLUME I ***",
        "End of the Project Gutenberg Etext of Volume One",
        "*** START OF THE PROJECT GUTENBERG EBOOK VOLUME II ***",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
    ],
)
def test_a_mark_inside_of_a_book_does_not_cut_it(inside) -> None:
    long = STORY + "\n\n" + STORY * 4
    for first, second in ((long, long), (STORY[:9000], long), (long, STORY[:9000])):
        whole = f"{first}\n\n{inside}\n\n{second}"
        assert text_of(HEADER + whole + FOOTER + LICENSE) == whole
        assert text_of(SMALL_PRINT + whole + FOOTER) == whole
        assert text_of(whole) == whole


def test_small_print_at_the_end_is_no_header() -> None:
    small = SMALL_PRINT[SMALL_PRINT.index("***START**") :]
    assert text_of(f"{STORY}\n\n{small}") == STORY


def test_a_text_without_marks_stays_whole() -> None:
    book = clean(STORY, "notes/2021.txt")
    assert (book.text, book.header, book.footer) == (STORY, False, False)
    assert book.metadata.number is None


def test_metadata_are_as_stated() -> None:
    facts = clean(HEADER + STORY + FOOTER, "x.txt").metadata
    assert facts.title == "The Tarn A Tale of Still Water"
    assert (facts.language, facts.date, facts.number) == ("English", "2004-03-05", 98765)
    several = HEADER.replace("Author: Ann Author", "Author: Ann Author\n        Bob Other")
    assert clean(several + STORY, "x.txt").metadata.author == "Ann Author; Bob Other"
    wrapped = HEADER.replace("Author: Ann Author", "Author: Ann Author,\n        and Bob Other")
    assert clean(wrapped + STORY, "x.txt").metadata.author == "Ann Author, and Bob Other"
    lost = HEADER.replace("\n\nTitle:", " at www.gutenberg.orgTitle:")
    assert clean(lost + STORY, "x.txt").metadata.title == "The Tarn A Tale of Still Water"
    early = clean(SMALL_PRINT + STORY, "1/2/98765/98765-8.txt").metadata
    assert (early.title, early.date, early.number) == ("The Tarn", None, 98765)
    lent = HEADER.replace("EBook of", "EBook of", 1) + "x"
    lent = lent.replace("This eBook is", "This is a COPYRIGHTED Project Gutenberg eBook. It is")
    assert clean(lent, "x.txt").metadata.copyrighted


@pytest.mark.parametrize(
    ("stated", "date"),
    [
        ("January, 15", None), ("May, 2005", "2005-05"), ("1992 [EBook #45]", "1992"),
        ("2003-11-02", "2003-11-02"), ("Sept. 3, 1999", "1999-09-03"), ("May 45, 2001", "2001-05"),
    ],
)  # fmt: skip
def test_dates(stated, date) -> None:
    header = HEADER.replace("March 5, 2004 [EBook #98765]", stated)
    assert clean(header + STORY, "x.txt").metadata.date == date


def test_layout() -> None:
    inside = "a\x0c b  " + "\r\n" * 7 + "[Illustration]\r\n{0042m} \r\n<i>c</i> &eacute; & d\x1a"
    assert text_of(inside) == "a\x0c b\n\n\n\n<i>c</i> é & d".replace("<i>c</i>", "c")


def test_numbers_alone_are_pictures_only_by_the_dozen() -> None:
    text = "in the\n1850s\n221B\n\n1850s\n\n221B\n\n1850m\n\nstreet"
    assert tidy(text) == text
    assert tidy("Illustration: 0042m\n\na\n\n[0043m]\n\nOriginal\n\nb") == "a\n\n\n\nb"
    pictures = "".join(f"00{number}m\n\n" for number in range(10, 20))
    assert tidy(f"{pictures}a\n\n1850s\n\n0020m\n\n\nb 0021m\n\n{pictures}") == (
        "a\n\n1850s\n\n\n\nb 0021m"
    )


PROSE = (
    "The tarn lay still in the evening light, and nobody came down to it from\n"
    "the village above, for it was harvest and all of them were in the fields\n"
    "until dark."
)
VERSE = (
    "The tarn lay still, the tarn lay deep, and no one came to it\n"
    "and over it the curlew cried\n"
    "Until the night let down on it a sheet of silver and of grey,\n"
    "A sheet."
)


def test_prose_is_joined_and_verse_is_not() -> None:
    couplets = "\n".join(
        f"“And {word} the tarn lay still, and no one came to it that day"
        for word in ("then", "when", "thus", "now")
    )
    joined = PROSE.replace("\n", " ")
    assert unwrap(f"{PROSE}\n\n{VERSE}\n\n{couplets}\n\n    indented\n    lines\n\n{PROSE}") == (
        f"{joined}\n\n{VERSE}\n\n{couplets}\n\n    indented\n    lines\n\n{joined}"
    )


PIECES = st.sampled_from(
    [HEADER, SMALL_PRINT, FOOTER, LICENSE[:900], "Transcriber's Note:\n\n", "[Illustration]\n",
     "***", "Produced by\n", "&lt;", "</i>", "\n\n", "\r", "\x00", "Title: ", "Project Gutenberg "],
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=40)), max_size=14), st.booleans())
def test_any_text_is_cleaned_and_none_grows(pieces, unwrapped) -> None:
    text = "".join(pieces)
    book = clean(text, "1.txt", unwrapped)
    assert len(book.text) <= len(text)


@pytest.mark.parametrize("run", [" ", "\t\f", "*", "_", ">", "\n", " \n", "=\n", "<i ", "&", "a"])
def test_no_pattern_takes_more_than_linear_time(run) -> None:
    """It would take hours: a run of one character that each of many tries goes through again."""
    for head in ("", HEADER, HEADER + "Transcriber's Note"):
        clean(f"{head}{run * 200_000}x{FOOTER}", "1.txt", unwrapped=True)


@pytest.mark.parametrize("unwrapped", [False, True])
def test_short_lines_take_no_more_memory_than_long_ones(unwrapped) -> None:
    text = "ab\n" * (1 << 20)
    clean("ab\n" * 40_000, "1.txt", unwrapped)
    tracemalloc.start()
    try:
        assert clean(text, "1.txt", unwrapped).text == text.strip()
        assert tracemalloc.get_traced_memory()[1] < 12 * len(text)
    finally:
        tracemalloc.stop()


@given(st.lists(st.sampled_from(["a", " ", "\t", "\n", "\f"]), max_size=40), st.integers(0, 9))
def test_lines_are_stripped_in_pieces_as_at_once(chars, piece) -> None:
    text = "".join(chars)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("corpus.gutenberg.layout._PIECE", piece)
        by_piece = tidy(text)
    assert by_piece == tidy(text)
