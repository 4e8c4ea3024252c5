"""The ArXiv reader: bulk archives, what they hold that is no source, and damage."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.formats.paper_archive import CUT, OUTSIDE_NAME, TOO_LARGE, ArchiveLimits, unpack
from corpus.sources import arxiv
from corpus.storage import list_files

LATEX = b"\\documentclass{a}\\begin{document}\n\\section{One}\n\\input{two}\n\\end{document}"
TEXT = "\\section{One}\ntwo\n"


def tar(files: dict[str, bytes], links: dict[str, tuple[bytes, str]] | None = None) -> bytes:
    """A tar of files, and of links by name with their kind and target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, (kind, target) in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
    return out.getvalue()


def read(path: Path, config: arxiv.ArxivConfig | None = None) -> tuple[list[dict], Counts]:
    counts = Counts()
    documents = []
    for file in list_files(str(path), arxiv.SUFFIXES):
        for batch in arxiv.read(file, "arxiv", config or arxiv.ArxivConfig(), counts):
            documents += batch.to_pylist()
    return documents, counts


def source(**files: bytes) -> bytes:
    return gzip.compress(tar({n.replace("__", "."): content for n, content in files.items()}))


BULK = {
    "0303/math0303002.gz": source(ms__tex=LATEX, two__tex=b"two"),
    "0303/hep-th0303003.gz": gzip.compress(b"intro\n\\beginsection One.\n\ntext\n\\bye"),
    "0303/math0303009.pdf": b"%PDF-1.4",
    "0303/math0303010.gz": gzip.compress(b"%!PS-Adobe"),
    "0303/math0303011.gz": gzip.compress(b"<!DOCTYPE html><html>"),
    "0303/math0303012.gz": gzip.compress(b"%auto-ignore\r\nThis paper has been withdrawn"),
    "0303/math0303013.gz": gzip.compress(b"\x81\0\x02 encrypted by its author"),
    "0303/math0303014.gz": source(a__eps=b"%!PS", paper__pdf=b"%PDF"),
    "0303/math0303015.gz": source(a__tex=b"x", b__tex=b"y"),
    "0303/math0303016.gz": gzip.compress(b"\\documentclass{a}\\begin{document}\\end{document}"),
    "0303/contents.gz": gzip.compress(b"no paper"),
    "0303/math0303017.gz": gzip.compress(b"\\documentclass{a}\\begin{document}" + b"x" * 99)[:-20],
    "1107/1107.1727v2.gz": gzip.compress(b"\\documentclass{a}\\begin{document}last"),
}


