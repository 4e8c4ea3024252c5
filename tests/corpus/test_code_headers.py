"""Licence headers of source files: what goes, and what must not."""

import ast
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.code.headers import strip_license_header
from corpus.code.languages import LANGUAGES, comments_of, language_of


def strip(text: str, language: str) -> str:
    return strip_license_header(text, comments_of(language)).text


# (language, a header in its syntax, the code below it)
HEADERS = [
    ("C", "/*\n * Copyright (c) 2001 Ann\n */\n", "#include <stdio.h>\n#define A 1\n"),
    ("C++", "// Copyright 2020 Ann. All rights reserved.\n", "#pragma once\n#include <a>\n"),
    ("Java", "/**\n * Licensed under the MIT License.\n */\n", "package a;\n"),
    (
        "Python",
        "# Copyright 2020 Ann\n#\n# Released under MIT\n",
        '"""Copyright of x."""\nimport a\n',
    ),
    ("SQL", "-- Copyright (C) 2020 Ann\n", "SELECT 1;\n"),
    ("Haskell", "{- Copyright (c) Ann 2020, under the MIT license -}\n", "module A where\n"),
    ("OCaml", "(* Copyright 2020 Ann *)\n", "let a = 1\n"),
    ("Clojure", ";; Copyright 2020 Ann\n", "(ns a)\n"),
    ("TeX", "% Copyright 2020 Ann\n", "\\ProvidesPackage{a}\n"),
    ("HTML", "<!-- Copyright 2020 Ann -->\n", "<p>a</p>\n"),
    ("Lua", "--[[ Copyright 2020 Ann ]]\n", "local a\n"),
    ("Batchfile", "REM Copyright 2020 Ann\n", "dir\n"),
    ("Visual Basic", "' Copyright 2020 Ann\n", "Dim a\n"),
    ("Fortran", "! Copyright 2020 Ann\n", "program a\n"),
    ("PowerShell", "<#\n Copyright 2020 Ann\n#>\n", "Get-Item a\n"),
    ("Rust", "// SPDX-License-Identifier: MIT\n", "fn a() {}\n"),
]


@pytest.mark.parametrize(("language", "header", "code"), HEADERS)
def test_a_header_goes_in_each_comment_syntax(language: str, header: str, code: str) -> None:
    assert strip(header + code, language) == code
    assert strip(header + "\n\n" + code, language) == code
    assert strip(code, language) == code


@pytest.mark.parametrize(("language", "first"), [
    ("Shell", "#!/bin/sh\n"),
    ("Python", "#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n"),
    ("PHP", "<?php\n"),
    ("XML", '<?xml version="1.0"?>\n'),
    ("HTML", "<!DOCTYPE html>\n"),
    ("C", "#ifndef A_H\n#define A_H\n"),
    ("C", "#pragma once\n"),
    ("Go", "//go:build linux\n"),
])  # fmt: skip
def test_what_must_come_first_stays(language: str, first: str) -> None:
    opens, closes = (*comments_of(language).block, ("", ""))[0]
    mark = "" if opens else comments_of(language).line[0]
    header = f"{opens}{mark} Copyright 2020 Ann {closes}\n"
    assert strip(f"{first}{header}\ncode = 1\n", language) == f"{first}\ncode = 1\n"


@pytest.mark.parametrize(("language", "text"), [
    ("C", "#include <a.h>\n#include <b.h>\nint a;\n"),
    ("Shell", "#!/bin/bash\necho a\n"),
    ("Python", "# Reads dumps of articles.\n# Slow.\nimport a\n"),
    ("Python", "# Checks that files have license headers.\nimport a\n"),
    ("Python", '"""A tool.\n\nCopyright 2020 Ann. Licensed under MIT.\n"""\nimport a\n'),
    ("JavaScript", "// eslint-disable\n'use strict';\n// Copyright 2020 Ann\n"),
    ("Go", "// Package a counts permissions and licences of users.\npackage a\n"),
    ("Makefile", "# Builds all.\nall:\n"),
    ("Python", "# Checks whether a file is in the public domain.\n# Second line.\nx = 1\n"),
    ("Python", "# The weights are distributed under workers.\nx = 1\n"),
    ("Python", "# Jobs are released under the lock; see available under tasks.\nx = 1\n"),
    ("C", "// This code is not subject to the terms that bind others.\nint x;\n"),
    ("Python", "# The text tells whether a file is in the public domain.\nx = 1\n"),
    ("Python", "# License plates are read here.\nx = 1\n"),
])  # fmt: skip
def test_comments_that_describe_stay(language: str, text: str) -> None:
    assert strip(text, language) == text


@pytest.mark.parametrize("header", [
    "This file is in the public domain.", "The code at http://a.b/c is public domain.",
    "Written by Ann; placed in the public domain.", "Public domain.", "By Ann. Public domain.",
    "Released into the public domain.", "Released under the MIT license.", "Released under GPLv2.",
    "It is distributed under the same terms as Perl.", "License: MIT", "License (MIT)",
    "@license x",
    "Subject to the terms of the Some License.", "Copyright 2020 Ann\n# In the public domain.",
    "(c) 2020 Ann\n#\n# Distributed under our rules.", "License MIT",
])  # fmt: skip
def test_short_notices_go(header: str) -> None:
    """A weak phrase such as "public domain" is one beside a copyright or in a notice's form."""
    assert strip(f"# {header}\nimport a\n", "Python") == "import a\n"


def test_blank_lines_go_only_beside_what_went() -> None:
    text = "-- |\n-- Module: Foo\n-- License: MIT\n--\n-- Frob.\n--\nmodule Foo where\n"
    kept = "-- |\n-- Module: Foo\n--\n-- Frob.\n--\nmodule Foo where\n"
    assert strip(text, "Haskell") == kept
    text = "#\n# Copyright 2020 Ann\n#\n# Frob.\n#\n# License: MIT\n#\nimport a\n"
    assert strip(text, "Python") == "# Frob.\nimport a\n"


