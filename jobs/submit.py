"""Any verb as a spark-submit application, for a cluster that is already there.

    altiplano pyfiles build/altiplano.zip
    spark-submit --py-files build/altiplano.zip jobs/submit.py build CONFIG [--set KEY=VALUE ...]
    spark-submit --py-files build/altiplano.zip jobs/submit.py references extract DUMPS --output OUT

The session is what spark-submit was told; of a config's `spark` section only the number of
partitions counts. The folders that are named must be in every worker's reach (a shared file
system, S3, HDFS).
"""

import sys
from pathlib import Path


def main() -> int:
    """The verb's exit status: 2 with one line where the input or the machine is at fault."""
    _leave_own_folder()
    from jobs.cli import main as verb

    return verb()


def _leave_own_folder() -> None:
    """Python puts a script's folder first on the path, where jobs/config.py would be `config`."""
    own = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != own]


if __name__ == "__main__":
    sys.exit(main())
