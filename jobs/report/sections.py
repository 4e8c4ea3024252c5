"""The report's sections on the corpus: from raw files to documents, and why any was dropped."""

from jobs.report import measures
from jobs.report.charts import Bar, Bin, Mark, bar_chart, histogram, swatch
from jobs.report.data import Run, SourceRun
from jobs.report.examples import Example, choose
from jobs.report.markup import (
    Html,
    absent,
    count,
    duration,
    element,
    escape,
    facts,
    join,
    share,
    size,
    table,
)

_BARS = 12  # languages shown by name
_HISTOGRAMS = 6  # languages a source with a histogram of their own
_TONES = {"head": 3, "middle": 1, "tail": 6}


def funnel(run: Run) -> Html:
    parts = [
        element(
            "p",
            "Every stage of every source: what came out of it, and what it left behind.",
            class_="lead",
        )
    ]
    for source in run.sources:
        parts.append(element("h3", "Source ", element("code", source.name)))
        parts.append(_funnel_of(run, source))
    return join(parts)


def _funnel_of(run: Run, source: SourceRun) -> Html:
    if source.extracted is None:
        return absent("Not extracted yet.")
    totals, skipped = source.extracted.counts.totals, source.extracted.counts.skipped
    first = totals["documents"] + skipped.total()
    read = f"{count(len(source.extracted.files))} files, {size(totals['input_bytes'])} as stored"
    rows = [_step("Records read", first, first, size(totals.get("html_bytes", 0) or 0), read)]
    if not totals.get("html_bytes"):
        rows[0][3] = "–"
    rows.append(
        _step(
            "Extracted",
            totals["documents"],
            first,
            size(totals["text_bytes"]),
            _lost(skipped, "skipped"),
        )
    )
    if source.deduped is not None:
        after = source.deduped.counts
        gone = after.totals["lines_in"] - after.totals["lines_out"]
        lines = f"{count(gone)} of {count(after.totals['lines_in'])} lines removed "
        lines += f"({share(gone, after.totals['lines_in'])}), as repeated elsewhere"
        what = join([lines, _lost(after.skipped, "dropped")], "<br>")
        rows.append(
            _step(
                "Lines deduplicated",
                after.totals["documents"],
                first,
                size(after.totals["text_bytes"]),
                Html(what) if after.skipped else escape(lines),
            )
        )
    if source.decisions is not None:
        verdicts = measures.verdicts(source.decisions)
        kept = verdicts.pop(None)
        dropped = {
            rule: v.documents for rule, v in sorted(verdicts.items(), key=_most_documents) if rule
        }
        rows.append(
            _step(
                "Kept", kept.documents, first, size(kept.text_bytes), _lost(dropped, "dropped by")
            )
        )
    rows += _shard_steps(run, source.name, first)
    headers = ("Stage", "Documents", "Of those read", "Text", "What was left behind")
    return table(headers, rows, "lrlrl")


def _most_documents(item) -> int:
    return -item[1].documents


def _shard_steps(run: Run, source: str, first: int) -> list[list]:
    steps = []
    for split, name in (("train", "In training shards"), ("valid", "Held out to validate")):
        files = [
            file
            for file in (run.shards.files if run.shards else ())
            if (file.facts["source"], file.facts["split"]) == (source, split)
        ]
        if files:
            tokens = count(sum(file.facts["tokens"] for file in files))
            step = _step(
                name, sum(file.rows for file in files), first, f"{tokens} tokens", "shards: "
            )
            step[4] = f"{count(len(files))} shard{'s' if len(files) > 1 else ''}"
            steps.append(step)
    return steps


def _step(name: str, documents: int, first: int, text: str, what: object) -> list:
    part = documents / first if first else 0
    meter = element("span", element("i", style=f"width:{100 * part:.2f}%"), class_="meter")
    return [name, count(documents), join([share(documents, first), meter]), text, what]


def _lost(reasons, verb: str) -> Html:
    total = sum(reasons.values())
    if not total:
        return Html("nothing")
    items = [element("li", f"{count(n)} {verb} ", element("b", why)) for why, n in reasons.items()]
    return element("ul", *items)


def skipped(run: Run) -> Html:
    """Records that never became documents, by reason, with where it happened."""
    rows = []
    for source in run.sources:
        for stage in (source.extracted, source.deduped):
            if stage is None:
                continue
            for reason, number in stage.counts.skipped.most_common():
                places = stage.counts.examples.get(reason, [])
                shown = [element("li", place, class_="mono") for place in places[:3]]
                rows.append((stage.stage, reason, count(number), element("ul", *shown)))
    if not rows:
        return absent("No record was skipped.")
    return table(("Stage", "Reason", "Records", "Such as"), rows, "llrl")


def languages(run: Run) -> Html:
    parts = []
    for source in run.sources:
        if source.ledger is None:
            parts.append(absent(f"{source.name}: not annotated yet."))
            continue
        found = measures.languages(source.ledger)
        total = sum(language.documents for language in found.values())
        rows = [(code, language.documents) for code, language in found.items()]
        rest = sum(documents for _, documents in rows[_BARS:])
        rows = rows[:_BARS] + ([(f"{len(rows) - _BARS} others", rest)] if rest else [])
        bars = [Bar(code, n, f"{count(n)} documents, {share(n, total)}") for code, n in rows]
        if not bars:
            parts.append(absent(f"{source.name}: no document to name the language of."))
            continue
        parts.append(element("h3", "Source ", element("code", source.name)))
        parts.append(bar_chart(bars, f"Documents of {source.name} by language"))
    return join(parts)


