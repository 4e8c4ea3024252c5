"""What a build checks of its config beyond the config itself, so that no hours go before an error.

Models, tables and lists are read before any work; what the rules left is asked after it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from corpus.annotate import perplexity
from corpus.annotate.cutoffs import read_cutoff_table
from corpus.annotate.language import require_identifier
from corpus.annotate.references import require_classifier
from corpus.c4.stage import read_bad_words
from corpus.documents import SourceTables
from corpus.errors import AltiplanoError, ConfigError, DataError
from jobs.config import STEPS, CorpusConfig, RunConfig, SourceConfig

_LM = "corpus.models.lm"


def require_classifiers(config: CorpusConfig) -> None:
    """Reads the fastText models: a wrong one would be found after extraction and dedup."""
    require_identifier(config.models.lid)
    wanted = any(source.annotate.references for source in config.sources.values())
    if config.models.references is not None and wanted:
        require_classifier(config.models.references)


def require_language_models(config: CorpusConfig) -> None:
    """Looks at the given language models that sources ask for, which are loaded late."""
    lm = config.models.lm
    asked = (source.annotate for source in config.sources.values() if source.annotate.perplexity)
    for languages in sorted({annotate.perplexity_languages for annotate in asked}):
        if lm is not None:
            _require(partial(perplexity.require_language_models, lm, languages), lm, _LM)


def require_lists(sources: Mapping[str, SourceConfig]) -> None:
    """Reads cutoff tables and lists of bad words, which are asked for after hours of work."""
    for name, source in sources.items():
        buckets, c4 = source.buckets, source.c4
        key = f"corpus.sources.{name}"
        if source.annotate.perplexity and buckets.table is not None:
            read = partial(read_cutoff_table, buckets.table, buckets.head, buckets.middle)
            _require(read, buckets.table, f"{key}.buckets")
        if c4.bad_words is not None:
            _require(partial(read_bad_words, c4.bad_words), c4.bad_words, f"{key}.c4.bad_words")


def _require(read: Callable[[], object], location: str, key: str) -> None:
    """Reads a file that the config names; an error names the key."""
    try:
        read()
    except AltiplanoError as error:
        raise type(error)(f"{error} ({key})") from None
    except OSError as error:
        raise DataError(f"{location} cannot be read: {error} ({key})") from None


def require_known(redo: Sequence[str], config: CorpusConfig) -> None:
    """ConfigError for a stage to redo that no build of this config has."""
    known = ["lm", "documents", "components", "sample", "tokenizer", "shards"]
    known += [f"{step}/{source}" for step in STEPS for source in config.sources]
    for name in redo:
        if name not in known:
            raise ConfigError(f"--redo {name}: no such stage; there are {', '.join(known)}")


def require_kept(config: RunConfig, tables: dict[str, SourceTables]) -> None:
    """DataError where the rules left nothing of a source that the mixture wants, or of all."""
    totals = {name: table.decisions.counts.totals for name, table in tables.items()}
    nothing = not any(counts["kept"] for counts in totals.values())
    wanted = {part.source for part in config.mixture.components() if part.weight or part.tokens}
    for name, counts in totals.items():
        if not counts["kept"] and (nothing or name in wanted):
            reasons = ", ".join(f"{n:,} {r}" for r, n in counts.items() if r.startswith("dropped"))
            if not reasons:
                raise DataError(
                    f"line dedup left no text of source '{name}'; is its input there twice? "
                    f"(corpus.sources.{name}.dedup_lines)"
                )
            raise DataError(
                f"no document of source '{name}' was kept: {reasons}; "
                f"change its rules (corpus.sources.{name}.rules)"
            )
