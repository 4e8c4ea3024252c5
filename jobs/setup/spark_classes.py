"""Keeps Spark's classes as the JVM has them in memory, for local sessions to start from.

Reading and checking some ten thousand classes is half of what Spark's start costs; from an archive
(JEP 350) they are mapped. One of another JVM or other jars is passed over by the JVM itself.
"""

import os
import sys

from pyspark import SparkContext

from corpus.errors import ConfigError
from corpus.spark import SparkConfig, class_archive, start_session


def archive_classes() -> None:
    """Runs what a build runs, a map and the shuffles of lines, and keeps the classes it took."""
    final = class_archive()
    part = final.with_suffix(".part")  # the JVM crashes on an archive that is cut off
    session = start_session(SparkConfig(master="local[2]"), f"-XX:ArchiveClassesAtExit={part}")
    context = session.sparkContext
    numbers = context.broadcast(list(range(8)))
    pairs = context.parallelize(range(8), 2).map(lambda place: (numbers.value[place], b""))
    pairs.partitionBy(2).repartitionAndSortWithinPartitions(2).collect()
    session.stop()
    jvm = SparkContext._gateway.proc  # type: ignore[union-attr]
    jvm.stdin.close()  # the JVM's sign to end
    if jvm.wait() or not part.exists():
        part.unlink(missing_ok=True)
        raise OSError(f"the JVM left no whole archive of its classes (exit {jvm.returncode})")
    os.replace(part, final)


if __name__ == "__main__":
    try:
        archive_classes()
    except (OSError, ConfigError) as error:  # builds do without: Spark's start is slower, no more
        print(f"warning: Spark will start more slowly: {error}", file=sys.stderr)
