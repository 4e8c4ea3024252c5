"""`altiplano lm train`: a language's models as files of a folder, with what they were made of.

Many languages share a folder, which `corpus.models.lm` of a build names. `<language>.lm.json` is a
manifest: it comes last, so a language without one is not finished, and a training whose texts,
config and code it names is not done again.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from corpus import manifest as manifests
from corpus import provenance, reference, storage
from corpus.config import to_tree
from corpus.formats.texts import Documents, text_files
from corpus.lm import Notice, tools
from corpus.lm_config import LmConfig
from corpus.manifest import Manifest
from corpus.output import Output
from corpus.stage import Stage, unit_keys
from jobs.console import console, say


@dataclass(frozen=True)
class LmRunConfig:
    """Where the texts and the models are, and what the models are."""

    input: str
    output: str = "runs/lm"
    documents: Documents = "files"
    kenlm_tools: str = ".altiplano/kenlm/bin"
    training: LmConfig = field(default_factory=LmConfig)


def train(config: LmRunConfig) -> Manifest:
    """Trains unless that is done, and tells of it; errors are those of corpus.errors."""
    language = config.training.language
    tools(Path(config.kenlm_tools))
    config.training.require_memory()
    stage = reference.training(
        f"lm-{language}", config.input, config.documents, config.training, config.kenlm_tools
    )
    (unit,) = stage.units
    key = unit_keys(stage)[unit.name]
    known = manifests.find(config.output, manifest_name(language))
    if known is not None and known.key == key and known.missing_file() is None:
        say(f"{config.output}/{language}.*: up to date, skipped")
        return known
    storage.make_folder(config.output)
    if known is not None:  # from here on its files may be new ones
        storage.delete(storage.join(config.output, manifest_name(language)))
    began = time.monotonic()
    output = Output(config.output, unit, key)
    try:
        with output, _told() as notice:
            reference.train_model(unit, output, notice)
    finally:
        _remove_if_empty(output.scratch.parent)
    made = _manifest(config, stage, key, output)
    manifests.put(made, manifest_name(language))
    _tell(made, time.monotonic() - began)
    return made


def _remove_if_empty(folder: Path) -> None:
    """Another language's training may be writing beside this one."""
    if folder.name == storage.SCRATCH:
        with suppress(OSError):
            folder.rmdir()


def manifest_name(language: str) -> str:
    return f"{language}.lm.json"


def _manifest(config: LmRunConfig, stage: Stage, key: str, output: Output) -> Manifest:
    (unit,) = stage.units
    _, *fingerprints = unit.inputs
    names = [file.name for file in text_files(config.input)]
    versions = dict(provenance.library_versions())
    built = Path(config.kenlm_tools).parent / "version"
    if built.is_file():
        versions["lmplz"] = built.read_text().strip()
    return Manifest(
        folder=config.output,
        stage=stage.name,
        key=key,
        config=to_tree(stage.config),
        inputs=dict(zip(names, fingerprints, strict=True)),
        code=provenance.code_version(*stage.modules),
        versions=versions,
        files=tuple(output.files),
        counts=output.counts,
    )


@contextmanager
def _told() -> Iterator[Notice]:
    """Shows the step at work where a person is looking; else prints each step as it begins."""
    if not sys.stderr.isatty():
        steps: set[str] = set()

        def line(step: str, documents: int) -> None:
            if step not in steps:
                steps.add(step)
                say(f"{step} …")

        yield line
        return
    text = TextColumn("{task.description}  {task.fields[documents]}")
    with Progress(SpinnerColumn(), text, TimeElapsedColumn(), console=console) as progress:
        bars: dict[str, int] = {}

        def show(step: str, documents: int) -> None:
            if step not in bars:
                for bar in bars.values():
                    progress.stop_task(bar)  # type: ignore[arg-type]
                bars[step] = progress.add_task(step, total=None, documents="")
            done = f"{documents:,} documents" if documents else ""
            progress.update(bars[step], documents=done)  # type: ignore[arg-type]

        yield show


def _tell(made: Manifest, seconds: float) -> None:
    facts = made.files[0].facts
    say(
        f"{facts['documents']:,} documents, {facts['characters'] / 1e6:.1f} M characters, "
        f"{facts['tokens'] / 1e6:.1f} M pieces in {seconds:.0f} s"
    )
    if facts["piece_documents"] < facts["documents"]:
        say(f"pieces learnt from {facts['piece_documents']:,} of the documents")
    for reason, number in made.counts.skipped.items():
        say(f"left out: {number:,} × {reason}")
    grams = ", ".join(f"{number:,}" for number in facts["ngrams"])
    say(f"{facts['vocabulary']:,} pieces; n-grams by order: {grams}")
    for file in made.files:
        say(f"{made.path(file)}  {file.bytes / 1e6:.1f} MB  SHA-256 {file.sha256[:16]}…")
