"""Licences of several parts: those that name their files, and expressions of several licences."""

import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.code import repository
from corpus.code.bundled import Bundled
from corpus.code.expressions import license_allowed, named_licenses
from corpus.code.repository import Member, read_project
from corpus.code.statements import bundled_of, license_for, licenses_by_folder, statement_of
from corpus.counts import Counts
from corpus.sources import code
from corpus.storage import InputFile

ALLOWED = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")
MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of it to use, "
    "copy, modify, merge, publish, distribute, sublicense, and/or sell copies. The above copyright "
    'notice and this permission notice shall be included in all copies. It is provided "AS IS".\n'
)
BUNDLED = f"""{MIT}
----
This binary distribution also bundles the following software:

Name: OpenBLAS
Files: it.libs/libopenblas*.so, it/blas
Description: bundled as a dynamically linked library
License: BSD-3-Clause
  Redistribution and use in source and binary forms ...

Name: GCC runtime library
Files: it.libs/libgfortran*.so
License: GPL-3.0-or-later WITH GCC-exception-3.1
  GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007
"""


def licenses_of(files: dict[str, str]) -> list[str | None]:
    """Of some files, given what states the licence of their project."""
    bundled = [part for path, text in files.items() for part in bundled_of(path, text.encode())]
    found = [statement_of(path, text.encode()) for path, text in files.items()]
    folders = licenses_by_folder(one for one in found if one is not None)
    paths = ("it/a.py", "it/blas/b.c", "it.libs/libgfortran-5.so")
    return [license_for(path, folders, bundled) for path in paths]


def test_parts_that_name_their_files_hold_for_these_alone() -> None:
    assert [license_allowed(str(one), ALLOWED) for one in licenses_of({"LICENSE": BUNDLED})] == [
        True,
        True,
        False,
    ]
    assert licenses_of({"x.dist-info/licenses/LICENSE.txt": BUNDLED})[0] == "MIT"
    metadata = "Name: it\nLicense: " + BUNDLED.strip().replace("\n", "\n        ") + "\n\nText\n"
    assert licenses_of({"x.dist-info/METADATA": metadata})[0] == "MIT"
    # a file of such parts only, beside the project's own
    parts = "These are bundled:\n\n" + BUNDLED[BUNDLED.index("Name:") :]
    assert licenses_of({"LICENSE": MIT, "LICENSES_bundled.txt": parts})[0] == "MIT"
    assert licenses_of({"LICENSES_bundled.txt": parts})[0] is None
    # below another folder it speaks of files there
    assert bundled_of("p/LICENSE", BUNDLED.encode())[0].files == (
        "p/it.libs/libopenblas*.so",
        "p/it/blas",
    )


@pytest.mark.parametrize(
    "text",
    [
        BUNDLED.replace("Files:", "Places:"),
        BUNDLED.replace("Files: it.libs/libgfortran*.so", "Files:"),
        BUNDLED.replace("it/blas", ", ".join(f"it/{n}" for n in range(100))),
        MIT
        + "\n----\nThis software bundles libfoo, which is under:\n\n"
        + "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007",
    ],
)
def test_parts_that_do_not_say_what_they_are_for_are_asked_for_in_all(text: str) -> None:
    assert not any(license_allowed(str(one), ALLOWED) for one in licenses_of({"LICENSE": text}))


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT AND BSD-3-Clause", True),
        ("MIT AND Zlib", False),
        ("Zlib OR MIT", True),
        ("(GPL-2.0-only OR MIT) AND Apache-2.0", True),
        ("(GPL-2.0-only OR Zlib) AND Apache-2.0", False),
        ("Apache-2.0 WITH LLVM-exception", True),
    ],
)
def test_an_expression_of_several_licenses(expression: str, allowed: bool) -> None:
    metadata = f"Name: it\nLicense-Expression: {expression}\n"
    (found, *_) = licenses_of({"x.dist-info/METADATA": metadata})
    assert license_allowed(str(found), ALLOWED) is allowed


@pytest.mark.parametrize(
    ("named", "allowed"), [("MIT-0", False), ("mit", True), ("MIT AND Zlib", False)]
)
def test_a_name_hides_no_license_whose_name_it_holds(named: str, allowed: bool) -> None:
    text = f"Name: a\nFiles: it/blas\nLicense: {named}\n\n{MIT}"
    license = licenses_of({"LICENSES_bundled.txt": text})[1]
    names = [name.lower() for name in named_licenses(str(license)) or ()]
    assert "mit" in names
    assert license_allowed(str(license), ALLOWED) is allowed


GLOB = st.text("ab/*?[]!.\n-", min_size=1, max_size=6)


@given(st.lists(GLOB, min_size=1, max_size=4), st.text("ab/.\n[", max_size=6))
def test_files_are_those_of_shell_patterns_and_of_folders(files: list[str], path: str) -> None:
    expected = any(
        fnmatchcase(path, one) or path.startswith(f"{one.rstrip('/')}/") for one in files
    )
    assert Bundled(tuple(files), "MIT").holds_for(path) is expected


def named_files(number: int) -> str:
    files = ", ".join(f"lib{number}_{n}/*.c" for n in range(100))
    return f"Name: a\nFiles: {files}\nLicense: MIT\n\n{MIT}"


@pytest.mark.parametrize(("files", "kept"), [(10, 1), (11, 0)])
def test_a_project_that_names_too_many_files_is_not_trusted(files: int, kept: int) -> None:
    texts = {"LICENSE": MIT, "a.py": "a = 1\n"}
    texts |= {f"p{n}/LICENSE": named_files(n) for n in range(files)}
    members = [
        Member(path, path, len(text), lambda most, text=text: text.encode()[:most])
        for path, text in texts.items()
    ]
    found = read_project("p", lambda faults: members, "code", code.CodeConfig(), Counts())
    assert len(list(found)) == kept


def test_a_wheel_with_libraries_beside_its_own_files(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "it-1.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("it/a.py", "a = 1\n")
        wheel.writestr("it.libs/libgfortran.py", "b = 1\n")
        wheel.writestr("it-1.dist-info/LICENSE", BUNDLED)
    file = InputFile(str(path), path.name, path.stat().st_size)

    def titles() -> list[str]:
        batches = code.read(file, "code", code.CodeConfig(), Counts())
        return [title for batch in batches for title in batch["title"].to_pylist()]

    assert "libgfortran*.so" in BUNDLED
    assert titles() == ["it/a.py", "it.libs/libgfortran.py"]
    monkeypatch.setattr(repository, "_MOST_PATTERNS", 1)
    assert titles() == [], "too many to be asked about: nothing is allowed"
