"""`make setup` keeps Spark's classes, and a local session takes them from there."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

_ARCHIVE = """
import sys
from pathlib import Path
from jobs.setup import spark_classes

spark_classes.class_archive = lambda: Path(sys.argv[1])
spark_classes.archive_classes()
"""

_START = """
import sys
from pathlib import Path
from corpus import spark

spark.class_archive = lambda: Path(sys.argv[1])
session = spark.start_session(spark.SparkConfig(master="local[1]"))
jvm = session.sparkContext._gateway.proc.pid
print(sys.argv[1] in Path(f"/proc/{jvm}/maps").read_text(), session.range(3).count())
session.stop()
"""


def run(code: str, archive: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, str(archive)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_session_starts_from_the_archive_and_without_it(tmp_path: Path) -> None:
    archive = tmp_path / "spark-classes.jsa"
    assert run(_START, archive) == "False 3\n"
    run(_ARCHIVE, archive)
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]
    assert run(_START, archive) == "True 3\n"
