"""What a model's program may not do: run on, multiply, write elsewhere, reach the network."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from jobs.evaluation import sandbox
from jobs.evaluation.sandbox import SandboxConfig

SHORT = SandboxConfig(seconds=2, memory_mb=512, file_mb=1, processes=8)

pytestmark = pytest.mark.skipif(
    sandbox.unavailable() is not None, reason=str(sandbox.unavailable())
)


def test_a_sound_program_gets_to_its_end():
    program = "import math, tempfile\nopen('here', 'w').write('x')\nassert math.prod([2, 3]) == 6"
    assert sandbox.run(program, SHORT) is None


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("assert 1 == 2", "AssertionError"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(0)", "ended by"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL); x = 1 / 0", "ZeroDivisionError"),
        ("print('done')\nraise ValueError('no')", "ValueError: no"),
        ("x = bytearray(1 << 30)", "MemoryError"),
        ("open('big', 'wb').write(bytes(2 << 20))", ""),
    ],
)
def test_what_fails_says_why(program, reason):
    answer = sandbox.run(program, SHORT)
    assert answer is not None
    assert reason in answer


def test_an_endless_loop_is_ended():
    began = time.monotonic()
    assert sandbox.run("while True: pass", SHORT) is not None
    assert sandbox.run("import time; time.sleep(60)", SHORT) == "not done after 2 s"
    assert time.monotonic() - began < 20


def test_a_fork_bomb_is_bounded_and_ends_with_the_program():
    program = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(1000)
        made += 1
except OSError:
    raise SystemExit(f"made {made}")
"""
    answer = sandbox.run(program, SHORT)
    assert answer is not None
    assert int(answer.removeprefix("SystemExit: made ")) < SHORT.processes


def test_nothing_is_written_outside_its_folder(tmp_path):
    tmp_path.chmod(0o777)
    aim = tmp_path / "aim"
    assert "PermissionError" in str(sandbox.run(f"open({str(aim)!r}, 'w').write('x')", SHORT))
    assert "PermissionError" in str(sandbox.run("open('/tmp/aim', 'w').write('x')", SHORT))
    assert not aim.exists()


def test_nothing_is_read_but_the_system_and_python(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    assert "PermissionError" in str(sandbox.run(f"open({str(secret)!r}).read()", SHORT))


def test_what_leaves_its_process_group_ends_too():
    program = """
import ctypes, os, time
os.setsid()
ctypes.CDLL(None).prctl(1, 0)
open("/dev/null").read()
time.sleep(1000)
"""
    before = {pid for pid in os.listdir("/proc") if pid.isdigit()}
    assert sandbox.run(program, SHORT) == "not done after 2 s"
    left = []
    for pid in {pid for pid in os.listdir("/proc") if pid.isdigit()} - before:
        with suppress(OSError):
            if "sandbox_inside" in Path(f"/proc/{pid}/cmdline").read_text():
                left.append(pid)
    assert not left


def test_there_is_no_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert "OSError" in str(sandbox.run(program, SHORT))


def test_nothing_of_this_process_can_be_signalled():
    program = "import os\nassert os.getpid() == 1\nassert os.getppid() == 0"
    assert sandbox.run(program, SHORT) is None
