"""`make setup` compiles every kernel ahead, so that no Spark worker has to."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".altiplano"

_LIST = """
import importlib, pkgutil, sys
from pathlib import Path
import corpus.kernels
from jobs.setup.kernels import compile_all

compile_all(sys.argv[1], Path(sys.argv[2]))
for module in pkgutil.iter_modules(corpus.kernels.__path__, "corpus.kernels."):
    for name, found in vars(importlib.import_module(module.name)).items():
        if hasattr(found, "signatures") and not name.startswith("_") and not found.signatures:
            print(module.name, name)
"""


def test_all_kernels_are_compiled() -> None:
    """In a process of its own: other tests use kernels as well."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST, STATE / "models" / "lid.176.ftz", STATE / "kenlm" / "bin"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]
