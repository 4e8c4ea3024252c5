"""Files wherever they are: local disk, S3, HDFS, through pyarrow.fs, so no cluster needs extra jars.

A location is a path or a URI (`s3://bucket/key`). Writing is always whole-or-nothing: bytes appear
under their final name only when complete.
"""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from corpus.errors import DataError


@dataclass(frozen=True)
class InputFile:
    """One raw input file: where it is, and its name relative to the input folder."""

    uri: str
    name: str
    size: int  # bytes
    stamp: str  # modification time; with name and size the file's fingerprint


def filesystem(location: str) -> tuple[pafs.FileSystem, str]:
    """The filesystem of a location and the path inside it; raises DataError for a bad URI."""
    if "://" not in location:
        return pafs.LocalFileSystem(), os.path.abspath(location)
    try:
        return pafs.FileSystem.from_uri(location)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{location} is no location pyarrow can open: {error}") from None


def join(location: str, *names: str) -> str:
    return "/".join([location.rstrip("/"), *names])


def list_files(location: str, suffixes: tuple[str, ...] = ()) -> list[InputFile]:
    """The files at or below a location by name, hidden ones left out; DataError where none."""
    fs, path = filesystem(location)
    info = fs.get_file_info(path)
    if info.type == pafs.FileType.NotFound:
        raise DataError(f"no input at {location}; give a file or a folder that exists")
    if info.type == pafs.FileType.File:
        return [_input_file(location, info, os.path.basename(path))]
    found = fs.get_file_info(pafs.FileSelector(path, recursive=True))
    files = []
    for item in found:
        name = os.path.relpath(item.path, path).replace(os.sep, "/")
        hidden = any(part.startswith((".", "_")) for part in name.split("/"))
        wanted = not suffixes or name.endswith(suffixes)
        if item.type == pafs.FileType.File and wanted and not hidden:
            files.append(_input_file(join(location, name), item, name))
    if not files:
        kinds = f" named {', '.join('*' + s for s in suffixes)}" if suffixes else ""
        raise DataError(f"no input files{kinds} in {location}; the folder is empty of them")
    return sorted(files, key=lambda file: file.name)


def open_input(location: str) -> pa.NativeFile:
    """Opens a file to read as bytes (seekable, file-like, not decompressed)."""
    fs, path = filesystem(location)
    try:
        return fs.open_input_file(path)
    except FileNotFoundError:
        raise DataError(f"{location} is not there; was it moved or deleted?") from None


def read_bytes(location: str) -> bytes:
    with open_input(location) as stream:
        return stream.read()


def exists(location: str) -> bool:
    fs, path = filesystem(location)
    return fs.get_file_info(path).type == pafs.FileType.File


def make_folder(location: str) -> None:
    """Creates a folder and its parents; DataError where that is not allowed."""
    fs, path = filesystem(location)
    try:
        fs.create_dir(path, recursive=True)
    except OSError as error:
        raise DataError(f"cannot write to {location}: {error}; choose another 'output'") from None


def put_bytes(location: str, content: bytes) -> None:
    """Writes a small file, whole or not at all."""
    fs, path = filesystem(location)
    if not isinstance(fs, pafs.LocalFileSystem):
        with fs.open_output_stream(path) as stream:  # an object appears when its stream closes
            stream.write(content)
        return
    partial = Path(f"{path}.{uuid.uuid4().hex}.partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)


def put_file(local: Path, location: str) -> None:
    """Moves a finished local file to its final place, whole or not at all."""
    fs, path = filesystem(location)
    if isinstance(fs, pafs.LocalFileSystem):
        partial = f"{path}.{uuid.uuid4().hex}.partial"
        pafs.copy_files(str(local), partial, source_filesystem=fs, destination_filesystem=fs)
        os.replace(partial, path)
    else:
        here = pafs.LocalFileSystem()
        pafs.copy_files(str(local), path, source_filesystem=here, destination_filesystem=fs)
    local.unlink()


def list_names(location: str) -> list[str]:
    """Names of the files directly in a folder, sorted; empty where the folder is missing."""
    fs, path = filesystem(location)
    found = fs.get_file_info(pafs.FileSelector(path, allow_not_found=True))
    return sorted(item.base_name for item in found if item.type == pafs.FileType.File)


def delete(location: str) -> None:
    fs, path = filesystem(location)
    fs.delete_file(path)


def _input_file(uri: str, info: pafs.FileInfo, name: str) -> InputFile:
    return InputFile(uri=uri, name=name, size=info.size, stamp=str(info.mtime_ns or 0))
