"""The reader of books: files and archives of them, what is dropped, the real shared books."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.schema import DOCUMENT
from corpus.sources import books
from corpus.sources.books import BooksConfig
from corpus.storage import InputFile

BOOK = (
    b"\xef\xbb\xbfThe Project Gutenberg eBook of The Tarn\r\n\r\nTitle: The Tarn\r\n\r\n"
    b"Author: Ann Author\r\n\r\nRelease date: May 1, 2004 [eBook #98765]\r\n\r\n"
    b"Language: French\r\n\r\n*** START OF THE PROJECT GUTENBERG EBOOK THE TARN ***"
    b"\r\n\r\nStill water.\r\n\r\n"
    b"*** END OF THE PROJECT GUTENBERG EBOOK THE TARN ***\r\n"
)


def read(path: Path, name: str, config: BooksConfig = BooksConfig()) -> tuple[list[dict], Counts]:  # noqa: B008
    counts = Counts()
    batches = list(books.read(InputFile(str(path), name, path.stat().st_size), "b", config, counts))
    assert all(batch.schema == DOCUMENT for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()], counts


def put(tmp_path: Path, name: str, content: bytes) -> tuple[Path, str]:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path, name


def packed(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_book_is_a_document(tmp_path) -> None:
    (row,), counts = read(*put(tmp_path, "9/8/7/6/98765/98765-0.txt", BOOK))
    assert row["text"] == "Still water."
    assert row["url"] == "https://www.gutenberg.org/ebooks/98765"
    assert row["origin"] == "9/8/7/6/98765/98765-0.txt#0"
    said = {"title": "The Tarn", "author": "Ann Author", "stated_language": "French"}
    assert {name: row[name] for name in said} == said
    assert row["date"] == "2004-05-01"
    assert counts.totals["encoding_utf-8"] == 1
    assert counts.totals["documents_without_header"] == 0


def test_an_archive_holds_any_number(tmp_path) -> None:
    content = packed(**{"a/98765-8.txt": BOOK, "a/pic.png": b"\x89", "b.txt": b"Alone."})
    rows, counts = read(*put(tmp_path, "98765-8.zip", content))
    assert [row["text"] for row in rows] == ["Still water.", "Alone."]
    assert rows[1]["url"] == rows[1]["origin"] == "98765-8.zip#2/b.txt"
    assert counts.totals["documents_without_header"] == 1
    assert counts.totals["documents_without_footer"] == 1


def test_a_path_that_stands_twice_in_an_archive_gives_two_documents(tmp_path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for content in (b"first", b"second"):
            entry = tarfile.TarInfo("a/98765.txt")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    rows, _ = read(*put(tmp_path, "a.tar", stream.getvalue()))
    assert [(row["text"], row["origin"]) for row in rows] == [
        ("first", "a.tar#0/a/98765.txt"), ("second", "a.tar#1/a/98765.txt"),
    ]  # fmt: skip
    assert len({row["doc_id"] for row in rows}) == 2


def test_an_encoding_in_doubt_is_counted(tmp_path) -> None:
    content = BOOK.removeprefix(b"\xef\xbb\xbf").replace(b"Still", "Ακίνητη".encode("cp1253"))
    _, counts = read(*put(tmp_path, "a.txt", content))
    assert counts.totals["documents_of_doubtful_encoding"] == 1


def test_a_declared_codec_that_gives_no_characters_is_not_believed(tmp_path) -> None:
    head, tail = BOOK.removeprefix(b"\xef\xbb\xbf").split(b"\r\n\r\nStill", 1)
    declared = head.replace(b"Language", b"Character set encoding: raw_unicode_escape\r\nLanguage")
    (row,), _ = read(*put(tmp_path, "a.txt", declared + b"\r\n\r\nOl\xe9 \\ud800 still" + tail))
    assert row["text"] == "Olé \\ud800 still water."


def test_what_is_dropped_is_counted(tmp_path) -> None:
    lent = BOOK.replace(
        b"\r\n\r\nTitle", b"\r\nThis is a COPYRIGHTED Project Gutenberg eBook\r\n\r\nTitle"
    )
    for content, reason, config in [
        (b"\0\1\0\2" * 9, books.BINARY, BooksConfig()),
        (b"  \n", books.EMPTY, BooksConfig()),
        (BOOK, books.SHORT, BooksConfig(min_chars=13)),
        (BOOK, books.OVERSIZE, BooksConfig(max_file_bytes=20)),
        (lent, books.COPYRIGHTED, BooksConfig()),
    ]:
        rows, counts = read(*put(tmp_path, "a.txt", content), config)
        assert (rows, dict(counts.skipped)) == ([], {reason: 1})
        assert counts.examples[reason][0].startswith("a.txt")
    assert read(*put(tmp_path, "a.txt", lent), BooksConfig(copyrighted=True))[0]
    rows, counts = read(*put(tmp_path, "a.zip", packed(**{"a.htm": b"x"})))
    assert (rows, dict(counts.skipped)) == ([], {books.NO_TEXTS: 1})
    with pytest.raises(ConfigError, match="max_file_bytes=67108865 must be <= 67108864"):
        BooksConfig(max_file_bytes=(64 << 20) + 1)
    with pytest.raises(ConfigError, match="min_chars=-1 must be >= 0"):
        BooksConfig(min_chars=-1)


def test_a_text_that_grows_over_what_can_be_measured_is_dropped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(books, "MAX_RECORD_BYTES", 150)
    assert len(read(*put(tmp_path, "a.txt", b"\xe9 " * 50))[0]) == 1
    rows, counts = read(*put(tmp_path, "a.txt", b"\xe9 " * 51))
    assert (rows, dict(counts.skipped)) == ([], {books.OVERSIZE_TEXT: 1})


def test_a_cut_archive_gives_what_stands_before_the_damage(tmp_path) -> None:
    content = packed(**{"a.txt": BOOK, "b.txt": bytes(range(256)) * 40})
    rows, counts = read(*put(tmp_path, "a.zip", content[: len(content) - 200]))
    assert [row["text"] for row in rows] == ["Still water."]
    assert sum(counts.skipped.values()) >= 1


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.zip", "a.tar.xz"]))
def test_any_bytes_are_read(tmp_path_factory, content, name) -> None:
    rows, counts = read(*put(tmp_path_factory.mktemp("any"), name, content))
    assert rows or sum(counts.skipped.values()) == 1


GOLDEN = {
    "pg108.txt": ("The Return of Sherlock Holmes", "2006-03-08"),
    "829-0.txt": ("Gulliver's Travels into several remote nations of the world", "1997-02-20"),
    "1952-0.txt": ("The Yellow Wallpaper", "2008-11-25"),
    "203-0.txt": ("Uncle Tom’s Cabin", "2006-01-13"),
    "Candide.txt": ("Candide", "2003-11"),
    "Le-tour-du-mond-quatre-vingts-jours.txt": (None, None),
}


def test_the_shared_books(shared) -> None:
    path = shared / "books/gutenberg-dev.tar.xz"
    rows, counts = read(path, path.name)
    totals = counts.totals
    assert (len(rows), totals["documents_without_header"], totals["documents_without_footer"]) == (
        35, 1, 1,
    )  # fmt: skip
    assert counts.skipped == {}
    assert totals["documents_of_doubtful_encoding"] == 0
    by_name = {row["origin"].rpartition("/")[2]: row for row in rows}
    for name, said in GOLDEN.items():
        assert (by_name[name]["title"], by_name[name]["date"]) == said
    languages = [row["stated_language"] for row in rows]
    assert (languages.count("English"), languages.count("French")) == (32, 2)
    for row in rows:
        ends = row["text"][:600] + row["text"][-600:]
        assert "*** " not in ends
        assert "produced by" not in ends.lower()
        assert "gutenberg e" not in ends.lower()
        assert "transcriber" not in row["text"][:2000].lower()
    digest = hashlib.sha256("\0".join(row["text"] for row in rows).encode()).hexdigest()
    assert (totals["chars"], digest[:16]) == (25527821, "7fbbe8712521840e")
