"""A time limit a page that holds even when the C code that works on it never returns.

Extractors hang or crash on some pages of the web. The work is done in a child process that arms
the kernel's timers before each page: an overrun ends the child by signal, whatever code it is in,
the parent counts that page and goes on with the rest in a new child. The limit is CPU time, so
that a busy machine does not change results; a tenfold wall limit catches code that sleeps.

The child is a plain subprocess on two pipes, because a Spark Python worker is a daemon, which may
have no multiprocessing children. It leaves when its input ends, however the parent goes.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Self

EXTRACT_TEXT = "corpus.formats.html:extract_text"
_WALL_SLACK = 10
_OVERRUN_SIGNALS = (-signal.SIGPROF, -signal.SIGALRM)
_START_CHILD = "from corpus.formats.time_limit import serve; serve()"


@dataclass(frozen=True)
class Failure:
    """A page that could not be worked on, and why in words fit for counting."""

    reason: str


class TimeLimitedExtractor:
    """Runs `module:function` over pages in a child process, at most `limit_s` CPU seconds a page.

    Use it as a context manager; results come in the order of the pages and do not depend on how
    the pages are grouped into calls.
    """

    def __init__(
        self,
        limit_s: float,
        function: str = EXTRACT_TEXT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._limit_s = limit_s
        self._function = function
        self._environment = os.environ if environment is None else environment
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def extract(self, pages: Sequence[tuple]) -> list[Any]:
        """The function's result for each page's arguments, a Failure where there is none."""
        results: list[Any] = []
        died_before = -1  # the page at which a child last died without having used up its time
        while len(results) < len(pages):
            results += self._replies(pages[len(results) :])
            if len(results) == len(pages):
                break
            at = len(results)
            if self._reap() in _OVERRUN_SIGNALS:
                results.append(Failure(f"extraction over {self._limit_s:g} s"))
            elif at == died_before:  # not killed from outside by chance: it is this page
                results.append(Failure("extraction crashed"))
            died_before = at
        return results

    def close(self) -> None:
        """Ends the child, if there is one, and waits for it."""
        if self._child is not None:
            self._child.kill()
            self._reap()

    def _replies(self, pages: Sequence[tuple]) -> list[Any]:
        """What the child answers, in order, until it is done or dead."""
        child = self._child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        replies: list[Any] = []
        try:
            pickle.dump(pages, child.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            child.stdin.flush()
            while len(replies) < len(pages):
                replies.append(pickle.load(child.stdout))
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            pass
        return replies

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
        return subprocess.Popen(
            [sys.executable, "-c", _START_CHILD, self._function, str(self._limit_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**self._environment, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )

    def _reap(self) -> int:
        """Waits for the child to be gone; its exit code, negative for a signal."""
        child, self._child = self._child, None
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # what is left to flush has no reader any more
            child.stdin.close()
        return child.wait()


def serve() -> None:
    """The child: answers batches of pages on standard input, one reply a page, until it ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the extractor may print must not end up between replies
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    module, _, name = sys.argv[1].partition(":")
    function, limit_s = getattr(import_module(module), name), float(sys.argv[2])
    while True:
        try:
            pages = pickle.load(requests)
        except EOFError:
            return
        for page in pages:
            _arm(limit_s)
            try:
                reply = function(*page)
            except Exception as error:
                reply = Failure(f"extraction failed: {type(error).__name__}")
            _arm(0)
            # one flush a page, or the replies before a fatal page would die with the child
            pickle.dump(reply, replies, protocol=pickle.HIGHEST_PROTOCOL)
            replies.flush()


def _arm(limit_s: float) -> None:
    """Sets the kernel's timers, whose signals end the process by default; 0 stops them."""
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    signal.setitimer(signal.ITIMER_REAL, limit_s * _WALL_SLACK)
