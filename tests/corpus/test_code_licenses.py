"""Licences: of texts, of what projects state, and against what installed packages declare."""

from importlib.metadata import distributions

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.code.expressions import RESTRICTED, UNKNOWN, license_allowed, named_licenses
from corpus.code.license_texts import licenses_of_text
from corpus.code.statements import (
    Statement,
    is_license_file,
    license_for,
    licenses_by_folder,
    statement_of,
    states_license,
)

ALLOWED = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")
# The phrases by which the licences are told, joined by words of no licence.
MIT = (
    "Copyright (c) 2020 Ann\n\nPermission is hereby granted, free of charge, to any person "
    "obtaining a copy of it to use, copy, modify, merge, publish, distribute, sublicense, and/or "
    "sell copies. The above copyright notice and this permission notice shall be included in all "
    'copies. It is provided "AS IS".\n'
)
BSD_2 = (
    "Redistribution and use in source and binary forms, with or without modification, are fine. "
    "1. Redistributions of source code must retain the notice. 2. Redistributions in binary form "
    'must reproduce the notice. It comes "as is".\n'
)
BSD_3 = BSD_2 + "3. Names may not be used to endorse or promote products derived from it.\n"
BSD_4 = BSD_3 + "4. All advertising materials mentioning features or use of this software must.\n"
ISC = (
    "Permission to use, copy, modify, and/or distribute this software for any purpose is granted, "
    "provided that the above copyright notice and this permission notice appear. AS IS.\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIT, ["MIT"]),
        (MIT.replace("The above copyright notice", "A notice"), ["MIT-0"]),
        (BSD_2, ["BSD-2-Clause"]),
        (BSD_3, ["BSD-3-Clause"]),
        (BSD_4, ["BSD-4-Clause"]),
        (ISC, ["ISC"]),
        (ISC.replace("provided that", "where"), ["0BSD"]),
        (MIT + BSD_3, ["MIT", "BSD-3-Clause"]),
        (MIT + "It shall be used for Good, not Evil.", ["MIT", RESTRICTED]),
        (MIT + '"Commons Clause" License Condition v1.0', ["MIT", RESTRICTED]),
        (BSD_3 + "Non-commercial use only.", ["BSD-3-Clause", RESTRICTED]),
        (MIT + "Other terms that nobody read. " * 80, ["MIT", UNKNOWN]),
        (MIT + "Or under the GNU General Public License.", ["MIT", "LicenseRef-GPL"]),
        (MIT + "For any purpose, commercial or non-commercial.", ["MIT"]),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n", ["GPL-2.0-only"]),
        ("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", ["LGPL-3.0-only"]),
        ("Mozilla Public License Version 2.0\n1. Definitions", ["MPL-2.0"]),
        ("Licensed under the Apache License, Version 2.0 (the License)", ["Apache-2.0"]),
        ("All rights reserved.", [UNKNOWN]),
        ("BSD", [UNKNOWN]),
        ("MIT License", [UNKNOWN]),  # a title grants nothing
        ("", [UNKNOWN]),
    ],
)
def test_licenses_are_told_by_their_phrases(text: str, expected: list[str]) -> None:
    assert licenses_of_text(text) == expected


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("LICENSE", MIT, ("", "text", "MIT")),
        ("a/COPYING.txt", BSD_2, ("a", "text", "BSD-2-Clause")),
        (
            "x.dist-info/METADATA",
            "License-Expression: MIT OR ISC\n",
            ("", "expression", "MIT OR ISC"),
        ),
        ("x.dist-info/METADATA", "License: Apache 2.0\n", ("", "name", "Apache-2.0")),
        ("x.dist-info/METADATA", "License: BSD\n", ("", "name", UNKNOWN)),
        ("x.dist-info/METADATA", "Name: x\n", None),
        (
            "x.dist-info/METADATA",
            "License: BSD\nClassifier: License :: OSI Approved :: MIT License\n",
            ("", "expression", "MIT"),
        ),
        ("x.dist-info/licenses/LICENSE", MIT, ("", "text", "MIT")),
        ("x.dist-info/licenses/b/LICENSE", MIT, ("b", "text", "MIT")),
        ("p/x.egg-info/PKG-INFO", "License: MIT\n", ("p", "expression", "MIT")),
        ("a/licenses/qt.txt", BSD_4, ("a", "text", "BSD-4-Clause")),
        ("package.json", '{"license": "Apache-2.0"}', ("", "expression", "Apache-2.0")),
        ("package.json", '{"license": {"type": "MIT"}}', ("", "expression", "MIT")),
        (
            "package.json",
            '{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}',
            ("", "expression", "MIT AND GPL-2.0"),
        ),
        ("package.json", '{"license": "SEE LICENSE IN x"}', ("", "name", UNKNOWN)),
        ("package.json", '{"license": "UNLICENSED"}', ("", "expression", "UNLICENSED")),
        ("package.json", "[1", None),
        (
            "Cargo.toml",
            '[package]\nlicense = "MIT OR Apache-2.0"',
            ("", "expression", "MIT OR Apache-2.0"),
        ),
        ("pyproject.toml", '[project]\nlicense = {text = "MIT"}', ("", "expression", "MIT")),
        ("pyproject.toml", "[project", None),
        ("setup.cfg", "[metadata]\nlicense = BSD 3-Clause\n", ("", "name", "BSD-3-Clause")),
        ("a.gemspec", "s.license = 'MIT'\n", ("", "expression", "MIT")),
    ],
)
def test_statements(path: str, content: str, expected: tuple[str, str, str] | None) -> None:
    assert states_license(path)
    found = statement_of(path, content.encode())
    assert found == (Statement(*expected) if expected else None)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("LICENSE", True),
        ("licence.md", True),
        ("LICENSE-MIT", True),
        ("COPYING.LESSER", True),
        ("UNLICENSE", True),
        ("LICENSE.APACHE", True),
        ("license.py", False),
        ("LicenseManager.java", False),
        ("licenses/README.md", False),
        ("licenses/zlib.txt", True),
        ("licenses/zlib.py", False),
        ("copyings.go", False),
        ("NOTICE", False),
    ],
)
def test_license_files_by_name(path: str, expected: bool) -> None:
    assert is_license_file(path) is expected


