"""The report's sections on the corpus: from raw files to documents, and why any was dropped."""

from collections import Counter
from itertools import pairwise

from corpus.c4.rules import FEW_LEFT, LINES
from corpus.counts import BYTES_NOT_READ, NOT_READ, REPLACED
from jobs.report import measures
from jobs.report.charts import Bar, Bin, Mark, bar_chart, histogram, swatch
from jobs.report.data import Run, SourceRun
from jobs.report.markup import (
    Html,
    absent,
    count,
    element,
    escape,
    join,
    plural,
    share,
    size,
    table,
)
from tokenizer.stages import corpus_source

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
    counts = source.extracted.counts
    totals, skipped = counts.totals, counts.skipped_records
    first = max(totals["records"], totals["documents"] + skipped.total())
    read = f"{plural(len(source.extracted.files), 'file')}, {size(totals['bytes_in'])} as stored"
    if counts.notes[NOT_READ]:
        read += f"; {size(totals[BYTES_NOT_READ])} in files not read"
    notes = [_lost(counts.notes, "×")] if counts.notes else []
    html = f"{size(totals['html_bytes'])} of HTML" if totals["html_bytes"] else "–"
    rows = [_step("Records read", first, first, html, join([escape(read), *notes]))]
    rows.append(
        _step(
            "Extracted",
            totals["documents"],
            first,
            size(totals["text_bytes"]),
            join([_lost(skipped, "skipped"), *_replaced(totals[REPLACED])]),
        )
    )
    if source.deduped is not None:
        after = source.deduped.counts
        gone = after.totals["lines_in"] - after.totals["lines_out"]
        lines = f"{count(gone)} of {count(after.totals['lines_in'])} lines removed "
        lines += f"({share(gone, after.totals['lines_in'])}), as repeated"
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
    rows += _cleaned_step(source, first)
    rows += _compared_steps(source, first)
    rows += _unrepeated_step(source, first)
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


def _cleaned_step(source: SourceRun, first: int) -> list[list]:
    if source.cleaned is None:
        return []
    totals = source.cleaned.counts.totals
    lines = {name: n for name, n in totals.items() if name in LINES[1:]}
    pages = {name: n for name, n in totals.items() if name.startswith("pages: ")}
    kept = pages.pop("pages: kept", 0)
    left = {name.removeprefix("pages: "): n for name, n in pages.items()}
    lost = [_lost(left, "pages to drop:")]
    if any(lines.values()):
        lost.append(_lost(lines, "taken out:"))
    what = join(lost)
    name = "Cleaned by C4's rules"
    return [_step(name, kept, first, size(totals["text_bytes"]), what)]


def _unrepeated_step(source: SourceRun, first: int) -> list[list]:
    if source.unrepeated is None:
        return []
    totals = source.unrepeated.counts.totals
    lost = Counter[str]()
    for unit in ("lines", "sentences"):
        if totals[f"{unit}_in"]:
            lost[f"repeated {unit}"] = totals[f"{unit}_in"] - totals[f"{unit}_out"]
    dropped = totals[f"pages: {FEW_LEFT}"]
    said = [(+lost, "taken out:"), (Counter({FEW_LEFT: dropped}), "pages to drop:")]
    what = join([_lost(*each) for each in said if each[0].total()] or [_lost(Counter(), "")])
    kept = totals["pages_in"] - dropped
    name = "Repeats removed by C4's rules"
    return [_step(name, kept, first, size(totals["text_bytes"]), what)]


def _compared_steps(source: SourceRun, first: int) -> list[list]:
    rows = []
    if source.duplicates is not None:
        found = source.duplicates.counts.totals
        copies = f"{count(found['copies'])} to drop: copies of another, by {source.copies_by}"
        rows.append(_step("Copies looked for", found["documents"], first, "–", escape(copies)))
    if source.overlaps is not None:
        found = source.overlaps.counts.totals
        contained = f"{count(found['contained'])} to drop: a longer document holds most of them"
        rows.append(_step("Overlaps looked for", found["documents"], first, "–", escape(contained)))
    return rows


def _most_documents(item) -> int:
    return -item[1].documents


def _shard_steps(run: Run, source: str, first: int) -> list[list]:
    steps = []
    for split, name in (("train", "In training shards"), ("valid", "Held out to validate")):
        files = [
            file
            for file in (run.shards.files if run.shards else ())
            if (corpus_source(file), file.facts["split"]) == (source, split)
        ]
        if files:
            tokens = count(sum(file.facts["tokens"] for file in files))
            documents = sum(file.rows for file in files)
            where = plural(len(files), "shard")
            steps.append(_step(name, documents, first, f"{tokens} tokens", where))
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


def _replaced(documents: int) -> list[Html]:
    said = f"{plural(documents, 'document')} with bytes outside their encoding, now U+FFFD"
    return [element("div", said)] if documents else []


def skipped(run: Run) -> Html:
    """Records that never became documents, and faults of files, by reason, with where it was."""
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
    return table(("Stage", "Reason", "Times", "Such as"), rows, "llrl")


def languages(run: Run) -> Html:
    parts = []
    for source in run.sources:
        if source.ledger is None:
            parts.append(absent(f"{source.name}: not annotated yet."))
            continue
        found = measures.languages(source.ledger)
        total = sum(language.documents for language in found.values())
        rows = [(code, language.documents) for code, language in found.items()]
        bars = [
            Bar(code, n, f"{plural(n, 'document')}, {share(n, total)}") for code, n in rows[:_BARS]
        ]
        rest = sum(n for _, n in rows[_BARS:])
        if rest:
            said = f"{plural(rest, 'document')}, {share(rest, total)}"
            bars.append(Bar(f"{len(rows) - _BARS} others", rest, said, _TONES["tail"]))
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
    keys = [swatch(tone, name, "block") for name, tone in _TONES.items()]
    return join([element("p", note, class_="lead"), element("p", *keys, class_="keys"), *parts])


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
        said = f" in {code}: {plural(total, 'document')}"
        parts.append(element("h3", element("code", source.name), said))
        parts.append(_histogram(code, language, cutoff))
    if len(measured) > _HISTOGRAMS:
        rest = len(measured) - _HISTOGRAMS
        parts.append(element("p", f"{rest} rarer languages are not drawn.", class_="note"))
    return parts


def _histogram(code: str, language: measures.Language, cutoff: measures.Cutoff | None) -> Html:
    last = measures.quantile(language.perplexities, 0.995)
    limits = (cutoff.head, cutoff.middle) if cutoff else ()
    bins = []
    for index in range(min(language.perplexities), last + 1):
        low, high = measures.bin_edges(index)
        # A bar that a cutoff runs through shows both colours.
        edges = [low, *(limit for limit in limits if low < limit < high), high]
        for left, right in pairwise(edges):
            passed = sum(limit <= left for limit in limits)
            tone = list(_TONES.values())[passed if cutoff else 1]
            bins.append(Bin(left, right, language.perplexities[index], tone))
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
        notes.append(f"Not drawn beyond {edge:,.0f}: {plural(beyond, 'document')}.")
    chart = histogram(
        bins, marks, "perplexity (logarithmic)", "documents", f"Perplexity of {code} documents"
    )
    return join([chart, element("p", " ".join(notes), class_="note")]) if notes else chart
