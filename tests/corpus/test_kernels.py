"""Compiled code is kept by what all kernels' files hold."""

import os
from pathlib import Path

from numba import config

import corpus.kernels
from corpus.kernels import sweep, version


def test_a_change_in_any_file_makes_another_version(tmp_path: Path) -> None:
    """Numba itself goes on with the old code of a kernel that a changed one is called by."""
    (tmp_path / "a.py").write_text("from b import f")
    (tmp_path / "b.py").write_text("f = 1")
    first = version(tmp_path)
    assert version(tmp_path) == first
    (tmp_path / "b.py").write_text("f = 2")
    second = version(tmp_path)
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    assert len({first, second, version(tmp_path)}) == 3


def test_old_versions_go_and_what_may_be_in_use_stays(tmp_path: Path) -> None:
    old, recent, own, other = (tmp_path / name for name in ("0" * 16, "1" * 16, "2" * 16, "notes"))
    for folder in (old, recent, own, other):
        folder.mkdir()
        (folder / "kernel.nbc").touch()
    for folder in (old, own, other):
        os.utime(folder, (0, 0))
    sweep(tmp_path / "named-by-the-user")
    assert old.exists()
    sweep(own)
    assert sorted(tmp_path.iterdir()) == sorted([recent, own, other])


def test_compiled_code_is_kept_under_the_version() -> None:
    folder = Path(corpus.kernels.__file__).parent
    kept = Path(config.CACHE_DIR)  # type: ignore[attr-defined]
    assert (kept.parent, kept.name) == (folder / "__pycache__", version(folder))
