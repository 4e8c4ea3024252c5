"""CCNet's models fetched from a real server on loopback that cuts, lies and answers 404."""

import pydoc_data.topics
import urllib.request
from pathlib import Path

import pytest
from crawl_server import Answer, Site, serve

from corpus.errors import ConfigError, DataError
from corpus.lm import train_lm
from corpus.lm_config import LmConfig
from corpus.retry import RetryConfig
from jobs import models_lm
from jobs.cli import main

TOOLS = Path(__file__).parents[2] / ".altiplano" / "kenlm" / "bin"
pytestmark = pytest.mark.skipif(
    not (TOOLS / "lmplz").exists(), reason="needs KenLM's tools; `make setup` builds them"
)
ONCE = RetryConfig(tries=1, first_wait_s=0.01, timeout_s=2.0)
THRICE = RetryConfig(tries=3, first_wait_s=0.01, timeout_s=2.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("made")
    texts = list(pydoc_data.topics.topics.values())[:6]
    train_lm(texts, LmConfig("de", 300, order=3), TOOLS, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def site(made: dict[str, bytes]):
    with serve() as found:
        found.files.update({f"lm/{name}": content for name, content in made.items()})
        yield found


def base(site: Site) -> str:
    return f"{site.base}/lm/"


def test_both_files_come_as_they_are_and_once(site, made, tmp_path: Path) -> None:
    paths = models_lm.fetch(["de"], tmp_path / "lm", base(site), ONCE)
    assert {path.name: path.read_bytes() for path in paths} == made
    assert sorted(path.name for path in (tmp_path / "lm").iterdir()) == sorted(made)
    asked = len(site.requests)
    assert models_lm.fetch(["de"], tmp_path / "lm", base(site), ONCE) == paths
    assert len(site.requests) == asked
    assert models_lm.present(tmp_path / "lm") == {"de": sum(map(len, made.values()))}


def test_a_fetch_that_died_goes_on_where_it_stopped(site, made, tmp_path: Path) -> None:
    site.answers["lm/de.arpa.bin"].append(Answer(cut=3000))
    with pytest.raises(DataError, match="broke off at byte 3,000"):
        models_lm.fetch(["de"], tmp_path, base(site), ONCE)
    assert (tmp_path / "de.arpa.bin.part").stat().st_size == 3000
    assert not (tmp_path / "de.arpa.bin").exists()
    models_lm.fetch(["de"], tmp_path, base(site), ONCE)
    assert [headers.get("Range") for headers in site.asked("lm/de.arpa.bin")] == [
        None,
        "bytes=3000-",
    ]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == made


def test_a_file_that_changed_in_between_is_begun_anew(site, made, tmp_path: Path) -> None:
    old = made["de.arpa.bin"][:-1] + b"?"
    site.files["lm/de.arpa.bin"] = old
    site.answers["lm/de.arpa.bin"].append(Answer(cut=len(old) - 5))
    with pytest.raises(DataError, match="broke off"):
        models_lm.fetch(["de"], tmp_path, base(site), ONCE)
    new = old[:60] + old[4000:60:-1]
    site.files["lm/de.arpa.bin"] = new
    site.answers["lm/de.arpa.bin"].append(Answer(cut=1000))  # fewer than are held of the old one
    with pytest.raises(DataError, match="broke off at byte 1,000"):
        models_lm.fetch(["de"], tmp_path, base(site), ONCE)
    models_lm.fetch(["de"], tmp_path, base(site), THRICE)
    assert (tmp_path / "de.arpa.bin").read_bytes() == new


@pytest.mark.parametrize("name", ["de.arpa.bin", "de.sp.model"])
def test_what_is_no_model_is_not_kept(site, tmp_path: Path, name: str) -> None:
    site.files[f"lm/{name}"] = b"<html>please log in</html>"
    with pytest.raises(DataError, match=f"{name} came as no language model.*please log in"):
        models_lm.fetch(["de"], tmp_path, base(site), ONCE)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(name)]


def test_a_base_without_it(site, tmp_path: Path, capsys) -> None:
    arguments = ["models", "fetch", "lm", "de", "--to", str(tmp_path), "--from", site.base]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "answered 404" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("languages", "said"),
    [([], "name the languages"), (["en", "dee"], "no model of 'dee', only of af, .*lm train dee")],
)
def test_languages_that_cannot_be_meant(tmp_path: Path, languages, said) -> None:
    with pytest.raises(ConfigError, match=said):
        models_lm.fetch(languages, tmp_path / "lm")
    assert not (tmp_path / "lm").exists()


def test_the_list(made, tmp_path: Path, capsys) -> None:
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name.replace("de.", "xx.")).write_bytes(content)
    (tmp_path / "xx.lm.json").touch()
    assert main(["models", "list", "lm", "--to", str(tmp_path)]) == 0
    lines = capsys.readouterr().err.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    states = {row[0]: row[2] for row in rows}
    assert len(states) == 49
    assert (states["de"], states["xx"]) == ("there", "trained here")
    assert states["uk"] == "missing: altiplano models fetch lm uk"


def test_the_list_of_some(tmp_path: Path, capsys) -> None:
    assert main(["models", "list", "lm", "de", "--to", str(tmp_path)]) == 0
    rows = [line for line in capsys.readouterr().err.splitlines() if line.startswith("│")]
    assert [row.split("│")[1].strip() for row in rows] == ["de"]
    assert main(["models", "list", "lm", "xx", "--to", str(tmp_path)]) == 2
    assert "no model of 'xx' in " in capsys.readouterr().err


def test_the_official_address_is_the_public_one() -> None:
    assert models_lm.BASE == "https://dl.fbaipublicfiles.com/cc_net/lm"
    assert len(models_lm.LANGUAGES) == len(set(models_lm.LANGUAGES)) == 48


@pytest.mark.parametrize(
    "base", ["http://no-such-host.invalid/lm", "https://" + "a" * 70 + ".test"]
)
def test_a_server_without_an_address_is_told_at_once(tmp_path, capsys, monkeypatch, base) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(models_lm, "download", lambda *_, **__: pytest.fail("it was asked"))
    assert main(["models", "fetch", "lm", "de", "--to", str(tmp_path), "--from", base]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no address" in line
    assert "--from" in line


def test_a_proxy_looks_names_up_itself(site, made, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", site.base)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(urllib.request, "_opener", None)  # which keeps the proxies it once saw
    with pytest.raises(DataError, match="answered 404"):  # of the proxy, which is no real one
        models_lm.fetch(["de"], tmp_path, "http://no-such-host.invalid/lm", ONCE)
    assert site.requests
