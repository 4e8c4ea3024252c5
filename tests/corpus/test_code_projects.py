"""Projects as archives and as trees: every format alike, licences by folder, damage, bounds."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.code.cleaning import CodeConfig
from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.extract import InputConfig, stage
from corpus.formats.archives import archive_files, archive_name
from corpus.sources import code, code_trees
from corpus.storage import InputFile

MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of it to use, "
    "copy, modify, merge, publish, distribute, sublicense, and/or sell copies. The above copyright "
    'notice and this permission notice shall be included in all copies. It is provided "AS IS".\n'
)
GPL = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"
FILES = {
    "p/a.py": b"# Copyright 2020 Ann\n\nimport os\n",
    "p/lib/LICENSE": GPL.encode(),
    "p/lib/b.py": b"b = 1\n",
    "p/lib/mit/c.py": b"# SPDX-License-Identifier: MIT\nc = 1\n",
    "p/vendor/d.py": b"d = 1\n",
    "p/e.bin": b"\0\1",
    "p/f.c": b"\0\1",
    "p/LICENSE": MIT.encode(),  # after the files it is for
}
KEPT = [
    ("p/a.py", "import os\n", "MIT"),
    ("p/lib/mit/c.py", "c = 1\n", "MIT"),
]
SKIPPED = {
    "license not allowed": 1,
    "license file": 2,
    "vendored": 1,
    "language not wanted": 1,
    "binary": 1,
}


def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


FORMATS = {
    "x.tar": tar,
    "x.tar.gz": lambda files: gzip.compress(tar(files)),
    "x.tgz": lambda files: gzip.compress(tar(files)),
    "x.tar.xz": lambda files: lzma.compress(tar(files)),
    "x.tar.bz2": lambda files: bz2.compress(tar(files)),
    "x.zip": zipped,
    "x.whl": zipped,
}


def read(path: Path, config: CodeConfig | None = None) -> tuple[list[dict], Counts]:
    counts = Counts()
    file = InputFile(str(path), path.name, path.stat().st_size)
    batches = list(code.read(file, "code", config or CodeConfig(), counts))
    return [row for batch in batches for row in batch.to_pylist()], counts


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMATS[name](FILES))
    rows, counts = read(tmp_path / name)
    assert [(row["title"], row["text"], row["license"]) for row in rows] == KEPT
    assert [row["url"] for row in rows] == ["x/p/a.py", "x/p/lib/mit/c.py"]
    assert [row["origin"] for row in rows] == [f"{name}#0", f"{name}#3"]
    assert counts.skipped == SKIPPED
    assert counts.totals["records"] == len(FILES)
    assert list(tmp_path.iterdir()) == [tmp_path / name]  # nothing was extracted


def test_a_tree_gives_the_same_files_by_path(tmp_path: Path) -> None:
    for name, content in FILES.items():
        place = tmp_path / "in" / "x" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (tmp_path / "in/x/.git").mkdir()
    (tmp_path / "in/x/.git/g.py").write_text("g = 1\n")
    (tmp_path / "outside.py").write_text("o = 1\n")
    (tmp_path / "in/x/p/link.py").symlink_to(tmp_path / "outside.py")
    (tmp_path / "in/x/p/loop").symlink_to(tmp_path / "in/x")
    (tmp_path / "in/y").symlink_to(tmp_path / "in/x")
    ((project, fingerprint),) = code_trees.units(str(tmp_path / "in"), code_trees.CodeTreesConfig())
    assert (project.name, project.size) == ("x", sum(map(len, FILES.values())))
    counts = Counts()
    batches = code_trees.read(project, "code", code_trees.CodeTreesConfig(), counts)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [(row["title"], row["text"], row["license"]) for row in rows] == KEPT
    assert [row["origin"] for row in rows] == ["x#p/a.py", "x#p/lib/mit/c.py"]
    assert counts.skipped == SKIPPED
    (tmp_path / "in/x/p/a.py").write_text("a = 2\n")
    assert code_trees.units(str(tmp_path / "in"), code_trees.CodeTreesConfig())[0][1] != fingerprint


def test_units_of_extraction_are_the_projects(tmp_path: Path) -> None:
    for name in ("ann/b", "ann/a", "bob/a", ".hidden/a"):
        (tmp_path / name).mkdir(parents=True)
    config = InputConfig("code_trees", str(tmp_path), {"code_trees": {"depth": 2}})
    names = [unit.payload.file.name for unit in stage("code", config).units]
    assert names == ["ann/a", "ann/b", "bob/a"]
    with pytest.raises(DataError, match="no folder 3 below"):
        code_trees.units(str(tmp_path), code_trees.CodeTreesConfig(depth=3))
    with pytest.raises(ConfigError, match="depth=0 must be at least 1"):
        code_trees.CodeTreesConfig(depth=0)


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(5, "Input/output error")])
def test_a_file_that_may_not_be_read_is_counted(
    tmp_path: Path, error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a disk that fails is not taken for one."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.py").write_text("a = 1\n")
    config, counts = code_trees.CodeTreesConfig(), Counts()
    ((project, _),) = code_trees.units(str(tmp_path), config)

    def failing(_: str) -> None:
        raise error

    monkeypatch.setattr("corpus.formats.trees.open_input", failing)
    if isinstance(error, PermissionError):
        assert list(code_trees.read(project, "code", config, counts)) == []
        assert counts.skipped == {"file that cannot be read from its archive": 1}
    else:
        with pytest.raises(DataError, match="Input/output error; check the disk"):
            list(code_trees.read(project, "code", config, counts))


def test_what_is_gone_or_cannot_be_listed_is_no_empty_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        code_trees.read_head(str(tmp_path / "a.py"), 10)
    with pytest.raises(DataError, match="cannot list"):
        list(code_trees.tree_files(str(tmp_path / "x")))


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tar.xz", "x.tar.bz2", "x.zip"])
def test_what_stands_before_a_cut_is_kept(tmp_path: Path, name: str) -> None:
    files = {"LICENSE": MIT.encode()} | {
        f"{n}.py": os.urandom(4000).hex().encode() for n in range(300)
    }
    whole = FORMATS[name](files)
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    rows, counts = read(tmp_path / name, CodeConfig(drop=()))
    assert 0 < len(rows) < 300
    assert counts.skipped["archive cut short or damaged to its end"] == 1
    assert [row["title"] for row in rows] == [f"{n}.py" for n in range(len(rows))]


def test_a_cut_zip_that_was_written_to_a_pipe(tmp_path: Path) -> None:
    """Its headers know no sizes: the content says where it ends."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {
            "LICENSE": MIT.encode(),
            "a.py": b"a = 1\n",
            "b.py": b"b = 1\n",
        }.items():
            with archive.open(name, "w") as entry:
                entry.write(content)
    whole = out.getvalue()
    (tmp_path / "x.zip").write_bytes(whole[: whole.index(b"PK\x01\x02") + 4])
    rows, counts = read(tmp_path / "x.zip")
    assert [row["text"] for row in rows] == ["a = 1\n", "b = 1\n"]
    assert counts.skipped["archive cut short or damaged to its end"] == 1


