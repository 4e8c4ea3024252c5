"""The stage contract: units of work in, one manifest out, redone only where something changed.

A stage names its config, its inputs and its units. Each unit has a key made of all that can change
its output (config, inputs, code, library versions); units whose record carries the key they would
get today are kept, the others run, the manifest is put, and what it does not list is swept.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from corpus import manifest as manifests
from corpus import provenance, storage
from corpus.config import to_tree
from corpus.counts import Counts
from corpus.errors import AltiplanoError, DataError
from corpus.manifest import Manifest
from corpus.output import OWN_NAME, RECORDS, Output, Unit, UnitRecord
from corpus.progress import progress
from corpus.spark import Engine

Work = Callable[[Unit, Output], None]


@dataclass(frozen=True)
class Stage:
    """What a stage does; its folder is `<root>/<name>`.

    `work` is a picklable function run once a unit: in Spark tasks, or in the driver where
    `in_driver` is set (a model's training). `gather`, where given, replaces it by one Spark job
    over all units (a shuffle); then any change redoes them all.
    """

    name: str
    config: Any
    units: Sequence[Unit]
    modules: tuple[str, ...]  # whose code, with what it imports, makes the output
    inputs: Mapping[str, str] = field(default_factory=dict)
    work: Work | None = None
    gather: Callable[[Engine, "Stage", str, Mapping[str, str]], list[UnitRecord]] | None = None
    in_driver: bool = False
    counts: Counts = field(default_factory=Counts)  # known before any unit is done
    at_most: int | None = None  # tasks at a time, where each one holds a connection


@dataclass(frozen=True)
class StageRun:
    """A stage's manifest and what it took to get it."""

    manifest: Manifest
    seconds: float
    units: int
    units_run: int


@dataclass(frozen=True)
class _Failure:
    unit: str
    error: AltiplanoError


def run(stage: Stage, root: str, engine: Engine) -> StageRun:
    """Brings a stage's output up to date; DataError where a unit's input cannot be used."""
    began = time.monotonic()
    folder = storage.join(root, stage.name)
    keys = unit_keys(stage)
    names = [unit.name for unit in stage.units]
    stage_key = _hash([stage.name, names, keys, stage.counts.to_tree()])
    known = manifests.find(folder)
    if known is not None and known.key == stage_key and known.missing_file() is None:
        _sweep(known, stage)  # a build may have been killed between its manifest and its sweep
        return StageRun(known, time.monotonic() - began, len(stage.units), 0)

    _refuse_foreign(folder)
    storage.make_folder(storage.join(folder, RECORDS))
    if stage.in_driver:  # its files keep their names, so the old ones are no output any more
        _uncommit(folder)
    done = _finished(folder, keys)
    waiting = [unit for unit in stage.units if unit.name not in done]
    if stage.gather is not None:
        waiting = list(stage.units)
        done = {record.name: record for record in stage.gather(engine, stage, folder, keys)}
    elif waiting:
        assert stage.work is not None, f"{stage.name} has neither work nor gather"
        task = partial(_work, stage.work, folder, keys)
        for result in _apply(task, waiting, stage, engine):
            if isinstance(result, _Failure):
                raise type(result.error)(f"{result.error} (stage {stage.name}, {result.unit})")
            done[result.name] = result

    counts = Counts()
    counts.merge(stage.counts)
    records = [done[unit.name] for unit in stage.units]
    for record in records:
        counts.merge(record.counts)
    made = Manifest(
        folder=folder,
        stage=stage.name,
        key=stage_key,
        config=to_tree(stage.config),
        inputs=dict(stage.inputs),
        code=provenance.code_version(*stage.modules),
        versions=provenance.library_versions(),
        files=tuple(file for record in records for file in record.files),
        counts=counts,
        beside=tuple(file for record in records for file in record.beside),
    )
    manifests.put(made)
    _sweep(made, stage)
    return StageRun(made, time.monotonic() - began, len(stage.units), len(waiting))


def forget(root: str, name: str) -> None:
    """Makes the next run of a stage do all of its units again."""
    folder = storage.join(root, name)
    _uncommit(folder)
    for record in storage.list_names(storage.join(folder, RECORDS)):
        storage.delete(storage.join(folder, RECORDS, record))


def unit_keys(stage: Stage) -> dict[str, str]:
    """The key of every unit by its name; names must be unique within a stage."""
    shared = [
        stage.name,
        to_tree(stage.config),
        dict(stage.inputs),
        provenance.code_version(*stage.modules),
        provenance.library_versions(),
    ]
    keys = {unit.name: _hash([shared, unit.name, list(unit.inputs)]) for unit in stage.units}
    assert len(keys) == len(stage.units), f"two units of {stage.name} share a name"
    return keys


def _apply(
    task: Callable[[Unit], UnitRecord | _Failure],
    units: Sequence[Unit],
    stage: Stage,
    engine: Engine,
) -> list[UnitRecord | _Failure]:
    if stage.in_driver:
        with progress(stage.name):
            return [task(unit) for unit in units]
    return engine.map(task, units, stage.name, stage.at_most)


def _work(work: Work, folder: str, keys: Mapping[str, str], unit: Unit) -> UnitRecord | _Failure:
    try:
        with Output(folder, unit, keys[unit.name]) as output:
            work(unit, output)
            return output.close()
    except AltiplanoError as error:
        return _Failure(unit.name, error)
    except OSError as error:
        mend = "make room or mend the disk, then run the same command again"
        return _Failure(unit.name, DataError(f"{error}, in {folder}; {mend}"))


def _finished(folder: str, keys: Mapping[str, str]) -> dict[str, UnitRecord]:
    """Records of units that are done: of today's key, their files there and of the right size."""
    fs, inner = storage.filesystem(folder)

    def read(name: str) -> UnitRecord | None:
        unit = name.removesuffix(".json")
        try:
            content = storage.read_bytes(storage.join(folder, RECORDS, name))
            record = UnitRecord.from_content(content)
        except (ValueError, KeyError, TypeError):
            return None  # damaged: the unit is simply done again
        if record.key != keys.get(unit):
            return None
        files = (*record.files, *record.beside)
        infos = fs.get_file_info([f"{inner}/{file.name}" for file in files])
        whole = (i.is_file and i.size == f.bytes for i, f in zip(infos, files, strict=True))
        return record if all(whole) else None

    with ThreadPoolExecutor(storage.AT_ONCE) as pool:
        records = pool.map(read, storage.list_names(storage.join(folder, RECORDS)))
        return {record.name: record for record in records if record is not None}


def _refuse_foreign(folder: str) -> None:
    """DataError for a folder with files that no build left there: the sweep would delete them."""
    names = storage.list_names(folder)
    ours = manifests.MANIFEST_NAME in names or storage.list_names(storage.join(folder, RECORDS))
    others = [name for name in names if not OWN_NAME.search(name)]
    if others and not ours:
        raise DataError(
            f"{folder} holds {others[0]}, which no build wrote; choose another 'output' or move it"
        )


def _uncommit(folder: str) -> None:
    place = storage.join(folder, manifests.MANIFEST_NAME)
    if storage.exists(place):
        storage.delete(place)


def _sweep(made: Manifest, stage: Stage) -> None:
    """Deletes what the new manifest does not list: earlier output, records, killed attempts."""
    listed = {file.name for file in made.all_files} | {manifests.MANIFEST_NAME}
    for name in storage.list_names(made.folder):
        if name not in listed:
            storage.delete(storage.join(made.folder, name))
    records = {f"{unit.name}.json" for unit in stage.units}
    for name in storage.list_names(storage.join(made.folder, RECORDS)):
        if name not in records:
            storage.delete(storage.join(made.folder, RECORDS, name))
    storage.remove_scratch(made.folder)


def _hash(tree: Any) -> str:
    text = json.dumps(tree, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
