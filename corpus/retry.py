"""When to ask a remote server again, and when to leave it alone.

Waits grow exponentially with full jitter (a wait is drawn between nothing and its limit), so that
the tasks of a job that were refused together do not come back together. What a server asks for by
`Retry-After` is waited in full before that. A host that failed several files in a row is left
alone for a while: the units still to come fail at once, rather than each after its own half hour.
"""

import sys
from dataclasses import dataclass
from random import uniform
from time import monotonic, sleep

from corpus.errors import ConfigError, DataError

PROGRESS = 1 << 20  # bytes that make a broken try count as a success
FAILURES_A_HOST = 3  # files in a row, in one process
LEFT_ALONE = 600.0  # seconds
_MOST_DOUBLINGS = 60  # of a wait: beyond any limit, and a float has room for it


@dataclass(frozen=True)
class RetryConfig:
    """How long one file is tried for. The defaults wait about four minutes in ten tries."""

    tries: int = 10  # in a row that bring less than 1 MiB each
    first_wait_s: float = 1.0  # limit of the first wait; doubled from try to try
    longest_wait_s: float = 120.0
    total_wait_s: float = 1800.0  # a file, what the server asks for included
    timeout_s: float = 60.0  # of a connection that says nothing

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise ConfigError(f"tries={self.tries} must be >= 1")
        for name in ("first_wait_s", "longest_wait_s", "total_wait_s", "timeout_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}={getattr(self, name)} must be > 0")


class BrokenTry(Exception):  # noqa: N818 - it is caught here and never reaches a caller
    """One try that failed and is worth another; `wait_s` is what the server asks to wait."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Tries:
    """The tries of one file: sleeps between them and ends them with a DataError."""

    def __init__(self, location: str, host: str, config: RetryConfig) -> None:
        self._location, self._host, self._config = location, host, config
        self._failed = 0  # in a row
        self._waited = 0.0
        self._most = 0  # bytes held at best
        _refuse(location, host)

    def again(self, broken: BrokenTry, held: int) -> None:
        """Waits before the next try; DataError when there is to be none. `held` is in bytes."""
        if held >= self._most + PROGRESS:
            self._most, self._failed = held, 0
        self._failed += 1
        doublings = min(self._failed - 1, _MOST_DOUBLINGS)
        limit = min(self._config.longest_wait_s, self._config.first_wait_s * 2**doublings)
        wait = broken.wait_s + uniform(0, limit)
        if self._failed >= self._config.tries or self._waited + wait > self._config.total_wait_s:
            _failures.setdefault(self._host, _Failures()).add()
            raise DataError(
                f"{self._location} cannot be fetched: {broken}; given up after {self._failed} "
                f"tries in a row and {self._waited:.0f} s of waiting; what is done stays done, "
                f"run the same command again later"
            )
        self._waited += wait
        if wait >= 1:  # where a person may be looking: a worker's go to its log
            again = f"try {self._failed + 1} of {self._config.tries} in {wait:.0f} s"
            print(f"{self._location}: {broken}; {again}", file=sys.stderr)
        sleep(wait)

    def succeeded(self) -> None:
        _failures.pop(self._host, None)


@dataclass
class _Failures:
    """Files in a row that a host failed, and when the last was given up."""

    number: int = 0
    last: float = 0.0

    def add(self) -> None:
        self.number += 1
        self.last = monotonic()


_failures: dict[str, _Failures] = {}  # by host; Spark reuses a worker process for many units


def _refuse(location: str, host: str) -> None:
    failures = _failures.get(host)
    if failures is None or failures.number < FAILURES_A_HOST:
        return
    if monotonic() - failures.last < LEFT_ALONE:
        raise DataError(
            f"{location} was not asked for: {host} failed {failures.number} files in a row; "
            f"what is done stays done, run the same command again later"
        )
