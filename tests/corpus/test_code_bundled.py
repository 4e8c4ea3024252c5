"""Licences of several parts: those that name their files, and expressions of several licences."""

import zipfile
from pathlib import Path

import pytest

from corpus.code import repository
from corpus.code.expressions import license_allowed
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
    monkeypatch.setattr(repository, "_MOST_BUNDLED", 1)
    assert titles() == [], "too many to be asked about: nothing is allowed"
