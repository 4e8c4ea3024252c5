"""The build as a spark-submit application, for a cluster that is already there.

    altiplano pyfiles build/altiplano.zip
    spark-submit --py-files build/altiplano.zip jobs/build.py CONFIG [--set KEY=VALUE ...]

The session is what spark-submit was told; of the config's `spark` section only the number of
partitions counts. The folders the config names must be in every worker's reach (a shared file
system, S3, HDFS).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Exits 0 when built, 2 with one line where the input or the machine is at fault."""
    parser = argparse.ArgumentParser(
        prog="build.py", description="Build a corpus and its token shards on a Spark cluster."
    )
    parser.add_argument("config", metavar="CONFIG")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    options = parser.parse_args(arguments)
    _leave_own_folder()

    from corpus.errors import AltiplanoError
    from jobs.config import load_run
    from jobs.console import fail, stage_line
    from jobs.pipeline import build

    try:
        config = load_run(options.config, options.overrides)
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.appName("altiplano build").getOrCreate()
        try:
            build(config, spark, notice=stage_line)
        finally:
            spark.stop()
    except AltiplanoError as error:
        fail(str(error))
        return 2
    return 0


def _leave_own_folder() -> None:
    """Python puts a script's folder first on the path, where jobs/config.py would be `config`."""
    own = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != own]


if __name__ == "__main__":
    sys.exit(main())
