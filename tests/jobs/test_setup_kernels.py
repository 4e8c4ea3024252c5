"""`make setup` compiles every kernel ahead, so that no Spark worker has to."""

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".altiplano"

_LIST = """
import importlib, sys
from pathlib import Path
from jobs.setup.kernels import compile_all

compile_all(sys.argv[1], Path(sys.argv[2]))
for asked in sys.argv[3:]:
    module, name = asked.split(":")
    found = getattr(importlib.import_module(module), name)
    if hasattr(found, "signatures") and not found.signatures:
        print(asked)
"""


def asked_for() -> list[str]:
    """`module:name` of what the corpus takes from the kernels; those call others themselves."""
    names = set()
    for path in (ROOT / "corpus").rglob("*.py"):
        if path.parent.name == "kernels":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "corpus.kernels."
            ):
                names.update(f"{node.module}:{alias.name}" for alias in node.names)
    return sorted(names)


def test_all_kernels_are_compiled() -> None:
    """In a process of its own: other tests use kernels as well."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", _LIST),
            *(STATE / "models" / "lid.176.ftz", STATE / "kenlm" / "bin"),
            *asked_for(),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]
