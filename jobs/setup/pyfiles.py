"""The zip of this project's packages that `spark-submit --py-files` ships to a cluster's workers.

The same sources give the same bytes, so a cluster can cache the file by its checksum.
"""

import zipfile
from pathlib import Path

from corpus.errors import DataError

PACKAGES = ("corpus", "tokenizer", "train", "jobs")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip's earliest date: the archive holds no clock time


def write_zip(path: str | Path) -> Path:
    """Writes the zip of all Python sources; DataError where it cannot be written."""
    root = Path(__file__).resolve().parents[2]
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w") as archive:
            for file in _sources(root):
                entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), _EARLIEST)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
        part.replace(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror or error}); choose another place"
        ) from None
    return path


def _sources(root: Path) -> list[Path]:
    return sorted(file for package in PACKAGES for file in (root / package).rglob("*.py"))
