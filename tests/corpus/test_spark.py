"""What goes wrong in a Spark task is one line to a person."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from corpus import spark
from corpus.errors import DataError
from corpus.spark import Engine, SparkConfig

ROOT = Path(__file__).parents[2]


def fill_the_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_results_come_in_item_order(engine: Engine) -> None:
    assert engine.map(abs, list(range(-9, 0)), "numbers") == list(range(9, 0, -1))
    assert engine.map(abs, [], "nothing") == []


def test_a_task_that_fails_is_told_in_one_line(engine: Engine) -> None:
    with pytest.raises(DataError) as told:
        engine.map(fill_the_disk, [1], "seen_lines/web")
    line = str(told.value)
    assert "\n" not in line
    assert "seen_lines/web" in line
    assert "OSError: [Errno 28] No space left on device" in line


def test_what_spark_says_goes_to_a_folder_of_this_user_alone(engine: Engine) -> None:
    assert engine.session is not None
    assert spark.log_path().is_file()
    assert spark.log_path().parent.stat().st_mode & 0o777 == 0o700
    assert spark.log_path() == spark.log_path()


@pytest.mark.parametrize(
    ("master", "most", "bounded"),
    [
        ("local[2]", 2, True),
        ("local[2]", 1, False),
        ("local[3, 4]", 3, True),
        ("local", 1, True),
        ("local[*]", 1 << 20, True),
        ("local[*]", 0, False),
        ("local-cluster[2,1,1024]", 9, False),
        ("yarn", 9, False),
    ],
)
def test_a_local_master_says_how_many_tasks_run_at_a_time(master, most, bounded) -> None:
    context = SimpleNamespace(master=master, defaultParallelism=1)
    session = SimpleNamespace(sparkContext=context)
    assert Engine(SparkConfig(), session)._runs_at_most(most) is bounded


@pytest.mark.parametrize(
    ("master", "cores", "partitions", "files", "tasks"),
    [
        ("local[4]", 4, 0, 80_000, 8),
        ("local[4]", 4, 0, 3, 3),
        ("local[4]", 4, 100, 80_000, 100),
        ("yarn", 2, 0, 80_000, 1_000),  # executors yet to come
        ("spark://head:7077", 4_000, 0, 80_000, 8_000),
        ("yarn", 2, 0, 0, 1),
    ],
)
def test_readers_keep_every_core_busy(master, cores, partitions, files, tasks) -> None:
    context = SimpleNamespace(master=master, defaultParallelism=cores)
    engine = Engine(SparkConfig(partitions=partitions), SimpleNamespace(sparkContext=context))
    assert engine.readers(files) == tasks


START = """
from corpus.spark import Engine, SparkConfig
context = Engine(SparkConfig("local[1]", "512m")).session.sparkContext
runtime = context._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean()
print("\\n".join(runtime.getInputArguments()))
"""


@pytest.mark.parametrize(
    ("users", "there", "absent"),
    [
        ("", ["-XX:+UseSerialGC"], []),
        ("-Dours=theirs -XX:+UseG1GC", ["-Dours=theirs", "-XX:+UseG1GC"], ["-XX:+UseSerialGC"]),
    ],
)
def test_java_options_of_spark_defaults_are_kept(tmp_path, users, there, absent) -> None:
    lines = f"# a comment\nspark.driver.extraJavaOptions   {users}\nspark.ui.port=1\n"
    (tmp_path / "spark-defaults.conf").write_text(lines)
    environment = {**os.environ, "SPARK_CONF_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    found = done.stdout.split("\n")
    assert {"-XX:TieredStopAtLevel=1", *there} <= set(found), done.stderr
    assert not set(absent) & set(found)
