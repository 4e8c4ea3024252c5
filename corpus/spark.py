"""The Spark session, started late and once, and how units of work are spread over it.

Text never crosses the JVM: a task is given units, reads their files itself through pyarrow.fs and
writes its output likewise. Spark does what it is for: scheduling, retries, shuffles.
"""

import gc
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.errors import ConfigError, DataError
from corpus.progress import progress

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_RAISED = re.compile(r"[A-Za-z_]\w*(Error|Exception): ")  # the end of a Python traceback
_LOCAL = re.compile(r"local(?:\[(\*|\d+)(?:, *\d+)?\])?")  # a master on this machine: its threads
_CLUSTER_TASKS = 1_000  # of tens of milliseconds each, where they are more than its cores
_SUBMITTED = "PYSPARK_GATEWAY_PORT"  # where spark-submit runs its JVM, which has its settings
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"
# The log would warn of an archive of classes that does not fit, which is then passed over.
_QUIET_JVM = "-Xlog:disable -Xlog:all=error:stderr"
_QUICK_JVM = "-XX:TieredStopAtLevel=1"
_FEW_CORES = 8
_SMALL_COLLECTOR = "-XX:+UseSerialGC"


@dataclass(frozen=True)
class SparkConfig:
    """How to start Spark where no session is given; a cluster's own settings win under submit."""

    master: str = "local[*]"
    driver_memory: str = "2g"
    partitions: int = 0  # tasks a stage; 0: one a unit

    def __post_init__(self) -> None:
        if self.partitions < 0:
            raise ConfigError(f"partitions={self.partitions} must be >= 0; 0 chooses it")


class Engine:
    """Starts Spark when the first stage needs it, so a build with nothing to do never does."""

    def __init__(self, config: SparkConfig, session: "SparkSession | None" = None) -> None:
        self.config = config
        self._session = session
        self._owned = session is None

    @property
    def session(self) -> "SparkSession":
        if self._session is None:
            self._session = start_session(self.config)
        return self._session

    def close(self, keep_log: bool = False) -> None:
        if self._owned and self._session is not None:
            self._session.stop()
            self._session = None
            if not keep_log:
                shutil.rmtree(_log_folder(), ignore_errors=True)
                _log_folder.cache_clear()

    def map(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        label: str,
        at_most: int | None = None,
    ) -> list[Any]:
        """Applies a picklable function to every item in Spark tasks; results in item order.

        No more than `at_most` tasks run at a time, on however many machines. A cluster where
        `spark.speculation` is on runs some of them twice.
        """
        if not items:
            return []
        tasks = min(self.config.partitions or len(items), len(items))
        if at_most is not None and not self._runs_at_most(at_most):
            tasks = min(tasks, at_most)
        # An RDD, for a DataFrame's tasks each take fifty milliseconds more to start.
        numbered = self.session.sparkContext.parallelize(list(enumerate(items)), tasks)
        done = numbered.map(lambda item: (item[0], _settled(function(item[1]), label)))
        results = dict(watch(self.session, label, done.collect))
        return [results[i] for i in range(len(items))]

    def readers(self, files: int) -> int:
        """Tasks to read many small files with: no more than keep every core busy.

        A cluster's executors may still be on their way, so that it seems to have two cores.
        """
        context = self.session.sparkContext
        slots = 2 * context.defaultParallelism
        if not _LOCAL.fullmatch(context.master or ""):
            slots = max(slots, _CLUSTER_TASKS)
        return max(1, min(self.config.partitions or slots, files))

    def _runs_at_most(self, tasks: int) -> bool:
        """Whether there is no room for more tasks at a time, however many there are.

        Known of a local session only, by its master: a cluster may grow while a stage runs, and
        what Spark calls its default parallelism is a setting.
        """
        master = _LOCAL.fullmatch(self.session.sparkContext.master or "")
        if master is None:
            return False
        cores = (os.cpu_count() or 1) if master[1] == "*" else int(master[1] or 1)
        return cores <= tasks


_settled_in: set[str] = set()  # stages that this Python worker has done a unit of


def _settled(result: Any, label: str) -> Any:
    """Passes a result on, after a stage's first in this worker with its garbage collector eased.

    Spark's worker looks for garbage after every task, at 80 ms for all that Numba, Arrow and the
    models keep. What a stage has loaded stays, so it is taken out of the collector's sight.
    """
    if label not in _settled_in:
        _settled_in.add(label)
        gc.collect()
        gc.freeze()
    return result


