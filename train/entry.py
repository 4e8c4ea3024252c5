"""One process of a training run: `python -m train.entry CONFIG`, started by train.launch, or by
torchrun on several nodes.

CONFIG is a YAML or JSON file that holds exactly the tree of TrainConfig. Exits 0 when trained, 75
when stopped to be resumed, 2 with one line for an error that is the input's or the machine's.
"""

import ctypes
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING

from train import stop

if TYPE_CHECKING:
    from train.config import TrainConfig


# How libraries are to run, unless the environment says otherwise.
_SETTINGS = {
    # megatron-core relies on the order in which kernels and their messages are queued.
    "CUDA_DEVICE_MAX_CONNECTIONS": "1",
    # A pool of compilers for each process takes longer to start than train.fused's few kernels
    # take to compile.
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    # The run's end is told in one line, by train.supervisor.
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}


def main(arguments: list[str]) -> int:
    _end_with_launcher()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    stop.install()  # before torch is imported: see train.stop
    if len(arguments) != 1:
        print("usage: python -m train.entry CONFIG.yaml", file=sys.stderr)
        return 2
    # megatron-core tells of every optional library it does not find, once a process.
    warnings.filterwarnings("ignore", module="megatron")
    warnings.filterwarnings("ignore", module="torch")
    # It looks for gradients where there are none; under the CPU shim torch warns of that.
    warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
    from corpus.config import load
    from corpus.errors import AltiplanoError
    from train.config import TrainConfig
    from train.nodes import OtherRunError

    try:
        config = load(TrainConfig, arguments[0])
        from train import member

        return member.run(config, lambda: _train(config))
    except stop.AskedError:  # before it reached the others of its run
        return stop.REQUEUE
    except AltiplanoError as error:
        if os.environ.get("LOCAL_RANK", "0") == "0" or isinstance(error, OtherRunError):
            print(f"error: {error}", file=sys.stderr, flush=True)
        return 2


def _train(config: "TrainConfig") -> int:
    from contextlib import nullcontext

    from train import heartbeat, nodes
    from train.alone import alone
    from train.loop import train
    from train.soundness import require_sound_here

    place = nodes.of_process()
    if place.of == 1:
        heartbeat.end_if_disk_hangs(config.disk_timeout_s)
    holds = place.index == 0 and not nodes.is_launched()  # the launcher does
    with alone(config.output) if holds else nullcontext():
        require_sound_here(config)
        return train(config)


def _end_with_launcher() -> None:
    """Has the kernel end this process when its launcher is killed: a run that lived on would write
    into the same output as the one started in its place."""
    launcher = os.environ.get("LAUNCHER_PID")
    if launcher is None:
        return
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != int(launcher):  # it was gone before it could be said
        os._exit(1)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of a broken process group must not hold up the exit
