"""Tars that are not trusted: what tarfile would read whole, and what is no plain file."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from corpus.counts import Counts
from corpus.formats.archives import CUT, NOT_ARCHIVE, OVERSIZE, archive_files
from corpus.storage import InputFile


def tar(files: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def header(name: str, kind: bytes, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.USTAR_FORMAT)


def attributes(key: bytes, size: int) -> bytes:
    text = b"%d %s=" % (size, key)
    return text + b"a" * (size - len(text) - 1) + b"\n"


def read(path: Path, max_bytes: int = 1 << 30) -> tuple[list[tuple[str, bytes | None]], Counts]:
    counts = Counts()
    file = InputFile(str(path), path.name, path.stat().st_size)
    return [(f.path, f.read(1 << 20)) for f in archive_files(file, max_bytes, counts)], counts


FILES = {"a.py": b"a = 1\n", "b.py": b"b = 1\n"}
ENTRIES = tar(FILES)[: 4 * tarfile.BLOCKSIZE]  # without the mark of the end


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("first", [True, False])
def test_a_header_is_bounded(tmp_path: Path, kind: bytes, first: bool) -> None:
    size = 64 << 20
    content = header("x", kind, size) + attributes(b"comment", size) + tar(FILES)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress((b"" if first else ENTRIES) + content, 1))
    del content
    tracemalloc.start()
    found, counts = read(path)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert dict(found) == ({} if first else FILES)
    assert counts.skipped == {NOT_ARCHIVE if first else CUT: 1}


def test_headers_for_all_entries_are_bounded_together(tmp_path: Path) -> None:
    size = 512 << 10
    content = b"".join(
        header("g", tarfile.XGLTYPE, size)
        + attributes(b"key%d" % number, size)
        + tar({f"{number}.txt": b"x"})[:1024]
        for number in range(5)
    )
    (tmp_path / "x.tar").write_bytes(content)
    found, counts = read(tmp_path / "x.tar")
    assert [name for name, _ in found] == ["0.txt", "1.txt"]
    assert counts.skipped == {CUT: 1}


def test_what_is_no_plain_file_counts_as_unpacked(tmp_path: Path) -> None:
    odd = header("odd", b"Z", 1 << 20) + bytes(1 << 20)
    (tmp_path / "x.tar").write_bytes(odd + tar(FILES))
    assert read(tmp_path / "x.tar", 2 << 20)[0] == list(FILES.items())
    found, counts = read(tmp_path / "x.tar", 1 << 20)
    assert found == []
    assert counts.skipped == {OVERSIZE: 1}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_attributes_are_read(tmp_path: Path, form: int) -> None:
    files = {"/".join(["folder"] * 40) + "/é.py": b"a = 1\n", "b.py": b"b = 1\n"}
    (tmp_path / "x.tar").write_bytes(tar(files, form))
    assert dict(read(tmp_path / "x.tar")[0]) == files
