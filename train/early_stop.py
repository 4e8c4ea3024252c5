"""Tells a run's other nodes that this one was asked to stop before it had processes.

`python -m train.early_stop` is what a launcher of several becomes by the signal (train.stop): what
the signal interrupts may hold any lock, so that nothing of it can be used. The others, which would
wait for this node for `train.start_timeout_s`, end with it where they are at the run's board, or
come to it within seconds.
"""

import sys

from corpus.errors import ConfigError
from train import nodes, refusal, stop

_WAIT_S = 10.0  # a scheduler that asked all nodes kills in half a minute what has not ended


def main() -> int:
    """Returns the launcher's exit code."""
    try:
        place = nodes.of_launcher()
    except ConfigError:  # what the starter says of it is wrong: it is alone
        place = nodes.Place()
    line, code = stop.BEFORE_A_STEP, stop.REQUEUE
    if place.of == 1 or refusal.is_told_here(place, line, code, _WAIT_S, _WAIT_S):
        return stop.told(line, code)
    return code


if __name__ == "__main__":
    sys.exit(main())
