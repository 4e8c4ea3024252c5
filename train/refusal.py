"""What a launcher refuses before there are processes, told once for all nodes.

Launchers on several nodes mostly refuse the same thing at the same moment, and each would say so.
Here the first node's says it, and holds the run's board a while (train.board) for the others to see
that it is told. What another node alone refuses, a shard on its own disk, it puts on that board.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from corpus.errors import AltiplanoError, ConfigError
from train import nodes

_HELD_S = 30.0  # for the other launchers, which were started when this one was


@contextmanager
def told_once(start_timeout_s: float = 600.0) -> Iterator[None]:
    """Lets an AltiplanoError through on the node that is to tell it; others exit with 2 instead.

    start_timeout_s: how long another node waits for the first to be there.
    """
    try:
        yield
    except (nodes.NoAnswerError, nodes.OtherRunError):  # nobody there is to hear of it
        raise
    except AltiplanoError as error:
        try:
            place = nodes.of_launcher()
        except ConfigError:  # what the starter says of it is wrong: it is alone
            raise error from None
        if place.of == 1 or is_told_here(place, str(error), 2, start_timeout_s, _HELD_S):
            raise
        sys.exit(2)


def is_told_here(
    place: nodes.Place, line: str, code: int, start_timeout_s: float, held_s: float
) -> bool:
    """Puts on the run's board why it ends, before it has processes; returns whether the caller is
    to say so, as no other node's launcher does.

    code: the run's exit code. start_timeout_s: how long another node waits for the first to be
    there. held_s: how long the first one holds the board for the others.
    """
    from train import board

    if place.index == 0:
        try:
            held = board.hold(nodes.listen("", place.port))
        except ConfigError:  # the port is in use, which may be the error itself
            return True
        told = held.tell(held.report(line, code), first=True) is not None
        held.leave(place.of - 1, held_s)
        return told
    try:
        there = board.connect(place.address, place.port, start_timeout_s)
        if there.is_under_way():  # another run
            return True
        fault = there.report(line, code)
        told = there.tell(fault, first=False) is not None
        there.leave(place.of - 1)
    except (ConfigError, RuntimeError):  # the first node's launcher is not there, or gone
        return True
    return told
