"""Files wherever they are, through pyarrow.fs, so that no cluster needs extra jars.

A location is a path or a URI (`s3://bucket/key`, `hdfs://…`). Writing is whole or nothing:
bytes appear under their final name only when complete.
"""

import hashlib
import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

import pyarrow as pa
import pyarrow.fs as pafs

from corpus.errors import DataError
from corpus.on_disk import rename

SCRATCH = "_scratch"
PARTIAL = ".partial"
OBJECT_STORES = ("s3", "gcs", "abfs")  # no rename there, and none needed
WHOLE_FINGERPRINT = 4 << 20  # bytes
SAMPLE = 64 << 10
AT_ONCE = 16  # requests: an object store answers each in tens of milliseconds


@dataclass(frozen=True)
class InputFile:
    """One raw input file, or a part of one: where it is, and its name relative to its folder."""

    uri: str
    name: str
    size: int  # bytes of the whole file
    start: int = 0  # only records that begin in [start, end) bytes are read
    end: int | None = None  # None: the file's end

    @property
    def is_part(self) -> bool:
        return self.start > 0 or self.end is not None

    def parts(self, size: int) -> list["InputFile"]:
        """The file cut into parts of `size` bytes, in order; at least one."""
        starts = range(0, max(self.size, 1), size)
        if len(starts) == 1:
            return [self]
        ends = [*starts[1:], None]
        return [replace(self, start=i, end=j) for i, j in zip(starts, ends, strict=True)]


def filesystem(location: str) -> tuple[pafs.FileSystem, str]:
    """The filesystem of a location and the path inside it; raises DataError for a bad URI.

    For an S3 bucket whose region cannot be asked for, the DataError's cause is an OSError.
    """
    if "://" not in location:
        return pafs.LocalFileSystem(), os.path.abspath(location)
    try:
        path, query = split_query(location)
        settings = dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True))
        if path.startswith("s3://") and "anonymous" in settings:
            return _anonymous(location, path, settings)
        return pafs.FileSystem.from_uri(location)
    except pa.ArrowInvalid as error:
        raise DataError(f"{location} is no location pyarrow can open: {error}") from None
    except OSError as error:
        raise DataError(f"{location} is no location pyarrow can open: {error}") from error


def _anonymous(location: str, path: str, settings: dict[str, str]) -> tuple[pafs.FileSystem, str]:
    """A public bucket read without credentials, which pyarrow's URIs have no word for."""
    known = {"endpoint_override", "region", "scheme"}
    if settings.pop("anonymous") != "true" or not settings.keys() <= known:
        others = ", ".join(sorted(known))
        raise DataError(f"{location} cannot be used: beside anonymous=true it may have {others}")
    path = unquote(path.removeprefix("s3://")).strip("/")
    return pafs.S3FileSystem(anonymous=True, **settings), path


def on_disk(location: str) -> str | None:
    """A path or file:// URI as this machine's path, None for a place elsewhere; asks no server."""
    if "://" in location and not location.startswith("file://"):
        return None
    return filesystem(location)[1]


def absolute(location: str) -> str:
    """A location that means the same in every process, wherever it runs."""
    return location if "://" in location else os.path.abspath(location)


def split_query(location: str) -> tuple[str, str]:
    """A location without its query, and the query with its `?`; a path has none."""
    path, mark, query = location.partition("?") if "://" in location else (location, "", "")
    return path, mark + query


def join(location: str, *names: str) -> str:
    """A place below a location; a URI's query stays at its end."""
    path, query = split_query(location)
    return "/".join([path.rstrip("/"), *names]) + query


def base_name(location: str) -> str:
    """The last name of a place, without a URI's query."""
    return split_query(location)[0].rstrip("/").rsplit("/", 1)[-1]


def parent(location: str) -> str:
    """The folder a place is in; a URI's query stays at its end."""
    path, query = split_query(location)
    return (os.path.dirname(path) or ".") + query


def list_files(
    location: str, suffixes: tuple[str, ...] = (), others: list[InputFile] | None = None
) -> list[InputFile]:
    """The files at or below a location by name, hidden ones left out; DataError where none.

    `suffixes` are patterns as in `ends_with`; a folder's other files are put in `others`.
    """
    fs, path = filesystem(location)
    info = fs.get_file_info(path)
    if info.type == pafs.FileType.NotFound:
        raise DataError(f"no input at {location}; give a file or a folder that exists")
    if info.type == pafs.FileType.File:
        _refuse_7z(path, suffixes)
        return [InputFile(location, os.path.basename(path), info.size)]
    try:
        found = fs.get_file_info(pafs.FileSelector(path, recursive=True))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{location} holds a file whose name is not UTF-8 ({error.object!r}); rename it"
        ) from None
    files: list[InputFile] = []
    others = [] if others is None else others
    for item in found:
        name = os.path.relpath(item.path, path).replace(os.sep, "/")
        hidden = any(part.startswith((".", "_")) for part in name.split("/"))
        wanted = not suffixes or ends_with(name, suffixes)
        if item.type == pafs.FileType.File and not hidden:
            _refuse_7z(item.path, suffixes)
            place = join(location, quote(name) if "://" in location else name)
            (files if wanted else others).append(InputFile(place, name, item.size))
    if "://" not in location:
        _refuse_dangling(path, suffixes)
    others.sort(key=lambda file: file.name)
    if not files:
        kinds = f" named {', '.join('*' + s for s in suffixes)}" if suffixes else ""
        has = f"{len(others):,} others, such as {others[0].name}" if others else "no file"
        raise DataError(f"no input files{kinds} in {location}; it has {has}")
    return sorted(files, key=lambda file: file.name)


