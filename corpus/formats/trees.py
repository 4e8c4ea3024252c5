"""Folders of projects as units of work, and the files of one; links are not followed.

On a local disk a link could lead out of the input or back into it. Object stores have none.
"""

import hashlib
import os
from collections.abc import Iterator
from urllib.parse import quote

import pyarrow.fs as pafs

from corpus.errors import DataError
from corpus.formats.streams import Checked
from corpus.storage import InputFile, filesystem, join, open_input

_VERSION_CONTROL = (".git", ".hg", ".svn")


def list_trees(location: str, depth: int) -> list[tuple[InputFile, str]]:
    """The folders `depth` below a location, by name, with a fingerprint each, hidden ones left out.

    `size` is that of all their files. The fingerprint is of the files' paths, sizes and times of
    change: to read them all would take as long as the work. DataError where there are none.
    """
    found = []
    for name in _folders(location, depth):
        place = _below(location, name)
        digest = hashlib.blake2b(digest_size=16)
        size = 0
        for file, changed in _walk(place):
            digest.update(f"{file.name}\0{file.size}\0{changed}\n".encode("utf-8", "surrogatepass"))
            size += file.size
        found.append((InputFile(place, name, size), digest.hexdigest()))
    if not found:
        raise DataError(f"no folder {depth} below {location}; give a folder that holds projects")
    return found


def tree_files(location: str) -> Iterator[InputFile]:
    """The plain files at or below a folder, sorted by path within each folder.

    DataError where a folder cannot be listed.
    """
    for file, _ in _walk(location):
        yield file


def read_head(location: str, most: int) -> bytes | None:
    """A file's first bytes; None where one may not read it, or where its name is no text.

    DataError where it is gone, and where the disk or network fails.
    """
    try:
        stream = open_input(location)
    except (PermissionError, UnicodeError):
        return None
    except OSError as error:
        raise DataError(f"cannot open {location}: {error}; check the disk or network") from error
    with stream:
        return Checked(stream, location).read(most)


def _folders(location: str, depth: int) -> list[str]:
    names = [""]
    fs, _ = filesystem(location)
    local = isinstance(fs, pafs.LocalFileSystem)
    for _ in range(depth):
        deeper = []
        for name in names:
            _, path = filesystem(_below(location, name) if name else location)
            for entry in fs.get_file_info(pafs.FileSelector(path, allow_not_found=True)):
                hidden = entry.base_name.startswith((".", "_"))
                is_link = local and os.path.islink(entry.path)
                if entry.type == pafs.FileType.Directory and not hidden and not is_link:
                    deeper.append(f"{name}/{entry.base_name}".lstrip("/"))
        names = deeper
    return sorted(names)


def _walk(location: str) -> Iterator[tuple[InputFile, int]]:
    """The files below a folder, with their times of change in nanoseconds."""
    fs, root = filesystem(location)
    walk = _walk_disk(root) if isinstance(fs, pafs.LocalFileSystem) else _walk_store(fs, root)
    for name, size, changed in walk:
        # a name on a disk may be any bytes; what is no text cannot be opened, and is counted then
        shown = name.encode("utf-8", "replace").decode()
        yield InputFile(_below(location, name), shown, size), changed


def _walk_disk(root: str) -> Iterator[tuple[str, int, int]]:
    for folder, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = sorted(name for name in folders if name not in _VERSION_CONTROL)
        inner = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                status = os.stat(path)
                yield (
                    name if inner == "." else f"{inner}/{name}",
                    status.st_size,
                    status.st_mtime_ns,
                )


def _refuse(error: OSError) -> None:
    raise DataError(f"cannot list {error.filename}: {error.strerror}; check its rights and disk")


def _walk_store(fs: pafs.FileSystem, root: str) -> Iterator[tuple[str, int, int]]:
    for entry in sorted(
        fs.get_file_info(pafs.FileSelector(root, recursive=True)), key=lambda entry: entry.path
    ):
        name = os.path.relpath(entry.path, root)
        if entry.type == pafs.FileType.File and not set(name.split("/")) & set(_VERSION_CONTROL):
            yield name, entry.size, entry.mtime_ns or 0


def _below(location: str, name: str) -> str:
    return join(location, quote(name) if "://" in location else name)
