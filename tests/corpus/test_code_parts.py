"""Exports of source files that tasks share: the same rows whatever the parts."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.sources import code
from corpus.storage import InputFile


def rows(count: int) -> list[dict]:
    """Files of many sizes; every seventh is one that is left out."""
    return [
        {
            "repo_name": "me/it",
            "path": f"a/{n}.py",
            "license": "gpl-3.0" if n % 7 == 6 else "mit",
            "content": f"x = {n}\n" + f"print({n * 7919 % 1009})\n" * (n % 13),
        }
        for n in range(count)
    ]


def read(part: InputFile) -> tuple[list[dict], Counts]:
    counts = Counts()
    batches = code.read(part, "code", code.CodeConfig(), counts)
    return [row for batch in batches for row in batch.to_pylist()], counts


def check_parts(path: Path, size: int) -> int:
    """How many of the parts hold documents."""
    file = InputFile(str(path), path.name, path.stat().st_size)
    whole, counts = read(file)
    found, in_parts, filled = [], Counts(), 0
    for part in code.split(file, code.CodeConfig(split_bytes=size)):
        documents, of_part = read(part)
        found += documents
        filled += bool(documents)
        in_parts.merge(of_part)
    assert found == whole
    assert in_parts.totals == counts.totals
    assert in_parts.skipped == counts.skipped
    return filled


@given(st.integers(1, 60), st.integers(1, 20), st.integers(40, 6000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_row_groups_of_parquet(tmp_path, count, group, size) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows(count)), path, row_group_size=group)
    check_parts(path, size)


@given(
    st.integers(1, 60), st.integers(1, 6000), st.sampled_from([b"", b"\n\n", b'{"repo_na', b"x"])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_json_lines(tmp_path, count, size, rest) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows(count)) + rest)
    check_parts(path, size)


def test_tasks_do_share_them(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows(400)), path, row_group_size=20)
    assert check_parts(path, path.stat().st_size // 8) > 3
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows(400)))
    assert check_parts(path, path.stat().st_size // 8) > 5


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl", "a.tar", "a.zip", "a.whl"])
def test_what_cannot_be_begun_in_its_middle(tmp_path, name) -> None:
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows(60))
    path = tmp_path / name
    path.write_bytes(gzip.compress(content))
    file = InputFile(str(path), path.name, path.stat().st_size)
    if name != "a.jsonl":  # gzip by its bytes only: its first part takes all
        assert code.split(file, code.CodeConfig(split_bytes=100)) == [file]
    check_parts(path, 100)


def test_what_is_wrong_with_a_file_is_counted_once(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"path": ["x"] * 999}), path)
    check_parts(path, 100)
    path.write_bytes(b"PAR1" + b"no" * 999)
    check_parts(path, 100)


def test_a_part_has_a_size() -> None:
    with pytest.raises(ConfigError, match="split_bytes=0"):
        code.CodeConfig(split_bytes=0)
