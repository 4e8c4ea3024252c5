"""Reading plain texts in every form they come in: each form by a worked example."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.errors import DataError
from corpus.formats.texts import read_texts, text_files

ARTICLES = ["Перша стаття.\nЇї другий рядок.", "La  seconde, « ici »."]


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


PACKERS = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


def jsonl(texts: list[str]) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def extracted(texts: list[str]) -> str:
    return "".join(
        f'<doc id="{i}" url="?curid={i}" title="T">\nT\n\n{t}\n\n</doc>\n'
        for i, t in enumerate(texts)
    )


def cirrus(texts: list[str]) -> str:
    lines = []
    for index, text in enumerate(texts):
        lines += [{"index": {"_id": index}}, {"text": "all of it", "opening_text": text}]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize(
    ("name", "written"),
    [("a.jsonl", jsonl), ("a.json", cirrus), ("wiki_00", extracted)],
)
def test_every_form_packed_in_every_way(
    tmp_path: Path, suffix: str, name: str, written: Callable[[list[str]], str]
) -> None:
    content = written(ARTICLES).encode()
    path = tmp_path / (name + suffix)
    path.write_bytes(PACKERS[suffix](content))
    assert [file.uri for file in text_files(str(tmp_path))] == [str(path)]
    assert [text.strip() for text in read_texts(str(path))] == ARTICLES


@given(
    st.lists(
        st.text().filter(lambda text: "\n" not in text and "\r" not in text), min_size=1, max_size=8
    ),
    st.sampled_from([".gz", ".bz2", ".xz"]),
)
def test_packed_streams_one_after_the_other(tmp_path_factory, texts: list[str], suffix) -> None:
    path = tmp_path_factory.mktemp("parts") / ("all.jsonl" + suffix)
    path.write_bytes(b"".join(PACKERS[suffix](jsonl([text]).encode()) for text in texts))
    assert list(read_texts(str(path))) == texts


def test_a_plain_text_is_one_document_or_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("one\ntwo\u2028still two\n\nthree", encoding="utf-8")
    assert list(read_texts(str(path))) == ["one\ntwo\u2028still two\n\nthree"]
    assert list(read_texts(str(path), "lines")) == ["one", "two\u2028still two", "", "three"]


def test_articles_without_an_opening_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "dewiki-20261101-cirrussearch-content.json"
    rest = '{"index":{}}\n{"opening_text":null}\n{"index":{}}\n{"title":"x"}\nnot JSON\n'
    path.write_text(cirrus(["kept"]) + rest)
    counts = Counts()
    assert list(read_texts(str(path), counts=counts)) == ["kept"]
    assert counts.skipped == {"article without opening_text": 3}
    assert counts.examples["article without opening_text"][0] == f"{path.name}:4"


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, suffix: str) -> None:
    content = PACKERS[suffix](jsonl([str(n) * 50 for n in range(4000)]).encode())
    path = tmp_path / ("cut.jsonl" + suffix)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut\.jsonl\S+ (is damaged after|cannot).*get it again"):
        list(read_texts(str(path)))


def test_an_extract_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wiki_00"
    path.write_text('<doc id="1">\nTitle\n\nText')
    with pytest.raises(DataError, match="ends within a <doc>"):
        list(read_texts(str(path)))


def test_what_is_no_text_is_left_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "AA").mkdir()
    for name in ("LICENSE", "README.md", "AA/wiki_01", "AA/wiki_00", "b.jsonl.zst", "model.bin"):
        (tmp_path / name).write_text("x")
    names = [file.name for file in text_files(str(tmp_path))]
    assert names == ["AA/wiki_00", "AA/wiki_01", "b.jsonl.zst"]
    assert [file.name for file in text_files(str(tmp_path / "LICENSE"))] == ["LICENSE"]


def test_a_folder_without_texts(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    with pytest.raises(DataError, match=r"no text in .*wiki_NN"):
        text_files(str(tmp_path))
