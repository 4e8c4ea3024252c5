"""LaTeX sources of a paper to text: pure functions of bytes, for the ArXiv source.

LLaMA section 2.1 (after Lewkowycz et al., 2022) removes everything before the first section and
the bibliography, removes comments, and expands the author's macros inline. Read in this order:
`paper` (the whole of it), `corpus.kernels.tex_state` and `tex_scan` (one pass over the source, as
far as a kernel does it), `scanner` and `frames` (the pass, for Python's actions), `commands`,
`definitions`, `inputs`, `conditionals`, `choices` and `built_names` (what Python acts on),
`definition_text` and `paired_delimiters` (how definitions are written), `comments`, `decode`,
`main_file`, `typed_references`.
"""
