"""`altiplano verify` of places that cannot be read: what is waited for, and why it ends."""

from pathlib import Path

import pytest
import s3_server

from corpus import storage
from corpus.errors import DataError
from jobs import verify
from jobs.cli import main


def test_a_store_that_does_not_answer_is_told_of_before_and_after(capsys, monkeypatch):
    (port,) = s3_server._free_ports(1)
    query = f"region=us-east-1&scheme=http&endpoint_override=127.0.0.1:{port}&anonymous=true"
    run = f"s3://bucket/run?{query}"
    told: list[str] = []
    real = storage.list_files

    def listed(*arguments):
        told.append(capsys.readouterr().err)
        return real(*arguments)

    monkeypatch.setattr(storage, "list_files", listed)
    assert main(["verify", run]) == 2
    assert told[0].startswith(f"listing {run}; without an answer")
    said = capsys.readouterr().err
    assert said.startswith(f"error: {run} cannot be read: ")
    assert "see to its disk, or to network and credentials" in said
    assert said.count("\n") == 1


def test_a_bucket_whose_region_nobody_tells_is_not_taken_for_an_empty_one(monkeypatch):
    def unanswered(location: str):
        raise DataError(f"{location} is no location pyarrow can open") from OSError("no network")

    monkeypatch.setattr(storage, "filesystem", unanswered)
    with pytest.raises(DataError, match="s3://bucket/run is no location pyarrow can open"):
        verify.verify_run("s3://bucket/run")


def test_a_folder_without_a_run_is_told_and_nothing_else(tmp_path: Path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert (
        said
        == f"error: {tmp_path} holds no finished stage of a build; give a run's output folder\n"
    )
