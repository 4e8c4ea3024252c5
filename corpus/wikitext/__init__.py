"""From the wikitext of a Wikipedia page to its plain text (LLaMA, arXiv:2302.13971, section 2.1).

`clean` is all that others call. Text in, text out: no Arrow, no files, no Spark.
"""
