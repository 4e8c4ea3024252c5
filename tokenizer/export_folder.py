"""Exports: the shards of a manifest as files of another training library, whole or not at all."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus.alone import is_still, locked
from corpus.errors import DataError, ShardError
from corpus.on_disk import flush
from tokenizer import export_huggingface, export_megatron
from tokenizer.shards import ShardFile, open_shard, shard_files
from tokenizer.verify import Told, missing_from, quick_check

Write = Callable[[Path, str, str, list[ShardFile], Told], list[str]]

FORMATS: Mapping[str, Write] = {
    "megatron": export_megatron.write,
    "huggingface": export_huggingface.write,
}


@dataclass(frozen=True)
class Part:
    """The shards of one source and split, and the files they became."""

    source: str
    split: str  # train or valid
    documents: int
    tokens: int
    files: list[str]  # relative to the export's folder; none for what has nothing to read


def export(manifest: str, to: str, folder: str, told: Told = lambda count: None) -> list[Part]:
    """Writes all shards of a manifest into a new folder, in a format of FORMATS.

    Takes memory for one shard's offsets, whatever there is. `told` hears of bytes of shards done.
    Raises ShardError for a shard that is not as it was written, DataError where the folder cannot
    be written or is there already.
    """
    files = shard_files(manifest)
    if not files:
        raise ShardError(f"{manifest} lists no shards; build some first")
    first = open_shard(files[0].path)
    problems = quick_check(files, first.tokenizer_hash) + missing_from(manifest, files)
    if problems:
        raise ShardError(f"{problems[0]} (altiplano shards verify names all)")
    groups: dict[tuple[str, str], list[ShardFile]] = {}
    for file in files:
        groups.setdefault((file.source, file.split), []).append(file)
    parts = []
    with whole_folder(folder) as place:
        for (source, split), members in sorted(groups.items()):
            names = FORMATS[to](place, source, split, members, told)
            rows, tokens = sum(f.rows for f in members), sum(f.tokens for f in members)
            parts.append(Part(source, split, rows, tokens, names))
        written = [(part.source, part.split) for part in parts if part.files]
        if not written:
            raise ShardError(f"the shards of {manifest} hold no token; nothing is exported")
        if to == "huggingface":
            export_huggingface.write_card(place, first, written)
        tree = {
            "format": to,
            "tokenizer": first.tokenizer_hash,
            "vocab_size": first.vocab_size,
            "parts": [asdict(part) for part in parts],
        }
        (place / "export.json").write_text(json.dumps(tree, indent=1) + "\n")
    return parts


@contextmanager
def whole_folder(folder: str) -> Iterator[Path]:
    """A folder to write in, which bears its name only when all is in it.

    What a killed attempt left is written anew. DataError for one that is there, or where another
    process is at it.
    """
    target = _target(folder)
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        holder = os.open(partial, os.O_RDONLY)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}; choose another") from None
    try:
        if not locked(holder, partial, "export"):
            raise DataError(f"another export is writing to {folder}; wait for it or choose another")
        mine = is_still(partial, holder)  # which another renames when it has finished
        if target.exists() or not mine:
            if mine:
                shutil.rmtree(partial, ignore_errors=True)
            raise DataError(f"{folder} is there already; choose another or delete it")
        _empty(partial)
        try:
            yield partial
            _flush(partial)
            partial.rename(target)
            flush(str(target.parent))
        except OSError as error:
            raise DataError(
                f"{folder} cannot be written: {error.strerror or error}; make room or choose "
                "another"
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(holder)


def _target(folder: str) -> Path:
    scheme, mark, path = folder.partition("://")
    if mark and (scheme != "file" or not path.startswith("/")):  # file://host/… is another's
        raise DataError(
            f"{folder} is not on a local disk, where exports are written; export to one and copy it"
        )
    if not folder:
        raise DataError("the folder to export to has no name; give one")
    target = Path(os.path.abspath(path if mark else folder))
    if not target.name:
        raise DataError(f"{folder} is there already; choose another or delete it")
    return target


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _flush(folder: Path) -> None:
    """To the disk before the name is given, or a power cut may leave a folder of empty files."""
    for path in (folder, *folder.rglob("*")):
        flush(str(path))
