"""What code and which libraries made an output: the part of a stage's key that is not data.

The code of a stage is its module and whatever of this project that imports, found by reading the
sources (also inside a `--py-files` zip). A stage redone for its code whose output has the same
bytes as before stops there: later stages depend on bytes, not on code they do not run.
"""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import threading

OWN_PACKAGES = ("corpus", "tokenizer", "train", "jobs")
LIBRARIES = (
    "deflate",
    "fasttext",
    "fastwarc",
    "isal",
    "kenlm",
    "numba",
    "numpy",
    "py7zr",
    "pyarrow",
    "resiliparse",
    "sentencepiece",
)

# CPython 3.11 counts the depth of all threads' trees together, and finds that they do not add up.
_parsing = threading.Lock()


@functools.cache
def code_version(*modules: str) -> str:
    """16 hex digits that name the sources of modules and of all they import of this project."""
    sources = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in sources:
            sources[name] = _source(name)
            waiting.extend(_own_imports(sources[name]))
    text = "\0".join(f"{name}\0{sources[name]}" for name in sorted(sources))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def library_versions() -> dict[str, str]:
    """Installed versions of the libraries whose results reach the output's bytes."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None, module
    assert spec.loader is not None, module
    source = spec.loader.get_source(module)  # type: ignore[attr-defined]
    return source or ""


def _own_imports(source: str) -> set[str]:
    found: set[str] = set()
    with _parsing:
        tree = ast.parse(source)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found.update(n for n in names if n.split(".")[0] in OWN_PACKAGES and _is_module(n))
    return found


@functools.cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
