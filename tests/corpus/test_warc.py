"""The WARC reader: what is a page, HTTP codings, and the same output however it is called."""

import base64
import gzip
import hashlib
import zlib
from pathlib import Path

import brotli
import pytest

from corpus.counts import REPLACED, Counts
from corpus.errors import ConfigError
from corpus.sources import warc
from corpus.storage import list_files

SHARED = Path(__file__).parents[2] / ".." / "shared"
HTML = b"<html><head><title>A  page</title></head><body><p>Some text</p><p>More</p></body></html>"


def response(
    body: bytes = HTML,
    head: str = "Content-Type: text/html\r\n",
    status: str = "HTTP/1.1 200 OK",
    url: str = "http://example.test/",
    extra: str = "",
) -> bytes:
    block = f"{status}\r\n{head}\r\n".encode() + body
    record = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\n{extra}"
        "WARC-Date: 2026-11-20T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return record.encode() + block + b"\r\n\r\n"


def read(
    folder: Path, content: bytes, config: warc.WarcConfig | None = None, name: str = "a.warc"
) -> tuple[list[dict], Counts]:
    (folder / name).write_bytes(content)
    counts = Counts()
    (file,) = [f for f in list_files(str(folder)) if f.name == name]
    batches = warc.read(file, "web", config or warc.WarcConfig(min_chars=1), counts)
    return [row for batch in batches for row in batch.to_pylist()], counts


def test_a_page_becomes_a_document(tmp_path: Path) -> None:
    (row,), counts = read(tmp_path, response(url="<http://example.test/>"))
    assert row["title"] == "A page"
    assert row["text"] == "Some text\nMore"
    assert row["url"] == "http://example.test/"
    assert row["date"] == "2026-11-20T00:00:00Z"
    assert row["digest"] == "sha1:" + base64.b32encode(hashlib.sha1(HTML).digest()).decode()
    assert counts.totals["records"] == counts.totals["documents"] == 1


def test_only_a_pair_of_brackets_is_none_of_a_url(tmp_path: Path) -> None:
    (row,), _ = read(tmp_path, response(url="http://example.test/?a=<b>"))
    assert row["url"] == "http://example.test/?a=<b>"


def test_the_records_own_digest_and_payload_type_go_first(tmp_path: Path) -> None:
    extra = "WARC-Payload-Digest: sha1:KNOWN\r\nWARC-Identified-Payload-Type: text/html\r\n"
    (row,), _ = read(tmp_path, response(head="Content-Type: text/plain\r\n", extra=extra))
    assert row["digest"] == "sha1:KNOWN"


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


CODED = [
    ("Content-Encoding: gzip\r\n", gzip.compress(HTML)),
    ("Content-Encoding: deflate\r\n", zlib.compress(HTML)),
    ("Content-Encoding: br\r\n", brotli.compress(HTML)),
    ("Transfer-Encoding: chunked\r\n", chunked(HTML)),
    ("Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n", chunked(gzip.compress(HTML))),
    ("Content-Encoding: gzip\r\n", HTML),  # stored decoded, as Common Crawl once did
    ("Transfer-Encoding: chunked\r\n", HTML),
    ("Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n", gzip.compress(HTML)),
    ("Content-Encoding: unheard-of\r\n", HTML),
]


@pytest.mark.parametrize(("head", "body"), CODED)
def test_http_codings_are_undone(tmp_path: Path, head: str, body: bytes) -> None:
    (row,), _ = read(tmp_path, response(body, "Content-Type: text/html\r\n" + head))
    assert row["text"] == "Some text\nMore"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (response(status="HTTP/1.1 404 Not Found"), "HTTP status not 200"),
        (response(status="nonsense"), "no HTTP response"),
        (response(head="Content-Type: image/png\r\n"), "not HTML"),
        (response(b"{}", head=""), "not HTML"),
        (response(url=""), "no WARC-Target-URI"),
        (response(b"<p>short"), "shorter than 9 characters"),
        (response(HTML * 200), "page over 10000 bytes"),
        (
            response(b"\0\1\2" * 9, "Content-Type: text/html\r\nContent-Encoding: br\r\n"),
            "HTTP coding cannot be undone",
        ),
    ],
)
def test_what_is_no_page_is_counted_and_named(tmp_path: Path, record: bytes, reason: str) -> None:
    config = warc.WarcConfig(min_chars=9, max_page_bytes=10_000)
    rows, counts = read(tmp_path, record + response(), config)
    assert len(rows) == 1
    assert counts.skipped == {reason: 1}
    assert counts.examples[reason][0].startswith("a.warc#0")


def test_html_without_a_content_type_is_recognised(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, response(head=""))
    assert len(rows) == 1


def test_a_compression_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(b"<html>" + b" " * (64 << 20))
    rows, counts = read(tmp_path, response(bomb, "Content-Encoding: gzip\r\n"))
    assert rows == []
    assert counts.skipped == {f"page over {16 << 20} bytes": 1}


def test_one_gzip_member_for_all_records_still_names_each(tmp_path: Path) -> None:
    content = gzip.compress(b"".join(response(url=f"http://{i}.test/") for i in range(300)))
    rows, _ = read(tmp_path, content, name="a.warc.gz")
    assert [row["url"] for row in rows] == [f"http://{i}.test/" for i in range(300)]
    assert len({row["doc_id"] for row in rows}) == 300


def test_pages_with_bytes_outside_their_encoding_are_counted(tmp_path: Path) -> None:
    broken = b"<html><meta charset=utf-8><p>" + b"well " * 50 + b"but here: \xff</p></html>"
    own = "<html><p>its own \ufffd</p></html>".encode()
    latin = "<html><meta charset=iso-8859-1><p>café</p></html>".encode("latin-1")
    rows, counts = read(tmp_path, response(broken) + response(own) + response(latin))
    assert ["\ufffd" in row["text"] for row in rows] == [True, True, False]
    assert counts.totals[REPLACED] == 1


def test_bad_config_is_refused() -> None:
    with pytest.raises(ConfigError, match="time_limit_s=0 must be > 0"):
        warc.WarcConfig(time_limit_s=0)


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared: the sample crawl is not here")
def test_the_sample_crawl_as_plain_gzip_and_lz4() -> None:
    texts = []
    folder = SHARED / "data" / "commoncrawl" / "resiliparse"
    for file in list_files(str(folder), warc.SUFFIXES):
        counts = Counts()
        batches = list(warc.read(file, "web", warc.WarcConfig(), counts))
        texts.append([text for batch in batches for text in batch["text"].to_pylist()])
        assert not counts.skipped
    assert len(texts) == 3
    assert len(texts[0]) == 16
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared: the sample crawl is not here")
def test_a_crawl_file_gives_the_same_bytes_twice() -> None:
    file = list_files(str(SHARED / "data" / "crawl" / "warc"))[0]
    runs = [list(warc.read(file, "web", warc.WarcConfig(), Counts())) for _ in range(2)]
    assert sum(batch.num_rows for batch in runs[0]) == 2_031
    assert runs[0] == runs[1]
