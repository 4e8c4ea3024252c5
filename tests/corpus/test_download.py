"""Files come whole or not at all, from a real server on loopback that does all that servers do."""

import random
import socket
import time
from email.utils import formatdate
from pathlib import Path

import pyarrow.fs as pafs
import pytest
from crawl_server import Answer, Site, serve
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import retry
from corpus.download import download
from corpus.errors import ConfigError, DataError
from corpus.retry import BrokenTry, RetryConfig, Tries

QUICK = RetryConfig(tries=4, first_wait_s=0.02, longest_wait_s=0.05, timeout_s=2.0)
CONTENT = random.Random(0).randbytes(100_000)
OTHER = random.Random(1).randbytes(100_000)  # of the same length: only its ETag tells it
SHORTER = OTHER[:80_000]


@pytest.fixture
def site():
    with serve() as found:
        found.files["a"] = CONTENT
        yield found


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """The waits between tries, which are not waited for."""
    found: list[float] = []
    monkeypatch.setattr(retry, "sleep", found.append)
    return found


def fetched(site: Site, folder: Path, config: RetryConfig = QUICK) -> bytes:
    download(f"{site.base}/a", folder / "local", config)
    return (folder / "local").read_bytes()


def test_a_whole_file_is_one_request_that_names_the_project(site, tmp_path):
    assert fetched(site, tmp_path) == CONTENT
    (headers,) = site.asked("a")
    assert headers["User-Agent"] == "altiplano"
    assert headers["Accept-Encoding"] == "identity"


def test_an_empty_file(site, tmp_path):
    site.files["a"] = b""
    assert fetched(site, tmp_path) == b""


def test_a_break_is_taken_up_where_it_was(site, tmp_path):
    site.answers["a"].extend([Answer(cut=30_000), Answer(cut=20_000)])
    assert fetched(site, tmp_path) == CONTENT
    asked = site.asked("a")
    assert [headers.get("Range") for headers in asked] == [None, "bytes=30000-", "bytes=50000-"]
    assert asked[1]["If-Range"].startswith('"')


@settings(max_examples=30)
@given(
    st.lists(
        st.one_of(
            st.builds(
                Answer,
                cut=st.integers(0, 100_000),
                ignore_range=st.booleans(),
                ignore_if_range=st.booleans(),
                validators=st.booleans(),
                content=st.sampled_from([None, CONTENT, OTHER, SHORTER]),
            ),
            st.builds(Answer, status=st.sampled_from([403, 429, 500, 502, 503, 504])),
        ),
        max_size=8,
    )
)
def test_whatever_goes_wrong_no_two_versions_are_spliced(tmp_path_factory, answers):
    config = RetryConfig(tries=9, first_wait_s=0.001, longest_wait_s=0.001)
    with serve() as site:
        site.files["a"] = CONTENT
        site.answers["a"].extend(answers)
        found = fetched(site, tmp_path_factory.mktemp("fetched"), config)
        assert found in (CONTENT, OTHER, SHORTER)
        assert len(site.asked("a")) <= 9


@pytest.mark.parametrize("changed", [OTHER, SHORTER], ids=["as long", "shorter"])
@pytest.mark.parametrize(("ignores_if_range", "requests"), [(False, 2), (True, 3)])
def test_a_file_that_changes_in_between_is_begun_anew(
    site, tmp_path, changed, ignores_if_range, requests
):
    answer = Answer(content=changed, ignore_if_range=ignores_if_range)
    site.answers["a"].extend([Answer(cut=90_000), answer])
    assert fetched(site, tmp_path) == changed
    assert len(site.asked("a")) == requests


def test_a_server_that_ignores_ranges_sends_it_all_again(site, tmp_path):
    site.answers["a"].extend([Answer(cut=30_000), Answer(ignore_range=True)])
    assert fetched(site, tmp_path) == CONTENT


def test_without_a_validator_the_rest_is_not_asked_for(site, tmp_path):
    site.answers["a"].extend([Answer(cut=30_000, validators=False)])
    assert fetched(site, tmp_path) == CONTENT
    assert [headers.get("Range") for headers in site.asked("a")] == [None, None]


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503, 504])
def test_a_refusal_is_asked_again_after_a_wait(site, tmp_path, waits, status):
    site.answers["a"].extend([Answer(status), Answer(status)])
    assert fetched(site, tmp_path, RetryConfig()) == CONTENT
    assert len(waits) == 2
    assert 0 <= waits[0] <= 1
    assert 0 <= waits[1] <= 2


def test_waits_are_drawn_below_a_limit_that_doubles(site, tmp_path, waits, monkeypatch):
    monkeypatch.setattr(retry, "uniform", lambda low, high: high)
    site.answers["a"].extend([Answer(503)] * 9)
    assert fetched(site, tmp_path, RetryConfig()) == CONTENT
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120]