def ends_with(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a name ends as a pattern says (`.gz`, `.xml-p[0-9]*.gz`), in letters of any case."""
    return any(fnmatchcase(name.lower(), f"*{suffix.lower()}") for suffix in suffixes)


def _refuse_dangling(folder: str, suffixes: tuple[str, ...]) -> None:
    """DataError for a link to nothing, which Arrow does not list and nobody would miss."""
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.startswith((".", "_")):
                    continue
                wanted = not suffixes or ends_with(entry.name, suffixes)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif wanted and entry.is_symlink() and not os.path.exists(entry.path):
                    raise DataError(f"{entry.path} is a link to nothing; mend or remove it")


def _refuse_7z(path: str, suffixes: tuple[str, ...]) -> None:
    """DataError for a file that only its packing keeps from being read: it would be missed."""
    wanted = not suffixes or ends_with(path[: -len(".7z")], suffixes)
    if wanted and ends_with(path, (".7z",)) and not ends_with(path, suffixes):
        raise DataError(
            f"{path} is packed by 7-Zip, which is not read; unpack it, or take it out of the input"
        )


def open_input(location: str) -> pa.NativeFile:
    """Opens a file to read as bytes (seekable, file-like, not decompressed)."""
    fs, path = filesystem(location)
    try:
        return fs.open_input_file(path)
    except FileNotFoundError:
        raise DataError(f"{location} is not there; was it moved or deleted?") from None


def fingerprint(location: str) -> str:
    """32 hex digits from a file's size and samples of its bytes, its time of change left out.

    Files up to 4 MiB are read whole; of larger ones 64 KiB at the start, middle and end, so that
    80,000 crawl files on an object store are told apart in minutes, wherever they were copied. A
    file mended in place at the same size may go unseen: `altiplano build --redo` is for that.
    """
    with open_input(location) as stream:
        size = stream.size()
        digest = hashlib.blake2b(str(size).encode(), digest_size=16)
        whole = size <= WHOLE_FINGERPRINT
        for start in (0,) if whole else (0, size // 2, size - SAMPLE):
            stream.seek(start)
            digest.update(stream.read(size if whole else SAMPLE))
    return digest.hexdigest()


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
    if fs.type_name in OBJECT_STORES:  # where an object appears when its stream closes
        with fs.open_output_stream(path, compression=None) as stream:
            stream.write(content)
        return
    partial = f"{path}.{uuid.uuid4().hex}{PARTIAL}"
    if not isinstance(fs, pafs.LocalFileSystem):
        with fs.open_output_stream(partial, compression=None) as stream:
            stream.write(content)
        fs.move(partial, path)
        return
    with open(partial, "wb") as file:
        file.write(content)
    rename(partial, path)


def make_scratch(location: str) -> Path:
    """A new local folder to write in: on the location's own disk where it has one."""
    fs, path = filesystem(location)
    if not isinstance(fs, pafs.LocalFileSystem):
        return Path(tempfile.mkdtemp(prefix="altiplano-"))
    scratch = Path(path) / SCRATCH / uuid.uuid4().hex
    scratch.mkdir(parents=True)
    return scratch


def put_file(local: Path, location: str) -> None:
    """Moves a finished scratch file to its final place, whole or not at all."""
    fs, path = filesystem(location)
    if isinstance(fs, pafs.LocalFileSystem):
        rename(str(local), path)  # or a power cut may leave a manifest without its data
        return
    here = pafs.LocalFileSystem()
    if fs.type_name in OBJECT_STORES:
        pafs.copy_files(str(local), path, source_filesystem=here, destination_filesystem=fs)
    else:
        partial = f"{path}.{uuid.uuid4().hex}{PARTIAL}"
        pafs.copy_files(str(local), partial, source_filesystem=here, destination_filesystem=fs)
        fs.move(partial, path)
    local.unlink()


def remove_scratch(location: str) -> None:
    """Removes what killed tasks left in a location's scratch folder."""
    fs, path = filesystem(location)
    if isinstance(fs, pafs.LocalFileSystem):
        shutil.rmtree(Path(path) / SCRATCH, ignore_errors=True)


def remove_partials(location: str) -> None:
    """Removes what writers that were killed left directly in a folder."""
    for name in list_names(location):
        if name.endswith(PARTIAL):
            delete(join(location, name))


def list_names(location: str) -> list[str]:
    """Names of the files directly in a folder, sorted; empty where the folder is missing."""
    fs, path = filesystem(location)
    found = fs.get_file_info(pafs.FileSelector(path, allow_not_found=True))
    return sorted(item.base_name for item in found if item.type == pafs.FileType.File)


def delete(location: str) -> None:
    fs, path = filesystem(location)
    fs.delete_file(path)
