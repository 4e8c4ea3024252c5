"""A Spark standalone cluster on loopback, from pyspark's own scripts."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyspark
from commands import end, free_port, page, wait_until

_DEPLOY = "org.apache.spark.deploy"


@dataclass
class Cluster:
    """A master's address and its workers, each the head of a process group of its own."""

    address: str
    workers: list[subprocess.Popen[bytes]]

    def kill_worker(self, index: int) -> None:
        """As when its machine dies: the worker with its executors, at once, by SIGKILL."""
        os.killpg(self.workers[index].pid, signal.SIGKILL)


@contextlib.contextmanager
def standalone_cluster(place: Path, workers: int, cores: int) -> Iterator[Cluster]:
    """Logs and the workers' folders lie in `place`: `worker-0`, `worker-1`, …"""
    port, web = free_port(), free_port()
    address = f"spark://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        master = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(web)]
        stack.callback(end, _daemon("master.Master", master, place / "master.log"))
        started = []
        for index in range(workers):
            options = ["--host", "127.0.0.1", "--webui-port", str(free_port())]
            options += ["--cores", str(cores), "--memory", "2g"]
            options += ["--work-dir", str(place / f"worker-{index}"), address]
            worker = _daemon("worker.Worker", options, place / f"worker-{index}.log")
            stack.callback(end, worker)
            started.append(worker)
        wait_until(
            lambda: f'"aliveworkers" : {workers}' in page(f"http://127.0.0.1:{web}/json/"),
            60,
            "the workers to register with the master",
        )
        yield Cluster(address, started)


def _daemon(name: str, options: list[str], log: Path) -> subprocess.Popen[bytes]:
    spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
    with log.open("w") as stream:
        return subprocess.Popen(
            [spark_class, f"{_DEPLOY}.{name}", *options],
            env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "512m"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