def watch(session: "SparkSession", label: str, action: Callable[[], Any]) -> Any:
    """Runs a Spark action and shows how many of its tasks are done.

    DataError with the last line of what went wrong in a task that Spark gave up.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        with progress(label, partial(_tasks, session)):
            return action()
    except (Py4JJavaError, PySparkException) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        told = [line for line in lines if _RAISED.match(line)] or lines
        raise DataError(
            f"Spark gave up {label}: {told[0]}; what was finished stays, mend it and run the same "
            f"command again ({_where_told()} has all that Spark said)"
        ) from error


def _where_told() -> str:
    """The log of the JVM that this process started, if it did."""
    return str(log_path()) if _log_folder.cache_info().currsize else "its own log"


def _tasks(session: "SparkSession") -> tuple[int, int]:
    """Of the stages at work how many tasks are done, and how many there are."""
    from py4j.protocol import Py4JError

    try:
        tracker = session.sparkContext.statusTracker()
        infos = [tracker.getStageInfo(i) for i in tracker.getActiveStageIds()]
    except (Py4JError, OSError):  # the JVM is gone, which the action itself will tell
        infos = []
    known = [info for info in infos if info]
    return sum(info.numCompletedTasks for info in known), sum(info.numTasks for info in known)


def class_archive() -> Path:
    """Where `make setup` keeps Spark's classes for the JVM: beside the jars that they are of."""
    import pyspark

    return Path(pyspark.__file__).parent / "spark-classes.jsa"


def start_session(config: SparkConfig, archiving: str = "") -> "SparkSession":
    """Starts Spark; a local JVM takes its classes from the archive, or is told to make one.

    ConfigError where Spark does not start.
    """
    from pyspark.sql import SparkSession

    if _SUBMITTED in os.environ:
        return SparkSession.builder.appName("altiplano").getOrCreate()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if config.master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    logging.getLogger("py4j").setLevel(logging.ERROR)
    builder = (
        SparkSession.builder.appName("altiplano")
        .master(config.master)
        .config("spark.driver.memory", config.driver_memory)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.python.worker.reuse", "true")
        # Over TCP every exchange with a worker waits for a delayed acknowledgement, 40 ms.
        .config("spark.python.unix.domain.socket.enabled", "true")
        .config("spark.log.level", "ERROR")
    )
    if config.master.startswith("local"):  # or executors elsewhere would look for it at home
        builder = builder.config("spark.driver.host", "127.0.0.1")
        classes = archiving or f"-XX:SharedArchiveFile={class_archive()}"
        options = _java_options(classes, _user_default(_JAVA_OPTIONS))
        builder = builder.config(_JAVA_OPTIONS, options)
    logging.getLogger().setLevel(logging.CRITICAL)  # py4j tells of its broken call on Ctrl-C
    try:
        with _stderr_to_log():
            return builder.getOrCreate()
    except Exception as error:
        raise ConfigError(
            f"Spark does not start with master={config.master} and "
            f"driver_memory={config.driver_memory}: {str(error).splitlines()[0]}; "
            f"{log_path()} has what it said (spark.master, spark.driver_memory)"
        ) from None


def _java_options(classes: str, users: str) -> str:
    """Ours and then a user's own, which win; a JVM does not start with two garbage collectors.

    On a few cores what runs in the JVM is short, and the optimizing compiler and a collector with
    threads of its own take more than they give.
    """
    quick = (os.cpu_count() or 1) <= _FEW_CORES
    collector = _SMALL_COLLECTOR if quick and not re.search(r"-XX:\+Use\w+GC\b", users) else ""
    options = (_QUIET_JVM, _QUICK_JVM if quick else "", collector, classes, users)
    return " ".join(filter(None, options))


def _user_default(key: str) -> str:
    """What spark-defaults.conf says of a key; a session's own setting would hide it."""
    import pyspark

    home = os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent
    folder = Path(os.environ.get("SPARK_CONF_DIR") or Path(home) / "conf")
    try:
        lines = (folder / "spark-defaults.conf").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    pairs = [re.split(r"\s*[=:\s]\s*", line.strip(), maxsplit=1) for line in lines]
    return next((pair[1] for pair in reversed(pairs) if pair[0] == key and len(pair) == 2), "")


@contextmanager
def _stderr_to_log() -> Iterator[None]:
    """Lends the JVM a log file as its stderr, for its whole life; ours comes back at once."""
    sys.stderr.flush()
    ours = os.dup(2)
    with log_path().open("ab") as stream:
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(ours, 2)
            os.close(ours)


def log_path() -> Path:
    """Where the JVM that this process starts writes what it says."""
    return _log_folder() / "spark.log"


@cache
def _log_folder() -> Path:
    """A new folder of this user's alone: in a shared one another could lay a link to any file."""
    return Path(tempfile.mkdtemp(prefix="altiplano-spark-"))