def test_paragraphs_of_one_comment_are_told_apart() -> None:
    text = (
        "/* queue.h -- a queue of jobs\n"
        " *\n"
        " * Copyright (C) 1999 Ann\n"
        " * and others\n"
        " *\n"
        " * Permission is hereby granted, free of charge, to any person.\n"
        " *\n"
        " * Some words of a licence between two others.\n"
        " *\n"
        " * THE SOFTWARE IS PROVIDED WITHOUT WARRANTY OF ANY KIND.\n"
        " */\n"
        "int a;\n"
    )
    assert strip(text, "C") == "/* queue.h -- a queue of jobs\n */\nint a;\n"


def test_a_paragraph_loses_its_legal_lines_only() -> None:
    text = "# jobs.py: runs jobs\n# Copyright 2020 Ann\n\nimport a\n"
    assert strip(text, "Python") == "# jobs.py: runs jobs\n\nimport a\n"
    text = "# Runs jobs.\n# This file is part of Jobs, which\n# is free software.\nimport a\n"
    assert strip(text, "Python") == "# Runs jobs.\nimport a\n"


def test_lines_for_tools_stay_inside_a_header() -> None:
    text = "# Copyright 2020 Ann\n# pylint: disable=all\n# Licensed under MIT\nimport a\n"
    assert strip(text, "Python") == "# pylint: disable=all\nimport a\n"
    text = "# Licensed under MIT\n# pylint: disable=all\nimport a\n"
    assert strip(text, "Python") == "# pylint: disable=all\nimport a\n"


def test_a_comment_after_code_is_no_header() -> None:
    text = "import a\n\n# Copyright 2020 Ann\nb = 1\n"
    assert strip(text, "Python") == text


@pytest.mark.parametrize(("language", "text"), [
    ("JavaScript", "/*! Copyright 2019 A */ (function(){\nreturn 1;\n/* a */\n})();\n"),
    ("C", "/* Copyright 2020 A */ #include <a.h>\nint a;\n/* b */\nint c;\n"),
    ("CSS", "/*\n * Copyright 2020 A\n */ body {color: red}\np {x: y} /* end */\n"),
    ("HTML", "<!-- Copyright 2020 A --><html>\n<p>x</p>\n<!-- y -->\n</html>\n"),
    ("Pascal", "{ Copyright 2020 A } unit Foo;\nuses Bar; { bar }\nend.\n"),
    ("C", "/* Copyright 2020 A */ /* the frobnicator\n */\nint x;\n"),
])  # fmt: skip
def test_a_block_ends_at_its_first_closer(language: str, text: str) -> None:
    """Code on the closer's line is no header's: all stays, and the notice is read."""
    found = strip_license_header(text, comments_of(language))
    assert found.text == text
    assert found.notice.startswith("Copyright 20") or found.notice == "! Copyright 2019 A"


def test_an_open_comment_is_left() -> None:
    text = "/* Copyright 2020 Ann\nint a;\n"
    assert strip(text, "C") == text


LINES = st.sampled_from([
    "#!/bin/sh", "# a", "// b", "/*", " * Copyright 2020 Ann", " */", "/** c", "", " ", "-- d",
    "# Licensed under MIT", "// All rights reserved.", "{-", "-}", "<!--", "-->", "<?php", "code",
    "#define A", "# -*- coding: a -*-", "\t", "(*", "*)", "'''", "///////", "/* x */ int a;",
])  # fmt: skip


@given(st.lists(LINES, max_size=12), st.sampled_from(LANGUAGES))
def test_only_whole_lines_of_leading_comments_go(lines: list[str], language: str) -> None:
    """What is left is made of the text's own lines, but for a comment's own marks."""
    text = "\n".join(lines)
    kept = strip(text, language)
    assert len(kept) <= len(text) + 8
    marks = {"/*", "/**", "*/", "{-", "-}", "<!--", "-->", "(*", "*)", "#|", "|#", "#=", "=#"}
    for line in kept.split("\n"):
        assert line in lines or line.strip() in marks | {""}, (text, kept)


@given(st.text(), st.sampled_from(LANGUAGES))
def test_never_raises(text: str, language: str) -> None:
    strip(text, language)


def test_python_programs_stay_the_same_programs() -> None:
    """The standard library's and numpy's modules parse to the same trees, docstrings and all."""
    folders = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib")) / "numpy"]
    paths = [p for f in folders for p in sorted(f.rglob("*.py")) if "site-packages/p" not in str(p)]
    changed = 0
    for path in paths[::25]:
        text = path.read_bytes().decode("utf-8", "replace")
        kept = strip(text, "Python")
        if kept == text:
            continue
        changed += 1
        try:
            tree = ast.dump(ast.parse(text))
        except (SyntaxError, ValueError):
            continue
        assert ast.dump(ast.parse(kept)) == tree, path
    assert changed > 1


@pytest.mark.parametrize(("path", "language"), [
    ("a/b.py", "Python"), ("Makefile", "Makefile"), ("x/Dockerfile", "Dockerfile"),
    ("Dockerfile", "Dockerfile"), ("a.C", "C++"), ("a.c", "C"), ("A.PY", "Python"), (".py", None),
    ("a.tar.gz", None), ("README", None), ("README.md", "Markdown"), ("CMakeLists.txt", "CMake"),
    ("notes.txt", None), ("a.json", None), ("x.py/y", None),
])  # fmt: skip
def test_languages_by_name(path: str, language: str | None) -> None:
    assert language_of(path) == language