def test_a_damaged_tar_header_is_no_quiet_end(tmp_path: Path) -> None:
    content = bytearray(tar({"LICENSE": MIT.encode(), "a.py": b"a = 1\n", "b.py": b"b = 1\n"}))
    at = content.index(b"b.py")
    content[at + 148 : at + 156] = b"damaged!"  # its checksum
    (tmp_path / "x.tar").write_bytes(content)
    rows, counts = read(tmp_path / "x.tar")
    assert [row["title"] for row in rows] == ["a.py"]
    assert counts.skipped["archive cut short or damaged to its end"] == 1


def test_a_damaged_file_of_a_zip_costs_itself_only(tmp_path: Path) -> None:
    content = bytearray(
        zipped({"LICENSE": MIT.encode(), "a.py": b"a = 1\n" * 99, "b.py": b"b = 1\n"})
    )
    at = content.index(b"a.py") + 4
    content[at : at + 6] = b"\xff" * 6
    (tmp_path / "x.zip").write_bytes(content)
    rows, counts = read(tmp_path / "x.zip")
    assert [row["title"] for row in rows] == ["b.py"]
    assert counts.skipped["file that cannot be read from its archive"] == 1


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 99])
def test_what_is_no_archive(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    rows, counts = read(tmp_path / name)
    assert rows == []
    assert counts.skipped.total() == 1


def test_links_and_places_elsewhere_are_names_only(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("a.py", tarfile.SYMTYPE),
            ("b.py", tarfile.LNKTYPE),
            ("c", tarfile.DIRTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("../../d.py")
        entry.size = 6
        archive.addfile(entry, io.BytesIO(b"d = 1\n"))
    (tmp_path / "x.tar").write_bytes(out.getvalue())
    rows, counts = read(tmp_path / "x.tar")
    assert rows == []
    assert counts.skipped == {"license not allowed": 1}
    assert counts.examples["license not allowed"] == ["x.tar#3 x/d.py unstated"]


def test_bounds(tmp_path: Path) -> None:
    files = {"LICENSE": MIT.encode(), "a.py": b"a = 1\n" * 1000, "b.py": b"b = 1\n"}
    for name in ("x.tar.gz", "x.zip"):
        (tmp_path / name).write_bytes(FORMATS[name](files))
        rows, counts = read(tmp_path / name, CodeConfig(max_file_bytes=100))
        assert [row["title"] for row in rows] == ["b.py"]
        assert counts.skipped["file over max_file_bytes"] == 1
        most = 10_000 if "tar" in name else 7000  # a tar has headers of 512 bytes, and padding
        rows, counts = read(tmp_path / name, CodeConfig(max_archive_bytes=most))
        assert [row["title"] for row in rows] == ["a.py", "b.py"]
        rows, counts = read(tmp_path / name, CodeConfig(max_archive_bytes=6000))
        assert counts.skipped["archive over max_archive_bytes"] == 1


def test_names_of_archives() -> None:
    assert [archive_name(n) for n in ("a.tar.gz", "b-1.0.zip", "c.TGZ")] == ["a", "b-1.0", "c"]


@given(
    st.sampled_from(sorted(FORMATS)),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=9)), max_size=4),
    st.integers(0, 100),
)
def test_damage_never_raises(
    tmp_path_factory: pytest.TempPathFactory, name: str, hits: list[tuple[int, bytes]], cut: int
) -> None:
    content = bytearray(FORMATS[name](FILES))
    for at, damage in hits:
        at %= len(content)
        content[at : at + len(damage)] = damage
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(content[: len(content) - cut])
    rows, counts = read(path)
    assert len(rows) + counts.skipped.total() >= 0
    file = InputFile(str(path), name, len(content))
    assert all(len(found.path) > 0 for found in archive_files(file, 1 << 20, Counts()))
