"""Which modules the demo's crawl and its reference text are made from: chosen without importing.

A module is named by its file; a keyed share of them is held out of the crawl, so that the
language model's reference text and the crawl have no page in common.
"""

import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from corpus.keyed import text_key

# in order, after the standard library: what is quick to import and to render comes first
CRAWLED = ("networkx", "numpy", "sympy", "mpmath", "jinja2", "rich", "fsspec", "scipy", "pandas")
REFERENCE_ONLY = ("torch", "pyspark")

_SKIPPED_PARTS = {
    "test", "tests", "testing", "idlelib", "turtledemo", "lib2to3", "site-packages",
    "dist-packages", "ensurepip", "__pycache__", "benchmarks", "_vendor", "conftest",
    "setup", "__main__", "externals", "_distutils", "cloudpickle",
}  # fmt: skip
# importing these opens a window or a browser, prints, or starts something
_SKIPPED_MODULES = {"antigravity", "this", "turtle", "tkinter", "site", "sitecustomize"}


@dataclass(frozen=True, order=True)
class Module:
    """A module by name and source file."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]


def standard_library() -> list[Module]:
    root = Path(sysconfig.get_path("stdlib"))
    found = [m for m in _modules_below(root, "") if m.package in sys.stdlib_module_names]
    return [m for m in found if not m.name.startswith("_") and m.package not in _SKIPPED_MODULES]


def of_package(package: str) -> list[Module]:
    """The modules of an installed package, none where it is not installed."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    places = list(spec.submodule_search_locations or ()) if spec else []
    return [m for place in places for m in _modules_below(Path(place), package)]


def held_out(module: Module, seed: int, share: float) -> bool:
    """Whether a module's text is for the reference and not for the crawl: keyed by its name."""
    return int(text_key(seed, f"reference {module.name}")) < share * 2**64


def _modules_below(root: Path, package: str) -> Iterator[Module]:
    """The modules whose source is at or below a folder, sorted by name."""
    found = []
    for path in root.rglob("*.py"):
        parts = [*path.relative_to(root).with_suffix("").parts]
        if _SKIPPED_PARTS & set(parts) or not all(part.isidentifier() for part in parts):
            continue
        if parts[-1] == "__init__":
            parts.pop()
        name = ".".join([package, *parts] if package else parts)
        if name:
            found.append(Module(name, path))
    return iter(sorted(found))
