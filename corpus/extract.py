"""Stage 1: raw files of a source into document records, one Parquet file an input file or part.

An input file is the unit of work (a Common Crawl WARC is about 1 GB and 40,000 pages), or where the
reader can begin in its middle a part of one, whose size is the config's: so the output does not
depend on how many tasks share the work.
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

from corpus import schema, storage
from corpus.batches import with_text_bytes
from corpus.config import build, config_hash
from corpus.counts import BYTES_NOT_READ, NOT_READ, Counts
from corpus.crawl import CrawlConfig, list_crawl, on_disk
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.retry import RetryConfig
from corpus.skip_log import SkipLog
from corpus.sources import READERS
from corpus.stage import Stage
from corpus.storage import InputFile

LONGEST_NAME = 150  # characters; file systems take 255, and a source, a hash and a suffix are added


@dataclass(frozen=True)
class ReadTask:
    """What a unit of extraction is given."""

    file: InputFile
    source: str
    reader: str
    config: Any
    retry: RetryConfig


@dataclass(frozen=True)
class InputConfig:
    """Where a source's raw files are and how to read them.

    `input` is a file or a folder, or the mapping of `corpus.crawl` for a Common Crawl snapshot.
    `reader: crawl` takes WET files by the `wet` reader and the others by `warc`. `options` holds a
    mapping a reader (`options: {warc: {...}}`), checked against the reader's own config.
    """

    reader: str
    input: str | CrawlConfig
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = reader_names(self.reader)
        for name in self.options:
            if name not in names:
                raise ConfigError(_misplaced(name, self.reader))
        for name in names:
            self.reader_config(name)
        if isinstance(self.input, CrawlConfig) and self.input.kind not in names:
            raise ConfigError(
                f"reader '{self.reader}' does not read {self.input.kind} files; choose 'crawl'"
            )

    def reader_config(self, reader: str) -> Any:
        return build(READERS[reader].config, self.options.get(reader) or {}, f"options.{reader}")


def reader_names(reader: str) -> tuple[str, ...]:
    """The modules behind a reader's name; ConfigError for a name there is none for."""
    if reader == "crawl":
        return ("warc", "wet")
    if reader not in READERS:
        known = ", ".join(["crawl", *READERS])
        raise ConfigError(f"no reader '{reader}'; choose one of {known}")
    return (reader,)


def _misplaced(name: str, reader: str) -> str:
    """What to say of a key of `options` that is no module of the reader."""
    names = reader_names(reader)
    own = [n for n in names if name in {f.name for f in fields(READERS[n].config)}]
    if own:
        places = " or ".join(f"'options.{n}.{name}'" for n in own)
        return f"unknown key 'options.{name}'; this option's place is {places}"
    keys = " and ".join(f"'options.{n}'" for n in names)
    other = f"are for reader '{name}'" if name in READERS else "are of no reader"
    return f"'options.{name}' {other}, but the reader is '{reader}', whose are {keys}"


def stage(source: str, config: InputConfig) -> Stage:
    """The extraction of one source; its input is listed now, DataError where there is none."""
    names = reader_names(config.reader)
    configs = {name: config.reader_config(name) for name in names}
    crawl = config.input if isinstance(config.input, CrawlConfig) else None
    retry = crawl.retry if crawl else RetryConfig()
    units = []
    counts = Counts()
    found, listing = _files(config, names, counts)
    for file, fingerprint in found:
        reader = crawl.kind if crawl else _reader_of(file.name, names)
        split, settings = READERS[reader].split, configs[reader]
        for part in split(file, settings) if split else [file]:
            task = ReadTask(part, source, reader, settings, retry)
            inputs = (file.name, fingerprint, config_hash(settings))
            units.append(Unit(_unit_name(source, part), inputs, task))
    return Stage(
        name=f"extracted/{source}",
        config={"source": source, "readers": configs},
        units=units,
        modules=("corpus.extract",),
        inputs={"listing": listing} if listing else {},
        work=extract,
        counts=counts,
        at_most=crawl.max_connections if crawl else None,
    )


def _files(
    config: InputConfig, readers: tuple[str, ...], counts: Counts
) -> tuple[list[tuple[InputFile, str]], str | None]:
    """The input's files with their fingerprints, and that of a snapshot's listing.

    A folder's files that no reader takes are counted and named.
    """
    if isinstance(config.input, CrawlConfig):
        files, listing = list_crawl(config.input)
        return [(file, "published") for file in files], listing
    units = READERS[readers[0]].units
    if units is not None:
        return units(config.input, config.reader_config(readers[0])), None
    suffixes = tuple(suffix for name in readers for suffix in READERS[name].suffixes)
    others: list[InputFile] = []
    files = storage.list_files(config.input, suffixes, others)
    for file in others:
        counts.note(NOT_READ, f"{file.name} ({file.size:,} bytes)")
        counts.add(BYTES_NOT_READ, file.size)
    for name in readers:
        if (check := READERS[name].check) is not None:
            try:
                check(files, config.reader_config(name))
            except ConfigError as error:
                raise ConfigError(f"{error} (in 'options.{name}')") from None
    with ThreadPoolExecutor(storage.AT_ONCE) as pool:
        fingerprints = list(pool.map(storage.fingerprint, [file.uri for file in files]))
    return list(zip(files, fingerprints, strict=True)), None


def extract(unit: Unit, output: Output) -> None:
    """Reads one raw file into DOCUMENT records."""
    task: ReadTask = unit.payload
    reader = READERS[task.reader]
    file = task.file
    if reader.units is None and not file.is_part:  # a part is read in place, not the file around it
        file = on_disk(file, output.scratch, task.retry)
    counts = SkipLog(output)
    batches = reader.read(file, task.source, task.config, counts)
    facts = {"source": task.source, "input": task.file.name}
    output.write_table(with_text_bytes(batches, counts), schema.DOCUMENT, facts=facts)
    counts.close()


def require_documents(manifest: Manifest, config: InputConfig) -> None:
    """DataError where a source's whole input gave no document at all, saying why it did not."""
    if manifest.rows:
        return
    why = "; ".join(
        f"{reason}: {n:,} (such as {manifest.counts.examples[reason][0]})"
        for reason, n in manifest.counts.skipped.items()
    )
    raise DataError(f"no document in {config.input}: {why or 'its files hold no records'}")


def _reader_of(name: str, readers: tuple[str, ...]) -> str:
    if len(readers) == 1:
        return readers[0]
    return "wet" if ".wet" in name.lower() else "warc"


def _span(part: InputFile) -> str:
    """Where a part of a file begins, as its unit's name has it; nothing of a whole file."""
    return f"~{part.start:013d}" if part.is_part else ""


def _unit_name(source: str, part: InputFile) -> str:
    name = part.name
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    if plain != name or len(plain) > LONGEST_NAME:  # two names could become one: tell them apart
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
        plain = f"{plain[-LONGEST_NAME:]}-{digest}"
    return f"{source}-{plain}{_span(part)}"
