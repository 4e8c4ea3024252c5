"""The demo's second source and its reference text, both from files that are installed anyway.

Code: the standard library's and installed packages' source files, with the licence their metadata
state, as GitHub's exports hold them. Reference: English prose that the crawl does not have, from
package descriptions and the docstrings of modules held out of the crawl.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.keyed import text_key
from jobs.demo_modules import Module, standard_library

_EXPORT = pa.schema([(name, pa.string()) for name in ("repo_name", "path", "license", "content")])
_PYTHON_LICENSE = "PSF-2.0"
_SHARE_A_PROJECT = 0.15  # of the bytes: a few large projects would fill it all
_MAX_FILE_BYTES = 200_000
_MIN_REFERENCE_CHARS = 300
# what classifiers and free-text License fields say, in SPDX's terms
_SPDX = (
    (r"mit\b", "MIT"),
    (r"apache", "Apache-2.0"),
    (r"bsd.*2-clause", "BSD-2-Clause"),
    (r"bsd", "BSD-3-Clause"),  # the classifier does not count clauses; three is usual
    (r"mozilla|mpl", "MPL-2.0"),
    (r"isc\b", "ISC"),
    (r"python software foundation|psf", _PYTHON_LICENSE),
)


def write_code(folder: Path, files: int, max_bytes: int, seed: int) -> tuple[int, int]:
    """Writes exports of source files, chosen by key within bounds; returns (files, bytes)."""
    chosen: list[dict[str, str | None]] = []
    total = 0
    room: dict[str, float] = {}
    for repo_name, path, license, place in _in_keyed_order(_source_files(), seed):
        left = room.setdefault(repo_name, max_bytes * _SHARE_A_PROJECT)
        content = _text(place)
        if content is None or len(content) > min(left, _MAX_FILE_BYTES):
            continue
        if total + len(content) > max_bytes:
            break
        room[repo_name] -= len(content)
        total += len(content)
        row = {"repo_name": repo_name, "path": path, "license": license, "content": content}
        chosen.append(row)
    for part in range(files):
        table = pa.Table.from_pylist(chosen[part::files], schema=_EXPORT)
        pq.write_table(table, folder / f"code-{part:05d}.parquet", compression="zstd")
    return len(chosen), total


def write_reference(path: Path, modules: Iterable[Module], max_bytes: int) -> tuple[int, int]:
    """Writes descriptions, then docstrings, one JSON object a line; returns (documents, bytes)."""
    documents = size = 0
    with path.open("w", encoding="utf-8") as lines:
        for name, text in chain(_descriptions(), _docstrings(modules)):
            if len(text) < _MIN_REFERENCE_CHARS:
                continue
            if size > max_bytes:
                break
            lines.write(json.dumps({"name": name, "text": text}, ensure_ascii=False) + "\n")
            documents += 1
            size += len(text.encode())
    return documents, size


def license_of(distribution: Distribution) -> str | None:
    """The SPDX expression a distribution's metadata state, None where they state none we know."""
    metadata = distribution.metadata
    expression = metadata["License-Expression"]
    if expression:
        return expression
    # the licence field may hold a whole licence text: its first line names it, if anything does
    free_text = (metadata["License"] or "").strip().partition("\n")[0]
    classifiers = metadata.get_all("Classifier") or []
    licenses = [c for c in classifiers if c.startswith("License ::")]
    for statement in (free_text, *licenses):
        for pattern, spdx in _SPDX:
            if re.search(pattern, statement, re.IGNORECASE):
                return spdx
    return None


def _source_files() -> Iterator[tuple[str, str, str | None, Path]]:
    for module in standard_library():
        path = "/".join(module.path.parts[-1 - module.name.count(".") :])
        yield "python/cpython", f"Lib/{path}", _PYTHON_LICENSE, module.path
    for distribution in distributions():
        name, license = distribution.name, license_of(distribution)
        for file in distribution.files or ():
            if file.suffix == ".py" and ".." not in file.parts:
                place = Path(str(distribution.locate_file(file)))
                yield f"pypi/{name}", str(file), license, place


def _in_keyed_order(
    found: Iterable[tuple[str, str, str | None, Path]], seed: int
) -> list[tuple[str, str, str | None, Path]]:
    unique = {(file[0], file[1]): file for file in found}
    return [unique[key] for key in sorted(unique, key=lambda k: text_key(seed, f"code {k}"))]


def _descriptions() -> Iterator[tuple[str, str]]:
    by_name = {d.name.lower(): d for d in distributions()}
    for name in sorted(by_name):
        text = by_name[name].read_text("METADATA") or ""
        yield f"description of {name}", text.partition("\n\n")[2].strip()


def _docstrings(modules: Iterable[Module]) -> Iterator[tuple[str, str]]:
    """All docstrings of each module, read from its source: nothing is imported."""
    for module in modules:
        source = _text(module.path)
        try:
            tree = ast.parse(source or "")
        except (SyntaxError, ValueError, RecursionError):
            continue
        yield f"docstrings of {module.name}", "\n\n".join(_docstrings_in(tree))


def _docstrings_in(node: ast.AST) -> Iterator[str]:
    """The docstrings of a module or class, its own and those of what is defined directly in it."""
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        docstring = ast.get_docstring(node)
        if docstring:
            yield docstring
    if isinstance(node, (ast.Module, ast.ClassDef)):
        for child in node.body:
            yield from _docstrings_in(child)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
