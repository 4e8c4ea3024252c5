"""The manifest is the commit: a stage's output exists whole, by its manifest, or not at all.

A manifest holds nothing that differs between two honest runs (no time, host or path), so equal
manifests mean equal output; seconds are written apart, under `metrics/`. Data files are named by
their content (`name-<first 16 of SHA-256>.parquet`): two attempts at one task write the same bytes
under the same name, and no object needs to be renamed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from corpus import storage
from corpus.counts import Counts
from corpus.errors import DataError

MANIFEST_NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True)
class OutputFile:
    """One data file of a stage, by its name relative to the stage's folder."""

    name: str
    bytes: int
    sha256: str
    rows: int
    facts: Mapping[str, Any] = field(default_factory=dict)  # e.g. source, split, tokens


@dataclass(frozen=True)
class Manifest:
    """What a stage wrote, from what, by which config and code."""

    folder: str  # where it was read from or put; not part of its content
    stage: str
    key: str  # names config, inputs, code and versions: equal key, equal output
    config: Any
    inputs: Mapping[str, str]
    code: str
    versions: Mapping[str, str]
    files: tuple[OutputFile, ...]
    counts: Counts
    beside: tuple[OutputFile, ...] = ()  # no data of the stage, such as what it skipped

    @property
    def all_files(self) -> tuple[OutputFile, ...]:
        return (*self.files, *self.beside)

    @property
    def digest(self) -> str:
        """32 hex digits of the manifest's content: the fingerprint later stages depend on."""
        return hashlib.sha256(self.content()).hexdigest()[:32]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def path(self, file: OutputFile) -> str:
        return storage.join(self.folder, file.name)

    def content(self) -> bytes:
        tree = {
            "version": VERSION,
            "stage": self.stage,
            "key": self.key,
            "config": self.config,
            "inputs": dict(self.inputs),
            "code": self.code,
            "versions": dict(self.versions),
            "counts": self.counts.to_tree(),
            "files": [asdict(file) for file in self.files],
            "beside": [asdict(file) for file in self.beside],
        }
        return json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    def missing_file(self) -> str | None:
        """The name of a listed file that is absent or of the wrong size, if any."""
        fs, folder = storage.filesystem(self.folder)
        infos = fs.get_file_info([f"{folder}/{file.name}" for file in self.all_files])
        for file, info in zip(self.all_files, infos, strict=True):
            if not info.is_file or info.size != file.bytes:
                return file.name
        return None


def put(manifest: Manifest, name: str = MANIFEST_NAME) -> None:
    """Publishes a stage's output by putting its manifest."""
    storage.put_bytes(storage.join(manifest.folder, name), manifest.content())


def read(folder: str, name: str = MANIFEST_NAME) -> Manifest:
    """Reads a stage's manifest; DataError where it is absent or damaged."""
    place = storage.join(folder, name)
    if not storage.exists(place):
        raise DataError(f"{folder} holds no finished output (no {name}); build it first")
    try:
        tree = json.loads(storage.read_bytes(place))
        if tree["version"] != VERSION:
            raise DataError(f"{place} is of version {tree['version']}, not {VERSION}; rebuild it")
        return Manifest(
            folder=folder,
            stage=tree["stage"],
            key=tree["key"],
            config=tree["config"],
            inputs=tree["inputs"],
            code=tree["code"],
            versions=tree["versions"],
            files=tuple(OutputFile(**file) for file in tree["files"]),
            counts=Counts.from_tree(tree["counts"]),
            beside=tuple(OutputFile(**file) for file in tree.get("beside", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{place} is damaged ({error}); delete it and build again") from None


def find(folder: str, name: str = MANIFEST_NAME) -> Manifest | None:
    """The manifest of a folder, or None where nothing whole and readable is there."""
    try:
        return read(folder, name)
    except DataError:
        return None


def verify(manifest: Manifest) -> list[str]:
    """Re-reads every listed file; one line for each whose bytes are not the listed ones."""
    problems = []
    mend = f"run `altiplano build` with --redo {manifest.stage}"
    for file in manifest.all_files:
        place = manifest.path(file)
        if not storage.exists(place):
            problems.append(f"{place} is listed in its manifest but missing; {mend}")
            continue
        with storage.open_input(place) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
        if found != file.sha256:
            problems.append(f"{place} is damaged: its SHA-256 is not the listed one; {mend}")
    return problems
