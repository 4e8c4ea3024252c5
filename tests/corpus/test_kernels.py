"""Compiled code is kept by what all kernels' files hold."""

from pathlib import Path

from numba import config

import corpus.kernels
from corpus.kernels import version


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


def test_compiled_code_is_kept_under_the_version() -> None:
    folder = Path(corpus.kernels.__file__).parent
    kept = Path(config.CACHE_DIR)  # type: ignore[attr-defined]
    assert (kept.parent, kept.name) == (folder / "__pycache__", version(folder))
