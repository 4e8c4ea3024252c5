"""Source archives of installed packages: `python -m jobs.installed_packages FOLDER [NAME …]`.

One tar a distribution, of its sources and what it states of itself, licence among it: real input
for the `code` reader on any machine. Unchanged archives are left as they are.
"""

import argparse
import io
import sys
import tarfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

PACKAGES = ("rich", "networkx", "jinja2", "fsspec", "datasketch", "packaging", "psutil", "pyyaml")
_SOURCES = (".py", ".pyi", ".c", ".h", ".cpp", ".js", ".sh", ".toml", ".md", ".rst")


def write_archives(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Writes `<name>-<version>.tar` of each package; LookupError names a missing one."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in names:
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise LookupError(f"{name} is not installed; pip install it, or name others") from None
        path = folder / f"{name}-{found.version}.tar"
        if not path.exists():
            partial = path.with_suffix(".partial")
            _write(partial, found)
            partial.rename(path)
        paths.append(path)
    return paths


def _write(path: Path, found: Distribution) -> None:
    with tarfile.open(path, "w") as archive:
        for file in sorted(found.files or (), key=str):
            place = Path(str(found.locate_file(file)))
            told = any(part.endswith(".dist-info") for part in file.parts)
            if ".." in file.parts or not (told or file.suffix in _SOURCES) or not place.is_file():
                continue
            content = place.read_bytes()
            entry = tarfile.TarInfo(str(file))  # no times: the same bytes whenever it was installed
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(PACKAGES))
    options = parser.parse_args()
    try:
        paths = write_archives(options.folder, tuple(options.names))
    except LookupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(paths)} archives in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
