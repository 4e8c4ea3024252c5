"""Which language a source file is in, by its name, and how that language writes comments."""

import functools
from typing import NamedTuple


class Comments(NamedTuple):
    """How comments are written: what begins a line of one, and what opens and closes a block."""

    line: tuple[str, ...]
    block: tuple[tuple[str, str], ...] = ()


_C = Comments(("//",), (("/*", "*/"),))
_HASH = Comments(("#",))
_MARKUP = Comments((), (("<!--", "-->"),))
_LISP = Comments((";",), (("#|", "|#"),))
_ML = Comments((), (("(*", "*)"),))

# language: comments, then the suffixes and whole names of its files
_LANGUAGES: dict[str, tuple[Comments, str]] = {
    "Ada": (Comments(("--",)), ".adb .ads"),
    "Assembly": (Comments((";", "#", "//", "@"), (("/*", "*/"),)), ".asm .s"),
    "Batchfile": (Comments(("::", "rem ", "REM ", "@rem ", "@REM ")), ".bat .cmd"),
    "C": (_C, ".c .h"),
    "C#": (_C, ".cs"),
    "C++": (_C, ".cpp .hpp .cc .hh .cxx .hxx .c++ .h++ .ipp .tpp .inl"),
    "CMake": (Comments(("#",), (("#[[", "]]"),)), ".cmake CMakeLists.txt"),
    "CSS": (_C, ".css .scss .less"),
    "CUDA": (_C, ".cu .cuh"),
    "Clojure": (_LISP, ".clj .cljs .cljc"),
    "CoffeeScript": (Comments(("#",), (("###", "###"),)), ".coffee"),
    "Common Lisp": (_LISP, ".lisp .lsp .asd"),
    "Cython": (_HASH, ".pyx .pxd .pxi"),
    "D": (Comments(("//",), (("/*", "*/"), ("/+", "+/"))), ".d"),
    "Dart": (_C, ".dart"),
    "Dockerfile": (_HASH, ".dockerfile Dockerfile"),
    "Elixir": (_HASH, ".ex .exs"),
    "Elm": (Comments(("--",), (("{-", "-}"),)), ".elm"),
    "Emacs Lisp": (_LISP, ".el"),
    "Erlang": (Comments(("%",)), ".erl .hrl"),
    "F#": (Comments(("//",), (("(*", "*)"),)), ".fs .fsi .fsx"),
    "Fortran": (Comments(("!", "c ", "C ", "*")), ".f .f77 .f90 .f95 .f03 .f08 .for .fpp"),
    "Go": (_C, ".go"),
    "GraphQL": (_HASH, ".graphql .gql"),
    "Groovy": (_C, ".groovy .gradle"),
    "HCL": (Comments(("#", "//"), (("/*", "*/"),)), ".hcl .tf"),
    "HTML": (_MARKUP, ".html .htm .xhtml"),
    "Haskell": (Comments(("--",), (("{-", "-}"),)), ".hs .lhs"),
    "Java": (_C, ".java"),
    "JavaScript": (_C, ".js .jsx .mjs .cjs"),
    "Julia": (Comments(("#",), (("#=", "=#"),)), ".jl"),
    "Kotlin": (_C, ".kt .kts"),
    "Lua": (Comments(("--",), (("--[[", "]]"),)), ".lua"),
    "Makefile": (_HASH, ".mk .mak Makefile makefile GNUmakefile"),
    "Markdown": (_MARKUP, ".md .markdown"),
    "Nim": (_HASH, ".nim"),
    "Nix": (Comments(("#",), (("/*", "*/"),)), ".nix"),
    "OCaml": (_ML, ".ml .mli"),
    "Objective-C": (_C, ".m .mm"),
    "PHP": (Comments(("//", "#"), (("/*", "*/"),)), ".php .php3 .php4 .php5 .phps .phpt"),
    "Pascal": (Comments(("//",), (("{", "}"), ("(*", "*)"))), ".pas .pp .lpr .dpr"),
    "Perl": (_HASH, ".pl .pm .pod .perl"),
    "PowerShell": (Comments(("#",), (("<#", "#>"),)), ".ps1 .psd1 .psm1"),
    "Prolog": (Comments(("%",), (("/*", "*/"),)), ".pro .prolog"),
    "Protocol Buffer": (_C, ".proto"),
    "Python": (_HASH, ".py .pyi .pyw"),
    "R": (_HASH, ".r .rmd"),
    "reStructuredText": (Comments(()), ".rst"),
    "Ruby": (Comments(("#",), (("=begin", "=end"),)), ".rb .rake .gemspec Rakefile Gemfile"),
    "Rust": (_C, ".rs"),
    "SQL": (Comments(("--",), (("/*", "*/"),)), ".sql"),
    "Scala": (_C, ".scala .sbt"),
    "Scheme": (_LISP, ".scm .ss .rkt"),
    "Shell": (_HASH, ".sh .bash .zsh .ksh .command"),
    "Smali": (_HASH, ".smali"),
    "Solidity": (_C, ".sol"),
    "Starlark": (_HASH, ".bzl BUILD.bazel BUILD WORKSPACE"),
    "Svelte": (_MARKUP, ".svelte"),
    "Swift": (_C, ".swift"),
    "Tcl": (_HASH, ".tcl"),
    "TeX": (Comments(("%",)), ".tex .sty .cls"),
    "Thrift": (Comments(("//", "#"), (("/*", "*/"),)), ".thrift"),
    "TypeScript": (_C, ".ts .tsx .mts .cts"),
    "VHDL": (Comments(("--",)), ".vhd .vhdl"),
    "Verilog": (_C, ".v .sv .svh"),
    "Vim script": (Comments(('"',)), ".vim"),
    "Visual Basic": (Comments(("'",)), ".vb .bas"),
    "Vue": (_MARKUP, ".vue"),
    "XML": (_MARKUP, ".xml .xsd .xsl .xslt"),
    "Zig": (_C, ".zig"),
}

LANGUAGES = tuple(_LANGUAGES)


@functools.cache
def _by_name() -> tuple[dict[str, str], dict[str, str]]:
    suffixes: dict[str, str] = {}
    names: dict[str, str] = {}
    for language, (_, files) in _LANGUAGES.items():
        for file in files.split():
            (suffixes if file.startswith(".") else names)[file] = language
    return suffixes, names


def language_of(path: str) -> str | None:
    """The language of a file by its whole name, else by its last suffix; None where neither says.

    A suffix that is a capital C or H is C++; else its case does not matter.
    """
    suffixes, names = _by_name()
    name = path.rpartition("/")[2]
    if name in names:
        return names[name]
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        return "Dockerfile" if name.startswith("Dockerfile") else None
    if suffix in ("C", "H"):
        return "C++"
    return suffixes.get(f".{suffix.lower()}")


def comments_of(language: str) -> Comments:
    """How a language of `LANGUAGES` writes comments."""
    return _LANGUAGES[language][0]
