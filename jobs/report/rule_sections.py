"""The report's section on rules: what each one dropped, and documents to judge it by."""

from jobs.report import measures
from jobs.report.data import Run
from jobs.report.examples import Example, choose
from jobs.report.markup import Html, absent, count, element, join, share, size, table


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
