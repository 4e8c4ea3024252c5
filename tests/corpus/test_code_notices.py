"""What files say of their own licence at their head, and what comes of it in an MIT project."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.code.cleaning import NOT_ALLOWED, Cleaned, CodeConfig, Dropped, clean
from corpus.code.expressions import UNKNOWN, named_licenses
from corpus.code.license_names import drop_weaker, licenses_named
from corpus.code.license_texts import licenses_of_text
from corpus.errors import ConfigError


def result(path: str, text: str, project: str = "MIT", **options: object) -> Cleaned | Dropped:
    return clean(path, text, project, CodeConfig(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "expected"), [
    ("License: GPL-3.0", ["GPL-3.0-only"]),
    ("GPLv3", ["GPL-3.0-only"]),
    ("GPLv2+", ["GPL-2.0-or-later"]),
    ("@license GPL-3.0-or-later", ["GPL-3.0-or-later"]),
    ("Released under the LGPL.", ["LicenseRef-LGPL"]),
    ("LGPL v2.1 or newer", ["LGPL-2.1-or-later"]),
    ("licensed under the GPL version 3", ["GPL-3.0-only"]),
    ("version 2 of the GNU General Public License", ["GPL-2.0-only"]),
    ("the GNU General Public License as published by the Free Software Foundation; either version 2"
     " of the License, or (at your option) any later version. You should have received a copy of "
     "the GNU General Public License", ["GPL-2.0-or-later"]),
    ("GNU Affero General Public License v3", ["AGPL-3.0-only"]),
    ("GNU Public License", ["LicenseRef-GPL"]),
    ("https://www.gnu.org/licenses/gpl-3.0.html", ["GPL-3.0-only"]),
    ("MPL 1.1/GPL 2.0/LGPL 2.1", ["GPL-2.0-only", "LGPL-2.1-only", "MPL-1.1"]),
    ("Mozilla Public License, v. 2.0.", ["MPL-2.0"]),
    ("CC BY-NC 4.0", ["CC-BY-NC-4.0"]),
    ("the Creative Commons Attribution-ShareAlike 3.0 License", ["CC-BY-SA-3.0"]),
    ("https://creativecommons.org/licenses/by/4.0/", ["CC-BY-4.0"]),
    ("Apache License, Version 2.0", ["Apache-2.0"]),
    ("http://www.apache.org/licenses/LICENSE-2.0", ["Apache-2.0"]),
    ("the Apache license", ["LicenseRef-Apache"]),
    ("Licensed to the Apache Software Foundation (ASF)", []),
    ("Modified BSD License", ["BSD-3-Clause"]),
    ("(2-clause) BSD license", ["BSD-2-Clause"]),
    ("the BSD license", ["LicenseRef-BSD"]),
    ("a BSD-style license", []),
    ("Server Side Public License, version 1", ["SSPL-1.0"]),
    ("Business Source License 1.1", ["BUSL-1.1"]),
    ("the same terms as Perl itself", ["Artistic-1.0-Perl OR GPL-1.0-or-later"]),
    ("This source file is subject to version 3.01 of the PHP license, PHP License, version 3.01",
     ["PHP-3.01"]),
    ("PHP License 3.0", ["PHP-3.0"]),
    ("PHP License, version 3.15", ["LicenseRef-PHP"]),
    ("Apache License, Version 2.0 2004", ["Apache-2.0"]),
    ("Apache License, Version 2, January 2004", ["Apache-2.0"]),
    ("mit freundlichem Dank", []),
])  # fmt: skip
def test_licenses_are_named_as_they_are_stated(text: str, expected: list[str]) -> None:
    assert licenses_named(text) == expected


@pytest.mark.parametrize(("path", "head", "expected"), [
    ("a.js", "/**\n * @license AGPL-3.0\n */\n", "AGPL-3.0-only"),
    ("a.go", "// License: GPLv3\n", "GPL-3.0-only"),
    ("a.py", "# Licensed under CC BY-NC 4.0\n", "CC-BY-NC-4.0"),
    ("a.js", "/* License: CC-BY-NC-4.0 */\n", "CC-BY-NC-4.0"),
    ("a.py", '"""Foo.\n\nThis module is licensed under the GPL version 3.\n"""\n', "GPL-3.0-only"),
    ("a.py", '"""Foo."""\n# License: GPL-2.0-or-later\n', "GPL-2.0-or-later"),
    ("a.py", '__license__ = "GPL"\n', "LicenseRef-GPL"),
    ("a.php", "<?php\n/**\n * @license http://opensource.org/licenses/gpl-license.php\n */\n",
     "LicenseRef-GPL"),
    ("a.py", "# License :: OSI Approved :: GNU Affero General Public License v3\n",
     "AGPL-3.0-only"),
    ("a.py", "# License: Frob Terms 2\n", "LicenseRef-unknown"),
    ("a.c", "// Distributed under the terms of the Frob Public License.\n", "LicenseRef-unknown"),
    ("a.c", "/* Copyright 2020 Evil Corp. All rights reserved. Confidential and proprietary.\n"
     " * Unauthorized copying of this file is strictly prohibited. */\n", "LicenseRef-restricted"),
    ("a.py", "# NOTICE: not for commercial use\n", "LicenseRef-restricted"),
    ("a.java", "/*\n * ORACLE PROPRIETARY/CONFIDENTIAL. Use is subject to license terms.\n */\n",
     "LicenseRef-restricted"),
    ("a.py", "# Copyright Foo. Use of this code requires a commercial license.\n",
     "LicenseRef-restricted"),
    ("a.py", "# This function is free for academic use.\n", "LicenseRef-restricted"),
    ("a.c", "/* This is NOT licensed for redistribution. */\n", "LicenseRef-restricted"),
    ("a.tex", "% It may be distributed under the conditions of the LaTeX Project Public License\n",
     "LicenseRef-LPPL"),
    ("a.c", "/* Copyright Foo\n * This is covered by the CeCILL license v2. */\n", "CECILL-2.0"),
    ("a.c", "/* Copyright Foo\n * This is covered by the Frob license. */\n", "LicenseRef-unknown"),
    ("a.py", "# Copyright Acme; licensed exclusively to Foo Inc.\n", "LicenseRef-restricted"),
    ("a.py", "# Code from a forum, CC BY-SA 3.0\n", "CC-BY-SA-3.0"),
    ("a.py", "# Proprietary. Do not distribute.\n", "LicenseRef-restricted"),
    ("a.py", "# Jobs.\n# COMPANY CONFIDENTIAL\n# Runs.\n", "LicenseRef-restricted"),
    ("a.js", '"use strict";\n// License: AGPL-3.0\n', "AGPL-3.0-only"),
    ("a.java", "package a.b;\n/* Licensed under the GPL, version 2. */\n", "GPL-2.0-only"),
    ("a.php", "<?php\n\ndeclare(strict_types=1);\n\n// @license LGPL-3.0\n", "LGPL-3.0-only"),
    ("a.py", "# Copyright 2020 NVIDIA CORPORATION. All rights reserved.\n"
     "# NVIDIA CORPORATION and its licensors retain all intellectual property and proprietary\n"
     "# rights in and to this software. Any use, reproduction, disclosure or distribution of this\n"
     "# software without an express license agreement is strictly prohibited.\n",
     "LicenseRef-restricted"),
])  # fmt: skip
def test_a_file_that_states_what_is_not_allowed_goes(path: str, head: str, expected: str) -> None:
    assert result(path, f"{head}x = 1\n") == Dropped(NOT_ALLOWED, f"MIT AND {expected}")
    assert result(path, "x = 1\n") == Cleaned("x = 1\n", "MIT")


@pytest.mark.parametrize(("path", "head", "expected"), [
    ("a.html", "<!-- Copyright 2020 X. Licensed under the Apache License, Version 2.0 -->\n",
     "MIT AND Apache-2.0"),
    ("a.c", "/* Apache License, Version 2.0 */\n", "MIT AND Apache-2.0"),
    ("a.py", "# This file is dual licensed under the terms of the Apache License, Version\n"
     "# 2.0, and the BSD License.\n", "MIT AND (Apache-2.0 OR LicenseRef-BSD)"),
    ("a.rs", "// Licensed under the Apache License, Version 2.0 or the MIT license, at your\n"
     "// option.\n", "MIT AND (Apache-2.0 OR MIT)"),
    ("a.py", "# License: mit or GPL-2.0\n", "MIT AND (MIT OR GPL-2.0-only)"),
    ("a.c", "/* SPDX-License-Identifier: MIT */\n/* SPDX-License-Identifier: Apache-2.0 */\n",
     "MIT AND Apache-2.0"),
    ("a.py", "# Copyright 2020 Ann. All rights reserved.\n", "MIT"),
    ("a.py", "# Use of this source code is governed by a BSD-style license that can be\n"
     "# found in the LICENSE file.\n", "MIT"),
    ("a.js", "/**\n * @license\n * Frob v2. Copyright Ann 2020\n * License: MIT\n */\n", "MIT"),
    ("a.py", "# License: see LICENSE.txt\n", "MIT"),
    ("a.js", "// @license MIT\n// @license-end\n", "MIT"),
    ("a.py", "# License: https://me.org/frob/license.html\n", "MIT"),
    ("a.py", "# Licensed to PSF under a Contributor Agreement.\n", "MIT"),
    ("a.py", "# Free for any purpose, commercial or non-commercial use. Public domain.\n", "MIT"),
])  # fmt: skip
def test_a_header_that_is_removed_is_asked_for(path: str, head: str, expected: str) -> None:
    assert result(path, f"{head}x = 1\n") == Cleaned("x = 1\n", expected)


def test_a_family_without_version_is_met_by_what_the_project_has_of_it() -> None:
    text = "# License: BSD\nx = 1\n"
    assert result("a.py", text, "BSD-3-Clause") == Cleaned("x = 1\n", "BSD-3-Clause")
    assert result("a.py", text) == Dropped(NOT_ALLOWED, "MIT AND LicenseRef-BSD")
    both = "# Dual licensed under the Apache License 2.0 and the BSD license.\nx = 1\n"
    packaging = "Apache-2.0 OR BSD-2-Clause"
    assert result("a.py", both, packaging) == Cleaned("x = 1\n", packaging)


def test_a_header_that_is_not_understood_stays() -> None:
    text = "# Copyright 2020 Ann\n# Distributed under our rules.\nx = 1\n"
    assert result("a.py", text, licenses=("*",)) == Cleaned(text, "MIT AND LicenseRef-unknown")


@pytest.mark.parametrize("text", [
    "# See how wolves use it.\n# For internal use only.\nx = 1\n",
    '"""Counts licences by name: GPL, MIT, Apache License 2.0."""\nx = 1\n',
    '"""Is the use of proprietary names confidential?"""\nx = 1\n',
    "# Original author: Ann.\n# The original code at http://a.b/c is public domain.\nx = 1\n",
    "x = 1\n# License: GPL\n",
])  # fmt: skip
def test_descriptions_are_no_notices(text: str) -> None:
    assert result("a.py", text) == Cleaned(text, "MIT")


@pytest.mark.parametrize(("text", "kept"), [
    ("# Runs jobs.\n# Copyright 2020 Ann, Bob and\n# Carol.\n", "# Runs jobs.\n"),
    ("# Runs jobs.\n# Copyright 2020 Ann. All rights\n# reserved.\n", "# Runs jobs.\n"),
    ("# Runs jobs.\n# As written for Ann and\n# Bob, this is licensed under MIT.\n",
     "# Runs jobs.\n"),
    ("# Runs jobs,\n# Distributed under the MIT license.\n", "# Runs jobs,\n"),
    ("# To the extent possible under law, the authors have waived all\n"
     "# copyright and related rights.\n", ""),
])  # fmt: skip
def test_a_sentence_goes_whole(text: str, kept: str) -> None:
    assert result("a.py", f"{text}x = 1\n") == Cleaned(f"{kept}x = 1\n", "MIT")


@pytest.mark.parametrize(("listed", "nearest"), [("Apache2", "Apache-2.0"), ("MTI", "MIT")])
def test_a_license_that_no_file_can_have_is_refused(listed: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"'{listed}' is no SPDX.*nearest are {nearest}"):
        CodeConfig(licenses=("mit", listed))
    CodeConfig(licenses=("mit", "BSD-*", "LicenseRef-GPL"))


def test_long_heads_of_blank_lines_are_read() -> None:
    """In one pass: were each line looked for over the blank ones below it, this took minutes."""
    assert result("a.py", "# license\n" + "#\n" * 32_000 + "x = 1\n") == Cleaned("x = 1\n", "MIT")
    assert licenses_of_text("\n" * 500_000) == [UNKNOWN]


NAMES = st.sampled_from([
    "GPL", "GPLv3", "LGPL 2.1+", "MIT License", "Apache License", "2.0", "BSD", "3-clause", "or",
    "CC BY", "NC", "License:", "version", "under", "the", "\n", ".", "dual licensed", "later", "@",
])  # fmt: skip


@given(st.lists(NAMES, max_size=14))
def test_names_make_expressions(parts: list[str]) -> None:
    found = licenses_named(" ".join(parts))
    assert found == drop_weaker(found) == list(dict.fromkeys(found))
    assert all(named_licenses(name) for name in found)
    result("a.py", "# " + " ".join(parts).replace("\n", "\n# ") + "\nx = 1\n")