def test_a_bulk_archive_gives_papers_and_counts_the_rest(tmp_path: Path) -> None:
    (tmp_path / "arXiv_src_0303_001.tar").write_bytes(tar(BULK))
    documents, counts = read(tmp_path)
    assert [(d["url"], d["date"], d["text"]) for d in documents] == [
        ("https://arxiv.org/abs/math/0303002", "2003-03", TEXT),
        ("https://arxiv.org/abs/hep-th/0303003", "2003-03", "\\beginsection One.\n\ntext\n"),
        ("https://arxiv.org/abs/1107.1727", "2011-07", "last\n"),
    ]
    assert documents[0]["origin"] == "arXiv_src_0303_001.tar#0"
    assert counts.totals["records"] == len(BULK)
    assert dict(counts.skipped) == {
        arxiv.PDF_ONLY: 2,
        arxiv.POSTSCRIPT_ONLY: 1,
        arxiv.HTML_ONLY: 1,
        arxiv.WITHDRAWN: 1,
        arxiv.NO_SOURCE: 1,
        arxiv.NO_MAIN: 1,
        arxiv.EMPTY: 1,
        arxiv.NO_ID: 1,
        CUT: 1,
    }


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("0303/math0303002.gz", ("math/0303002", "2003-03")),
        ("9901/hep-th9901001.gz", ("hep-th/9901001", "1999-01")),
        ("math.GT0309136v3.tar.gz", ("math.GT/0309136", "2003-09")),
        ("9108/hep-th9108001.pdf", ("hep-th/9108001", "1991-08")),
        ("0704/0704.0001.gz", ("0704.0001", "2007-04")),
        ("2401.12345v2", ("2401.12345", "2024-01")),
        ("2413.12345", None),
        ("paper.tar.gz", None),
        ("math030300.gz", None),
    ],
)
def test_papers_are_named_by_their_ids(path: str, known: tuple[str, str] | None) -> None:
    assert arxiv.arxiv_id(path) == known


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_of_its_own_is_one_paper_or_a_tree_of_them(pack, tmp_path: Path) -> None:
    content = tar({"a/ms.tex": LATEX, "a/two.tex": b"two", "b.tex": LATEX})
    (tmp_path / "papers.tar").write_bytes(pack(content))
    documents, _ = read(tmp_path)
    assert [(d["origin"], d["text"]) for d in documents] == [
        ("papers.tar#b.tex", "\\section{One}\n\\input{two}\n"),
        ("papers.tar#a/ms.tex", TEXT),
    ]
    (tmp_path / "papers.tar").rename(tmp_path / "1107.1727.tar")
    documents, counts = read(tmp_path)
    assert [d["url"] for d in documents] == ["https://arxiv.org/abs/1107.1727"]
    assert counts.examples == {arxiv.OTHER_MAIN: ["1107.1727.tar 1107.1727.tar a/ms.tex"]}
    assert counts.skipped_records == {}


def test_a_tex_file_is_a_paper_where_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_bytes(LATEX)
    (tmp_path / "b.tex").write_bytes(b"a part of another")
    documents, counts = read(tmp_path)
    assert [d["origin"] for d in documents] == ["a.tex#0"]
    assert counts.examples == {arxiv.NO_MAIN: ["b.tex b.tex"]}


def test_paths_and_links_never_lead_out_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("secret")
    files = {"p/ms.tex": LATEX, "../secret.tex": b"outside", "/two.tex": b"outside"}
    links = {
        "p/two.tex": (tarfile.SYMTYPE, "../../secret.tex"),
        "p/x.tex": (tarfile.SYMTYPE, str(tmp_path / "secret.tex")),
        "p/y.tex": (tarfile.LNKTYPE, "/etc/passwd"),
        "p/same.tex": (tarfile.SYMTYPE, "ms.tex"),
        "hard.tex": (tarfile.LNKTYPE, "p/ms.tex"),
    }
    found = unpack(io.BytesIO(tar(files, links)), ArchiveLimits())
    papers = dict.fromkeys(["p/ms.tex", "p/same.tex", "hard.tex"], LATEX)
    assert found.files == {"two.tex": b"outside", **papers}
    (tmp_path / "1107.1727.tar.gz").write_bytes(
        source(ms__tex=LATEX.replace(b"two", b"../../secret"))
    )
    (document,), counts = read(tmp_path / "1107.1727.tar.gz")
    assert document["text"] == "\\section{One}\n\\input{../../secret}\n"
    assert counts.examples[arxiv.OUTSIDE] == ["1107.1727.tar.gz#ms.tex ../../secret"]


def test_archives_are_bounded() -> None:
    big = source(ms__tex=LATEX, a__tex=b"x" * 5_000, b__tex=b"y" * 900, c__tex=b"z" * 900)
    found = unpack(io.BytesIO(big), ArchiveLimits(max_file_bytes=1_000, max_source_bytes=1_500))
    assert ([*found.files], found.faults) == (["ms.tex", "b.tex"], [TOO_LARGE, TOO_LARGE])
    found = unpack(io.BytesIO(big), ArchiveLimits(max_entries=2))
    assert ([*found.files], found.faults) == (["ms.tex", "a.tex"], [TOO_LARGE])
    bomb = gzip.compress(tar({"ms.tex": LATEX, "a.eps": bytes(10 << 20), "b.tex": b"x"}))
    found = unpack(io.BytesIO(bomb), ArchiveLimits(max_unpacked_bytes=1 << 20))
    assert [*found.files] == ["ms.tex"]
    assert TOO_LARGE in found.faults
    found = unpack(io.BytesIO(gzip.compress(b"\\bye" + bytes(9_000))), ArchiveLimits(1_000))
    assert (found.files, found.faults) == ({}, [TOO_LARGE])


