"""The Arrow schemas of every table the corpus writes: this module is their one truth.

`doc_id` joins them all. `source` is the name the config gives a source (`web`, `code`);
`origin` is `file#position`, the place the record was read from.
"""

import pyarrow as pa

# One record of any source, as extracted: its text is the input of everything after it.
DOCUMENT = pa.schema(
    [
        ("doc_id", pa.uint64()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("origin", pa.string()),
        ("date", pa.string()),  # as the source states it, ISO 8601 where known
        ("digest", pa.string()),  # "sha1:BASE32" of the payload, from the record or computed
        ("license", pa.string()),  # SPDX expression, null where the source states none
        ("title", pa.string()),
        ("text", pa.large_string()),
        # what a source states of its document, such as the header of a book; null elsewhere
        ("author", pa.string()),
        ("stated_language", pa.string()),
    ]
)

# A record of an extraction's input that became no document.
SKIPPED = pa.schema(
    [
        ("reason", pa.string()),
        ("where", pa.string()),  # origin, then the URL where known, then what decided
    ]
)

# A document after line dedup (CCNet section 3.1); a source without dedup keeps every line.
DEDUPED = pa.schema(
    [
        *DOCUMENT,
        ("line_ids", pa.list_(pa.int32())),  # 0-based lines of the extracted text that stay
        ("original_nlines", pa.int32()),
        ("original_length", pa.int32()),  # characters before dedup
    ]
)

# Texts after C4's rules for pages.
CLEANED = pa.schema([*DEDUPED, ("c4", pa.string())])  # "kept", or the rule that drops the page

# Which documents are copies of another; a row a document, in order.
DUPLICATE = pa.schema([("duplicate_of", pa.uint64())])

# How much of a document a longer one of its source holds; a row a document, in order.
OVERLAP = pa.schema([("overlap", pa.float64()), ("overlap_with", pa.uint64())])

# What was measured on a deduped text; one narrow row a document, no text.
LEDGER = pa.schema(
    [
        ("doc_id", pa.uint64()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("origin", pa.string()),
        ("num_chars", pa.int32()),
        ("num_bytes", pa.int32()),
        ("num_lines", pa.int32()),
        ("num_words", pa.int32()),
        ("language", pa.string()),  # null where nothing could be said (empty text)
        ("language_score", pa.float64()),  # rounded to 2 decimals, as CCNet decides on it
        ("perplexity", pa.float64()),  # rounded to 1 decimal; null without a model
        ("reference_probability", pa.float64()),  # of being cited by Wikipedia; null: not measured
        ("c4", pa.string()),  # "kept" by C4's rules, or the one that drops it; null: not asked
        # doc_id of the document whose copy this is, and which stays; null: none, or not looked for
        ("duplicate_of", pa.uint64()),
        # share of its word shingles that a longer document has, which stays, and that one's
        # doc_id; null: under half of `overlap.max_containment`, or not looked for
        ("overlap", pa.float64()),
        ("overlap_with", pa.uint64()),
        ("mean_word_length", pa.float64()),
        ("max_line_length", pa.int32()),
        ("mean_line_length", pa.float64()),
        ("alphanumeric_share", pa.float64()),  # of characters
        ("letters_per_token", pa.float64()),  # of code: low where symbols and numbers abound
        ("alphabetic_word_share", pa.float64()),  # of words with an alphabetic character
        ("symbol_word_ratio", pa.float64()),  # '#' and ellipses a word
        ("bullet_line_share", pa.float64()),
        ("ellipsis_line_share", pa.float64()),
        ("duplicate_line_share", pa.float64()),  # characters in repeated lines, of characters
        ("stop_words", pa.int32()),  # of Gopher's eight, how many different ones occur
    ]
)

# The perplexities under which a language's documents are head, or else middle.
CUTOFFS = pa.schema(
    [
        ("language", pa.string()),
        ("head", pa.float64()),
        ("middle", pa.float64()),
        ("documents", pa.int64()),
        ("origin", pa.string()),  # "table", or "run" for percentiles of this run
    ]
)

# What was decided, one row a document: rule null means kept.
DECISION = pa.schema(
    [
        ("doc_id", pa.uint64()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("keep", pa.bool_()),
        ("bucket", pa.string()),  # head, middle, tail, or all where no model fits
        ("rule", pa.string()),  # the ledger column's rule that dropped it
        ("value", pa.string()),  # the value that decided, as text
        ("threshold", pa.string()),  # what the value was held against
        ("num_chars", pa.int32()),
        ("num_bytes", pa.int32()),
    ]
)

# A page that a Wikipedia page cites; one row a citing page and cited URL.
CITATION = pa.schema(
    [
        ("url", pa.string()),  # canonical, as corpus.references.urls defines it
        ("address", pa.string()),  # as it was written
        ("archive", pa.string()),  # a copy in a web archive, null where none is given
        ("wiki", pa.string()),
        ("title", pa.string()),  # of the citing page
        ("citations", pa.int32()),  # <ref> tags of the citing page that cite it
    ]
)

# The same over all dumps, one row a cited URL, sorted by it.
CITED = pa.schema(
    [
        ("url", pa.string()),
        ("key", pa.uint64()),  # its hash, which pages are looked up by
        ("address", pa.string()),
        ("archive", pa.string()),
        ("title", pa.string()),  # of the first citing page, by wiki and title
        ("pages", pa.int32()),
        ("citations", pa.int32()),
    ]
)

# A page the reference classifier may learn from.
EXAMPLE = pa.schema(
    [
        ("url", pa.string()),
        ("is_reference", pa.bool_()),
        ("key", pa.uint64()),  # hash of the canonical URL
        ("site", pa.uint64()),  # hash of its host
        ("digest", pa.uint64()),  # hash of the text, its case and white space levelled
        ("line", pa.large_string()),  # the text as the classifier takes it
    ]
)

# A held-out example and what the classifier says of it.
SCORE = pa.schema(
    [("url", pa.string()), ("is_reference", pa.bool_()), ("probability", pa.float64())]
)

# The corpus: every kept document, with what CCNet publishes of it.
KEPT = pa.schema(
    [
        *DEDUPED,
        ("language", pa.string()),
        ("language_score", pa.float64()),
        ("perplexity", pa.float64()),
        ("bucket", pa.string()),
    ]
)

# The part of the mixture that a kept document belongs to, null for none; in documents' order.
COMPONENT = pa.schema([("doc_id", pa.uint64()), ("component", pa.string())])

# What the tokenizer may learn from: of each part of the mixture, documents by their keyed hashes.
SAMPLE = pa.schema(
    [("doc_id", pa.uint64()), ("component", pa.string()), ("text", pa.large_string())]
)