def test_what_the_server_asks_to_wait_is_waited(site, tmp_path, waits):
    dated = formatdate(time.time() + 30, usegmt=True)
    for value in ("7", dated, "soon"):
        site.answers["a"].append(Answer(503, (("Retry-After", value),)))
    assert fetched(site, tmp_path, RetryConfig()) == CONTENT
    assert 7 <= waits[0] <= 8
    assert 25 <= waits[1] <= 32
    assert waits[2] <= 4


def test_a_wait_that_is_too_long_is_not_begun(site, tmp_path, waits):
    site.always = Answer(429, (("Retry-After", "86400"),))
    with pytest.raises(DataError, match="429 Too Many Requests; given up after 1 tries"):
        fetched(site, tmp_path, RetryConfig())
    assert waits == []


def test_a_slow_server_is_waited_for(site, tmp_path):
    site.always = Answer(pause=0.05)
    assert fetched(site, tmp_path) == CONTENT
    assert len(site.asked("a")) == 1


def test_a_silent_connection_is_left(site, tmp_path):
    site.answers["a"].append(Answer(pause=3.0))
    config = RetryConfig(tries=2, first_wait_s=0.01, timeout_s=0.3)
    assert fetched(site, tmp_path, config) == CONTENT


def test_a_file_cut_for_good_is_an_error(site, tmp_path):
    site.files["a"] = CONTENT
    site.always = Answer(cut=0)
    site.answers["a"].append(Answer(cut=60_000))
    with pytest.raises(
        DataError, match=r"/a cannot be fetched: it broke off at byte 60,000 of 100,"
    ):
        fetched(site, tmp_path)
    assert len(site.asked("a")) == 4


def test_a_missing_file_is_an_error_at_once(site, tmp_path, waits):
    site.files.clear()
    with pytest.raises(DataError, match="/a answered 404 Not Found; is it in this crawl"):
        fetched(site, tmp_path)
    assert len(site.asked("a")) == 1
    assert waits == []


def test_a_length_that_is_not_stated_is_an_error(site, tmp_path):
    site.always = Answer(no_length=True)
    with pytest.raises(DataError, match="without Content-Length"):
        fetched(site, tmp_path)


def test_progress_makes_up_for_breaks(tmp_path):
    content = random.Random(2).randbytes(6 << 20)
    with serve() as site:
        site.files["a"] = content
        site.answers["a"].extend([Answer(cut=(1 << 20) + 1)] * 5)
        config = RetryConfig(tries=2, first_wait_s=0.001)
        assert fetched(site, tmp_path, config) == content


def test_nobody_there(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(DataError, match="refused"):
            download(f"{base}/a", tmp_path / "local", QUICK)


def test_a_host_that_fails_is_left_alone_for_a_while(site, tmp_path, waits, monkeypatch):
    site.always = Answer(503)
    for _ in range(retry.FAILURES_A_HOST):
        with pytest.raises(DataError, match="503"):
            fetched(site, tmp_path)
    asked = len(site.asked("a"))
    with pytest.raises(DataError, match="was not asked for: 127"):
        fetched(site, tmp_path)
    assert len(site.asked("a")) == asked
    site.always = Answer()
    monkeypatch.setattr(retry, "LEFT_ALONE", 0.0)
    assert fetched(site, tmp_path) == CONTENT
    monkeypatch.setattr(retry, "LEFT_ALONE", 600.0)
    assert fetched(site, tmp_path) == CONTENT, "a success makes it good again"


def test_settings_that_make_no_sense():
    for bad in ({"tries": 0}, {"first_wait_s": 0.0}, {"timeout_s": -1.0}):
        with pytest.raises(ConfigError, match="must be"):
            RetryConfig(**bad)


def test_any_number_of_tries(waits):
    config = RetryConfig(tries=3000, longest_wait_s=0.001)
    tries = Tries("http://a.test/x", "a.test", config)
    for _ in range(2000):
        tries.again(BrokenTry("it broke off"), 0)
    assert len(waits) == 2000


def test_the_question_for_a_buckets_region_is_asked_again(tmp_path, waits, monkeypatch):
    """A URI without a region: pyarrow asks S3 for the bucket's, which may fail like any request."""
    (tmp_path / "a").write_bytes(CONTENT)
    said = ["When resolving region for bucket 'b': AWS Error NETWORK_CONNECTION", "timed out"]

    class Store:
        @staticmethod
        def from_uri(uri):
            if said:
                raise OSError(said.pop())
            return pafs.LocalFileSystem(), str(tmp_path / "a")

    monkeypatch.setattr(pafs, "FileSystem", Store)
    download("s3://b/a", tmp_path / "local", QUICK)
    assert (tmp_path / "local").read_bytes() == CONTENT
    assert len(waits) == 2
    said.append("When resolving region for bucket 'b': bucket not found")
    with pytest.raises(DataError, match="not found"):
        download("s3://b/a", tmp_path / "local", QUICK)
    assert len(waits) == 2, "no second try makes a bucket"
