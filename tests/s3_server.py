"""A real S3 server (SeaweedFS) on loopback, with one writable and one public bucket."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs as pafs

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "altiplano", "AWS_SECRET_ACCESS_KEY": "loopback"}
_IDENTITIES = {
    "identities": [
        {
            "name": "writer",
            "credentials": [{"accessKey": "altiplano", "secretKey": "loopback"}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {"name": "anonymous", "actions": ["Read:public", "List:public"]},
    ]
}
_BUCKETS = ("private", "public")


@dataclass(frozen=True)
class S3:
    """A running server."""

    port: int

    @property
    def query(self) -> str:
        return f"region=us-east-1&scheme=http&endpoint_override=127.0.0.1:{self.port}"

    def filesystem(self) -> pafs.S3FileSystem:
        return pafs.S3FileSystem(
            access_key=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            secret_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region="us-east-1",
            scheme="http",
            endpoint_override=f"127.0.0.1:{self.port}",
            allow_bucket_creation=True,
        )


@contextmanager
def serve(folder: Path) -> Iterator[S3]:
    """Starts the server with its data in a folder and kills it at the end."""
    (folder / "identities.json").write_text(json.dumps(_IDENTITIES))
    names = ("master", "volume", "filer", "s3")
    ports = iter(_free_ports(2 * len(names)))
    chosen = {name: (next(ports), next(ports)) for name in names}
    command = [
        shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath])),
        *("server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"),
        *(f"-{name}.port={http}" for name, (http, _) in chosen.items()),
        *(f"-{name}.port.grpc={grpc}" for name, (_, grpc) in chosen.items()),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={folder / 'identities.json'}"),
        *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=0"),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        found = S3(chosen["s3"][0])
        _wait(found, server, folder / "log")
        yield found
    finally:
        server.kill()  # told to stop, it would take 25 seconds
        server.wait()
        for port in {port for pair in chosen.values() for port in pair}:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()


def _wait(found: S3, server: subprocess.Popen, log: Path) -> None:
    """Until an object can be written: the gateway answers before its volumes are there."""
    until = time.monotonic() + 60
    while True:
        try:
            fs = found.filesystem()
            for bucket in _BUCKETS:
                fs.create_dir(bucket)
                with fs.open_output_stream(f"{bucket}/ready") as stream:
                    stream.write(b"yes")
            return
        except OSError:
            if time.monotonic() > until or server.poll() is not None:
                raise AssertionError(f"no S3 server: {log.read_text()[-2000:]}") from None
            time.sleep(0.2)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for taken in sockets:
        taken.bind(("127.0.0.1", 0))
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports
