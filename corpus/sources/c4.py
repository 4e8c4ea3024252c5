"""Reads C4 as it is released (arXiv:1910.10683): JSON lines of `text`, `timestamp` and `url`.

Blocks of lines go through Arrow's parser, with no Python object a record. A block that it refuses
is read line by line, so that a damaged record costs itself only.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from corpus.counts import REPLACED, Counts
from corpus.errors import ConfigError
from corpus.formats.dump_pieces import read_pieces
from corpus.formats.lines import line_start
from corpus.formats.members import inflate_members
from corpus.formats.records import MAX_RECORD_BYTES, OVERSIZE
from corpus.formats.streams import Checked
from corpus.kernels.utf8 import is_utf8
from corpus.keyed import document_id
from corpus.schema import DOCUMENT
from corpus.storage import InputFile, ends_with, open_input

_PACKED = (".gz", ".bz2", ".xz", ".zst")
SUFFIXES = tuple(kind + packing for kind in (".json", ".jsonl") for packing in ("", *_PACKED))

NOT_A_RECORD = "not a JSON object with a text"
EMPTY = "empty text"
CUT = "file cut short or damaged to its end"

_BLOCK = 4 << 20  # bytes of lines parsed at once
_PIECE = 4 << 20  # a request each, of a part on an object store
_MOST = MAX_RECORD_BYTES
_NEWLINE, _SPACE, _OPENING, _CLOSING = 0x0A, 0x20, 0x7B, 0x7D
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_FIELDS = ("text", "timestamp", "url")
_PARSE = pj.ParseOptions(
    explicit_schema=pa.schema(
        [("text", pa.large_string()), ("timestamp", pa.string()), ("url", pa.string())]
    ),
    unexpected_field_behavior="ignore",
)
_READ = pj.ReadOptions(use_threads=False, block_size=2 * _MOST)  # a block at a time, whole


@dataclass(frozen=True)
class C4Config:
    """How much of a file a task takes, where it is plain; packed ones are a task's whole."""

    split_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        if self.split_bytes < 1:
            raise ConfigError(f"split_bytes={self.split_bytes} must be at least 1")


def split(file: InputFile, config: C4Config) -> list[InputFile]:
    """The parts of a file that tasks may share; a record is read by the part it begins in."""
    return [file] if ends_with(file.name, _PACKED) else file.parts(config.split_bytes)