def perplexity(run: Run) -> Html:
    parts: list[Html] = []
    for source in run.sources:
        if source.ledger is not None and source.cutoffs is not None:
            parts += _histograms(source)
    if not parts:
        return absent("No source of this run has perplexities with cutoffs.")
    note = (
        "How surprising a document is to a language model of its own language (CCNet section 3.3): "
        "the lower, the closer to the reference text. The cutoffs part head, middle and tail."
    )
    keys = element("p", *(swatch(t, name, "block") + " " for name, t in _TONES.items()))
    return join([element("p", note, class_="lead"), Html(keys), *parts])


def _histograms(source: SourceRun) -> list[Html]:
    assert source.ledger is not None
    assert source.cutoffs is not None
    limits = measures.cutoffs(source.cutoffs)
    found = measures.languages(source.ledger)
    measured = {code: language for code, language in found.items() if language.perplexities}
    parts = []
    for code, language in list(measured.items())[:_HISTOGRAMS]:
        cutoff = limits.get(code)
        total = language.perplexities.total()
        parts.append(
            element("h3", element("code", source.name), f" in {code}: {count(total)} documents")
        )
        parts.append(_histogram(code, language, cutoff))
    if len(measured) > _HISTOGRAMS:
        rest = len(measured) - _HISTOGRAMS
        parts.append(element("p", f"{rest} rarer languages are not drawn.", class_="note"))
    return parts


def _histogram(code: str, language: measures.Language, cutoff: measures.Cutoff | None) -> Html:
    last = measures.quantile(language.perplexities, 0.995)
    bins = []
    for index in range(min(language.perplexities), last + 1):
        low, high = measures.bin_edges(index)
        middle = (low * high) ** 0.5
        bucket = "tail" if cutoff and middle >= cutoff.middle else "middle"
        bucket = "head" if cutoff and middle < cutoff.head else bucket
        bins.append(Bin(low, high, language.perplexities[index], _TONES[bucket]))
    marks, notes = [], []
    if cutoff:
        marks = [
            Mark(cutoff.head, f"head < {cutoff.head:,.1f}"),
            Mark(cutoff.middle, f"middle < {cutoff.middle:,.1f}"),
        ]
        where = "the published table" if cutoff.origin == "table" else "the percentiles of this run"
        notes.append(f"Cutoffs from {where}.")
    beyond = sum(n for index, n in language.perplexities.items() if index > last)
    if beyond:
        edge = measures.bin_edges(last)[1]
        notes.append(f"{count(beyond)} documents beyond {edge:,.0f} are not drawn.")
    chart = histogram(
        bins, marks, "perplexity (logarithmic)", "documents", f"Perplexity of {code} documents"
    )
    return join([chart, element("p", " ".join(notes), class_="note")]) if notes else chart


def rules(run: Run) -> Html:
    """Every rule in order with what it dropped, and documents to look at."""
    parts = []
    for source in run.sources:
        parts.append(element("h3", "Source ", element("code", source.name)))
        if source.decisions is None or source.ledger is None or source.text is None:
            parts.append(absent("Not decided yet."))
            continue
        verdicts = measures.verdicts(source.decisions)
        total = sum(verdict.documents for verdict in verdicts.values())
        rows = []
        for number, rule in enumerate(source.rules, 1):
            hit = verdicts.get(rule.label, measures.Verdict())
            cells = (count(hit.documents), share(hit.documents, total), size(hit.text_bytes))
            rows.append((str(number), element("code", rule.label), rule.threshold, *cells))
        headers = ("#", "Rule", "Kept where", "Dropped", "Share", "Text")
        parts.append(table(headers, rows, "rllrrr") if rows else absent("No rule: all are kept."))
        examples = choose(source.text, source.ledger, source.decisions, run.config.get("seed", 0))
        order = [None, *(rule.label for rule in source.rules)]
        for rule_name in order:
            if examples.get(rule_name):
                parts.append(_examples(rule_name, examples[rule_name], rule_name is None))
    return join(parts)


def _examples(rule: str | None, examples: list[Example], is_open: bool) -> Html:
    title = "Kept" if rule is None else join(["Dropped by ", element("code", rule)])
    articles = [_article(example) for example in examples]
    first = examples[0]
    hint = f" such as {first.value} where {first.threshold} was asked" if rule else ""
    return element(
        "details",
        element("summary", title, element("span", hint, class_="value")),
        *articles,
        open="open" if is_open else None,
    )


def _article(example: Example) -> Html:
    heading = example.title or example.url
    known = [f"{count(example.num_chars)} characters"]
    if example.language:
        known.append(f"language {example.language} ({example.language_score:.2f})")
    if example.perplexity is not None:
        known.append(f"perplexity {example.perplexity:,.1f} ({example.bucket})")
    if example.license:
        known.append(f"licence {example.license}")
    decided: list[object] = []
    if example.threshold is not None:
        value = "no value" if example.value is None else example.value
        decided = ["value ", element("b", value), f", kept where {example.threshold}; "]
    return element(
        "article",
        element("h4", heading),
        element("p", element("span", example.url, class_="mono")),
        element("p", *decided, ", ".join(known)),
        element("pre", example.excerpt, class_="short", tabindex="0"),
    )


def run_facts(run: Run, config_hash: str) -> Html:
    """What identifies the run."""
    made = run.manifests[-1]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(made.versions.items()))
    seconds = sum(speed.seconds for speed in run.speeds)
    return facts(
        [
            ("Run folder", element("code", run.config.get("output", run.folder))),
            ("Config hash", element("code", config_hash)),
            ("Code version", join([element("code", made.code), f" of stage {made.stage}"])),
            ("Seed", element("code", run.config.get("seed", 0))),
            ("Sources", ", ".join(source.name for source in run.sources)),
            ("Libraries", versions),
            ("Stages took", duration(seconds)),
        ]
    )