def test_damage_costs_what_is_damaged(tmp_path: Path) -> None:
    content = bytearray(tar(BULK))
    path = tmp_path / "arXiv_src_0303_001.tar"
    path.write_bytes(content[: content.index(b"0303/math0303009.pdf") + 100])
    documents, counts = read(tmp_path)
    assert [d["url"][-7:] for d in documents] == ["0303002", "0303003"]
    assert counts.skipped[arxiv.DAMAGED] == 1
    at = content.index(b"0303/math0303009.pdf")
    content[at : at + 512] = b"\xff" * 512
    path.write_bytes(content)
    documents, counts = read(tmp_path)
    assert [d["url"][-7:] for d in documents] == ["0303002", "0303003", "07.1727"]
    assert counts.skipped[arxiv.DAMAGED] == 1
    path.write_bytes(b"")
    documents, counts = read(tmp_path)
    assert (documents, counts.skipped.total()) == ([], 1)


def test_a_paper_whose_first_file_is_a_figure_is_no_bulk_archive(tmp_path: Path) -> None:
    (tmp_path / "1107.1727.tar").write_bytes(tar({"fig1.pdf": b"%PDF", "ms.tex": LATEX}))
    assert [d["origin"] for d in read(tmp_path)[0]] == ["1107.1727.tar#ms.tex"]


def test_papers_of_a_file_with_a_hash_in_its_name_have_origins_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a#b.tar").write_bytes(tar({"x.tex": LATEX, "y.tex": LATEX}))
    assert sorted(d["origin"] for d in read(tmp_path)[0]) == ["a#b.tar#x.tex", "a#b.tar#y.tex"]


def test_a_header_that_is_damaged_or_cut_is_a_fault() -> None:
    whole = tar({"ms.tex": LATEX, "two.tex": b"two"})
    damaged = bytearray(whole)
    damaged[1024 + 100] ^= 5
    for data in (bytes(damaged), whole[:1224], whole[:1024]):
        for packed in (data, gzip.compress(data)):
            found = unpack(io.BytesIO(packed), ArchiveLimits())
            assert ([*found.files], found.faults) == (["ms.tex"], [CUT])


def test_absolute_names_are_from_the_root_and_others_outside_are_counted() -> None:
    found = unpack(io.BytesIO(tar({"/home/u/ms.tex": LATEX, "../b.tex": b""})), ArchiveLimits())
    assert ([*found.files], found.faults) == (["home/u/ms.tex"], [OUTSIDE_NAME])


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_is_read_whole_is_bounded(kind: bytes) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = kind, 2 << 20
    record = b"2097152 a=" + b"x" * ((2 << 20) - 11) + b"\n"
    data = header.tobuf() + record + tar({"ms.tex": LATEX})
    found = unpack(io.BytesIO(gzip.compress(tar({"a.tex": b"a"})[:1024] + data)), ArchiveLimits())
    assert ([*found.files], found.faults) == (["a.tex"], [CUT])


@given(st.binary(max_size=600), st.integers(0, 3000), st.sampled_from([b"\\bye", b"\x1f\x8b", b""]))
def test_no_bytes_make_an_archive_raise(content: bytes, at: int, head: bytes) -> None:
    whole = bytearray(tar({"ms.tex": LATEX, "a/b.tex": b"x" * 600}))
    whole[at : at + len(content)] = content
    for data in (head + content, bytes(whole), gzip.compress(bytes(whole))[: max(at, 30)]):
        unpack(io.BytesIO(data), ArchiveLimits())


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_depth=0 would read no paper"):
        arxiv.ArxivConfig(max_depth=0)