def read(
    file: InputFile, source: str, config: C4Config, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields records as batches of `corpus.schema.DOCUMENT`, in file order.

    `origin` is `file#byte offset` of the line, unpacked.
    """
    end = file.size if file.end is None else file.end
    if file.start == 0:
        counts.add("files")
    counts.add("bytes_in", end - file.start)
    for position, block in _blocks(file, counts):
        lines = _Lines.of(block, position)
        counts.add("records", len(lines.starts))
        records = _parse(block, lines, file.name, counts) if len(lines.starts) else None
        if records is not None and len(records.starts):
            yield _batch(records, file.name, source, counts)


@dataclass(frozen=True)
class _Lines:
    """The lines of a block that are not blank, in order."""

    starts: np.ndarray  # [lines] int64, in the block
    ends: np.ndarray  # [lines] int64, with the newline
    position: int  # of the block, in what is unpacked

    @classmethod
    def of(cls, block: bytes, position: int) -> "_Lines":
        if not block:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), position)
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE) + 1
        if not len(ends) or ends[-1] < len(block):
            ends = np.append(ends, len(block))
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        filled = np.frombuffer(block, np.uint8)[starts] > _SPACE
        for at in np.flatnonzero(~filled).tolist():  # blank, or led by white space
            filled[at] = bool(block[starts[at] : ends[at]].strip())
        return cls(starts[filled], ends[filled], position)

    def are_objects(self, block: bytes) -> bool:
        """Whether each line begins and ends as an object: then none lies on two of them."""
        data = np.frombuffer(block, np.uint8)
        last = self.ends - 1 - (data[self.ends - 1] == _NEWLINE)
        return bool((data[self.starts] == _OPENING).all() and (data[last] == _CLOSING).all())


@dataclass(frozen=True)
class _Records:
    texts: pa.Array
    timestamps: pa.Array
    urls: pa.Array
    starts: np.ndarray  # [records] int64, unpacked bytes before each


def _blocks(file: InputFile, counts: Counts) -> Iterator[tuple[int, bytes]]:
    """Whole lines of the part, about 4 MiB at a time, each block with where it begins."""
    with open_input(file.uri) as raw:
        packed = ends_with(file.name, _PACKED)
        start = 0 if packed else line_start(Checked(raw, file.uri), file.start)
        waiting, size, line_ends, dropping = [b""], 0, False, False
        for piece in _pieces(raw, file, start):
            if piece is None:
                counts.note(CUT, f"{file.name}#{start + size}")
            waiting.append(piece or b"")
            size += len(piece or b"")
            line_ends = line_ends or b"\n" in waiting[-1]
            # a line's pieces are joined once, when it ends or is let go
            if piece and (size < _BLOCK or not (line_ends or dropping or size > _MOST)):
                continue
            data = b"".join(waiting)
            cut = len(data) if piece == b"" else data.rfind(b"\n") + 1  # cut off: no last line
            begin = data.find(b"\n") + 1 or len(data) if dropping else 0
            if begin < cut:
                yield start + begin, data[begin:cut]
            dropping = dropping and not cut
            if len(data) - cut > _MOST or dropping:
                if not dropping:
                    counts.skip(OVERSIZE, f"{file.name}#{start + cut}")
                cut, dropping = len(data), True
            start, waiting, size, line_ends = start + cut, [data[cut:]], len(data) - cut, False


def _pieces(raw: pa.NativeFile, file: InputFile, start: int) -> Iterator[bytes | None]:
    """What a part holds, unpacked; then an empty piece, or None where it is damaged."""
    if ends_with(file.name, (".gz",)):
        for inflated in inflate_members(raw, file.uri):
            if inflated.data is None:
                yield None
                return
            if inflated.data:
                yield inflated.data
    elif ends_with(file.name, _PACKED):
        for unpacked in read_pieces(file):
            if unpacked.fault:
                yield None
                return
            yield unpacked.data
    else:
        stream = Checked(raw, file.uri)
        left = line_start(stream, file.size if file.end is None else file.end) - start
        stream.seek(start)
        while left > 0 and (piece := stream.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece
    yield b""


def _parse(block: bytes, lines: _Lines, name: str, counts: Counts) -> _Records:
    try:
        whole = is_utf8(np.frombuffer(block, np.uint8))  # which Arrow's parser does not ask
        table = pj.read_json(pa.BufferReader(block), _READ, _PARSE) if whole else None
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        table = None
    if table is None or table.num_rows != len(lines.starts) or not lines.are_objects(block):
        return _parse_each(block, lines, name, counts)
    texts = table.column("text").combine_chunks()
    filled = pc.greater(pc.fill_null(pc.binary_length(texts), 0), 0)
    for at in np.flatnonzero(~filled.to_numpy(zero_copy_only=False)).tolist():
        reason = EMPTY if texts[at].is_valid else NOT_A_RECORD
        counts.skip(reason, f"{name}#{lines.position + int(lines.starts[at])}")
    return _Records(
        texts.filter(filled),
        table.column("timestamp").combine_chunks().filter(filled),
        table.column("url").combine_chunks().filter(filled),
        lines.starts[filled.to_numpy(zero_copy_only=False)] + lines.position,
    )


def _parse_each(block: bytes, lines: _Lines, name: str, counts: Counts) -> _Records:
    """What `_parse` does, a line at a time, past those that are no records."""
    rows, starts = [], []
    for start, end in zip(lines.starts.tolist(), lines.ends.tolist(), strict=True):
        place = f"{name}#{lines.position + start}"
        row, replaced = _record(block[start:end])
        if row is None:
            counts.skip(NOT_A_RECORD, place)
        elif not row[0]:
            counts.skip(EMPTY, place)
        else:
            if replaced:
                counts.add(REPLACED)
            rows.append(row)
            starts.append(lines.position + start)
    texts, timestamps, urls = zip(*rows, strict=True) if rows else ((), (), ())
    return _Records(
        pa.array(texts, pa.large_string()),
        pa.array(timestamps, pa.string()),
        pa.array(urls, pa.string()),
        np.array(starts, np.int64),
    )


def _record(line: bytes) -> tuple[tuple[str | None, ...] | None, bool]:
    """The fields of a record, None where the line is none, and whether U+FFFD was put in.

    A field that is no text is missing. U+FFFD stands for bytes that are not UTF-8, and for half a
    surrogate pair.
    """
    encoding = json.detect_encoding(line)
    text = line.decode(encoding, "replace")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None, False
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return None, False
    found = [value if isinstance(value := row.get(f), str) else None for f in _FIELDS]
    fields = [value and _HALF_PAIR.sub("\ufffd", value) for value in found]
    return tuple(fields), fields != found or text.encode(encoding) != line


def _batch(records: _Records, name: str, source: str, counts: Counts) -> pa.RecordBatch:
    size = len(records.starts)
    counts.add("documents", size)
    counts.add("chars", pc.sum(pc.utf8_length(records.texts)).as_py())
    origins = [f"{name}#{start}" for start in records.starts.tolist()]
    columns = {
        "doc_id": pa.array([document_id(source, origin) for origin in origins], pa.uint64()),
        "source": pa.array([source] * size, pa.string()),
        "url": records.urls,
        "origin": pa.array(origins, pa.string()),
        "date": records.timestamps,
        "text": records.texts,
    }
    found = [columns.get(f.name, pa.nulls(size, f.type)) for f in DOCUMENT]
    return pa.RecordBatch.from_arrays(found, schema=DOCUMENT)