def test_the_nearest_folder_states_a_files_license() -> None:
    folders = licenses_by_folder(
        [Statement("", "text", "MIT"), Statement("a/b", "text", "GPL-3.0-only")]
    )
    assert license_for("x.c", folders) == "MIT"
    assert license_for("a/x.c", folders) == "MIT"
    assert license_for("a/b/x.c", folders) == "GPL-3.0-only"
    assert license_for("a/b/c/x.c", folders) == "GPL-3.0-only"
    assert license_for("a/bc/x.c", folders) == "MIT"
    assert license_for("x.c", {"a": "MIT"}) is None


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([("text", "MIT"), ("text", "Apache-2.0")], "Apache-2.0 AND MIT"),
        (
            [("expression", "MIT OR Apache-2.0"), ("text", "MIT"), ("text", "Apache-2.0")],
            "MIT OR Apache-2.0",
        ),
        ([("expression", "GPL-2.0-or-later"), ("text", "GPL-2.0-only")], "GPL-2.0-or-later"),
        ([("expression", "MIT"), ("text", "GPL-3.0-only")], "MIT AND GPL-3.0-only"),
        ([("expression", "MIT OR ISC"), ("text", "Zlib")], "(MIT OR ISC) AND Zlib"),
        ([("expression", "MIT"), ("text", RESTRICTED)], f"MIT AND {RESTRICTED}"),
        ([("expression", "MIT"), ("text", UNKNOWN)], "MIT"),
        ([("name", "MIT"), ("text", f"MIT AND {UNKNOWN}")], f"MIT AND {UNKNOWN}"),
        ([("name", UNKNOWN), ("text", "BSD-3-Clause")], "BSD-3-Clause"),
        ([("name", UNKNOWN)], UNKNOWN),
    ],
)
def test_what_a_folders_statements_come_to(statements: list, expected: str) -> None:
    found = licenses_by_folder(Statement("", kind, license) for kind, license in statements)
    assert found == {"": expected}


def test_installed_packages_that_declare_their_license() -> None:
    """Their texts alone against their metadata: a licence is never read where it is not."""
    judged = agreed = 0
    for distribution in distributions():
        declared = distribution.metadata["License-Expression"]
        statements = [
            statement_of(str(file), file.locate().read_bytes())
            for file in distribution.files or ()
            if ".dist-info/" in str(file) and is_license_file(str(file)) and file.locate().exists()
        ]
        texts = licenses_by_folder(s for s in statements if s is not None).get("")
        if not declared or texts is None:
            continue
        judged += 1
        agreed += license_allowed(declared, ALLOWED) == license_allowed(texts, ALLOWED)
        permissive = set(ALLOWED) & set(named_licenses(declared) or ())
        if license_allowed(texts, ALLOWED):
            assert permissive, f"{distribution.name}: {declared} read as {texts}"
    if judged < 10:
        pytest.skip("few installed packages declare a License-Expression here")
    assert agreed >= 0.75 * judged  # what is missed are files that hold licences of parts besides


@given(
    st.text(), st.binary(), st.sampled_from(["LICENSE", "PKG-INFO", "package.json", "Cargo.toml"])
)
def test_never_raises(text: str, content: bytes, name: str) -> None:
    assert licenses_of_text(text)
    named_licenses(text)
    license_allowed(text, ALLOWED)
    statement_of(f"a/{name}", content)
