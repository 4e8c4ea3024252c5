"""LaTeX sources of a paper to text: pure functions of bytes and strings, for the ArXiv source.

LLaMA section 2.1 (after Lewkowycz et al., 2022) removes everything before the first section and
the bibliography, removes comments, and expands the author's macros inline. Read in this order:
`paper` (the whole of it), `scanner` (one pass over the source), `commands`, `definitions`,
`inputs` and `conditionals` (what it acts on), `macros`, `arguments`, `comments`, `decode`,
`main_file`.
"""
